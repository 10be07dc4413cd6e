//! The gates of `gru_step`, in its order.

use attn_viz::{Area, Figure, Look, Schematic};

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "One step of the GRU: two gates, a candidate, and a mixture",
        "The input x is multiplied by W_x and the state s by W_h, and each gets its bias: two rows of 3d numbers, cut \
         into the blocks reset, update and candidate. The reset gate r is the sigmoid of the sum of the two reset \
         blocks; the update gate u is the sigmoid of the sum of the two update blocks. The candidate is the tanh of \
         its block from x plus r times its block from s: the reset comes after the product with W_h. The state after \
         is (1 − u) times the candidate plus u times the old state.",
    );
    let x = drawing.block(Area::new(0.0, 0.0, 8.6, 2.6), Look::PLAIN, "x");
    let state = drawing.block(Area::new(24.8, 0.0, 8.6, 2.6), Look::THIRD, "state s");
    let from_x = drawing.block(Area::new(0.0, 5.0, 8.6, 2.6), Look::PLAIN, "x Wₓ + bₓ");
    let from_state = drawing.block(Area::new(24.8, 5.0, 8.6, 2.6), Look::PLAIN, "s Wₕ + bₕ");
    drawing.arrow(x, from_x, "");
    drawing.arrow(state, from_state, "");
    // The three blocks of each, one below the other.
    let row = |side: Area, i: usize| Area { y: 7.6 + 6.0 * i as f64, h: 6.0, ..side };
    for side in [from_x, from_state] {
        for (i, (name, look)) in
            [("reset", Look::FIRST), ("update", Look::SECOND), ("candidate", Look::FOURTH)]
                .into_iter()
                .enumerate()
        {
            drawing.block(row(side, i), look, name);
        }
    }

    let reset = drawing.block(Area::new(11.0, 9.1, 11.4, 3.0), Look::FIRST, "r = sigmoid");
    let update = drawing.block(Area::new(11.0, 15.1, 9.4, 3.0), Look::SECOND, "u = sigmoid");
    let candidate = drawing.block(Area::new(13.0, 21.1, 6.0, 3.0), Look::FOURTH, "tanh");
    for gate in [(0, reset), (1, update)] {
        drawing.arrow(row(from_x, gate.0), gate.1, "");
        drawing.arrow(row(from_state, gate.0), gate.1, "");
    }
    let times = drawing.operation((21.6, 22.6), "⊙");
    drawing.path(&[(21.6, 12.1), times.top()], "");
    drawing.arrow(row(from_state, 2), times, "");
    drawing.arrow(times, candidate, "");
    drawing.arrow(row(from_x, 2), candidate, "");

    let after = Area::new(5.0, 29.0, 28.0, 4.0);
    drawing.block(after, Look::THIRD.strong(), "(1 − u) ⊙ candidate + u ⊙ s\nthe state after");
    drawing.arrow(candidate, after, "candidate");
    drawing.path_in(Look::SECOND, &[(11.8, 18.1), (11.8, 29.0)], "");
    drawing.note((10.4, 27.0), "u");
    drawing.path_in(
        Look::THIRD,
        &[state.right(), (34.5, 1.3), (34.5, 27.0), (30.0, 27.0), (30.0, 29.0)],
        "",
    );
    drawing.note((28.4, 27.8), "s");
    drawing.figure()
}
