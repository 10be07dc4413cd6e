//! 4.7 `decoder_block`

use super::{
    layer_norm::{self, random_norm},
    multi_head_attention::{self, random_layer, random_matrix},
    rotary_self_attention,
};
use crate::{
    given::{DecoderBlock, FeedForward, Layout, Rotary},
    oracle,
};
use attn_core::{Mask, random::Random};
use attn_exercise::{
    Field, Finding, Given, SOME_MASKS, SOME_VALUES, Sizes, exercise, field, given, pairwise,
    some_mask, some_values,
};
use attn_oracle::to;
use ndarray::{Array2, ArrayView2, array};

given! { FeedForward { w_1 [], b_1 [], w_2 [], b_2 [] } }

exercise! {
    /// The weights of a block, a sequence (n × d_model), a memory (m × d_memory), and which rows of it may be seen.
    crate::decoder_block: (
        block: DecoderBlock, x: Array2<f32>[n d_model], memory: Array2<f32>[m d_memory], memory_mask: Mask,
    ) -> Array2<f32>;

    exact: |c| oracle::decoder_block(&c.block, &to::<f64>(c.x.view()), &to(c.memory.view()), &c.memory_mask);
    plain: |c| [oracle::decoder_block(&c.block, &c.x, &c.memory, &c.memory_mask), c.call(in_place)];
    relation: no_leak;
    steps: |c| {
        let parts = Parts::of(&c.block, c.memory.view(), &c.memory_mask);
        let own = parts.give(0, &parts.norm(0, &c.x));
        let x = &c.x + &own;
        let found = parts.give(1, &parts.norm(1, &x));
        [field("what self-attention adds", &own), field("x after it", &x), field("what cross-attention adds", &found), field("x after that", &(&x + &found))]
    };

    cases: |random| {
        use Layout::{Half, Interleaved};
        let mut cases = vec![by_hand(random)];
        let mut of = |about, (n, m), (h, d), (d_model, d_memory), layout, mask: &dyn Fn(&mut _) -> Mask, [of_x, of_memory]: [usize; 2]| {
            let block = random_block(random, (h, d), (d_model, d_memory), layout);
            let [x, memory] = [(of_x, (n, d_model)), (of_memory, (m, d_memory))].map(|(kind, shape)| some_values(kind, shape, random));
            case(about, (block, x, memory, mask(random)))
        };
        cases.extend([
            of("", (1, 1), (1, 2), (3, 3), Interleaved, &|_| Mask::None, [0, 0]),
            of("", (6, 6), (2, 4), (8, 8), Interleaved, &|_| Mask::None, [0, 0]),
            of("", (5, 7), (2, 4), (8, 6), Half, &|_| Mask::None, [0, 0]),
            of("", (4, 6), (2, 4), (8, 8), Interleaved, &|_| Mask::Causal, [0, 0]),
            of("", (33, 31), (4, 4), (16, 16), Half, &|_| Mask::padding((0..31).map(|j| j < 23)), [0, 0]),
            of("", (65, 63), (4, 8), (32, 24), Interleaved, &|_| Mask::None, [0, 0]),
        ]);
        // Two neighbours that differ in their last token alone.
        let quiet = of("", (6, 4), (2, 4), (8, 8), Interleaved, &|_| Mask::None, [0, 0]);
        let mut loud = Case { about: "as before, but the last token is another".into(), ..quiet.clone() };
        loud.x.row_mut(5).mapv_inplace(|x| 3.0 - 2.0 * x);
        cases.extend([quiet, loud]);
        let levels = [3, 3, 3, 3, 3, 2, SOME_MASKS, SOME_VALUES, SOME_VALUES];
        cases.extend(pairwise(levels).into_iter().map(|[n, m, h, d_model, d_memory, layout, mask, of_x, of_memory]| {
            let (n, m) = (n + 1, m + 1);
            let mask = |random: &mut _| some_mask(mask, (n, m), random);
            of("small", (n, m), (h + 1, 2), (d_model + 1, d_memory + 1), [Interleaved, Half][layout], &mask, [of_x, of_memory])
        }));
        cases
    };

    right (block, x, memory, memory_mask) {
        "in place, with parts of its own" => in_place(block, x, memory, memory_mask);
    }

    mistakes (block, x, memory, memory_mask) {
        "not-causal": "the self-attention of the decoder is not masked, so that tokens see their future"
            => Parts { own_mask: Mask::None, ..Parts::of(block, memory, memory_mask) }.after_each(x, ALL, right);
        "no-residual": "each part replaces x instead of being added to it"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, x| parts.give(i, &parts.norm(i, x)));
        "last-residual-missing": "what the feed-forward network gives is not added to x"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, x| {
                if i == 2 { parts.give(i, &parts.norm(i, x)) } else { right(parts, i, x) }
            });
        "normalised-residual": "the parts are added to the normalised x instead of x itself"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, normalised_residual);
        "normalised-residual-1": "what self-attention gives is added to the normalised x instead of x itself"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, only(0, normalised_residual));
        "normalised-residual-2": "what cross-attention gives is added to the normalised x instead of x itself"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, only(1, normalised_residual));
        "normalised-residual-3": "what the feed-forward network gives is added to the normalised x instead of x itself"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, only(2, normalised_residual));
        "norm-after": "the norm stands after each addition, as in the first Transformer, instead of before each part"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, x| parts.norm(i, &(x + &parts.give(i, x))));
        "norm-on-output": "what each part gives is normalised, instead of what it sees"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, x| x + &parts.norm(i, &parts.give(i, x)));
        "no-norm": "the parts see x as it is: nothing is normalised"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, raw);
        "one-norm-for-all": "all three parts use the first norm's weights"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, x| x + &parts.give(i, &parts.norm(0, x)));
        "cross-before-self": "cross-attention comes before self-attention"
            => Parts::of(block, memory, memory_mask).after_each(x, &[1, 0, 2], right);
        "side-by-side": "all three parts see the block's input, instead of each what the one before has left"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, so_far| {
                so_far + &parts.give(i, &parts.norm(i, &x.to_owned()))
            });
        "no-cross": "the memory is not looked at: cross-attention is missing"
            => Parts::of(block, memory, memory_mask).after_each(x, &[0, 2], right);
        "no-network": "the feed-forward network is missing"
            => Parts::of(block, memory, memory_mask).after_each(x, &[0, 1], right);
        "memory-mask-ignored": "cross-attention sees all of the memory, its padding too"
            => crate::decoder_block(block, x, memory, &Mask::None);
        "causal-cross": "cross-attention is causal too: every token may see all of the memory that the mask allows"
            => crate::decoder_block(block, x, memory, &Mask::All(vec![Mask::Causal, memory_mask.clone()]));
        "no-positions": "the self-attention is the one without positions"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, only(0, |parts, i, x| {
                let seen = parts.norm(i, x);
                x + &crate::multi_head_attention(&parts.block.self_attention, seen.view(), seen.view(), &Mask::Causal)
            }));
        "layers-swapped": "the weights of self- and cross-attention are exchanged"
            => {
                let (self_attention, cross_attention) = (block.cross_attention.clone(), block.self_attention.clone());
                let swapped = DecoderBlock { self_attention, cross_attention, ..block.clone() };
                Parts::of(&swapped, memory, memory_mask).after_each(x, ALL, right)
            };
        "self-weights-for-cross": "cross-attention uses the weights of self-attention"
            => {
                let same = DecoderBlock { cross_attention: block.self_attention.clone(), ..block.clone() };
                Parts::of(&same, memory, memory_mask).after_each(x, ALL, right)
            };
        "causal-for-the-memory": "cross-attention gets the causal mask instead of the memory's"
            => crate::decoder_block(block, x, memory, &Mask::Causal);
        "cross-on-the-input": "what cross-attention finds is added to the block's input, so that what self-attention added is lost"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, so_far| {
                if i == 1 { &x + &parts.give(i, &parts.norm(i, so_far)) } else { right(parts, i, so_far) }
            });
        "stale-norm": "the first normalised x is used for all three parts: it has to be normalised anew after each addition"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, so_far| {
                so_far + &parts.give(i, &parts.norm(0, &x.to_owned()))
            });
        "raw-self": "self-attention sees x as it is, not normalised"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, only(0, raw));
        "raw-cross": "cross-attention sees x as it is, not normalised"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, only(1, raw));
        "raw-network": "the feed-forward network sees x as it is, not normalised"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, only(2, raw));
        "norms-swapped": "norm_2 and norm_3 are exchanged"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, x| x + &parts.give(i, &parts.norm([0, 2, 1][i], x)));
        "memory-normalised": "the memory is normalised before cross-attention; it comes from the encoder as it should be"
            => crate::decoder_block(block, x, crate::layer_norm(memory, &block.norm_2).view(), memory_mask);
        "first-residual-missing": "what self-attention gives replaces x instead of being added to it"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, only(0, replaced));
        "second-residual-missing": "what cross-attention gives replaces x instead of being added to it"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, only(1, replaced));
        "memory-normalised-where-alike": "the memory is normalised before cross-attention where it is as wide as x; it comes from the encoder as it should be"
            => {
                let normalised = |memory| crate::layer_norm(memory, &block.norm_2);
                let memory = if memory.ncols() == x.ncols() { normalised(memory) } else { memory.to_owned() };
                crate::decoder_block(block, x, memory.view(), memory_mask)
            };
        "network-first": "the feed-forward network comes first; it has to be the last part"
            => Parts::of(block, memory, memory_mask).after_each(x, &[2, 0, 1], right);
        "network-before-cross": "the feed-forward network comes before cross-attention; it has to be the last part"
            => Parts::of(block, memory, memory_mask).after_each(x, &[0, 2, 1], right);
        "residuals-from-the-input": "each part is added to the block's input, so that what the parts before it added is lost"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, so_far| &x + &parts.give(i, &parts.norm(i, so_far)));
        "cross-sees-the-input": "cross-attention sees the block's input, normalised, instead of what self-attention has left"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, so_far| {
                if i == 1 { so_far + &parts.give(i, &parts.norm(i, &x.to_owned())) } else { right(parts, i, so_far) }
            });
        "cross-sees-the-first-norm": "cross-attention sees what self-attention saw: x has to be normalised anew, by norm_2, after the first addition"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, so_far| {
                if i == 1 { so_far + &parts.give(i, &parts.norm(0, &x.to_owned())) } else { right(parts, i, so_far) }
            });
        "network-sees-the-second-norm": "the feed-forward network sees what cross-attention saw: x has to be normalised anew, by norm_3, after the second addition"
            => {
                let parts = Parts::of(block, memory, memory_mask);
                let x = right(&parts, 0, &x.to_owned());
                let seen = parts.norm(1, &x);
                x + parts.give(1, &seen) + parts.give(2, &seen)
            };
        "normed-result": "the result is normalised once more; the block ends with the third addition"
            => crate::layer_norm(crate::decoder_block(block, x, memory, memory_mask).view(), &block.norm_3);
        "halved": "what each part gives is halved before it is added"
            => Parts::of(block, memory, memory_mask).after_each(x, ALL, |parts, i, x| x + &(parts.give(i, &parts.norm(i, x)) * 0.5));
    }

    within {
        rotary_self_attention: |own, (block, x, memory, memory_mask)| {
            Parts { own, ..Parts::of(block, memory, memory_mask) }.after_each(x, ALL, right)
        };
        layer_norm: |layer_norm, (block, x, memory, memory_mask)| {
            Parts { layer_norm, ..Parts::of(block, memory, memory_mask) }.after_each(x, ALL, right)
        };
        multi_head_attention: |cross, (block, x, memory, memory_mask)| {
            Parts { cross, ..Parts::of(block, memory, memory_mask) }.after_each(x, ALL, right)
        };
    }
}

