use crate::{
    Figure,
    figure::{Anchor, Canvas, Text, colour, width},
    matrix::{Frame, Labels},
    number,
};

/// A matrix, one coloured cell per entry: the stronger the colour, the larger the magnitude.
///
/// Negative entries have a colour of their own and a minus sign. Entries are written into the cells
/// where they fit, and always shown when the pointer rests on a cell. If one is not written, all are
/// in the figure's table of values. Not-a-number is an empty cell
/// with a question mark; infinity takes the strongest colour.
///
/// ```
/// use attn_viz::Heatmap;
/// let weights = [[1.0, 0.0], [0.4, 0.6]];
/// let figure = Heatmap::new("Weights", "The second query attends to both keys.", (2, 2), |i, j| weights[i][j])
///     .rows("query", ["the", "cat"])
///     .columns("key", ["the", "cat"])
///     .legend("weight")
///     .full(1.0)
///     .figure();
/// assert!(figure.svg("weights").contains("query cat, key the: 0.4"));
/// ```
#[derive(Clone, Debug)]
pub struct Heatmap {
    text: Text,
    values: Vec<Vec<f64>>,
    columns_n: usize,
    rows: Labels,
    columns: Labels,
    legend: String,
    full: Option<f64>,
}

impl Heatmap {
    /// A matrix of shape `(n, m)` whose entry at row i, column j is `at(i, j)`.
    /// `title` is the caption; `alternative` says in words what the matrix shows.
    pub fn new(
        title: &str,
        alternative: &str,
        (n, m): (usize, usize),
        at: impl Fn(usize, usize) -> f64,
    ) -> Self {
        Heatmap {
            text: Text::new(title, alternative),
            values: (0..n).map(|i| (0..m).map(|j| at(i, j)).collect()).collect(),
            columns_n: m,
            rows: Labels::default(),
            columns: Labels::default(),
            legend: "value".into(),
            full: None,
        }
    }

    /// What the rows are, and a label for each; the indices serve where labels are missing.
    pub fn rows<S: Into<String>>(mut self, title: &str, each: impl IntoIterator<Item = S>) -> Self {
        self.rows = Labels::new(title, each);
        self
    }

    /// What the columns are, and a label for each; the indices serve where labels are missing.
    pub fn columns<S: Into<String>>(
        mut self,
        title: &str,
        each: impl IntoIterator<Item = S>,
    ) -> Self {
        self.columns = Labels::new(title, each);
        self
    }

    /// What the entries are, with their unit: the title of the colour scale.
    pub fn legend(mut self, title: &str) -> Self {
        self.legend = title.into();
        self
    }

    /// The magnitude that takes the full colour; without it, the largest finite one.
    pub fn full(mut self, full: f64) -> Self {
        self.full = Some(full);
        self
    }

    /// Draws it.
    pub fn figure(&self) -> Figure {
        let shape = (self.values.len(), self.columns_n);
        let frame = Frame::new(shape, &self.rows, &self.columns);
        let mut canvas = Canvas::default();
        frame.labels(&mut canvas, &self.rows, &self.columns);
        let full = self.strongest();
        let size = (frame.cell, frame.cell);
        let mut all_written = true;
        for (i, row) in self.values.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                let (x, y) = frame.corner(i, j);
                let (row, column) = (self.rows.name(i), self.columns.name(j));
                let tip = format!("{row}, {column}: {}", number::short(value));
                canvas.rect((x, y), size, &cell(value, full), &tip);
                let text = if value.is_nan() { "?".into() } else { number::short(value) };
                if frame.cell >= 30.0 && text.chars().count() <= 5 {
                    let place = (x + frame.cell / 2.0, y + frame.cell / 2.0 + 4.0);
                    let quiet = "font-size=\"11\" pointer-events=\"none\"";
                    canvas.text(place, Anchor::Middle, quiet, &text);
                } else {
                    all_written = false;
                }
            }
        }
        let wide = self.scale(&mut canvas, &frame, full);
        let figure = Figure::new(&self.text, frame.size(52.0, wide), canvas);
        if all_written { figure } else { figure.with_values(self.table(full)) }
    }

    /// The entries as text, to a hundredth of the full colour, with the names of rows and columns.
    fn table(&self, full: f64) -> Vec<Vec<String>> {
        let decimals = (2 - full.log10().floor() as i32).max(0) as usize;
        let corner = format!("{} \\ {}", self.rows.title, self.columns.title);
        let names = (0..self.columns_n).map(|j| self.columns.get(j));
        let head = std::iter::once(corner).chain(names).collect();
        let rows = self.values.iter().enumerate().map(|(i, row)| {
            let values = row.iter().map(|&value| format!("{value:.decimals$}").replace('-', "−"));
            std::iter::once(self.rows.get(i)).chain(values).collect()
        });
        std::iter::once(head).chain(rows).collect()
    }

    /// The colour scale below the matrix; answers how wide it came out.
    fn scale(&self, canvas: &mut Canvas, frame: &Frame, full: f64) -> f64 {
        let negative = self.values.iter().flatten().any(|&x| x < 0.0);
        let steps: i32 = 8;
        let y = frame.bottom().max(frame.top + 20.0) + 14.0;
        let first = if negative { -steps } else { 0 };
        let (mut x, side) = (frame.left, 14.0);
        let left = x;
        for step in first..=steps {
            let value = full * f64::from(step) / f64::from(steps);
            canvas.rect((x, y), (side, side), &cell(value, full), "");
            x += side;
        }
        let ends = [(left, if negative { -full } else { 0.0 }), (x - side, full)];
        for (x, value) in ends {
            let text = number::short(value);
            canvas.text((x + side / 2.0, y + 30.0), Anchor::Middle, "", &text);
        }
        canvas.text((x + 10.0, y + 11.5), Anchor::Start, "", &self.legend);
        x + 10.0 + width(&self.legend) - frame.left
    }

    fn strongest(&self) -> f64 {
        let finite = self.values.iter().flatten().filter(|x| x.is_finite());
        let largest = finite.fold(0.0, |most: f64, x| most.max(x.abs()));
        match self.full {
            Some(full) if full.is_finite() && full > 0.0 => full,
            _ if largest > 0.0 => largest,
            _ => 1.0,
        }
    }
}

/// How a cell looks that holds `value`, when `full` has the full colour.
fn cell(value: f64, full: f64) -> String {
    let outline = "stroke=\"currentColor\" stroke-opacity=\"0.25\"";
    if value.is_nan() {
        return format!("fill=\"none\" {outline} stroke-dasharray=\"3 2\"");
    }
    // Less than linear, so that a weak weight still shows in the dark; the scale shows the same.
    let strength = (value.abs() / full).min(1.0).powf(0.6);
    let (name, hue) = if value < 0.0 { ("heat-less", colour(1)) } else { ("heat", colour(0)) };
    format!("fill=\"var(--viz-{name}, {hue})\" fill-opacity=\"{strength:.3}\" {outline}")
}
