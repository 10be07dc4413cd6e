//! What the forms cost, counted.

use crate::{
    cheaper_form,
    given::Form,
    numbers::{
        CACHES, V2, V2_D_MODEL, V2_D_Q, apart_and_together, crossover, flops_per_number, three,
    },
};
use attn_viz::{Axis, Figure, Lines, thousands};

/// How many tokens are kept.
const KEPT: [usize; 2] = [4096, 512];

/// The largest n at which the absorbed form is the cheaper one.
fn last_won(m: usize) -> usize {
    (1..=m).take_while(|&n| cheaper_form(&V2, n, m).cheaper == Form::Absorbed).last().unwrap_or(0)
}

pub fn figure() -> Figure {
    let [many, few] = KEPT;
    let alternative = format!(
        "FLOPs per new token of the naive and of the absorbed form, in one layer of DeepSeek-V2. The naive form's fall as \
         more tokens come at once, since it makes the keys and values once for all of them; the absorbed form's do not. \
         With {many} tokens kept, the two cross behind {} new tokens, with {few} behind {}.",
        last_won(many),
        last_won(few),
    );
    let curve = |form: usize, m: usize| {
        let counts = (0..).map(|i| 1 << i).take_while(move |&n| n <= m);
        counts.map(move |n: usize| (n as f64, three(V2, n, m)[form] as f64 / n as f64 / 1e9))
    };
    let title = "The naive and the absorbed form: work per new token in one layer of DeepSeek-V2, against how many tokens come at once";
    let mut lines = Lines::new(title, &alternative)
        .x(Axis::log("new tokens at once, n").ticks([1.0, 16.0, 128.0, 1024.0, 4096.0]))
        .y(Axis::log("GFLOP per new token").ticks([0.1, 1.0, 10.0, 100.0]));
    for m in KEPT {
        lines = lines
            .series(&format!("naive, m = {m}"), curve(0, m))
            .series(&format!("absorbed, m = {m}"), curve(1, m));
    }
    lines.figure()
}

pub fn table() -> String {
    let mut table = String::from(
        "| new tokens | tokens kept | 1/n − 1/m, times 171 | naive | absorbed | keys and values kept |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let calls = [(1, 4096), (64, 4096), (163, 4096), (164, 4096), (1024, 4096), (4096, 4096)];
    for (n, m) in calls {
        let [naive, absorbed, expanded] = three(V2, n, m).map(|flops| flops as f64 / 1e9);
        let margin = (1.0 / n as f64 - 1.0 / m as f64) * crossover(V2);
        let mark = |is: Form| if cheaper_form(&V2, n, m).cheaper == is { "**" } else { "" };
        let (a, b) = (mark(Form::Naive), mark(Form::Absorbed));
        table += &format!(
            "| {} | {} | {margin:.3} | {a}{}{a} | {b}{}{b} | {} |\n",
            thousands(n),
            thousands(m),
            gflop(naive),
            gflop(absorbed),
            gflop(expanded),
        );
    }
    table
}

fn gflop(x: f64) -> String {
    match x {
        1000.0.. => format!("{:.2}\u{a0}TFLOP", x / 1000.0),
        100.0.. => format!("{x:.0}\u{a0}GFLOP"),
        10.0.. => format!("{x:.1}\u{a0}GFLOP"),
        _ => format!("{x:.2}\u{a0}GFLOP"),
    }
}

/// Why nobody stores the products.
pub fn products() -> String {
    let rows = [
        ("$W_{UQ}$ and $W_{UK}$, for the scores", (V2_D_Q, V2.d, V2.d_c)),
        ("$W_{UV}$ and $W_O$, for the output", (V2.d_c, V2.d_v, V2_D_MODEL)),
    ];
    let mut table = String::from(
        "| one head of V2 | shapes | numbers apart | as one matrix | larger by |\n\
         | --- | --- | ---: | ---: | ---: |\n",
    );
    for (what, (a, b, c)) in rows {
        let (apart, together) = apart_and_together(a, b, c);
        table += &format!(
            "| {what} | {a}×{b}, {b}×{c} | {} | {} | {:.1} times |\n",
            thousands(apart),
            thousands(together),
            together as f64 / apart as f64,
        );
    }
    table
}

/// FLOPs per byte of cache in decoding.
pub fn intensity() -> String {
    let mut table =
        String::from("| kept, at 16 bits | FLOPs per byte that is read |\n| --- | ---: |\n");
    for (name, cache) in CACHES {
        table += &format!("| {name} | {:.0} |\n", flops_per_number(cache, V2.h) / 2.0);
    }
    table
}