impl Given for DecoderBlock {
    fn own_sizes(&self) -> Sizes {
        vec![("h", self.self_attention.h)]
    }

    /// None: its many tensors would hide the other inputs.
    fn fields(&self, _name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        Vec::new()
    }
}

given! { @input DecoderBlock { norm_1, self_attention, rotary, norm_2, cross_attention, norm_3, feed_forward } }

/// A block whose parts add 10, 100 and 1000, whatever they see: what is left is the sum.
fn by_hand(random: &mut Random) -> Case {
    let mut block = random_block(random, (1, 2), (2, 2), Layout::Interleaved);
    // Every normalised row is (1, 1), and so is every row of the memory.
    for norm in [&mut block.norm_1, &mut block.norm_2, &mut block.norm_3] {
        norm.gain.fill(0.0);
        norm.bias.fill(1.0);
    }
    for (layer, adds) in [(&mut block.self_attention, 10.0), (&mut block.cross_attention, 100.0)] {
        layer.w_v = Array2::eye(2);
        layer.w_o = Array2::eye(2) * adds;
    }
    block.feed_forward.w_2.fill(0.0);
    block.feed_forward.b_2.fill(1000.0);
    let inputs = (block, array![[1.0, 2.0], [3.0, 4.0]], Array2::ones((3, 2)), Mask::None);
    case("by hand: the parts add 10, 100 and 1000", inputs)
}

