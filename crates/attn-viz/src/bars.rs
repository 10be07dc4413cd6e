use crate::{
    Axis, Figure,
    figure::{Anchor, Canvas, Text, colour, width},
    number,
};

/// One horizontal bar a label, with its value written at its end.
///
/// The axis starts at zero, since a bar's length is what is compared. A value that is not finite
/// has no bar, only its name.
///
/// ```
/// use attn_viz::{Axis, Bars};
/// let figure = Bars::new("Cache of one token", "Grouping heads by 8 divides the cache by 8.", Axis::linear("KiB"))
///     .bar("MHA", 512.0)
///     .bar("GQA-8", 64.0)
///     .figure();
/// assert!(figure.svg("cache").contains("GQA-8"));
/// ```
#[derive(Clone, Debug)]
pub struct Bars {
    text: Text,
    axis: Axis,
    bars: Vec<(String, f64)>,
}

// Narrow enough for the text to stay readable on a phone.
const WIDTH: f64 = 520.0;
const TOP: f64 = 8.0;
const STEP: f64 = 34.0;

impl Bars {
    /// `title` is the caption; `alternative` says in words what the bars show.
    pub fn new(title: &str, alternative: &str, axis: Axis) -> Self {
        Bars { text: Text::new(title, alternative), axis: axis.from_zero(), bars: Vec::new() }
    }

    /// Adds a bar below the others.
    pub fn bar(mut self, label: &str, value: f64) -> Self {
        self.bars.push((label.into(), value));
        self
    }

    /// Draws it.
    pub fn figure(&self) -> Figure {
        let mut canvas = Canvas::default();
        let widest = |text: &mut dyn Iterator<Item = f64>| text.fold(0.0, f64::max);
        let left = 16.0 + widest(&mut self.bars.iter().map(|(label, _)| width(label)));
        let right =
            WIDTH - 14.0 - widest(&mut self.bars.iter().map(|b| width(&number::short(b.1))));
        let bottom = TOP + STEP * self.bars.len().max(1) as f64;
        let scale = self.axis.fit(self.bars.iter().map(|b| b.1));
        let at = |value: f64| left + scale.place(value) * (right - left);
        // A logarithmic axis has no zero: its bars start at its low end.
        let zero = if self.axis.shows(0.0) { at(0.0) } else { left };
        for &tick in &scale.ticks {
            canvas.line((at(tick), TOP), (at(tick), bottom), "stroke-opacity=\"0.15\"");
            canvas.line((at(tick), bottom), (at(tick), bottom + 5.0), "");
            canvas.text((at(tick), bottom + 19.0), Anchor::Middle, "", &scale.label(tick));
        }
        for (i, (label, value)) in self.bars.iter().enumerate() {
            let (y, name) = (TOP + STEP * i as f64, number::short(*value));
            canvas.text((left - 8.0, y + 21.5), Anchor::End, "", label);
            let end = if self.axis.shows(*value) { at(*value) } else { zero };
            let fill = format!("fill=\"{}\"", colour(0));
            let (x, w) = (zero.min(end), (zero - end).abs());
            let tip = format!("{label}: {name} {}", self.axis.title);
            canvas.rect((x, y + 6.0), (w, STEP - 12.0), &fill, &tip);
            canvas.text((zero.max(end) + 6.0, y + 21.5), Anchor::Start, "", &name);
        }
        canvas.line((zero, TOP), (zero, bottom), "");
        let middle = ((left + right) / 2.0, bottom + 40.0);
        if self.bars.is_empty() {
            canvas.text((middle.0, TOP + 21.5), Anchor::Middle, "", "no data");
        }
        canvas.text(middle, Anchor::Middle, "", &self.axis.title);
        Figure::new(&self.text, (WIDTH, bottom + 48.0), canvas)
    }
}
