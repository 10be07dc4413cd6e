use crate::given::{Preemption, Prices, Running, Way};

// ANCHOR: preempt
/// Who gives way when no block is free, and how: the request that arrived last, with all its blocks. It
/// is swapped if that is faster than computing its cache again, there and back together.
///
/// A swap moves whole blocks, also what is empty in the last one. To compute n tokens again takes
/// 2·n·`parameters` FLOPs. `None` if nothing is running.
///
/// Source: Kwon et al. (2309.06180) §4.5.
///
/// ```
/// use ch10_paged::{given::{Prices, Running, Way}, preempt};
/// let running = [Running { id: 3, arrived: 9, tokens: 30, blocks: 2 }];
/// let prices = Prices { block_bytes: 100.0, link: 10.0, parameters: 50.0, peak: 60.0 };
/// let chosen = preempt(&running, prices).unwrap();
/// assert_eq!((chosen.swap, chosen.recompute, chosen.way), (40.0, 50.0, Way::Swap));
/// ```
pub fn preempt(running: &[Running], prices: Prices) -> Option<Preemption> {
    // SOLUTION 10.10: the last arrived, and the cheaper way
    let last = running.iter().max_by_key(|request| request.arrived)?;
    let swap = 2.0 * last.blocks as f64 * prices.block_bytes / prices.link;
    let recompute = 2.0 * prices.parameters * last.tokens as f64 / prices.peak;
    let way = if swap < recompute { Way::Swap } else { Way::Recompute };
    Some(Preemption { id: last.id, way, swap, recompute })
    // END SOLUTION
}
// ANCHOR_END: preempt
