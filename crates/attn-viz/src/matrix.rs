//! What heatmap and grid share: a rectangle of cells with labels on two sides.

use crate::figure::{Anchor, Canvas, width};

/// The names of the rows or columns: what they are, and one label each. Without labels, the indices
/// serve.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    pub title: String,
    pub each: Vec<String>,
}

impl Labels {
    pub fn new<S: Into<String>>(title: &str, each: impl IntoIterator<Item = S>) -> Self {
        Labels { title: title.into(), each: each.into_iter().map(Into::into).collect() }
    }

    pub fn get(&self, i: usize) -> String {
        self.each.get(i).cloned().unwrap_or_else(|| i.to_string())
    }

    /// `query 3`, or what the label says.
    pub fn name(&self, i: usize) -> String {
        format!("{} {}", self.title, self.get(i)).trim().to_string()
    }

    fn widest(&self, n: usize) -> f64 {
        (0..n).map(|i| width(&self.get(i))).fold(0.0, f64::max)
    }
}

/// Where the cells are.
pub(crate) struct Frame {
    pub left: f64,
    pub top: f64,
    pub cell: f64,
    pub shape: (usize, usize),
    upright: bool,
}

impl Frame {
    pub fn new(shape: (usize, usize), rows: &Labels, columns: &Labels) -> Self {
        let (n, m) = shape;
        let cell = (440.0 / n.max(m).max(1) as f64).clamp(9.0, 44.0);
        // Column labels that are wider than their cells are written upright.
        let widest = columns.widest(m);
        let upright = widest > cell - 4.0;
        let titled = |labels: &Labels, room| if labels.title.is_empty() { 0.0 } else { room };
        Frame {
            left: 10.0 + titled(rows, 28.0) + rows.widest(n),
            top: 8.0 + titled(columns, 22.0) + if upright { widest + 4.0 } else { 18.0 },
            cell,
            shape,
            upright,
        }
    }

    pub fn corner(&self, i: usize, j: usize) -> (f64, f64) {
        (self.left + j as f64 * self.cell, self.top + i as f64 * self.cell)
    }

    pub fn right(&self) -> f64 {
        self.corner(0, self.shape.1).0
    }

    pub fn bottom(&self) -> f64 {
        self.corner(self.shape.0, 0).1
    }

    pub fn labels(&self, canvas: &mut Canvas, rows: &Labels, columns: &Labels) {
        let (n, m) = self.shape;
        let half = self.cell / 2.0;
        // So many rows that their labels would touch get every second, fifth, … label.
        let every = [1, 2, 5, 10, 20, 50, 100]
            .into_iter()
            .find(|&k| k as f64 * self.cell >= 14.0)
            .unwrap_or(1);
        for i in (0..n).step_by(every) {
            let (x, y) = self.corner(i, 0);
            canvas.text((x - 6.0, y + half + 4.5), Anchor::End, "", &rows.get(i));
        }
        for j in (0..m).step_by(every) {
            let (x, y) = self.corner(0, j);
            let place = (x + half, y - 6.0);
            let label = columns.get(j);
            // A single letter is narrower than any cell; turned, it would lie on its side.
            if self.upright && label.chars().count() > 1 {
                let (px, py) = (place.0 + 4.5, place.1);
                let turn = format!("transform=\"rotate(-90 {px:.1} {py:.1})\"");
                canvas.text((px, py), Anchor::Start, &turn, &label);
            } else {
                canvas.text(place, Anchor::Middle, "", &label);
            }
        }
        let middle = (self.left + self.right()) / 2.0;
        if !columns.title.is_empty() {
            canvas.text((middle, 16.0), Anchor::Middle, "", &columns.title);
        }
        if !rows.title.is_empty() {
            canvas.upright((16.0, (self.top + self.bottom()) / 2.0), &rows.title);
        }
        if n == 0 || m == 0 {
            canvas.text((self.left, self.top + 14.0), Anchor::Start, "", "no data");
        }
    }

    /// Room for the cells and `below` them, at least `wide`.
    pub fn size(&self, below: f64, wide: f64) -> (f64, f64) {
        (self.right().max(self.left + wide) + 14.0, self.bottom().max(self.top + 20.0) + below)
    }
}
