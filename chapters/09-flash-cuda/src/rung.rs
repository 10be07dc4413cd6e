//! The kernels of this chapter, and how each is launched.

use crate::{
    Error, Sizes,
    device::Device,
    launch::{
        Argument::{self, Float, Int},
        Buffer, Launch,
    },
    nvrtc,
    precision::Numbers,
    program::Program,
};
use ptx_sim::Report;

/// A file of kernels that together compute attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Scores, softmax and weighted sum, a kernel each.
    Naive,
    /// One kernel; tiles of keys in shared memory.
    Tiled,
    /// Shuffles instead of shared scores, sixteen bytes a load, hidden tiles skipped.
    Warp,
    /// Both products on the tensor cores, from bf16.
    Tensor,
    /// As `Tensor`, but the next tile comes while one is computed with.
    Pipelined,
    /// One query per head: the keys split among warps, then merged.
    Split,
    /// As `Warp`, but a tile of keys serves all heads of its group.
    Gqa,
}

/// The widths that the kernels are compiled for beforehand.
pub const WIDTHS: [usize; 2] = [64, 128];

/// Parts that the split rung makes of a head's keys.
pub const SPLITS: usize = 6;

macro_rules! texts {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../kernels/", $name, ".cu")),
            [
                include_str!(concat!("../kernels/", $name, ".d64.ptx")),
                include_str!(concat!("../kernels/", $name, ".d128.ptx")),
            ],
        )
    };
}

impl Rung {
    /// All of them.
    pub const ALL: [Rung; 7] = [
        Rung::Naive,
        Rung::Tiled,
        Rung::Warp,
        Rung::Tensor,
        Rung::Pipelined,
        Rung::Split,
        Rung::Gqa,
    ];

    /// Name, CUDA, and PTX for each of [`WIDTHS`].
    fn texts(self) -> (&'static str, &'static str, [&'static str; 2]) {
        match self {
            Rung::Naive => texts!("naive"),
            Rung::Tiled => texts!("tiled"),
            Rung::Warp => texts!("warp"),
            Rung::Tensor => texts!("tensor"),
            Rung::Pipelined => texts!("pipelined"),
            Rung::Split => texts!("split"),
            Rung::Gqa => texts!("gqa"),
        }
    }

    /// The name of its file: `kernels/NAME.cu`.
    pub fn name(self) -> &'static str {
        self.texts().0
    }

