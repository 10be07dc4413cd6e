use crate::{
    Figure,
    area::{Area, Point},
    figure::{Anchor, Canvas, Text, colour, escape, width},
};

/// Boxes, groups and arrows: how parts hang together.
///
/// A unit is ten pixels: a box with one line of text is 2.4 units high. Nothing may reach beyond
/// [`Schematic::WIDTH`], so that the text can be read on a phone. What a label needs is estimated
/// when it is drawn; one that is wider than its box is a mistake, and panics.
///
/// ```
/// use attn_viz::{Area, Look, Schematic};
/// let mut drawing = Schematic::new("A step", "The state and a token go into a step.");
/// let state = drawing.block(Area::new(0.0, 0.0, 8.0, 4.0), Look::FIRST, "state\nd");
/// let step = drawing.block(state.below(3.0), Look::PLAIN, "step");
/// drawing.arrow(state, step, "before");
/// let svg = drawing.figure().svg("a-step");
/// assert!(svg.contains(">before</text>"));
/// ```
#[derive(Clone, Debug)]
pub struct Schematic {
    text: Text,
    canvas: Canvas,
    right: f64,
    bottom: f64,
    linked: bool,
}

/// How a shape is drawn. Colours are those of the figures' series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    colour: Option<usize>,
    opacity: f64,
    dashed: bool,
    thick: bool,
}

impl Look {
    /// The colour of the text.
    pub const PLAIN: Look = Look { colour: None, opacity: 0.05, dashed: false, thick: false };
    /// The first colour of the figures.
    pub const FIRST: Look = Look::series(0);
    /// The second.
    pub const SECOND: Look = Look::series(1);
    /// The third.
    pub const THIRD: Look = Look::series(2);
    /// The fourth.
    pub const FOURTH: Look = Look::series(3);

    /// The colour of series `i`, as in a chart.
    pub const fn series(i: usize) -> Look {
        Look { colour: Some(i), opacity: 0.18, dashed: false, thick: false }
    }

    /// With an outline alone.
    pub const fn hollow(self) -> Look {
        Look { opacity: 0.0, ..self }
    }

    /// With a dashed outline alone: what is not there yet, or only for a while.
    pub const fn dashed(self) -> Look {
        Look { dashed: true, ..self.hollow() }
    }

    /// With a thick outline and a stronger fill: what the figure is about.
    pub const fn strong(self) -> Look {
        Look { opacity: 0.3, thick: true, ..self }
    }

    /// Filled so that nothing can be read on it: a mark.
    pub const fn solid(self) -> Look {
        Look { opacity: 0.9, ..self }
    }

    fn ink(self) -> &'static str {
        self.colour.map_or("currentColor", colour)
    }

    fn stroke(self) -> String {
        let width = if self.thick { 2.5 } else { 1.2 };
        let dash = if self.dashed { " stroke-dasharray=\"4 3\"" } else { "" };
        format!("stroke=\"{}\" stroke-width=\"{width}\"{dash}", self.ink())
    }

    fn style(self) -> String {
        let fill = match self.opacity {
            0.0 => "fill=\"none\"".to_string(),
            opacity => format!("fill=\"{}\" fill-opacity=\"{opacity}\"", self.ink()),
        };
        format!("{fill} {}", self.stroke())
    }
}

/// Pixels of a unit.
const UNIT: f64 = 10.0;

/// Room around everything, in units: half a thick line and some air.
const MARGIN: f64 = 0.4;

/// Sizes of text: of a label's first line, and of its other lines and of notes.
const LARGE: f64 = 13.0;
const SMALL: f64 = 11.0;

/// How much larger it is drawn where there is room.
const ENLARGED: f64 = 1.35;

impl Schematic {
    /// The most that a drawing may be wide, in units. A phone shows it without making it smaller
    /// by more than a few hundredths.
    pub const WIDTH: f64 = 35.0;

    /// `title` is the caption; `alternative` says in words what the drawing shows.
    pub fn new(title: &str, alternative: &str) -> Self {
        Schematic {
            text: Text::new(title, alternative),
            canvas: Canvas::default(),
            right: 0.0,
            bottom: 0.0,
            linked: false,
        }
    }

    /// A box with a label. The label's first line is larger than the others.
    ///
    /// # Panics
    /// If the label does not fit, or the box lies outside of the drawing.
    #[track_caller]
    pub fn block(&mut self, area: Area, look: Look, label: &str) -> Area {
        self.outline(area, look, 4.0);
        self.label(area, label);
        area
    }

    /// What `draw` draws leads to another page.
    pub fn link(&mut self, page: &str, draw: impl FnOnce(&mut Self)) {
        self.linked = true;
        self.canvas.push(&format!("<a href=\"{}\">", escape(page)));
        draw(self);
        self.canvas.push("</a>");
    }

