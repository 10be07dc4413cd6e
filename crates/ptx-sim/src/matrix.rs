//! What the tensor cores do: products of small matrices that a warp holds together, each lane a fragment.
//!
//! Which lane holds which element is fixed by the instruction (PTX ISA 9.2, sections 9.7.14.5.7 and
//! 9.7.14.5.8). Lane `l` belongs to group `g = l / 4` and is number `t = l % 4` of it. For
//! `m16n8k16` with halves:
//!
//! | matrix | register | rows | columns |
//! | --- | --- | --- | --- |
//! | A (16, 16) | `i` of 4, two halves | g + 8 · (i % 2) | 2t and 2t + 1, + 8 · (i / 2) |
//! | B (16, 8) | `i` of 2, two halves | 2t and 2t + 1, + 8 · i | g |
//! | C and D (16, 8) | `i` of 4, one f32 | g + 8 · (i / 2) | 2t + i % 2 |
//!
//! With tf32 (`m16n8k8`) a register holds one number: of A at row g + 8 · (i % 2) and column t + 4 · (i / 2),
//! of B at row t + 4 · i and column g.
//!
//! **Rounding.** Products are exact. They are added to the accumulator in f64, in the order of the inner
//! index, and the sum is rounded to f32 once, to the nearest. The hardware is not documented there; on V100,
//! T4 and A100 the additions of one step were found to round towards zero with few extra bits, in no
//! order that a program can see (Fasi, Higham, Mikaitis and Pranesh, “Numerical behavior of NVIDIA
//! tensor cores”, PeerJ Computer Science 7:e330, 2021). So the last bits differ: a test that has to hold on both
//! allows each step an error of a few 2⁻²³ of the largest term. Subnormal numbers are kept.

use crate::{
    half::{bf16_to_f32, f16_to_f32},
    lane::{LANES, Lane, Registers, each},
};

/// Rows of A, columns of B, and the largest inner extent.
const M: usize = 16;
const N: usize = 8;
const K: usize = 16;

/// What the two factors of a product are made of; the sum is always f32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Factors {
    F16,
    Bf16,
    /// An f32 whose lowest 13 bits do not count.
    Tf32,
}

impl Factors {
    /// The inner extent: 16 halves, or 8 tf32.
    pub(crate) fn depth(self) -> usize {
        if self == Factors::Tf32 { 8 } else { 16 }
    }

    /// Numbers in a register.
    fn packed(self) -> usize {
        if self == Factors::Tf32 { 1 } else { 2 }
    }

    /// The numbers of a register, the lowest first.
    fn unpack(self, bits: u32) -> [f64; 2] {
        let halves = [bits as u16, (bits >> 16) as u16];
        match self {
            Factors::F16 => halves.map(|half| f16_to_f32(half).into()),
            Factors::Bf16 => halves.map(|half| bf16_to_f32(half).into()),
            Factors::Tf32 => [f32::from_bits(bits & !0x1fff).into(), 0.0],
        }
    }
}

/// An `mma`: D = A · B + C.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    pub(crate) factors: Factors,
    pub(crate) into: [u32; 4],
    pub(crate) a: [u32; 4],
    pub(crate) b: [u32; 2],
    pub(crate) c: [u32; 4],
}

impl Product {
    /// Every register that it reads.
    pub(crate) fn reads(&self) -> impl Iterator<Item = u32> {
        self.a.into_iter().chain(self.b).chain(self.c)
    }

    /// Floating-point operations of each lane.
    pub(crate) fn flops(&self) -> u64 {
        (2 * M * N * self.factors.depth() / LANES) as u64
    }