    /// The rung of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rung| rung.name() == name)
    }

    /// Its CUDA.
    pub fn source(self) -> &'static str {
        self.texts().1
    }

    /// The PTX that is committed beside it; `None` for a width that is not in [`WIDTHS`].
    pub fn committed(self, d: usize) -> Option<&'static str> {
        let at = WIDTHS.iter().position(|width| *width == d)?;
        Some(self.texts().2[at])
    }

    /// What its queries, keys and values are made of.
    pub fn numbers(self) -> Numbers {
        match self {
            Rung::Tensor | Rung::Pipelined => Numbers::Bf16,
            _ => Numbers::F32,
        }
    }

    /// Its program for this width: compiled where NVRTC is found, else the committed PTX.
    ///
    /// # Errors
    /// Without NVRTC, a width that is not in [`WIDTHS`]; and for the tensor cores, with it too.
    pub fn program(self, d: usize) -> Result<Program, Error> {
        let (name, source, _) = self.texts();
        let definitions = definitions(d)?;
        self.takes_width(d)?;
        match self.committed(d) {
            Some(ptx) if !nvrtc::found() => Program::committed(source, ptx, &definitions),
            _ => Program::compile(&format!("{name}.cu"), source, &definitions),
        }
    }

    /// Refuses sizes that the kernels cannot take.
    pub(crate) fn takes(self, sizes: Sizes) -> Result<(), Error> {
        self.takes_width(sizes.d)?;
        if self == Rung::Split && sizes.n != 1 {
            return Err(Error::Sizes(format!(
                "the split rung decodes: one query per head, not {}",
                sizes.n
            )));
        }
        Ok(())
    }

    /// Rows that are not laid out in eights of 16 bytes cannot be kept apart in the banks as these kernels do it.
    fn takes_width(self, d: usize) -> Result<(), Error> {
        if self.numbers() == Numbers::Bf16 && !WIDTHS.contains(&d) {
            return Err(Error::Sizes(format!("width {d}: this kernel is for 64 and 128")));
        }
        Ok(())
    }

    /// Runs its kernels, one after the other, on buffers that are there.
    pub(crate) fn launch(
        self,
        device: &mut Device,
        program: &Program,
        call: &Call,
    ) -> Result<Vec<Option<Report>>, Error> {
        let launches = self.launches(device, call)?;
        launches.iter().map(|launch| device.launch(program, launch)).collect()
    }

    /// What it launches, one after the other, on buffers that are there and some of its own.
    pub(crate) fn launches(
        self,
        device: &mut Device,
        call: &Call,
    ) -> Result<Vec<Launch<'static>>, Error> {
        let Call { q, k, v, out, lse, sizes, causal } = *call;
        let Sizes { heads, kv_heads, n, m, d } = sizes;
        let group = Int(sizes.group() as i32);
        let (scale, causal) = (Float(1.0 / (d as f32).sqrt()), Int(causal.into()));
        let [q, k, v, out, lse] = [q, k, v, out, lse].map(Argument::Buffer);
        let blocks = |rows: usize, each: usize| rows.div_ceil(each) as u32;
        let [h, kv_heads, threads] = [heads, kv_heads, d].map(|count| count as u32);
        let int = |count: usize| Int(count as i32);
        Ok(match self {
            Rung::Naive => {
                let scores = Argument::Buffer(device.alloc_unwritten("scores", heads * n * m)?);
                vec![
                    Launch {
                        kernel: "naive_scores",
                        grid: [blocks(m, 32), blocks(n, 8), h],
                        block: [32, 8, 1],
                        arguments: vec![q, k, scores, int(n), int(m), group, scale, causal],
                    },
                    Launch {
                        kernel: "naive_softmax",
                        grid: [blocks(n, 32), h, 1],
                        block: [32, 1, 1],
                        arguments: vec![scores, lse, int(n), int(m)],
                    },
                    Launch {
                        kernel: "naive_weighted",
                        grid: [n as u32, h, 1],
                        block: [threads, 1, 1],
                        arguments: vec![scores, v, out, int(n), int(m), group],
                    },
                ]
            }
            Rung::Tiled => vec![call.fused("tiled", 8, [32, 8, 1])],
            Rung::Warp => vec![call.fused("warp", 16, [128, 1, 1])],
            Rung::Tensor => vec![call.fused("tensor", 64, [128, 1, 1])],
            Rung::Pipelined => vec![call.fused("pipelined", 64, [128, 1, 1])],
            Rung::Gqa => vec![Launch {
                grid: [blocks(n * sizes.group(), 16), kv_heads, 1],
                ..call.fused("gqa", 16, [128, 1, 1])
            }],
            Rung::Split => {
                let parts = Argument::Buffer(device.alloc_unwritten("parts", heads * SPLITS * d)?);
                let part_lse =
                    Argument::Buffer(device.alloc_unwritten("part_lse", heads * SPLITS)?);
                vec![
                    Launch {
                        kernel: "split",
                        grid: [blocks(SPLITS, 4), h, 1],
                        block: [128, 1, 1],
                        arguments: vec![
                            q,
                            k,
                            v,
                            parts,
                            part_lse,
                            int(m),
                            group,
                            int(SPLITS),
                            scale,
                        ],
                    },
                    Launch {
                        kernel: "merge",
                        grid: [h, 1, 1],
                        block: [threads, 1, 1],
                        arguments: vec![parts, part_lse, out, lse, int(SPLITS)],
                    },
                ]
            }
        })
    }
}

/// What the kernels are compiled with for this width.
///
/// # Errors
/// A width that a warp cannot share out: 32 lanes, each with one, two or four entries side by side.
pub fn definitions(d: usize) -> Result<Vec<String>, Error> {
    match d {
        32 | 64 | 128 => Ok(vec![format!("D={d}")]),
        _ => Err(Error::Sizes(format!("width {d}: these kernels are for 32, 64 and 128"))),
    }
}

/// What a kernel of the reader's own is compiled with besides. Without headers there is no `INFINITY`.
pub const MINUS_INFINITY: &str = "MINUS_INFINITY=__int_as_float(0xff800000)";

/// The buffers and sizes of one call.
#[derive(Clone, Copy)]
pub struct Call {
    /// Queries (h, n, d).
    pub q: Buffer,
    /// Keys (h_kv, m, d).
    pub k: Buffer,
    /// Values (h_kv, m, d).
    pub v: Buffer,
    /// Where the result goes (h, n, d).
    pub out: Buffer,
    /// Where the log-sum-exp of every row goes (h, n).
    pub lse: Buffer,
    /// The sizes.
    pub sizes: Sizes,
    /// Whether query i sees only the keys up to m − n + i.
    pub causal: bool,
}

impl Call {
    /// One launch of a kernel that computes everything, with so many queries a block. Grid (⌈n/rows⌉, h).
    pub fn fused<'a>(&self, kernel: &'a str, rows: usize, block: [u32; 3]) -> Launch<'a> {
        let Sizes { heads, n, m, d, .. } = self.sizes;
        let buffers = [self.q, self.k, self.v, self.out, self.lse].map(Argument::Buffer);
        let counts = [n, m, self.sizes.group()].map(|count| Int(count as i32));
        let rest = [Float(1.0 / (d as f32).sqrt()), Int(self.causal.into())];
        Launch {
            kernel,
            grid: [n.div_ceil(rows) as u32, heads as u32, 1],
            block,
            arguments: [&buffers[..], &counts, &rest].concat(),
        }
    }
}