    /// A frame around others, with its label in its upper left corner.
    #[track_caller]
    pub fn group(&mut self, area: Area, look: Look, label: &str) -> Area {
        self.outline(area, look.hollow(), 6.0);
        self.note((area.x + 0.8, area.y + 1.6), label);
        area
    }

    /// What is done to that which comes in, as a sign in a circle around a point.
    #[track_caller]
    pub fn operation(&mut self, (x, y): Point, sign: &str) -> Area {
        let area = Area::new(x - 1.1, y - 1.1, 2.2, 2.2);
        self.outline(area, Look::PLAIN.hollow(), 11.0);
        self.label(area, sign);
        area
    }

    /// A part that the reader may hold and pull, where the figure has controls: from its lower to its upper side, the
    /// control of this name goes from its least to its largest value. It shows nothing itself.
    #[track_caller]
    pub fn grip(&mut self, area: Area, control: &str) {
        self.hold(area);
        let corner = ((area.x + MARGIN) * UNIT, (area.y + MARGIN) * UNIT);
        let style =
            format!("fill=\"transparent\" class=\"grip\" data-control=\"{}\"", escape(control));
        self.canvas.rect(corner, (area.w * UNIT, area.h * UNIT), &style, "");
    }

    /// Cells in rows and columns, `size` units wide and high each, from the upper left corner on.
    /// What `cell` says of row i and column j is its look and what stands in it.
    #[track_caller]
    pub fn cells(
        &mut self,
        (x, y): Point,
        (rows, columns): (usize, usize),
        (w, h): (f64, f64),
        cell: impl Fn(usize, usize) -> (Look, String),
    ) -> Area {
        for i in 0..rows {
            for j in 0..columns {
                let area = Area::new(x + j as f64 * w, y + i as f64 * h, w, h);
                let (look, label) = cell(i, j);
                self.outline(area, look, 0.0);
                self.text(area.middle(), Anchor::Middle, SMALL, &label);
            }
        }
        Area::new(x, y, columns as f64 * w, rows as f64 * h)
    }

    /// Cells that all look alike and hold nothing, as one shape.
    #[track_caller]
    pub fn grid(&mut self, area: Area, (rows, columns): (usize, usize), look: Look) -> Area {
        self.outline(area, look, 0.0);
        let Area { x, y, w, h } = area;
        let mut path = String::new();
        for i in 1..rows {
            let y = y + h * i as f64 / rows as f64;
            path += &format!("M{} {}h{:.1}", pixels(x), pixels(y), w * UNIT);
        }
        for j in 1..columns {
            let x = x + w * j as f64 / columns as f64;
            path += &format!("M{} {}v{:.1}", pixels(x), pixels(y), h * UNIT);
        }
        let style = format!("fill=\"none\" stroke=\"{}\" stroke-opacity=\"0.5\"", look.ink());
        self.canvas.shape(&format!("<path d=\"{path}\" {style}"), "");
        area
    }

    /// An arrow from one box to another, straight where they face each other, and otherwise with
    /// two corners. The note stands beside it.
    #[track_caller]
    pub fn arrow(&mut self, from: Area, to: Area, note: &str) {
        let route = from.route_to(to);
        self.path(&route, note);
    }

    /// An arrow along these points. The note stands beside its longest part.
    ///
    /// # Panics
    /// If there are fewer than two points.
    #[track_caller]
    pub fn path(&mut self, points: &[Point], note: &str) {
        self.path_in(Look::PLAIN, points, note);
    }

    /// An arrow in another colour.
    #[track_caller]
    pub fn path_in(&mut self, look: Look, points: &[Point], note: &str) {
        let [.., before, end] = points else { panic!("an arrow needs two points") };
        let (dx, dy) = (end.0 - before.0, end.1 - before.1);
        let length = dx.hypot(dy).max(1e-6);
        let (dx, dy) = (dx / length, dy / length);
        // The line ends inside the head, whose point would otherwise be as blunt as the line.
        let mut line = points.to_vec();
        line[points.len() - 1] = (end.0 - 0.5 * dx, end.1 - 0.5 * dy);
        self.curve(look.hollow(), &line);
        let corner = |along: f64, aside: f64| {
            let at = (end.0 - along * dx - aside * dy, end.1 - along * dy + aside * dx);
            format!("{},{}", pixels(at.0), pixels(at.1))
        };
        let corners = [corner(0.0, 0.0), corner(0.9, 0.4), corner(0.9, -0.4)].join(" ");
        self.canvas.shape(&format!("<polygon points=\"{corners}\" fill=\"{}\"", look.ink()), "");
        if !note.is_empty() {
            self.beside(points, note);
        }
    }

