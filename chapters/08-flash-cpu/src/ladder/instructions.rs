//! Which registers this processor has, found out at run time, and the gate between ordinary
//! functions and those that need them.
//!
//! The kernels are generic functions that are inlined into one function for each instruction set,
//! which may use its registers. Calling such a function on another processor would be undefined
//! behaviour, so it is `unsafe`, and stands here alone: an [`Instructions`] can only be had by
//! finding out that the processor has them.

use super::{
    backward::{BackwardTile, Pass},
    decode::{self, Part},
    keys_in_lanes::PackedTile,
    queries_in_lanes::Tile,
    tasks::{Head, Task},
};
use std::ops::Range;

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// Registers of the portable path: 4 floats are what every processor of the usual architectures
/// has, and Arm has twice as many registers of them.
const PORTABLE_V: usize = if ARM { 4 } else { 2 };
const PORTABLE_M: usize = if ARM { 6 } else { 4 };
/// On Arm, fused multiply-add is part of the base.
const ARM: bool = cfg!(target_arch = "aarch64");

impl Instructions {
    /// The widest that this processor has.
    pub fn detect() -> Self {
        Self::available()[0]
    }

    /// All that this processor has, the widest first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                sets.push(Set::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Set::Avx2);
            }
        }
        sets.push(Set::Portable);
        sets.into_iter().map(Instructions).collect()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "AVX2",
            Set::Portable => "portable",
        }
    }

    /// How many queries a panel has.
    pub fn lanes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => 16 * 3,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => 8 * 2,
            Set::Portable => 4 * PORTABLE_V,
        }
    }
}

/// What a kernel is to do.
pub(super) enum Job<'a> {
    /// Rung 6 on a tile of queries.
    Forward(&'a Head<'a>, Task<'a>),
    /// Rung 5 on a tile of queries.
    KeysInLanes(&'a Head<'a>, Task<'a>),
    /// The gradients that a tile of queries brings.
    Backward(
        &'a Pass<'a>,
        Range<usize>,
        &'a mut [f32],
        &'a mut [f32],
        &'a mut [f32],
    ),
    /// One query against some of the keys.
    Decode(&'a [f32], &'a Head<'a>, Range<usize>, &'a mut Part),
}

/// What a thread works with on each instruction set.
pub(super) enum Scratch {
    #[cfg(target_arch = "x86_64")]
    Avx512(Tiles<16, 3>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Tiles<8, 2>),
    Portable(Tiles<4, PORTABLE_V>),
}

/// The tiles, each made when it is first needed.
#[derive(Default)]
pub(super) struct Tiles<const W: usize, const V: usize> {
    forward: Option<Tile<W, V>>,
    packed: Option<PackedTile<W, V>>,
    backward: Option<BackwardTile<W, V>>,
}

impl Scratch {
    pub fn new(instructions: Instructions) -> Self {
        match instructions.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => Scratch::Avx512(Tiles::default()),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => Scratch::Avx2(Tiles::default()),
            Set::Portable => Scratch::Portable(Tiles::default()),
        }
    }

    #[allow(unsafe_code)] // without it, AVX-512 is out of reach: 4 times the portable path's speed
    pub fn run(&mut self, job: Job) {
        match self {
            // SAFETY: there is a `Scratch` of this kind only from `Instructions` of this kind, and
            // those only from `available`, which has found the features.
            #[cfg(target_arch = "x86_64")]
            Scratch::Avx512(tiles) => unsafe { avx512(tiles, job) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Scratch::Avx2(tiles) => unsafe { avx2(tiles, job) },
            Scratch::Portable(tiles) => run::<4, PORTABLE_V, PORTABLE_M, ARM>(tiles, job),
        }
    }
}

/// 32 registers of 16 floats: 24 of sums, 3 of a panel, 1 or 2 of a number in all lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn avx512(tiles: &mut Tiles<16, 3>, job: Job) {
    run::<16, 3, 8, true>(tiles, job);
}

/// 16 registers of 8 floats: 12 of sums, 2 of a panel, 1 of a number in all lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(tiles: &mut Tiles<8, 2>, job: Job) {
    run::<8, 2, 6, true>(tiles, job);
}

#[inline(always)]
fn run<const W: usize, const V: usize, const M: usize, const FUSED: bool>(
    tiles: &mut Tiles<W, V>,
    job: Job,
) {
    match job {
        Job::Forward(head, task) => {
            let new = || Tile::new(head.d, head.d_v);
            let tile = tiles.forward.get_or_insert_with(new);
            tile.forward::<M, FUSED>(head, task);
        }
        Job::KeysInLanes(head, task) => {
            let new = || PackedTile::new(head.d, head.d_v);
            let tile = tiles.packed.get_or_insert_with(new);
            tile.forward::<M, FUSED>(head, task);
        }
        Job::Backward(pass, rows, dq, dk, dv) => {
            let new = || BackwardTile::new(pass.head.d, pass.head.d_v);
            let tile = tiles.backward.get_or_insert_with(new);
            tile.backward::<M, FUSED>(pass, rows, dq, dk, dv);
        }
        Job::Decode(q, head, keys, part) => decode::visit::<W, FUSED>(q, head, keys, part),
    }
}
