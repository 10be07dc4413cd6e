//! How much arithmetic a step of decoding does with each number of the cache.

/// FLOPs per number of the cache that is read: a multiplication and an addition for each query head of
/// the group.
///
/// ```
/// use ch06_mqa_gqa::figures::intensity::flop_per_number;
/// assert_eq!(flop_per_number(32, 8), 8);
/// ```
pub fn flop_per_number(h: u64, h_kv: u64) -> u64 {
    2 * h / h_kv
}

pub(super) fn table() -> String {
    let mut table = String::from(
        "| 32 query heads on | the cache, of what it was | FLOPs per number read | per byte, 16 bits a number |\n\
         | --- | ---: | ---: | ---: |\n",
    );
    for (name, h_kv) in [("32 (MHA)", 32), ("8 (GQA)", 8), ("4 (GQA)", 4), ("1 (MQA)", 1)] {
        let flop = flop_per_number(32, h_kv);
        let share = 100.0 * h_kv as f64 / 32.0;
        let share =
            if share.fract() == 0.0 { format!("{share:.0}") } else { format!("{share:.1}") };
        table += &format!("| {name} | {share}\u{a0}% | {flop} | {} |\n", flop / 2);
    }
    table
}
