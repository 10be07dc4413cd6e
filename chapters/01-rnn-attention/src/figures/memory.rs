//! The gates of `lstm_step`, in its order.

use attn_viz::{Area, Figure, Look, Schematic};

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "One step of the LSTM: three gates, a candidate, and a cell that is only multiplied and added to",
        "The input x and the state s are multiplied by W_x and W_h and both biases are added: one row of 4d numbers, \
         cut into the blocks input, forget, candidate and output. The gates i, f and o are the sigmoids of their \
         blocks, and g is the tanh of the candidate's. The cell comes in on the right. It is multiplied by f, and i \
         times g is added: that is the cell after. Its tanh times o is the state after.",
    );
    let x = drawing.block(Area::new(0.0, 0.0, 3.6, 2.6), Look::PLAIN, "x");
    let state = drawing.block(Area::new(5.6, 0.0, 5.6, 2.6), Look::THIRD, "state s");
    let cell = drawing.block(Area::new(26.0, 0.0, 8.6, 2.6), Look::THIRD.strong(), "cell");
    let sums = drawing.block(Area::new(0.0, 4.8, 9.4, 3.8), Look::PLAIN, "x Wₓ + s Wₕ\n+ bₓ + bₕ");
    drawing.path(&[x.bottom(), (1.8, 4.8)], "");
    drawing.path(&[state.bottom(), (8.4, 4.8)], "");

    let names = [
        ("input", Look::FIRST, "i = sigmoid"),
        ("forget", Look::SECOND, "f = sigmoid"),
        ("candidate", Look::FOURTH, "g = tanh"),
        ("output", Look::FIRST, "o = sigmoid"),
    ];
    let [input, forget, candidate, output] = std::array::from_fn(|k| {
        let (name, look, part) = names[k];
        let y = sums.y + sums.h + 5.0 * k as f64;
        let from = drawing.block(Area { y, h: 5.0, ..sums }, look, name);
        let part = drawing.block(Area::new(11.8, y + 1.0, 8.8, 3.0), look, part);
        drawing.arrow(from, part, "");
        part
    });

    let middle = |area: Area| area.y + area.h / 2.0;
    let kept = drawing.operation((30.3, middle(forget)), "⊙");
    let written = drawing.operation((24.4, middle(candidate)), "⊙");
    let sum = drawing.operation((30.3, middle(candidate)), "+");
    drawing.arrow(cell, kept, "");
    drawing.arrow(forget, kept, "");
    drawing.arrow(candidate, written, "");
    drawing.path(&[input.right(), (24.4, middle(input)), written.top()], "");
    drawing.arrow(kept, sum, "");
    drawing.arrow(written, sum, "");
    let after = drawing.block(Area::new(26.0, 26.0, 8.6, 2.6), Look::THIRD.strong(), "cell after");
    drawing.arrow(sum, after, "");
    let bent = drawing.block(Area::new(27.3, 30.8, 6.0, 2.6), Look::PLAIN, "tanh");
    drawing.arrow(after, bent, "");
    let shown = drawing.operation((16.2, middle(bent)), "⊙");
    drawing.arrow(bent, shown, "");
    drawing.arrow(output, shown, "");
    let state = drawing.block(Area::new(11.8, 35.4, 8.8, 2.6), Look::THIRD, "state after");
    drawing.arrow(shown, state, "");
    drawing.figure()
}
