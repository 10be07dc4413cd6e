//! 4.7 `decoder_block`

mod mistakes;

use super::{
    oracle,
    random::{Widths, block},
};
use crate::{
    given::{DecoderBlock, Layout},
    layer_norm, multi_head_attention, rotary_self_attention,
};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Exercise, Field, Fields, Finding, field,
    judge::{Expected, close, each},
};
use ch03_scaled_dot_product::allowed;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&DecoderBlock, ArrayView2<f32>, ArrayView2<f32>, &Mask) -> Array2<f32>;

/// The weights of a block, a sequence (n × d_model), a memory (m × d_memory), and which rows of it
/// may be seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    block: DecoderBlock,
    x: Array2<f32>,
    memory: Array2<f32>,
    memory_mask: Mask,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        let (n, m) = (self.x.nrows(), self.memory.nrows());
        vec![
            field("x", &self.x),
            field("memory", &self.memory),
            field("memory_mask", &allowed(&self.memory_mask, n, m)),
        ]
    }

    fn label(&self) -> String {
        let (n, d_model) = self.x.dim();
        let Case {
            about, memory_mask, ..
        } = self;
        let (m, h) = (self.memory.nrows(), self.block.self_attention.h);
        format!("n={n} m={m} d_model={d_model} h={h}, memory mask {memory_mask}{about}")
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "4.7",
        cases,
        answer: |decoder_block, case| {
            let Case { x, memory, .. } = case;
            decoder_block(&case.block, x.view(), memory.view(), &case.memory_mask)
        },
        judge,
        solution: crate::decoder_block,
        mistakes: mistakes::all(),
        steps,
    }
}

/// A block whose parts add 0, 1, 10 and so on, whatever they see: what is left is the sum.
fn by_hand(random: &mut Random) -> Case {
    let widths = Widths {
        h: 1,
        d: 2,
        d_v: 2,
        d_model: 2,
        d_memory: 2,
    };
    let mut block = block(random, widths, Layout::Interleaved);
    // Every normalised row is (1, 1), and so is every row of the memory.
    for norm in [&mut block.norm_1, &mut block.norm_2, &mut block.norm_3] {
        norm.gain.fill(0.0);
        norm.bias.fill(1.0);
    }
    let identity = ndarray::Array2::eye(2);
    block.self_attention.w_v = identity.clone();
    block.self_attention.w_o = identity.clone() * 10.0;
    block.cross_attention.w_v = identity.clone();
    block.cross_attention.w_o = identity * 100.0;
    block.feed_forward.w_1.fill(0.0);
    block.feed_forward.b_1.fill(0.0);
    block.feed_forward.b_2.fill(1000.0);
    Case {
        about: ", by hand: the parts add 10, 100 and 1000".into(),
        block,
        x: ndarray::array![[1.0, 2.0], [3.0, 4.0]],
        memory: Array2::ones((3, 2)),
        memory_mask: Mask::None,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut cases = vec![by_hand(&mut random)];
    let mut case = |(n, m), widths: Widths, layout, memory_mask| Case {
        about: String::new(),
        block: block(&mut random, widths, layout),
        x: random.normal((n, widths.d_model)),
        memory: random.normal((m, widths.d_memory)),
        memory_mask,
    };
    let widths = |h, d, d_model, d_memory| Widths {
        h,
        d,
        d_v: d,
        d_model,
        d_memory,
    };
    let keys = Mask::padding((0..31).map(|j| j < 23));
    let square = widths(2, 4, 8, 8);
    use Layout::{Half, Interleaved};
    cases.extend([
        case((1, 1), widths(1, 2, 3, 3), Interleaved, Mask::None),
        case((6, 6), square, Interleaved, Mask::None),
        case((5, 7), widths(2, 4, 8, 6), Half, Mask::None),
        case((4, 6), square, Interleaved, Mask::Causal),
        case((33, 31), widths(4, 4, 16, 16), Half, keys),
        case((65, 63), widths(4, 8, 32, 24), Interleaved, Mask::None),
    ]);
    // Two neighbours that differ in their last token alone.
    let quiet = case((6, 4), square, Interleaved, Mask::None);
    let mut loud = quiet.clone();
    loud.about = ", as before, but the last token is another".into();
    loud.x.row_mut(5).mapv_inplace(|x| 3.0 - 2.0 * x);
    cases.extend([quiet, loud]);
    cases
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |case, out| {
        let Case {
            block,
            x,
            memory,
            memory_mask,
            ..
        } = case;
        let wide = |x: &Array2<f32>| oracle::to::<f64>(x.view());
        let exact = oracle::decoder_block(block, &wide(x), &wide(memory), memory_mask);
        let product = crate::decoder_block(block, x.view(), memory.view(), memory_mask);
        let loops = oracle::decoder_block(block, x, memory, memory_mask);
        close("out", out, &Expected::new(exact, &[&product, &loops]))
    })?;
    no_leak(cases, answers)
}

/// Between the neighbours that differ in the last token: the rows before it have to be the same.
fn no_leak(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    for (i, (case, answer)) in cases.windows(2).zip(answers.windows(2)).enumerate() {
        let [a, b] = case else { unreachable!() };
        if a.block != b.block {
            continue;
        }
        for row in 0..a.x.nrows() - 1 {
            if answer[0].row(row) != answer[1].row(row) {
                let what =
                    format!("out row {row} changes with the last token, which lies in its future");
                return Err(Finding { case: i + 1, what });
            }
        }
    }
    Ok(())
}

fn steps(case: &Case) -> Vec<Field> {
    let Case {
        block,
        x,
        memory,
        memory_mask,
        ..
    } = case;
    let seen = layer_norm(x.view(), &block.norm_1);
    let own = rotary_self_attention(
        &block.self_attention,
        seen.view(),
        block.rotary,
        &Mask::Causal,
    );
    let x = x + &own;
    let seen = layer_norm(x.view(), &block.norm_2);
    let found = multi_head_attention(
        &block.cross_attention,
        seen.view(),
        memory.view(),
        memory_mask,
    );
    vec![
        field("what self-attention adds", &own),
        field("x after it", &x),
        field("what cross-attention adds", &found),
        field("x after it", &(&x + &found)),
    ]
}