    /// A line through these points, without a head.
    #[track_caller]
    pub fn curve(&mut self, look: Look, points: &[Point]) {
        let mut corners = Vec::new();
        for &(x, y) in points {
            self.hold(Area::new(x, y, 0.0, 0.0));
            corners.push(format!("{},{}", pixels(x), pixels(y)));
        }
        let line =
            format!("<polyline points=\"{}\" fill=\"none\" {}", corners.join(" "), look.stroke());
        self.canvas.shape(&line, "");
    }

    /// Small text that begins at a point. Its lines follow each other.
    #[track_caller]
    pub fn note(&mut self, (x, y): Point, text: &str) {
        self.lines((x, y), Anchor::Start, text);
    }

    /// Small text around a point.
    #[track_caller]
    pub fn centred(&mut self, (x, y): Point, text: &str) {
        self.lines((x, y), Anchor::Middle, text);
    }

    /// Draws it.
    pub fn figure(&self) -> Figure {
        let size = ((self.right + MARGIN) * UNIT, (self.bottom + MARGIN) * UNIT);
        let size = (size.0 + MARGIN * UNIT, size.1 + MARGIN * UNIT);
        let figure = Figure::new(&self.text, size, self.canvas.clone()).enlarged(ENLARGED);
        if self.linked { figure.with_links() } else { figure }
    }

    #[track_caller]
    fn outline(&mut self, area: Area, look: Look, radius: f64) {
        self.hold(area);
        let Area { x, y, w, h } = area;
        let style = format!("rx=\"{radius}\" {}", look.style());
        let corner = ((x + MARGIN) * UNIT, (y + MARGIN) * UNIT);
        self.canvas.rect(corner, (w * UNIT, h * UNIT), &style, "");
    }

    /// Notes that this much room is needed.
    #[track_caller]
    fn hold(&mut self, area: Area) {
        let (right, bottom) = (area.x + area.w, area.y + area.h);
        let inside = area.x >= 0.0 && area.y >= 0.0 && right <= Self::WIDTH;
        assert!(inside, "{area:?} reaches beyond a drawing of width {}", Self::WIDTH);
        self.right = self.right.max(right);
        self.bottom = self.bottom.max(bottom);
    }

    #[track_caller]
    fn label(&mut self, area: Area, label: &str) {
        let (x, middle) = area.middle();
        let lines: Vec<&str> = label.lines().collect();
        let first = middle - 0.7 * (lines.len().max(1) - 1) as f64;
        for (i, line) in lines.iter().enumerate() {
            let size = if i == 0 { LARGE } else { SMALL };
            let needed = needed(line, size);
            assert!(needed <= area.w, "“{line}” needs {needed:.1} units, its box has {}", area.w);
            self.text((x, first + 1.4 * i as f64), Anchor::Middle, size, line);
        }
    }

    #[track_caller]
    fn lines(&mut self, (x, y): Point, anchor: Anchor, text: &str) {
        for (i, line) in text.lines().enumerate() {
            let needed = needed(line, SMALL);
            let left = match anchor {
                Anchor::Start => x,
                Anchor::Middle => x - needed / 2.0,
                Anchor::End => x - needed,
            };
            let y = y + 1.4 * i as f64;
            self.hold(Area::new(left, y - 0.6, needed, 1.2));
            self.text((x, y), anchor, SMALL, line);
        }
    }

    /// Text whose middle is at the height `y`.
    fn text(&mut self, (x, y): Point, anchor: Anchor, size: f64, text: &str) {
        if !text.is_empty() {
            let place = ((x + MARGIN) * UNIT, (y + MARGIN) * UNIT + 0.35 * size);
            self.canvas.text(place, anchor, &format!("font-size=\"{size}\""), text);
        }
    }

    /// A note beside the longest part of an arrow: to the right of an upright one, above a level
    /// one.
    #[track_caller]
    fn beside(&mut self, points: &[Point], note: &str) {
        let length = |pair: &[Point]| (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1);
        let longest = points.windows(2).max_by(|a, b| length(a).total_cmp(&length(b)));
        let [a, b] = longest.expect("two points") else { return };
        let (x, y) = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
        let below_first = 0.7 * (note.lines().count() as f64 - 1.0);
        if (a.0 - b.0).abs() < (a.1 - b.1).abs() {
            self.note((x + 0.7, y - below_first), note);
        } else {
            self.centred((x, y - 0.9 - 2.0 * below_first), note);
        }
    }
}

/// How many units a text needs, about: characters differ.
fn needed(text: &str, size: f64) -> f64 {
    0.92 * width(text) * size / LARGE / UNIT
}

/// A place in the drawing, moved by the margin.
fn pixels(x: f64) -> String {
    format!("{:.1}", (x + MARGIN) * UNIT)
}
