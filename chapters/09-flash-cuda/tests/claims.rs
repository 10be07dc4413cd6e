//! What the book's page on this chapter says in words about its tables and figures.

use ch09_flash_cuda::{Device, Inputs, Rung, Sizes, attention_by, figures};
use ptx_sim::Counts;

/// What a rung's kernels count together, on the committed PTX.
fn counted(rung: Rung, sizes: Sizes, causal: bool) -> Counts {
    let program = rung.program(sizes.d).expect("committed");
    let inputs = Inputs::random(1, sizes, causal);
    let outcome = attention_by(&mut Device::simulator(), rung, &program, &inputs, 0);
    let mut total = Counts::default();
    for report in &outcome.expect("it runs").reports {
        total += report.total;
    }
    total
}

fn heads(heads: usize, kv_heads: usize, n: usize, m: usize) -> Sizes {
    Sizes { heads, kv_heads, n, m, d: 64 }
}

/// The cells of a table's row.
fn row(table: &str, name: &str) -> Vec<String> {
    let (_, write) = figures::tables()
        .into_iter()
        .find(|(known, _)| *known == table)
        .expect("a table of the page");
    let text = write();
    let line = text.lines().find(|line| line.starts_with(&format!("| {name} |")));
    let cells = line.unwrap_or_else(|| panic!("no row {name}:\n{text}")).split('|');
    let cells: Vec<String> = cells.map(|cell| cell.trim().to_string()).collect();
    cells[2..cells.len() - 1].to_vec()
}

#[test]
fn figures_are_drawn_and_say_what_they_show() {
    for (name, draw) in figures::figures() {
        assert!(draw().svg("x").contains("<svg"), "{name}");
        assert!(draw().alternative().len() > 40, "{name}");
    }
}

/// “It asks its caches for eight times the bytes of the second.”
#[test]
fn the_first_rung_asks_for_eight_times_the_bytes_of_the_second() {
    let bytes = |rung| counted(rung, heads(1, 1, 128, 128), false).read_bytes as f64;
    let ratio = bytes(Rung::Naive) / bytes(Rung::Tiled);
    assert!((7.5..8.5).contains(&ratio), "{ratio}");
}

/// The third prediction: “of 32 tiles 12 can be skipped, three eighths and not a half”.
#[test]
fn a_causal_mask_skips_three_eighths_of_128_tokens() {
    let barriers = |causal| counted(Rung::Warp, heads(1, 1, 128, 128), causal).barriers;
    // Two a tile.
    assert_eq!((barriers(false) / 2, barriers(true) / 2), (32, 20));
}

/// “The grouped kernel reads an eighth”, “the split kernel reads everything for each head”.
#[test]
fn grouped_heads_read_an_eighth_of_what_heads_on_their_own_read() {
    let bytes = |rung| counted(rung, heads(8, 1, 1, 256), false).read_bytes as f64;
    let (warp, gqa, split) = (bytes(Rung::Warp), bytes(Rung::Gqa), bytes(Rung::Split));
    assert!((0.12..0.13).contains(&(gqa / warp)), "{}", gqa / warp);
    assert!((1.0..1.05).contains(&(split / warp)), "{}", split / warp);
}

/// “The second rung is bound by shared memory”; and the third still is, by less.
#[test]
fn shared_memory_bounds_the_second_and_third_rung() {
    let (tiled, warp) = (row("ch09/bounds", "tiled"), row("ch09/bounds", "warp"));
    assert_eq!(tiled.len(), 4);
    for (tiled, warp) in tiled.iter().zip(&warp) {
        assert!(tiled.ends_with("µs, shared memory"), "{tiled}");
        assert!(warp.ends_with("µs, shared memory"), "{warp}");
        let time = |cell: &str| -> f64 { cell.split(' ').next().unwrap().parse().unwrap() };
        assert!(time(warp) < 0.6 * time(tiled), "{warp} and {tiled}");
    }
}

/// “Less than a tenth of the third's instructions and wavefronts”, and what bounds the tensor cores' rungs; none on a T4.
#[test]
fn tensor_cores_take_a_tenth_of_the_instructions_and_wavefronts() {
    let of = |rung| counted(rung, heads(16, 16, 128, 128), false);
    let warp = of(Rung::Warp);
    for rung in [Rung::Tensor, Rung::Pipelined] {
        let tensor = of(rung);
        assert!(10 * tensor.instructions < warp.instructions, "{tensor:?}");
        assert!(10 * tensor.wavefronts < warp.wavefronts, "{tensor:?}");
        // The two products.
        assert_eq!(tensor.tensor_flops, 4 * 16 * 128 * 128 * 64);
        let bounds = row("ch09/bounds", rung.name());
        assert_eq!(bounds[0], "none");
        for (bound, resource) in
            bounds[1..].iter().zip(["instruction issue", "tensor cores", "instruction issue"])
        {
            assert!(bound.ends_with(&format!("µs, {resource}")), "{bound}");
        }
    }
}
