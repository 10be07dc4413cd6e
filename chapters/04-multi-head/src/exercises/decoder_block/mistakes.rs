//! Wrong answers to 4.7.

use super::Body;
use crate::{
    given::{DecoderBlock, LayerNorm},
    layer_norm, multi_head_attention, rotary_self_attention,
};
use attn_core::Mask;
use attn_exercise::Mistake;
use ndarray::{Array2, ArrayView2};

/// The three parts of a block, each seeing a normalised sequence.
struct Parts<'a> {
    block: &'a DecoderBlock,
    memory: ArrayView2<'a, f32>,
    memory_mask: &'a Mask,
}

impl Parts<'_> {
    fn own(&self, seen: &Array2<f32>, mask: &Mask) -> Array2<f32> {
        let layer = &self.block.self_attention;
        rotary_self_attention(layer, seen.view(), self.block.rotary, mask)
    }

    fn cross(&self, seen: &Array2<f32>) -> Array2<f32> {
        let layer = &self.block.cross_attention;
        multi_head_attention(layer, seen.view(), self.memory, self.memory_mask)
    }

    fn network(&self, seen: &Array2<f32>) -> Array2<f32> {
        self.block.feed_forward.apply(seen.view())
    }
}

fn parts<'a>(
    block: &'a DecoderBlock,
    memory: ArrayView2<'a, f32>,
    memory_mask: &'a Mask,
) -> Parts<'a> {
    Parts {
        block,
        memory,
        memory_mask,
    }
}

fn norm(x: &Array2<f32>, norm: &LayerNorm) -> Array2<f32> {
    layer_norm(x.view(), norm)
}

