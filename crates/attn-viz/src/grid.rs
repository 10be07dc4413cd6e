use crate::{
    Figure,
    figure::{Anchor, Canvas, Text, width},
    matrix::{Frame, Labels},
};

/// A table of true and false, such as a mask: filled squares with a dot for true, empty squares for
/// false.
///
/// ```
/// use attn_viz::Grid;
/// let figure = Grid::new("Causal mask", "Query i sees the keys up to i.", (3, 3), |i, j| j <= i)
///     .rows("query", ["0", "1", "2"])
///     .columns("key", ["0", "1", "2"])
///     .meaning("may attend", "may not")
///     .figure();
/// assert!(figure.svg("causal").contains("query 0, key 2: may not"));
/// ```
#[derive(Clone, Debug)]
pub struct Grid {
    text: Text,
    cells: Vec<Vec<bool>>,
    columns_n: usize,
    rows: Labels,
    columns: Labels,
    meaning: [String; 2],
}

impl Grid {
    /// A table of shape `(n, m)` whose cell at row i, column j is `at(i, j)`.
    /// `title` is the caption; `alternative` says in words what the table shows.
    pub fn new(
        title: &str,
        alternative: &str,
        (n, m): (usize, usize),
        at: impl Fn(usize, usize) -> bool,
    ) -> Self {
        Grid {
            text: Text::new(title, alternative),
            cells: (0..n).map(|i| (0..m).map(|j| at(i, j)).collect()).collect(),
            columns_n: m,
            rows: Labels::default(),
            columns: Labels::default(),
            meaning: ["true".into(), "false".into()],
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

    /// What true and false mean: the legend.
    pub fn meaning(mut self, yes: &str, no: &str) -> Self {
        self.meaning = [yes.into(), no.into()];
        self
    }

    /// Draws it.
    pub fn figure(&self) -> Figure {
        let frame = Frame::new((self.cells.len(), self.columns_n), &self.rows, &self.columns);
        let mut canvas = Canvas::default();
        frame.labels(&mut canvas, &self.rows, &self.columns);
        for (i, row) in self.cells.iter().enumerate() {
            for (j, &yes) in row.iter().enumerate() {
                let meaning = &self.meaning[usize::from(!yes)];
                let tip = format!("{}, {}: {meaning}", self.rows.name(i), self.columns.name(j));
                square(&mut canvas, frame.corner(i, j), frame.cell, yes, &tip);
            }
        }
        let y = frame.bottom().max(frame.top + 20.0) + 14.0;
        let mut x = frame.left;
        for (meaning, yes) in self.meaning.iter().zip([true, false]) {
            square(&mut canvas, (x, y), 16.0, yes, "");
            canvas.text((x + 23.0, y + 12.5), Anchor::Start, "", meaning);
            x += 23.0 + width(meaning) + 20.0;
        }
        Figure::new(&self.text, frame.size(40.0, x - frame.left - 20.0), canvas)
    }
}

fn square(canvas: &mut Canvas, (x, y): (f64, f64), side: f64, yes: bool, tip: &str) {
    let outline = "stroke=\"currentColor\" stroke-opacity=\"0.25\"";
    let fill = if yes {
        "fill=\"var(--viz-heat, #2a7ab9)\" fill-opacity=\"0.8\""
    } else {
        "fill=\"currentColor\" fill-opacity=\"0.04\""
    };
    canvas.rect((x, y), (side, side), &format!("{fill} {outline}"), tip);
    if yes {
        let (cx, cy, r) = (x + side / 2.0, y + side / 2.0, side * 0.14);
        let dot =
            format!("<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{r:.1}\" pointer-events=\"none\"");
        canvas.shape(&dot, "");
    }
}