/// A block of `h` heads of width d.
fn random_block(
    random: &mut Random,
    (h, d): (usize, usize),
    (d_model, d_memory): (usize, usize),
    layout: Layout,
) -> DecoderBlock {
    let d_ff = 2 * d_model + 1;
    DecoderBlock {
        norm_1: random_norm(random, d_model),
        self_attention: random_layer(random, (h, d, d), (d_model, d_model)),
        rotary: Rotary { base: 100.0, layout },
        norm_2: random_norm(random, d_model),
        cross_attention: random_layer(random, (h, d, d), (d_model, d_memory)),
        norm_3: random_norm(random, d_model),
        feed_forward: FeedForward {
            w_1: random_matrix(random, d_model, d_ff),
            b_1: random.normal(d_ff) * 0.5,
            w_2: random_matrix(random, d_ff, d_model),
            b_2: random.normal(d_model) * 0.5,
        },
    }
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

/// Its own parts throughout, and x changed in place.
fn in_place(
    block: &DecoderBlock,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    memory_mask: &Mask,
) -> Array2<f32> {
    let mut x = x.to_owned();
    let seen = layer_norm::backwards(x.view(), &block.norm_1);
    let own = &block.self_attention;
    x += &rotary_self_attention::by_slices(own, seen.view(), block.rotary, &Mask::Causal);
    let seen = layer_norm::whole_arrays(x.view(), &block.norm_2);
    let cross = &block.cross_attention;
    x += &multi_head_attention::head_by_head(cross, seen.view(), memory, memory_mask);
    let seen = layer_norm::backwards(x.view(), &block.norm_3);
    let network = &block.feed_forward;
    let inner = (seen.dot(&network.w_1) + &network.b_1).mapv(|x| if x < 0.0 { 0.0 } else { x });
    x + inner.dot(&network.w_2) + &network.b_2
}

/// What a block is made of. The mistakes above put its parts together wrongly, or replace one.
struct Parts<'a> {
    block: &'a DecoderBlock,
    memory: ArrayView2<'a, f32>,
    memory_mask: &'a Mask,
    own_mask: Mask,
    own: rotary_self_attention::Body,
    cross: multi_head_attention::Body,
    layer_norm: layer_norm::Body,
}

