use crate::{
    Axis, Figure,
    axis::Scale,
    figure::{Anchor, Canvas, Text, colour, width},
    number, series,
};

/// Curves over two axes, each linear or logarithmic.
///
/// A point that an axis cannot show (not finite, or not above zero on a logarithmic axis)
/// interrupts its curve.
///
/// ```
/// use attn_viz::{Axis, Lines};
/// let figure = Lines::new("Time of one decode step", "Grows in proportion to the cache's length.")
///     .x(Axis::log("keys in the cache"))
///     .y(Axis::log("time (µs)"))
///     .series("measured", [(128.0, 9.0), (1024.0, 71.0), (8192.0, 570.0)])
///     .figure();
/// assert!(figure.svg("decode").contains("time (µs)"));
/// ```
#[derive(Clone, Debug)]
pub struct Lines {
    text: Text,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
}

/// One curve, and what is shaded around it: x, low, high.
#[derive(Clone, Debug)]
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    band: Vec<(f64, f64, f64)>,
}

// The plot's rectangle inside the figure; the legend stands above it.
// Narrow enough for the text to stay readable on a phone.
const WIDTH: f64 = 520.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = WIDTH - 22.0;
const PLOT: f64 = 260.0;

impl Lines {
    /// `title` is the caption; `alternative` says in words what the curves show.
    pub fn new(title: &str, alternative: &str) -> Self {
        Lines {
            text: Text::new(title, alternative),
            x: Axis::linear("x"),
            y: Axis::linear("y"),
            series: Vec::new(),
        }
    }

    /// The horizontal axis.
    pub fn x(mut self, axis: Axis) -> Self {
        self.x = axis;
        self
    }

    /// The vertical axis.
    pub fn y(mut self, axis: Axis) -> Self {
        self.y = axis;
        self
    }

    /// Adds a curve through these points, in this order.
    pub fn series(mut self, name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.series.push(Series {
            name: name.into(),
            points: points.into_iter().collect(),
            band: Vec::new(),
        });
        self
    }

    /// Shades what lies between two values at each x (`(x, low, high)`) in the colour of the curve
    /// added last: the quartiles around a median, for instance.
    ///
    /// # Panics
    /// If there is no curve yet.
    #[track_caller]
    pub fn band(mut self, points: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        let series = self.series.last_mut().expect("a band belongs to a curve");
        series.band = points.into_iter().collect();
        self
    }

    /// Draws it.
    pub fn figure(&self) -> Figure {
        let mut canvas = Canvas::default();
        let top = self.legend(&mut canvas) + 14.0;
        let bottom = top + PLOT;
        let points = || self.series.iter().flat_map(Series::extent);
        let shown = || points().filter(|p| self.x.shows(p.0) && self.y.shows(p.1));
        let x = self.x.fit(shown().map(|p| p.0));
        let y = self.y.fit(shown().map(|p| p.1));
        let at = |(px, py): (f64, f64)| {
            (LEFT + x.place(px) * (RIGHT - LEFT), bottom - y.place(py) * PLOT)
        };
        self.axes(&mut canvas, (&x, &y), top);
        let visible = |p: &&(f64, f64)| self.x.shows(p.0) && self.y.shows(p.1);
        for (i, Series { band, .. }) in self.series.iter().enumerate() {
            let whole = |p: &&(f64, f64, f64)| visible(&&(p.0, p.1)) && visible(&&(p.0, p.2));
            for run in band.split(|p| !whole(&p)).filter(|run| run.len() > 1) {
                let low = run.iter().map(|&(x, low, _)| at((x, low)));
                let high = run.iter().rev().map(|&(x, _, high)| at((x, high)));
                let fill = format!("fill=\"{}\" fill-opacity=\"0.18\"", colour(i));
                canvas.push(&format!("<polygon points=\"{}\" {fill}/>", path(low.chain(high))));
            }
        }
        for (i, Series { name, points, .. }) in self.series.iter().enumerate() {
            for run in points.split(|p| !visible(&p)).filter(|run| run.len() > 1) {
                let path = path(run.iter().map(|&p| at(p)));
                canvas.push(&format!("<polyline points=\"{path}\" {}/>", series::stroke(i)));
            }
            for &point in points.iter().filter(visible) {
                let (px, py) = (number::short(point.0), number::short(point.1));
                let tip = format!("{name}: {} {px}, {} {py}", self.x.title, self.y.title);
                series::marker(&mut canvas, i, at(point), &tip);
            }
        }
        if shown().next().is_none() {
            let middle = ((LEFT + RIGHT) / 2.0, top + PLOT / 2.0);
            canvas.text(middle, Anchor::Middle, "", "no data");
        }
        Figure::new(&self.text, (WIDTH, bottom + 46.0), canvas)
    }

    /// Draws the names of the curves in as many rows as they need; answers where the last row ends.
    fn legend(&self, canvas: &mut Canvas) -> f64 {
        let (mut x, mut y) = (LEFT, 14.0);
        for (i, Series { name, .. }) in self.series.iter().enumerate() {
            let wide = 44.0 + width(name) + 18.0;
            if x > LEFT && x + wide > RIGHT + 18.0 {
                (x, y) = (LEFT, y + 20.0);
            }
            let sample = format!("<path d=\"M{x:.1} {y:.1}h34\" {}/>", series::stroke(i));
            canvas.push(&sample);
            series::marker(canvas, i, (x + 17.0, y), "");
            canvas.text((x + 42.0, y + 4.5), Anchor::Start, "", name);
            x += wide;
        }
        y
    }

    fn axes(&self, canvas: &mut Canvas, (x, y): (&Scale, &Scale), top: f64) {
        let bottom = top + PLOT;
        for &tick in &x.ticks {
            let px = LEFT + x.place(tick) * (RIGHT - LEFT);
            canvas.line((px, top), (px, bottom), "stroke-opacity=\"0.15\"");
            canvas.line((px, bottom), (px, bottom + 5.0), "");
            canvas.text((px, bottom + 19.0), Anchor::Middle, "", &x.label(tick));
        }
        for &tick in &y.ticks {
            let py = bottom - y.place(tick) * PLOT;
            canvas.line((LEFT, py), (RIGHT, py), "stroke-opacity=\"0.15\"");
            canvas.line((LEFT - 5.0, py), (LEFT, py), "");
            canvas.text((LEFT - 9.0, py + 4.5), Anchor::End, "", &y.label(tick));
        }
        canvas.line((LEFT, bottom), (RIGHT, bottom), "");
        canvas.line((LEFT, top), (LEFT, bottom), "");
        let middle = (LEFT + RIGHT) / 2.0;
        canvas.text((middle, bottom + 40.0), Anchor::Middle, "", &self.x.title);
        canvas.upright((16.0, top + PLOT / 2.0), &self.y.title);
    }
}

impl Series {
    /// Everything that the axes have to hold.
    fn extent(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let band = self.band.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)]);
        self.points.iter().copied().chain(band)
    }
}

/// Points as SVG writes them.
fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    points.join(" ")
}
