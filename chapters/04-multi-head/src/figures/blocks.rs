//! Where the norms, the parts and the sums stand in `encoder_block` and `decoder_block`.

use attn_viz::{Area, Figure, Look, Schematic};

const WIDTH: f64 = 12.0;

pub fn figure() -> Figure {
    let mut drawing = Schematic::new(
        "A block of the encoder and one of the decoder: each part sees x normalised, and is added to x",
        "Two columns, read from top to bottom. Encoder block: x; norm 1, self-attention, whose result is added to x; norm 2, \
         feed-forward, whose result is added to x. Decoder block: x; norm 1, causal self-attention, added to x; norm 2, \
         cross-attention, added to x; norm 3, feed-forward, added to x. A line passes each pair of norm and part: x \
         itself, unchanged. After the encoder's last block there is one more norm, and what it gives is the memory. It \
         goes into the cross-attention of every block of the decoder, without a norm of the block.",
    );
    let (self_attention, feed) = ("self-attention", "feed-forward");
    let mut encoder = Column::new(&mut drawing, 0.0, "encoder block");
    encoder.part("norm 1", &format!("{self_attention}\nrotary; any mask"), Look::FIRST);
    encoder.part("norm 2", &format!("{feed}\ntoken by token"), Look::THIRD);
    let end = encoder.end;

    let mut decoder = Column::new(&mut drawing, 19.0, "decoder block");
    decoder.part("norm 1", &format!("{self_attention}\nrotary; causal"), Look::FIRST);
    let cross = decoder.part("norm 2", "cross-attention\nk, v from memory", Look::SECOND);
    decoder.part("norm 3", &format!("{feed}\ntoken by token"), Look::THIRD);
    let (x, y) = decoder.end;
    let after = drawing.block(Area::new(x - 3.0, y + 2.0, 6.0, 2.4), Look::PLAIN, "x");
    drawing.path(&[(x, y), after.top()], "");

    let memory = Area::new(0.0, 37.4, 14.6, 4.0);
    drawing.block(memory, Look::SECOND, "memory\nlast block, then a norm");
    drawing.path(&[end, (end.0, memory.y)], "");
    let (x, y) = cross.left();
    drawing.path(&[memory.right(), (16.6, memory.middle().1), (16.6, y), (x, y)], "");
    drawing.figure()
}

/// A block, drawn downwards.
struct Column<'a> {
    drawing: &'a mut Schematic,
    x: f64,
    /// Where the line of x has come to.
    end: (f64, f64),
}

impl<'a> Column<'a> {
    fn new(drawing: &'a mut Schematic, x: f64, title: &str) -> Self {
        let middle = x + WIDTH / 2.0;
        drawing.centred((middle, 0.6), title);
        let start = drawing.block(Area::new(middle - 3.0, 1.8, 6.0, 2.4), Look::PLAIN, "x");
        Column { drawing, x, end: start.bottom() }
    }

    /// A norm, what sees its result, and the sum. Gives the place of what sees it.
    fn part(&mut self, norm: &str, part: &str, look: Look) -> Area {
        let (middle, y) = self.end;
        let norm_at = Area::new(self.x + 1.5, y + 2.8, WIDTH - 3.0, 2.2);
        let norm_at = self.drawing.block(norm_at, Look::PLAIN, norm);
        let part_at = Area::new(self.x, norm_at.y + 3.8, WIDTH, 4.2);
        let part_at = self.drawing.block(part_at, look, part);
        let sum = self.drawing.operation((middle, part_at.y + 7.0), "+");
        self.drawing.path(&[(middle, y), norm_at.top()], "");
        self.drawing.arrow(norm_at, part_at, "");
        self.drawing.arrow(part_at, sum, "");
        let (around, level) = (self.x + WIDTH + 1.8, sum.middle().1);
        let fork = y + 1.1;
        self.drawing.path(&[(middle, fork), (around, fork), (around, level), sum.right()], "");
        self.drawing.note((around + 0.4, part_at.y - 1.0), "x");
        self.end = sum.bottom();
        part_at
    }
}
