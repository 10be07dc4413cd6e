//! 10.10 `preempt`

use crate::given::{Preemption, Prices, Running, Way};
use attn_exercise::{Field, Fields, Given, Input, Sizes, exercise, field};
use serde::{Deserialize, Serialize};

/// Who gives way, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chosen(Option<Preemption>);

impl Fields for Chosen {
    fn fields(&self) -> Vec<Field> {
        let Some(Preemption { id, way, swap, recompute }) = self.0 else {
            return vec![field("who gives way", "nobody".to_string())];
        };
        vec![
            field("who gives way", format!("request {id}")),
            field("how", format!("{way:?}")),
            field("seconds of a swap", swap),
            field("seconds of a recomputation", recompute),
        ]
    }
}

impl Given for Prices {
    fn fields(&self, _name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        let Prices { block_bytes, link, parameters, peak } = *self;
        let named = [
            ("block_bytes", block_bytes),
            ("link", link),
            ("parameters", parameters),
            ("peak", peak),
        ];
        named.map(|(name, number)| field(name, number)).into()
    }
}

impl Input for Prices {
    type Passed<'a> = Prices;

    fn pass(&self) -> Prices {
        *self
    }

    fn altered(&self) -> Vec<Self> {
        vec![
            Prices { block_bytes: 3.0 * self.block_bytes, ..*self },
            Prices { link: 3.0 * self.link, ..*self },
            Prices { parameters: 3.0 * self.parameters, ..*self },
            Prices { peak: 3.0 * self.peak, ..*self },
        ]
    }
}

