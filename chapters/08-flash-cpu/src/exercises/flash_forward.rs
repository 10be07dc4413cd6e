//! 8.3 `flash_forward`

mod mistakes;

use super::{
    inputs::Inputs,
    kept::{Kept, Scale},
};
use crate::{
    given::{Block, Output, Traffic},
    traffic::Sizes,
};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, field,
    judge::{each, require},
};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body =
    fn(ArrayView2<f32>, ArrayView2<f32>, ArrayView2<f32>, bool, Block, &mut Traffic) -> Output;

/// What came out, what was moved for it, and what was held meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    output: Output,
    traffic: Traffic,
    kept: Kept,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        let mut fields = self.output.fields();
        fields.push(field("traffic", say(&self.traffic)));
        fields.push(field("memory", String::from(self.kept)));
        fields
    }
}

/// `5 tiles loaded, 480 bytes; 96 bytes stored`
pub(super) fn say(traffic: &Traffic) -> String {
    let Traffic {
        tiles,
        loaded,
        stored,
    } = traffic;
    let s = if *tiles == 1 { "" } else { "s" };
    format!("{tiles} tile{s} loaded, {loaded} bytes; {stored} bytes stored")
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Inputs, Answer> {
    Exercise {
        id: "8.3",
        cases,
        answer,
        judge,
        solution: crate::flash_forward,
        mistakes: mistakes::mistakes(),
        steps,
    }
}

fn answer(flash_forward: &Body, inputs: &Inputs) -> Answer {
    let Inputs {
        q,
        k,
        v,
        causal,
        block,
        ..
    } = inputs;
    let mut traffic = Traffic::default();
    let mut run = || flash_forward(q.view(), k.view(), v.view(), *causal, *block, &mut traffic);
    let (output, kept) = if inputs.measured {
        let (n, m) = (q.nrows(), k.nrows());
        let results = 4 * n * (v.ncols() + 1);
        let scale = Scale {
            n,
            m,
            rows: block.q,
            results,
        };
        scale.measure(run)
    } else {
        (run(), Kept::UNKNOWN)
    };
    Answer {
        output,
        traffic,
        kept,
    }
}

fn cases(seed: u64) -> Vec<Inputs> {
    let mut random = Random::new(seed);
    let mut case =
        |sizes, widths, causal, block| Inputs::normal(&mut random, sizes, widths, causal, block);
    let square = case((512, 512), (8, 8), true, (32, 16)).about("memory is measured");
    vec![
        Inputs::by_hand(),
        case((4, 6), (4, 3), false, (2, 3)),
        case((5, 7), (4, 3), false, (2, 3)).about("the last tiles have fewer rows"),
        case((1, 1), (1, 1), false, (4, 4)).about("tiles larger than all there is"),
        case((6, 6), (4, 2), true, (2, 2)),
        case((3, 7), (4, 4), true, (2, 3)),
        case((7, 3), (8, 2), true, (3, 2)).about("the first four queries see nothing"),
        case((6, 8), (16, 3), false, (3, 2)).large(),
        case((33, 31), (16, 8), true, (8, 4)),
        case((127, 129), (64, 32), true, (32, 48)),
        case((31, 33), (32, 31), false, (1, 33)).about("one query at a time"),
        Inputs {
            measured: true,
            ..square
        },
    ]
}

fn judge(cases: &[Inputs], answers: &[Answer]) -> Result<(), Finding> {
    each(cases, answers, |inputs, answer| {
        inputs.judge(&answer.output)?;
        expect_traffic(&answer.traffic, &inputs.head(), inputs.block)?;
        answer.kept.judge(inputs.q.nrows(), inputs.k.nrows())
    })
}

/// Refuses another traffic than the closed form's.
fn expect_traffic(got: &Traffic, sizes: &Sizes, block: Block) -> Result<(), String> {
    let right = sizes.flash(block);
    let (queries, visited) = (sizes.query_tiles(block), sizes.visited(block));
    require(got.tiles == right.tiles, || {
        let (got, right) = (got.tiles, right.tiles);
        format!(
            "{} loaded, should be {right}: {queries} of queries, {visited} of keys and {visited} of values",
            tiles_were(got)
        )
    })?;
    require(got.loaded == right.loaded, || {
        let (got, right) = (got.loaded, right.loaded);
        format!("{got} bytes were loaded, should be {right}: every tile whole")
    })?;
    require(got.stored == right.stored, || {
        let (got, right) = (got.stored, right.stored);
        format!("{got} bytes were stored, should be {right}: the output once")
    })
}

/// `1 tile was`, `5 tiles were`
pub(super) fn tiles_were(count: u64) -> String {
    match count {
        1 => "1 tile was".into(),
        _ => format!("{count} tiles were"),
    }
}

/// Which tiles are visited.
fn steps(inputs: &Inputs) -> Vec<Field> {
    let (sizes, block) = (inputs.head(), inputs.block);
    let (rows, columns) = (sizes.n.div_ceil(block.q), sizes.m.div_ceil(block.k));
    let visited = Array2::from_shape_fn((rows, columns), |(row, column)| {
        column < sizes.visits(block, row)
    });
    let products = inputs.q.dot(&inputs.k.t()) / (sizes.d as f32).sqrt();
    vec![
        field("scores, before the mask", &products),
        field("tiles to visit", &visited),
        field("traffic", say(&sizes.flash(block))),
    ]
}