pub fn all() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "not-causal",
            when: "the self-attention of the decoder is not masked, so that tokens see their future",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::None);
                let x = &x + &parts.cross(&norm(&x, &block.norm_2));
                &x + &parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "no-residual",
            when: "each part replaces x instead of being added to it",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal);
                let x = parts.cross(&norm(&x, &block.norm_2));
                parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "last-residual-missing",
            when: "what the feed-forward network gives is not added to x",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal);
                let x = &x + &parts.cross(&norm(&x, &block.norm_2));
                parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "normalised-residual",
            when: "the parts are added to the normalised x instead of x itself",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = layer_norm(x, &block.norm_1);
                let x = &x + &parts.own(&x, &Mask::Causal);
                let x = norm(&x, &block.norm_2);
                let x = &x + &parts.cross(&x);
                let x = norm(&x, &block.norm_3);
                &x + &parts.network(&x)
            },
        },
        Mistake {
            name: "norm-after",
            when: "the norm stands after each addition, as in the first Transformer, instead of before each part",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = x.to_owned();
                let x = norm(&(&x + &parts.own(&x, &Mask::Causal)), &block.norm_1);
                let x = norm(&(&x + &parts.cross(&x)), &block.norm_2);
                norm(&(&x + &parts.network(&x)), &block.norm_3)
            },
        },
        Mistake {
            name: "no-norm",
            when: "the parts see x as it is: nothing is normalised",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&x.to_owned(), &Mask::Causal);
                let x = &x + &parts.cross(&x);
                &x + &parts.network(&x)
            },
        },
        Mistake {
            name: "one-norm-for-all",
            when: "all three parts use the first norm's weights",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal);
                let x = &x + &parts.cross(&norm(&x, &block.norm_1));
                &x + &parts.network(&norm(&x, &block.norm_1))
            },
        },
        Mistake {
            name: "cross-before-self",
            when: "cross-attention comes before self-attention",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.cross(&layer_norm(x, &block.norm_2));
                let x = &x + &parts.own(&norm(&x, &block.norm_1), &Mask::Causal);
                &x + &parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "side-by-side",
            when: "all three parts see the block's input, instead of each what the one before has left",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal)
                    + &parts.cross(&layer_norm(x, &block.norm_2))
                    + &parts.network(&layer_norm(x, &block.norm_3))
            },
        },
        Mistake {
            name: "no-cross",
            when: "the memory is not looked at: cross-attention is missing",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal);
                &x + &parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "no-network",
            when: "the feed-forward network is missing",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal);
                &x + &parts.cross(&norm(&x, &block.norm_2))
            },
        },
        Mistake {
            name: "memory-mask-ignored",
            when: "cross-attention sees all of the memory, its padding too",
            body: |block, x, memory, _| crate::decoder_block(block, x, memory, &Mask::None),
        },
        Mistake {
            name: "causal-cross",
            when: "cross-attention is causal too: every token may see all of the memory that the mask allows",
            body: |block, x, memory, memory_mask| {
                let mask = Mask::All(vec![Mask::Causal, memory_mask.clone()]);
                crate::decoder_block(block, x, memory, &mask)
            },
        },
        Mistake {
            name: "no-positions",
            when: "the self-attention is the one without positions",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let seen = layer_norm(x, &block.norm_1);
                let layer = &block.self_attention;
                let own = multi_head_attention(layer, seen.view(), seen.view(), &Mask::Causal);
                let x = &x + &own;
                let x = &x + &parts.cross(&norm(&x, &block.norm_2));
                &x + &parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "layers-swapped",
            when: "the weights of self- and cross-attention are exchanged",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let seen = layer_norm(x, &block.norm_1);
                let own = &block.cross_attention;
                let own = rotary_self_attention(own, seen.view(), block.rotary, &Mask::Causal);
                let x = &x + &own;
                let seen = norm(&x, &block.norm_2);
                let cross = &block.self_attention;
                let x = &x + &multi_head_attention(cross, seen.view(), memory, memory_mask);
                &x + &parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "self-weights-for-cross",
            when: "cross-attention uses the weights of self-attention",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal);
                let seen = norm(&x, &block.norm_2);
                let cross = &block.self_attention;
                let x = &x + &multi_head_attention(cross, seen.view(), memory, memory_mask);
                &x + &parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "causal-for-the-memory",
            when: "cross-attention gets the causal mask instead of the memory's",
            body: |block, x, memory, _| crate::decoder_block(block, x, memory, &Mask::Causal),
        },
        Mistake {
            name: "cross-on-the-input",
            when: "what cross-attention finds is added to the block's input, so that what self-attention added is lost",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let after = &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal);
                let x = &x + &parts.cross(&norm(&after, &block.norm_2));
                &x + &parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "stale-norm",
            when: "the first normalised x is used for all three parts: it has to be normalised anew after each addition",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let seen = layer_norm(x, &block.norm_1);
                let x = &x + &parts.own(&seen, &Mask::Causal);
                let x = &x + &parts.cross(&seen);
                &x + &parts.network(&seen)
            },
        },
        Mistake {
            name: "raw-self",
            when: "self-attention sees x as it is, not normalised",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&x.to_owned(), &Mask::Causal);
                let x = &x + &parts.cross(&norm(&x, &block.norm_2));
                &x + &parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "raw-cross",
            when: "cross-attention sees x as it is, not normalised",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal);
                let x = &x + &parts.cross(&x);
                &x + &parts.network(&norm(&x, &block.norm_3))
            },
        },
        Mistake {
            name: "raw-network",
            when: "the feed-forward network sees x as it is, not normalised",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal);
                let x = &x + &parts.cross(&norm(&x, &block.norm_2));
                &x + &parts.network(&x)
            },
        },
        Mistake {
            name: "norms-swapped",
            when: "norm_2 and norm_3 are exchanged",
            body: |block, x, memory, memory_mask| {
                let parts = parts(block, memory, memory_mask);
                let x = &x + &parts.own(&layer_norm(x, &block.norm_1), &Mask::Causal);
                let x = &x + &parts.cross(&norm(&x, &block.norm_3));
                &x + &parts.network(&norm(&x, &block.norm_2))
            },
        },
        Mistake {
            name: "memory-normalised",
            when: "the memory is normalised before cross-attention; it comes from the encoder as it should be",
            body: |block, x, memory, memory_mask| {
                let seen = layer_norm(memory, &block.norm_2);
                crate::decoder_block(block, x, seen.view(), memory_mask)
            },
        },
    ]
}
