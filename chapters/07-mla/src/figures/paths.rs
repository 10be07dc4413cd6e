//! The paths of latent attention: what is kept of a token, and the two ways to use it.

use attn_viz::{Area, Figure, Look, Schematic};

pub fn kept() -> Figure {
    let mut drawing = Schematic::new(
        "What is kept of a token, and what is made of the token that asks",
        "A token x goes three ways. By W_DKV and a norm it becomes the latent c, which is kept; by W_KR and a rotation it \
         becomes the rotary key, which is kept too, one for all heads. By W_DQ and a norm it becomes the latent of the \
         queries, which is not kept; from that, each head makes a content query by W_UQ, and a rotary query by W_QR and \
         a rotation.",
    );
    let x = drawing.block(Area::new(12.0, 0.0, 10.0, 4.0), Look::PLAIN, "x\nd_model");
    let level = 8.4;
    let latent =
        drawing.block(Area::new(0.0, level, 10.4, 4.0), Look::PLAIN, "W_DKV, norm\nno position");
    let rotary = drawing.block(
        Area::new(11.8, level, 10.4, 4.0),
        Look::PLAIN,
        "W_KR, turn\nby the position",
    );
    let source =
        drawing.block(Area::new(23.6, level, 10.4, 4.0), Look::PLAIN, "W_DQ, norm\nor x itself");
    for to in [latent, rotary, source] {
        drawing.arrow(x, to, "");
    }
    drawing.group(Area::new(0.0, 16.0, 22.2, 8.4), Look::FIRST, "kept");
    let c = drawing.block(Area::new(0.8, 18.8, 9.0, 4.4), Look::FIRST.strong(), "c\nd_c numbers");
    let k_r =
        drawing.block(Area::new(12.6, 18.8, 9.0, 4.4), Look::FIRST.strong(), "k_r\nd_r, all heads");
    drawing.arrow(latent, c, "");
    drawing.arrow(rotary, k_r, "");
    let q = drawing.block(Area::new(23.6, 18.8, 10.4, 4.4), Look::SECOND, "q, q_r\nof each head");
    drawing.arrow(source, q, "");
    drawing.figure()
}

pub fn forms() -> Figure {
    let mut drawing = Schematic::new(
        "The naive form makes keys and values of every latent; the absorbed form takes the query to the latents",
        "Two columns, one head each, read downwards. Naive: the m latents c become m keys by W_UK and m values by W_UV; the \
         query meets the keys, the rotary parts are added, softmax; the weights sum the values to the head. Absorbed: \
         the query goes through W_UK transposed, once; it meets the latents themselves, the rotary parts are added, \
         softmax; the weights sum the latents, and the sum goes through W_UV, once. Both give the same head.",
    );
    naive(&mut drawing);
    absorbed(&mut drawing);
    drawing.figure()
}

const BOX: (f64, f64) = (8.0, 4.0);
/// Where the second column of a form begins.
const SECOND: f64 = 9.0;

fn naive(drawing: &mut Schematic) {
    let at = |x: f64, y: f64| Area::new(x, y, BOX.0, BOX.1);
    drawing.centred((8.5, 0.8), "naive");
    let q = drawing.block(at(0.0, 2.4), Look::SECOND, "q, q_r\nn queries");
    let c = drawing.block(at(SECOND, 2.4), Look::FIRST.strong(), "c, k_r\nm tokens");
    let k = drawing.block(at(4.2, 10.0), Look::THIRD, "m keys\nk = c W_UK");
    let scores = Area::new(0.0, 17.6, 12.2, BOX.1);
    let scores = drawing.block(scores, Look::PLAIN, "q · k + q_r · k_r\nover √(d + d_r)");
    let v = drawing.block(at(SECOND, 25.0), Look::THIRD, "m values\nv = c W_UV");
    let head = Area::new(0.0, 32.6, 12.2, BOX.1);
    let head = drawing.block(head, Look::PLAIN, "head\nweights · v");
    drawing.path(&[(2.1, q.bottom().1), (2.1, scores.y)], "");
    drawing.path(&[(10.6, c.bottom().1), (10.6, k.y)], "");
    drawing.arrow(k, scores, "");
    let (x, level) = (13.6, scores.middle().1);
    drawing.path(&[(x, c.bottom().1), (x, level), scores.right()], "");
    drawing.path(&[(15.6, c.bottom().1), (15.6, v.y)], "");
    drawing.path(&[(4.0, scores.bottom().1), (4.0, head.y)], "");
    drawing.path(&[(10.6, v.bottom().1), (10.6, head.y)], "");
    drawing.note((4.7, 23.4), "softmax");
}

fn absorbed(drawing: &mut Schematic) {
    let left = 18.0;
    let at = |x: f64, y: f64| Area::new(left + x, y, BOX.0, BOX.1);
    drawing.centred((left + 8.5, 0.8), "absorbed");
    let q = drawing.block(at(0.0, 2.4), Look::SECOND, "q, q_r\nn queries");
    let c = drawing.block(at(SECOND, 2.4), Look::FIRST.strong(), "c, k_r\nm tokens");
    let carried = drawing.block(at(0.0, 10.0), Look::THIRD, "n queries q̃\nq̃ = q W_UKᵀ");
    let scores = Area::new(left, 17.6, 12.2, BOX.1);
    let scores = drawing.block(scores, Look::PLAIN, "q̃ · c + q_r · k_r\nover √(d + d_r)");
    let sum = drawing.block(at(0.0, 25.0), Look::PLAIN, "sum\nweights · c");
    let head = drawing.block(at(0.0, 32.6), Look::THIRD, "head\nsum · W_UV");
    drawing.arrow(q, carried, "");
    drawing.arrow(carried, scores, "");
    drawing.path(&[(left + 10.6, c.bottom().1), (left + 10.6, scores.y)], "");
    drawing.path(&[(left + 4.0, scores.bottom().1), (left + 4.0, sum.y)], "");
    let (x, level) = (left + 15.0, sum.middle().1);
    drawing.path(&[(x, c.bottom().1), (x, level), sum.right()], "");
    drawing.arrow(sum, head, "");
    drawing.note((left + 4.7, 23.4), "softmax");
}
