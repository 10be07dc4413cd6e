//! What passes from the encoder to the decoder: its last state, or a look back at all of them.

use attn_viz::{Area, Figure, Look, Schematic};

/// Tokens that are read, in these pictures.
const M: usize = 4;

const SUBSCRIPTS: [&str; M + 1] = ["₀", "₁", "₂", "₃", "₄"];

pub fn fixed() -> Figure {
    let mut drawing = Schematic::new(
        "Without a look back: all that was read reaches the decoder through z",
        "An encoder above, a decoder below. The encoder reads the tokens x₁ to x₄, one after the other; each step makes \
         a state from the state before it and a token, h₁ to h₄. Only the last state, h₄, goes on: it is z, a row of d \
         numbers. The decoder begins with z as its state, s₋₁, and takes the steps s₀, s₁ and s₂. Each step reads the \
         token written before, y₀ to y₂, and z again.",
    );
    let states = encoder(&mut drawing);
    let z = Area::new(0.5, 12.0, 34.0, 3.6);
    drawing.block(z, Look::SECOND.strong(), "z = h₄\nall that the decoder gets: d numbers");
    drawing.arrow(states[M - 1], z, "");

    let before = Area::new(0.5, 19.2, 7.0, 3.0);
    drawing.block(before, Look::THIRD.dashed(), "s₋₁ = z");
    drawing.arrow(z, before, "");
    let mut state = before;
    for (t, index) in SUBSCRIPTS[..3].iter().enumerate() {
        let next = drawing.block(state.beside(2.0), Look::THIRD, &format!("s{index}"));
        drawing.arrow(state, next, "");
        drawing.arrow(z, next, if t == 0 { "context" } else { "" });
        let y = Area { y: 25.0, h: 2.4, ..next };
        drawing.block(y, Look::PLAIN, &format!("y{index}"));
        drawing.arrow(y, next, "");
        state = next;
    }
    drawing.note((0.5, 26.2), "decoder");
    drawing.figure()
}

pub fn looking_back() -> Figure {
    let mut drawing = Schematic::new(
        "With a look back: each step has weights and a context of its own",
        "The same encoder: tokens x₁ to x₄ above, states h₁ to h₄ below them, all kept. One step of the decoder, step \
         t: its state before the step, s with index t − 1, is compared with every state of the encoder, s · h. The \
         softmax of these four scores gives four weights, α of t and 1 to 4. The context c of t is the mean of the \
         states under these weights. The step reads the token y of t, followed by the context, and makes the state s \
         of t from the state before. The next step looks back again.",
    );
    let states = encoder(&mut drawing);
    let scores = Area::new(0.5, 12.2, 34.0, 2.6);
    drawing.block(scores, Look::FOURTH, "scores: hⱼ · sₜ₋₁, and their softmax");
    let mut weights = Vec::new();
    for (state, index) in states.iter().zip(&SUBSCRIPTS[1..]) {
        drawing.arrow(*state, scores, "");
        let weight = Area { x: state.x + 1.8, y: 17.0, w: state.w - 1.8, h: 2.4 };
        drawing.block(weight, Look::SECOND, &format!("αₜ{index}"));
        drawing.arrow(scores, weight, "");
        weights.push(weight);
    }
    let context = Area::new(9.5, 22.0, 25.0, 3.6);
    drawing.block(
        context,
        Look::SECOND.strong(),
        "cₜ = Σ αₜⱼ hⱼ\nthe mean of the states: d numbers",
    );
    for weight in &weights[1..] {
        drawing.arrow(*weight, context, "");
    }
    let (x, y) = weights[0].bottom();
    drawing.path(&[(x, y), (x, 23.8), context.left()], "");

    let before = Area::new(0.5, 28.4, 7.0, 3.0);
    drawing.block(before, Look::THIRD, "sₜ₋₁");
    let step = drawing.block(Area::new(14.0, 28.4, 7.0, 3.0), Look::PLAIN, "step");
    let after = drawing.block(Area::new(27.5, 28.4, 7.0, 3.0), Look::THIRD, "sₜ");
    drawing.arrow(before, step, "state");
    drawing.path(&[(1.4, before.y), (1.4, scores.y + scores.h)], "");
    drawing.note((2.0, 25.6), "asks");
    drawing.arrow(step, after, "");
    drawing.arrow(context, step, "context");
    let y = drawing.block(Area::new(14.0, 34.0, 7.0, 2.4), Look::PLAIN, "yₜ");
    drawing.arrow(y, step, "token");
    drawing.figure()
}

/// Tokens above, and below each the state after it.
fn encoder(drawing: &mut Schematic) -> Vec<Area> {
    drawing.note((0.5, 0.6), "encoder");
    let mut states: Vec<Area> = Vec::new();
    for t in 0..M {
        let x = Area::new(0.5 + 9.0 * t as f64, 1.8, 7.0, 2.4);
        drawing.block(x, Look::PLAIN, &format!("x{}", SUBSCRIPTS[t + 1]));
        let state = Area { h: 3.0, ..x.below(2.4) };
        drawing.block(state, Look::FIRST, &format!("h{}", SUBSCRIPTS[t + 1]));
        drawing.arrow(x, state, "");
        if let Some(before) = states.last() {
            drawing.arrow(*before, state, "");
        }
        states.push(state);
    }
    states
}
