//! Which registers this processor has, found out at run time.
//!
//! The kernels are generic over the instruction set. `pulp` gives a value of a set only on a
//! processor that has it, and `vectorize` compiles what is inlined into it for that set: so there is
//! no `unsafe` in this crate.

use super::{
    backward::{BackwardTile, Pass},
    decode::{self, Part},
    keys_in_lanes::PackedTile,
    lanes::Lanes,
    queries_in_lanes::Tile,
    registers::Registers,
    tasks::{Head, Task},
};
use pulp::{Scalar128b, Simd, WithSimd};
use std::{hint::black_box, ops::Range};

#[cfg(target_arch = "aarch64")]
use pulp::aarch64::Neon;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug)]
pub struct Instructions(Set);

#[derive(Clone, Copy, Debug)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512(V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(V3),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    Portable,
}

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
            sets.extend(V4::try_new().map(Set::Avx512));
            sets.extend(V3::try_new().map(Set::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        sets.extend(Neon::try_new().map(Set::Neon));
        sets.push(Set::Portable);
        sets.into_iter().map(Instructions).collect()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Set::Neon(_) => "Neon",
            Set::Portable => "portable",
        }
    }

    /// Does nothing but multiply-adds on registers on the calling thread, at least `flop` floating
    /// point operations, and says how many they were. Their time is the processor's limit.
    pub fn peak(self, flop: usize) -> usize {
        let mut scratch = Scratch::new(self);
        let each = 2 * self.lanes() * scratch.rows();
        let rounds = flop.div_ceil(each);
        let mut result = 0.0;
        scratch.run(Job::Peak(rounds, &mut result));
        black_box(result);
        rounds * each
    }

    /// How many queries a panel has.
    pub fn lanes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => Lanes::<V4, 3>::COUNT,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => Lanes::<V3, 2>::COUNT,
            #[cfg(target_arch = "aarch64")]
            Set::Neon(_) => Lanes::<Neon, 4>::COUNT,
            Set::Portable => Lanes::<Scalar128b, 2>::COUNT,
        }
    }
}

/// What a kernel is to do.
pub(super) enum Job<'a> {
    /// Rung 6 on a tile of queries.
    Forward(&'a Head<'a>, Task<'a>),
    /// Rung 5 on a tile of queries.
    KeysInLanes(&'a Head<'a>, Task<'a>),
    /// The gradients that a tile of queries brings: its dq, and what it adds to dk and dv.
    Backward(
        &'a Pass<'a>,
        Range<usize>,
        &'a mut [f32],
        &'a mut [f32],
        &'a mut [f32],
    ),
    /// One query against some of the keys.
    Decode(&'a [f32], &'a Head<'a>, Range<usize>, &'a mut Part),
    /// Nothing but so many rounds of multiply-adds on registers; the number is for the compiler,
    /// which would leave out what nobody uses.
    Peak(usize, &'a mut f32),
}

/// What a thread works with on each instruction set. The numbers are the registers of a panel and
/// the rows of a tile, V and M: as many sums as fit, V·M registers, with V more for the panel and
/// one or two for a number in all lanes, out of 32 (AVX-512, Neon) or 16.
pub(super) enum Scratch {
    #[cfg(target_arch = "x86_64")]
    Avx512(V4, Tiles<V4, 3>),
    #[cfg(target_arch = "x86_64")]
    Avx2(V3, Tiles<V3, 2>),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon, Tiles<Neon, 4>),
    Portable(Scalar128b, Tiles<Scalar128b, 2>),
}

/// The tiles, each made when it is first needed.
pub(super) struct Tiles<S: Registers, const V: usize> {
    forward: Option<Tile<S, V>>,
    packed: Option<PackedTile<S, V>>,
    backward: Option<BackwardTile<S, V>>,
}

impl<S: Registers, const V: usize> Tiles<S, V> {
    const NONE: Self = Tiles {
        forward: None,
        packed: None,
        backward: None,
    };
}

impl Scratch {
    pub fn new(instructions: Instructions) -> Self {
        match instructions.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(simd) => Scratch::Avx512(simd, Tiles::NONE),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(simd) => Scratch::Avx2(simd, Tiles::NONE),
            #[cfg(target_arch = "aarch64")]
            Set::Neon(simd) => Scratch::Neon(simd, Tiles::NONE),
            Set::Portable => Scratch::Portable(Scalar128b, Tiles::NONE),
        }
    }

    /// M.
    fn rows(&self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Scratch::Avx512(..) => 8,
            #[cfg(target_arch = "x86_64")]
            Scratch::Avx2(..) => 6,
            #[cfg(target_arch = "aarch64")]
            Scratch::Neon(..) => 6,
            Scratch::Portable(..) => 4,
        }
    }

    pub fn run(&mut self, job: Job) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Scratch::Avx512(simd, tiles) => {
                let simd = *simd;
                Simd::vectorize(simd, Call::<_, 3, 8> { simd, tiles, job });
            }
            #[cfg(target_arch = "x86_64")]
            Scratch::Avx2(simd, tiles) => {
                let simd = *simd;
                Simd::vectorize(simd, Call::<_, 2, 6> { simd, tiles, job });
            }
            #[cfg(target_arch = "aarch64")]
            Scratch::Neon(simd, tiles) => {
                let simd = *simd;
                Simd::vectorize(simd, Call::<_, 4, 6> { simd, tiles, job });
            }
            Scratch::Portable(simd, tiles) => {
                let simd = *simd;
                Simd::vectorize(simd, Call::<_, 2, 4> { simd, tiles, job });
            }
        }
    }
}

/// A job on an instruction set, in the form in which `pulp` wants it.
struct Call<'a, S: Registers, const V: usize, const M: usize> {
    simd: S,
    tiles: &'a mut Tiles<S, V>,
    job: Job<'a>,
}

impl<S: Registers, const V: usize, const M: usize> WithSimd for Call<'_, S, V, M> {
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Call { simd, tiles, job } = self;
        match job {
            Job::Forward(head, task) => {
                let new = || Tile::new(simd, head.d, head.d_v);
                let tile = tiles.forward.get_or_insert_with(new);
                tile.forward::<M>(simd, head, task);
            }
            Job::KeysInLanes(head, task) => {
                let new = || PackedTile::new(simd, head.d, head.d_v);
                let tile = tiles.packed.get_or_insert_with(new);
                tile.forward::<M>(simd, head, task);
            }
            Job::Backward(pass, rows, dq, dk, dv) => {
                let new = || BackwardTile::new(simd, pass.head.d, pass.head.d_v);
                let tile = tiles.backward.get_or_insert_with(new);
                tile.backward::<M>(simd, pass, rows, dq, dk, dv);
            }
            Job::Decode(q, head, keys, part) => decode::visit(simd, q, head, keys, part),
            Job::Peak(rounds, result) => {
                let factor = Lanes::<S, V>::splat(simd, black_box(0.999));
                let mut sums = [Lanes::<S, V>::splat(simd, black_box(1.0)); M];
                for _ in 0..rounds {
                    for i in 0..M {
                        for v in 0..V {
                            let sum = sums[i].0[v];
                            sums[i].0[v] = simd.multiply_add(sum, factor.0[v], factor.0[v]);
                        }
                    }
                }
                *result = sums.iter().flat_map(Lanes::as_slice).sum();
            }
        }
    }
}
