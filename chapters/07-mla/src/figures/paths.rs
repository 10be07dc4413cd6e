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
    let x = drawing.block(Area::new(12.0, 0.0, 10.0, 4.0), Look::PLAIN, "x\none token, d_model");
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
    let q = drawing.block(
        Area::new(23.6, 18.8, 10.4, 4.4),
        Look::SECOND,
        "each head's q, q_r\nW_UQ; W_QR, turn",
    );
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

const BOX: (f64, f64) = (7.4, 4.0);

fn naive(drawing: &mut Schematic) {
    let at = |x: f64, y: f64| Area::new(x, y, BOX.0, BOX.1);
    drawing.centred((8.0, 0.8), "naive");
    let q = drawing.block(at(0.0, 2.4), Look::SECOND, "q, q_r\nn queries");
    let c = drawing.block(at(8.6, 2.4), Look::FIRST.strong(), "c, k_r\nm tokens");
    let k = drawing.block(at(4.3, 10.2), Look::THIRD, "k = c W_UK\nm keys");
    let scores = drawing.block(
        Area::new(0.0, 17.6, 11.7, BOX.1),
        Look::PLAIN,
        "q · k + q_r · k_r\n/ √(d + d_r), softmax",
    );
    let v = drawing.block(at(8.6, 25.0), Look::THIRD, "v = c W_UV\nm values");
    let head = drawing.block(Area::new(0.0, 32.6, 11.7, BOX.1), Look::PLAIN, "head\nweights · v");
    drawing.path(&[(q.x + 2.0, q.bottom().1), (q.x + 2.0, scores.y)], "");
    drawing.path(&[(c.x + 1.6, c.bottom().1), (c.x + 1.6, k.y)], "");
    drawing.arrow(k, scores, "");
    drawing.path(&[(14.0, c.bottom().1), (14.0, v.y)], "");
    drawing.path(&[(4.0, scores.bottom().1), (4.0, head.y)], "");
    drawing.path(&[(10.2, v.bottom().1), (10.2, head.y)], "");
}

fn absorbed(drawing: &mut Schematic) {
    let left = 18.6;
    let at = |x: f64, y: f64| Area::new(left + x, y, BOX.0, BOX.1);
    drawing.centred((left + 8.0, 0.8), "absorbed");
    let q = drawing.block(at(0.0, 2.4), Look::SECOND, "q, q_r\nn queries");
    let c = drawing.block(at(8.6, 2.4), Look::FIRST.strong(), "c, k_r\nm tokens");
    let carried = drawing.block(at(0.0, 10.2), Look::THIRD, "q W_UKᵀ\nn rows");
    let scores = drawing.block(
        Area::new(left, 17.6, 12.6, BOX.1),
        Look::PLAIN,
        "(q W_UKᵀ) · c + q_r · k_r\n/ √(d + d_r), softmax",
    );
    let sum = drawing.block(at(0.0, 25.0), Look::PLAIN, "weights · c\nn sums");
    let head = drawing.block(at(0.0, 32.6), Look::THIRD, "head\nsum · W_UV");
    drawing.arrow(q, carried, "");
    drawing.arrow(carried, scores, "");
    drawing.path(&[(left + 10.6, c.bottom().1), (left + 10.6, scores.y)], "");
    drawing.path(&[(left + 3.7, scores.bottom().1), (left + 3.7, sum.y)], "");
    drawing.path(&[(left + 14.8, c.bottom().1), (left + 14.8, sum.middle().1), sum.right()], "");
    drawing.arrow(sum, head, "");
}
