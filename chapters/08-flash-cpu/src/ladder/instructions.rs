//! Which registers this processor has, found out at run time, and how a kernel is run on them.
//!
//! A [`Kernel`] is generic over the instruction set. `pulp` gives a value of a set only on a
//! processor that has it, and `vectorize` compiles what is inlined into it for that set: so there is
//! no `unsafe` in this crate.

use super::{lanes::Lanes, registers::Registers};
use pulp::{Scalar128b, Simd, WithSimd};
use std::hint::black_box;

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

    /// Does nothing but multiply-adds on registers on the calling thread, at least `flops` of them
    /// (an addition and a multiplication count one each), and says how many they were. Their time is
    /// the processor's limit.
    pub fn peak(self, flops: usize) -> usize {
        let each = 2 * self.lanes() * self.rows();
        let rounds = flops.div_ceil(each);
        let mut result = 0.0;
        Scratch::<Peak>::new(self).run((rounds, &mut result));
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

    /// How many rows a tile in registers has, M.
    fn rows(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => 6,
            #[cfg(target_arch = "aarch64")]
            Set::Neon(_) => 6,
            Set::Portable => 4,
        }
    }
}

/// Work on registers, compiled for each instruction set.
pub(super) trait Kernel {
    /// What it is to do.
    type Job<'a>;
    /// What a thread keeps from one job to the next.
    type Tile<S: Registers, const V: usize>;

    /// The tile for jobs like this one.
    fn tile<S: Registers, const V: usize>(simd: S, job: &Self::Job<'_>) -> Self::Tile<S, V>;

    /// Does the job with panels of `V` registers and tiles of `M` rows. It has to be inlined.
    fn run<S: Registers, const V: usize, const M: usize>(
        simd: S,
        tile: &mut Self::Tile<S, V>,
        job: Self::Job<'_>,
    );
}

/// What a thread runs a kernel with, on one of the instruction sets. The numbers are the registers
/// of a panel and the rows of a tile, V and M: as many sums as fit, V·M registers, with V more for
/// the panel and one or two for a number in all lanes, out of 32 (AVX-512, Neon) or 16. The tile is
/// made when it is first needed.
pub(super) enum Scratch<K: Kernel> {
    #[cfg(target_arch = "x86_64")]
    Avx512(V4, Option<K::Tile<V4, 3>>),
    #[cfg(target_arch = "x86_64")]
    Avx2(V3, Option<K::Tile<V3, 2>>),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon, Option<K::Tile<Neon, 4>>),
    Portable(Scalar128b, Option<K::Tile<Scalar128b, 2>>),
}

impl<K: Kernel> Scratch<K> {
    pub fn new(instructions: Instructions) -> Self {
        match instructions.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(simd) => Scratch::Avx512(simd, None),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(simd) => Scratch::Avx2(simd, None),
            #[cfg(target_arch = "aarch64")]
            Set::Neon(simd) => Scratch::Neon(simd, None),
            Set::Portable => Scratch::Portable(Scalar128b, None),
        }
    }

    pub fn run(&mut self, job: K::Job<'_>) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Scratch::Avx512(simd, tile) => call::<K, _, 3, 8>(*simd, tile, job),
            #[cfg(target_arch = "x86_64")]
            Scratch::Avx2(simd, tile) => call::<K, _, 2, 6>(*simd, tile, job),
            #[cfg(target_arch = "aarch64")]
            Scratch::Neon(simd, tile) => call::<K, _, 4, 6>(*simd, tile, job),
            Scratch::Portable(simd, tile) => call::<K, _, 2, 4>(*simd, tile, job),
        }
    }
}

fn call<K: Kernel, S: Registers, const V: usize, const M: usize>(
    simd: S,
    tile: &mut Option<K::Tile<S, V>>,
    job: K::Job<'_>,
) {
    Simd::vectorize(simd, Call::<K, S, V, M> { simd, tile, job });
}

/// A job on an instruction set, in the form in which `pulp` wants it.
struct Call<'a, 'j, K: Kernel, S: Registers, const V: usize, const M: usize> {
    simd: S,
    tile: &'a mut Option<K::Tile<S, V>>,
    job: K::Job<'j>,
}

impl<K: Kernel, S: Registers, const V: usize, const M: usize> WithSimd
    for Call<'_, '_, K, S, V, M>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<T: Simd>(self, _: T) {
        let Call { simd, tile, job } = self;
        let tile = tile.get_or_insert_with(|| K::tile(simd, &job));
        K::run::<S, V, M>(simd, tile, job);
    }
}

/// Nothing but multiply-adds on registers.
struct Peak;

impl Kernel for Peak {
    /// How many rounds; and a number for the compiler, which would leave out what nobody uses.
    type Job<'a> = (usize, &'a mut f32);
    type Tile<S: Registers, const V: usize> = ();

    fn tile<S: Registers, const V: usize>(_: S, _: &Self::Job<'_>) {}

    #[inline(always)]
    fn run<S: Registers, const V: usize, const M: usize>(
        simd: S,
        (): &mut (),
        (rounds, result): Self::Job<'_>,
    ) {
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
