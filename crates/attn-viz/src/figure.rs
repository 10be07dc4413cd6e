use std::fmt::Write;

/// A drawing with its title and its text alternative, ready to stand in a page.
///
/// Made by `figure()` of [`Heatmap`](crate::Heatmap), [`Lines`](crate::Lines),
/// [`Bars`](crate::Bars), [`Grid`](crate::Grid) and [`Schematic`](crate::Schematic).
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    title: String,
    alternative: String,
    width: f64,
    height: f64,
    enlarged: f64,
    linked: bool,
    values: Vec<Vec<String>>,
    body: String,
}

impl Figure {
    pub(crate) fn new(text: &Text, (width, height): (f64, f64), canvas: Canvas) -> Self {
        Figure {
            title: text.title.clone(),
            alternative: text.alternative.clone(),
            width,
            height,
            enlarged: 1.0,
            linked: false,
            values: Vec::new(),
            body: canvas.0,
        }
    }

    /// Drawn so many times as large, where the page has the room.
    pub(crate) fn enlarged(self, times: f64) -> Self {
        Figure { enlarged: times, ..self }
    }

    /// Shapes of it lead to other pages.
    pub(crate) fn with_links(self) -> Self {
        Figure { linked: true, ..self }
    }

    /// The values that are drawn but not written, as a table whose first row and first column say what
    /// the others are.
    pub(crate) fn with_values(self, values: Vec<Vec<String>>) -> Self {
        Figure { values, ..self }
    }

    /// The values that can only be told by the pointer or by colour, for those who have neither: a
    /// table whose first row and first column say what the others are. Empty where all are written.
    pub fn values(&self) -> &[Vec<String>] {
        &self.values
    }

    /// What the figure shows, in a few words: its caption.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What somebody who cannot see the figure should know: what stands against what, and what
    /// comes out.
    pub fn alternative(&self) -> &str {
        &self.alternative
    }

    /// The drawing as one `<svg>` element without a blank line, so that it may stand inside
    /// Markdown.
    ///
    /// Shapes that stand for a value carry it in `data-tip`; the page's script turns it into a
    /// tooltip. `id` has to be unique in the page: the title and the text alternative are tied to
    /// the drawing by it.
    pub fn svg(&self, id: &str) -> String {
        let (id, title, alternative) = (escape(id), escape(&self.title), escape(&self.alternative));
        let (w, h) = (self.width, self.height);
        let (wide, high) = (w * self.enlarged, h * self.enlarged);
        // What is inside an image cannot be reached, neither by the keyboard nor by a screen reader.
        let role = if self.linked { "group" } else { "img" };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"viz\" id=\"{id}\" role=\"{role}\" \
             aria-labelledby=\"{id}-title {id}-desc\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{wide:.0}\" height=\"{high:.0}\" \
             font-size=\"13\" fill=\"currentColor\">\
             <title id=\"{id}-title\">{title}</title><desc id=\"{id}-desc\">{alternative}</desc>{}</svg>",
            self.body
        )
    }
}

/// The two texts that every figure has.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub title: String,
    pub alternative: String,
}

impl Text {
    pub fn new(title: &str, alternative: &str) -> Self {
        Text { title: title.into(), alternative: alternative.into() }
    }
}

/// Where the text stands that is drawn at a point.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// The elements drawn so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canvas(String);

impl Canvas {
    /// Appends an element that is well-formed already.
    pub fn push(&mut self, element: &str) {
        self.0.push_str(element);
    }

    pub fn rect(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), style: &str, tooltip: &str) {
        let shape =
            format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" {style}");
        self.shape(&shape, tooltip);
    }

    /// `shape` is an element without its end `/>`. The tooltip, if there is one, becomes an
    /// attribute rather than text, which a search of the page would find in every cell.
    pub fn shape(&mut self, shape: &str, tooltip: &str) {
        self.0.push_str(shape);
        if !tooltip.is_empty() {
            write!(self.0, " data-tip=\"{}\"", escape(tooltip)).expect("to a string");
        }
        self.0.push_str("/>");
    }

    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), style: &str) {
        write!(
            self.0,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"currentColor\" {style}/>"
        )
        .expect("to a string");
    }

    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, style: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        write!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{}</text>",
            escape(text)
        )
        .expect("to a string");
    }

    /// Text that reads from bottom to top, around its middle.
    pub fn upright(&mut self, (x, y): (f64, f64), text: &str) {
        let turn = format!("transform=\"rotate(-90 {x:.1} {y:.1})\"");
        self.text((x, y), Anchor::Middle, &turn, text);
    }
}

/// The colour of series `i`: a CSS variable of the book, with a fallback for a page that does not
/// set it.
pub(crate) fn colour(i: usize) -> &'static str {
    const COLOURS: [&str; 5] = [
        "var(--viz-1, #2a7ab9)",
        "var(--viz-2, #c2571a)",
        "var(--viz-3, #2f8f5b)",
        "var(--viz-4, #9457a8)",
        "var(--viz-5, #8a7416)",
    ];
    COLOURS[i % COLOURS.len()]
}

/// About how wide a text is at the figures' size of 13.
pub(crate) fn width(text: &str) -> f64 {
    7.2 * text.chars().count() as f64
}

/// Text for SVG: markup escaped, and on one line, since a blank line would end the figure inside
/// Markdown.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
