//! The patterns of the chapter by name.

use crate::given::{Pattern, draw_keys};
use attn_core::random::Random;

/// A pattern, its name, and for how many tokens it is.
pub type Named = (&'static str, Pattern);

/// Six patterns for `n` tokens.
pub fn patterns(n: usize) -> Vec<Named> {
    let both = Pattern { causal: false, ..Pattern::window(5) };
    let random = draw_keys(&mut Random::new(4), n, 2);
    vec![
        ("causal, all", Pattern::window(n)),
        ("causal window", Pattern::window(4)),
        ("dilated", Pattern { dilation: 2, ..Pattern::window(4) }),
        ("window, both sides", both.clone()),
        ("Longformer", Pattern { globals: vec![0], ..both.clone() }),
        ("BigBird", Pattern { window: 3, globals: vec![0], random, ..both }),
    ]
}