exercise! {
    /// The requests that are running, and what moving and computing cost.
    crate::preempt as fn(&[Running], Prices) -> Option<Preemption>: (running: Vec<Running>, prices: Prices) -> Chosen;
    answer: |preempt, c| Chosen(c.call(preempt));

    exact: |c| {
        let mut sorted = c.running.clone();
        sorted.sort_by_key(|request| std::cmp::Reverse(request.arrived));
        Chosen(sorted.first().map(|request| {
            let bytes = request.blocks as f64 * c.prices.block_bytes;
            let swap = bytes / c.prices.link + bytes / c.prices.link;
            let recompute = request.tokens as f64 * (c.prices.parameters + c.prices.parameters) / c.prices.peak;
            Preemption { id: request.id, way: if recompute <= swap { Way::Recompute } else { Way::Swap }, swap, recompute }
        }))
    };

    cases: |random| {
        // (id, arrived, tokens, blocks)
        let of = |about: &str, running: &[(usize, usize, usize, usize)], [block_bytes, link, parameters, peak]: [f64; 4]| {
            let running = running.iter().map(|&(id, arrived, tokens, blocks)| Running { id, arrived, tokens, blocks });
            case(about, (running.collect(), Prices { block_bytes, link, parameters, peak }))
        };
        // OPT-13B in 16 bits with blocks of 16 tokens on an A100: 800 KB per token, 32 GB/s, 312 TFLOP/s.
        let opt = [16.0 * 819_200.0, 32e9, 13e9, 312e12];
        let slow_link = [16.0 * 819_200.0, 8e9, 13e9, 312e12];
        let mut cases = vec![
            of("by hand: 40 seconds against 50", &[(3, 9, 30, 2), (5, 4, 80, 5)], [100.0, 10.0, 50.0, 60.0]),
            of("computing is faster", &[(3, 9, 30, 2), (5, 4, 80, 5)], [100.0, 4.0, 50.0, 60.0]),
            of("equally fast", &[(1, 2, 40, 3), (0, 1, 10, 1)], [80.0, 6.0, 5.0, 5.0]),
            of("nothing is running", &[], [100.0, 10.0, 50.0, 60.0]),
            of("one request", &[(7, 0, 5, 1)], [10.0, 2.0, 3.0, 2.0]),
            of("the last arrived stands first", &[(0, 8, 20, 2), (1, 5, 30, 2), (2, 2, 9, 1)], [10.0, 2.0, 3.0, 4.0]),
            of("the last arrived stands in the middle", &[(4, 3, 20, 2), (1, 5, 3, 1), (2, 2, 90, 6)], [10.0, 2.0, 3.0, 4.0]),
            of("the last arrived holds most", &[(4, 3, 20, 2), (1, 9, 300, 19), (2, 2, 9, 1)], [10.0, 2.0, 3.0, 4.0]),
            of("the largest number is not the last arrived", &[(9, 1, 20, 2), (3, 4, 17, 2), (5, 3, 16, 1)], [10.0, 2.0, 3.0, 4.0]),
            of("a last block that is hardly used", &[(0, 1, 64, 4), (1, 2, 65, 5)], [16.0, 1.0, 1.0, 1.0]),
            of("OPT-13B, 1,000 tokens", &[(0, 1, 500, 32), (1, 2, 1000, 63)], opt),
            of("OPT-13B over a slow link", &[(0, 1, 500, 32), (1, 2, 1000, 63)], slow_link),
            of("a swap there only would be faster", &[(6, 4, 20, 3), (2, 1, 5, 1)], [10.0, 1.0, 1.0, 1.0]),
            of("a swap of one block would be faster", &[(6, 4, 10, 4), (2, 1, 5, 1)], [9.0, 1.0, 1.0, 1.0]),
        ];
        for n in [1, 2, 3, 5, 8] {
            let order = super::slot::permutation(random, n);
            let running = (0..n).map(|i| {
                let tokens = 1 + random.below(100);
                Running { id: (5 * i + 2) % 41, arrived: 3 * order[i] + 1, tokens, blocks: tokens.div_ceil(16) }
            });
            let running = running.collect();
            let prices = Prices { block_bytes: 1.0 + random.below(200) as f64, link: 4.0, parameters: 1.0 + random.below(9) as f64, peak: 2.0 };
            cases.push(case("random", (running, prices)));
        }
        cases
    };

    right (running, prices) {
        "folded" => {
            let last = running.iter().copied().reduce(|a, b| if b.arrived > a.arrived { b } else { a })?;
            let bytes = last.blocks as f64 * prices.block_bytes;
            let (swap, recompute) = (2.0 * (bytes / prices.link), last.tokens as f64 * 2.0 * prices.parameters / prices.peak);
            let way = if recompute > swap { Way::Swap } else { Way::Recompute };
            Some(Preemption { id: last.id, way, swap, recompute })
        };
        "sorted" => {
            let mut running = running.to_vec();
            running.sort_by_key(|request| request.arrived);
            let Running { id, tokens, blocks, .. } = running.pop()?;
            let swap = prices.block_bytes * (2 * blocks) as f64 / prices.link;
            let recompute = prices.parameters * (2 * tokens) as f64 / prices.peak;
            Some(Preemption { id, way: if swap >= recompute { Way::Recompute } else { Way::Swap }, swap, recompute })
        };
        "a loop" => {
            let mut chosen: Option<&Running> = None;
            for request in running {
                if chosen.is_none_or(|other| other.arrived < request.arrived) {
                    chosen = Some(request);
                }
            }
            chosen.map(|last| priced(last, prices))
        };
    }

    mistakes (running, prices) {
        "first-arrived": "the request that arrived first gives way: it has waited longest, and all its work is lost"
            => running.iter().min_by_key(|request| request.arrived).map(|request| priced(request, prices));
        "last-in-the-list": "the last in the list gives way; it need not be the one that arrived last"
            => running.last().map(|request| priced(request, prices));
        "first-in-the-list": "the first in the list gives way"
            => running.first().map(|request| priced(request, prices));
        "most-blocks": "the request with the most blocks gives way; it is the one that arrived last"
            => running.iter().max_by_key(|request| request.blocks).map(|request| priced(request, prices));
        "fewest-tokens": "the request with the fewest tokens gives way, which is cheapest; it is the one that arrived last"
            => running.iter().min_by_key(|request| request.tokens).map(|request| priced(request, prices));
        "largest-number": "the request with the largest number gives way; it need not have arrived last"
            => running.iter().max_by_key(|request| request.id).map(|request| priced(request, prices));
        "there-only": "the way back is forgotten: a swap moves the blocks twice"
            => last(running).map(|request| ways(request, prices.block_bytes * request.blocks as f64 / prices.link, recompute(request, prices)));
        "tokens-moved": "a swap moves as many blocks as there are tokens"
            => last(running).map(|request| ways(request, 2.0 * request.tokens as f64 * prices.block_bytes / prices.link, recompute(request, prices)));
        "one-block": "a swap moves a single block; a request is moved as a whole, since it cannot go on without any of them"
            => last(running).map(|request| ways(request, 2.0 * prices.block_bytes / prices.link, recompute(request, prices)));
        "in-proportion": "a swap moves what is in use of the blocks, in sixteenths; whole blocks are moved"
            => last(running).map(|request| ways(request, 2.0 * request.tokens as f64 / 16.0 * prices.block_bytes / prices.link, recompute(request, prices)));
        "one-flop": "each weight is counted as one FLOP per token; it is a multiplication and an addition"
            => last(running).map(|request| ways(request, swap(request, prices), prices.parameters * request.tokens as f64 / prices.peak));
        "one-token": "a single token is computed again; it is all of them"
            => last(running).map(|request| ways(request, swap(request, prices), 2.0 * prices.parameters / prices.peak));
        "blocks-computed": "a recomputation counts the blocks instead of the tokens"
            => last(running).map(|request| ways(request, swap(request, prices), 2.0 * prices.parameters * request.blocks as f64 / prices.peak));
        "slower": "the slower of the two ways is chosen"
            => crate::preempt(running, prices).map(|chosen| Preemption { way: other(chosen.way), ..chosen });
        "always-swap": "a swap is always chosen"
            => crate::preempt(running, prices).map(|chosen| Preemption { way: Way::Swap, ..chosen });
        "always-recompute": "a recomputation is always chosen"
            => crate::preempt(running, prices).map(|chosen| Preemption { way: Way::Recompute, ..chosen });
        "swap-if-equal": "a swap is chosen where both take equally long; it is chosen if it is faster"
            => crate::preempt(running, prices).map(|chosen| Preemption { way: if chosen.swap <= chosen.recompute { Way::Swap } else { Way::Recompute }, ..chosen });
        "bytes-and-flops": "bytes are compared with FLOPs, without dividing by what the machine does in a second"
            => last(running).map(|request| {
                let (bytes, flop) = (2.0 * request.blocks as f64 * prices.block_bytes, 2.0 * prices.parameters * request.tokens as f64);
                Preemption { way: if bytes < flop { Way::Swap } else { Way::Recompute }, ..priced(request, prices) }
            });
        "times-swapped": "the two times have changed places"
            => crate::preempt(running, prices).map(|chosen| Preemption { swap: chosen.recompute, recompute: chosen.swap, ..chosen });
        "panics": "nothing is running, and `unwrap` panics"
            => Some(crate::preempt(running, prices).expect("called `Option::unwrap()` on a `None` value"));
    }
}

fn last(running: &[Running]) -> Option<&Running> {
    running.iter().max_by_key(|request| request.arrived)
}

fn swap(request: &Running, prices: Prices) -> f64 {
    2.0 * request.blocks as f64 * prices.block_bytes / prices.link
}

fn recompute(request: &Running, prices: Prices) -> f64 {
    2.0 * prices.parameters * request.tokens as f64 / prices.peak
}

fn ways(request: &Running, swap: f64, recompute: f64) -> Preemption {
    let way = if swap < recompute { Way::Swap } else { Way::Recompute };
    Preemption { id: request.id, way, swap, recompute }
}

fn priced(request: &Running, prices: Prices) -> Preemption {
    ways(request, swap(request, prices), recompute(request, prices))
}

fn other(way: Way) -> Way {
    match way {
        Way::Swap => Way::Recompute,
        Way::Recompute => Way::Swap,
    }
}