/// Self-attention, cross-attention, network.
const ALL: &[usize] = &[0, 1, 2];

impl<'a> Parts<'a> {
    fn of(block: &'a DecoderBlock, memory: ArrayView2<'a, f32>, memory_mask: &'a Mask) -> Self {
        Parts {
            block,
            memory,
            memory_mask,
            own_mask: Mask::Causal,
            own: crate::rotary_self_attention,
            cross: crate::multi_head_attention,
            layer_norm: crate::layer_norm,
        }
    }

    /// `x`, normalised for part `i`.
    fn norm(&self, i: usize, x: &Array2<f32>) -> Array2<f32> {
        let block = self.block;
        (self.layer_norm)(x.view(), [&block.norm_1, &block.norm_2, &block.norm_3][i])
    }

    /// What part `i` gives for what it sees.
    fn give(&self, i: usize, seen: &Array2<f32>) -> Array2<f32> {
        let (block, seen) = (self.block, seen.view());
        match i {
            0 => (self.own)(&block.self_attention, seen, block.rotary, &self.own_mask),
            1 => (self.cross)(&block.cross_attention, seen, self.memory, self.memory_mask),
            _ => block.feed_forward.apply(seen),
        }
    }

    /// What becomes of `x` when each of these parts in turn is applied by `apply`.
    fn after_each(
        &self,
        x: ArrayView2<f32>,
        parts: &[usize],
        apply: impl Fn(&Self, usize, &Array2<f32>) -> Array2<f32>,
    ) -> Array2<f32> {
        parts.iter().fold(x.to_owned(), |x, &i| apply(self, i, &x))
    }
}

type Apply = fn(&Parts, usize, &Array2<f32>) -> Array2<f32>;

/// As it should be: the part sees x normalised, and is added to x.
fn right(parts: &Parts, i: usize, x: &Array2<f32>) -> Array2<f32> {
    x + &parts.give(i, &parts.norm(i, x))
}

fn raw(parts: &Parts, i: usize, x: &Array2<f32>) -> Array2<f32> {
    x + &parts.give(i, x)
}

fn replaced(parts: &Parts, i: usize, x: &Array2<f32>) -> Array2<f32> {
    parts.give(i, &parts.norm(i, x))
}

fn normalised_residual(parts: &Parts, i: usize, x: &Array2<f32>) -> Array2<f32> {
    let seen = parts.norm(i, x);
    &seen + &parts.give(i, &seen)
}

/// One part is applied wrongly.
fn only(part: usize, wrong: Apply) -> impl Fn(&Parts, usize, &Array2<f32>) -> Array2<f32> {
    move |parts, i, x| {
        if i == part { wrong(parts, i, x) } else { right(parts, i, x) }
    }
}