    /// Computes all lanes, and writes those of the mask.
    pub(crate) fn run(&self, registers: &mut Registers, mask: u32) {
        let (factors, packed) = (self.factors, self.factors.packed());
        let mut a = [[0.0; K]; M];
        for (i, register) in self.a.into_iter().enumerate() {
            for (lane, bits) in u32::get(registers, register).into_iter().enumerate() {
                let row = lane / 4 + 8 * (i % 2);
                let first = packed * (lane % 4 + 4 * (i / 2));
                a[row][first..first + packed].copy_from_slice(&factors.unpack(bits)[..packed]);
            }
        }
        let mut b = [[0.0; N]; K];
        for (i, register) in self.b.into_iter().enumerate() {
            for (lane, bits) in u32::get(registers, register).into_iter().enumerate() {
                let first = packed * (lane % 4 + 4 * i);
                for (at, value) in factors.unpack(bits)[..packed].iter().enumerate() {
                    b[first + at][lane / 4] = *value;
                }
            }
        }
        let mut sums = [[0.0f64; N]; M];
        for (i, register) in self.c.into_iter().enumerate() {
            for (lane, value) in f32::get(registers, register).into_iter().enumerate() {
                let (row, column) = place(i, lane);
                sums[row][column] = value.into();
            }
        }
        for (sums, a) in sums.iter_mut().zip(&a) {
            for (a, b) in a.iter().zip(&b).take(factors.depth()) {
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum += a * b;
                }
            }
        }
        for (i, register) in self.into.into_iter().enumerate() {
            let values: [f32; LANES] = std::array::from_fn(|lane| {
                let (row, column) = place(i, lane);
                sums[row][column] as f32
            });
            f32::set(registers, register, &values, mask);
        }
    }

    /// For each register of D the lanes in which it holds a value, if `known` says so of the
    /// registers that are read: a sum needs its row of A, its column of B, and what it is added to.
    pub(crate) fn known(&self, known: impl Fn(u32) -> u32) -> [u32; 4] {
        // For each group of four lanes, whether all of them hold these registers.
        let groups = |registers: &[u32]| {
            let lanes = registers.iter().fold(u32::MAX, |lanes, register| lanes & known(*register));
            std::array::from_fn::<bool, 8, _>(|group| lanes >> (4 * group) & 0xf == 0xf)
        };
        let rows = [groups(&[self.a[0], self.a[2]]), groups(&[self.a[1], self.a[3]])];
        let columns = groups(&self.b);
        std::array::from_fn(|i| {
            let lanes = (0..LANES).filter(|lane| {
                let (row, column) = place(i, *lane);
                rows[row / 8][row % 8] && columns[column]
            });
            lanes.fold(0, |lanes, lane| lanes | 1 << lane) & known(self.c[i])
        })
    }
}

/// The row and column of register `i` of an accumulator.
fn place(i: usize, lane: usize) -> (usize, usize) {
    (lane / 4 + 8 * (i / 2), 2 * (lane % 4) + i % 2)
}

/// A matrix of 8 · 8 halves, row by row: lane `l` holds columns 2 · (l % 4) and the next of row l / 4
/// (PTX ISA 9.2, `ldmatrix`).
pub(crate) type Matrix = [u128; 8];

/// A row and a column swapped for each other.
pub(crate) fn transpose(matrix: &Matrix) -> Matrix {
    std::array::from_fn(|row| {
        (0..8).fold(0, |halves, column| {
            halves | (matrix[column] >> (16 * row) & 0xffff) << (16 * column)
        })
    })
}

/// The part of each lane.
pub(crate) fn shares(matrix: &Matrix) -> [u32; LANES] {
    std::array::from_fn(|lane| (matrix[lane / 4] >> (32 * (lane % 4))) as u32)
}

/// The matrix of all lanes' parts; zeros where a lane does not take part.
pub(crate) fn gathered(shares: &[u32; LANES], mask: u32) -> Matrix {
    let mut matrix = [0; 8];
    for lane in each(mask) {
        matrix[lane / 4] |= u128::from(shares[lane]) << (32 * (lane % 4));
    }
    matrix
}

/// `movmatrix`: for each lane the lanes whose registers its two halves come from.
pub(crate) fn sources(lane: usize) -> [usize; 2] {
    [0, 1].map(|half| 4 * (2 * (lane % 4) + half) + lane / 8)
}

/// The lanes whose addresses are the rows of so many matrices: eight for each.
pub(crate) fn rows(matrices: usize) -> u32 {
    u32::MAX >> (32 - 8 * matrices.clamp(1, 4))
}
