//! What a state gives back of what was written into it.

use crate::recall::{Keys, Memory, error_back, mean_recalled};
use attn_viz::{Axis, Figure, Lines};

const PAIRS: [usize; 8] = [2, 4, 8, 16, 32, 64, 128, 256];

fn told(name: &str, points: &[(f64, f64)]) -> String {
    let each: Vec<String> =
        points.iter().map(|(pairs, share)| format!("{pairs:.0}: {share:.0}")).collect();
    format!("{name}: {}", each.join(", "))
}

pub fn widths() -> Figure {
    let series = [
        ("sum, d = 16", Memory::Additive, 16),
        ("sum, d = 32", Memory::Additive, 32),
        ("sum, d = 64", Memory::Additive, 64),
        ("softmax, d = 16", Memory::Softmax, 16),
    ];
    let series = series.map(|(name, memory, d)| {
        let share = |pairs| 100.0 * mean_recalled(memory, Keys::Random, d, pairs);
        (name, PAIRS.map(|pairs| (pairs as f64, share(pairs))))
    });
    let each: Vec<String> = series.iter().map(|(name, points)| told(name, points)).collect();
    let alternative = format!("Per cent recalled, by the number of pairs. {}.", each.join("; "));
    let mut lines = Lines::new(
        "Pairs that a sum of k vᵀ gives back: the wider the state, the more",
        &alternative,
    )
    .x(Axis::log("pairs that were written").ticks([2.0, 8.0, 32.0, 128.0]))
    .y(Axis::linear("recalled (%)"));
    for (name, points) in series {
        lines = lines.series(name, points);
    }
    lines.figure()
}

pub fn rules() -> Figure {
    let backs = [0, 1, 3, 7, 15, 31, 63];
    let series =
        [("sum", Memory::Additive), ("delta rule", Memory::Delta)].map(|(name, memory)| {
            (name, backs.map(|back| ((back + 1) as f64, 100.0 * error_back(memory, 32, back))))
        });
    let each: Vec<String> = series.iter().map(|(name, points)| told(name, points)).collect();
    let alternative = format!(
        "Error of what is read, in per cent of the value, by how many pairs ago it was written. {}.",
        each.join("; ")
    );
    let mut lines = Lines::new(
        "A state of 32 × 32 after 128 pairs: how far what is read is from what was written",
        &alternative,
    )
    .x(Axis::log("pairs ago, the last one is 1").ticks([1.0, 4.0, 16.0, 64.0]))
    .y(Axis::linear("error (% of the value)"));
    for (name, points) in series {
        lines = lines.series(name, points);
    }
    lines.figure()
}

pub fn table() -> String {
    let mut table = String::from(
        "| pairs | random keys: sum | delta rule | keys alike: sum | delta rule | written twice: sum | delta rule |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for pairs in PAIRS {
        table += &format!("| {pairs} |");
        for keys in [Keys::Random, Keys::Alike, Keys::Rewritten] {
            for memory in [Memory::Additive, Memory::Delta] {
                table +=
                    &format!(" {:.0}\u{a0}% |", 100.0 * mean_recalled(memory, keys, 32, pairs));
            }
        }
        table.push('\n');
    }
    table
}
