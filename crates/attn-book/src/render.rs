//! From a page as it was written to the Markdown that mdBook renders.

use crate::{
    Exercise, Page, Problem, Registry, chapters, claims,
    code::{self, Line},
    exercises::escape,
    map::Map,
    math, tables,
};
use attn::Course;
use attn_viz::Figure;
use mdbook_markdown::pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use regex::Regex;
use std::{collections::HashMap, fs, ops::Range, sync::LazyLock};

static DIRECTIVE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(\\?)\{\{\s*#\s*(\w+)\s*([^{}]*?)\s*\}\}"));
static COMMAND: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"cargo attn (?:check|try|hint|solution|reset|update) (\d+\.\d+)"));

static PICTURE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)<svg\b.*?</svg>|<img\b[^>]*>"));
static ALT: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\balt\s*=\s*["'][^"']*\S"#));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant")
}

/// What pages may refer to.
pub struct Sources<'a> {
    /// The workspace and its chapters: paths in problems are relative to its root.
    pub course: &'a Course,
    /// Figures and tables.
    pub registry: &'a Registry,
    /// The exercises of all chapters.
    pub exercises: &'a [Exercise],
}

/// A page made ready for mdBook.
#[derive(Debug, Default)]
pub struct Rendered {
    /// Markdown with the mathematics, figures, exercises and code put in.
    pub markdown: String,
    /// Everything that is wrong with the page by itself.
    pub problems: Vec<Problem>,
    /// The anchors that it includes: file (relative to the workspace) and name.
    pub anchors: Vec<(String, String)>,
    /// The exercises that have their boxes here.
    pub placed: Vec<String>,
    /// The text of its headings.
    pub headings: Vec<String>,
}

/// Renders a page. A part with a problem is left as it was written, so that all problems come out
/// at once.
pub fn render(page: &Page, sources: &Sources) -> Rendered {
    let mut work =
        Work { page, sources, edits: Vec::new(), seen: HashMap::new(), out: Rendered::default() };
    let code = work.blocks();
    work.directives(&code);
    work.commands();
    work.alternatives(&code);
    work.out.problems.extend(tables::check(page, sources.registry));
    work.finish()
}

/// Code that a page asks for.
struct Included {
    file: String,
    anchor: String,
    lines: Vec<(usize, String)>,
}

struct Work<'a> {
    page: &'a Page,
    sources: &'a Sources<'a>,
    edits: Vec<(Range<usize>, String)>,
    seen: HashMap<String, usize>,
    out: Rendered,
}

impl Work<'_> {
    /// Mathematics and code blocks; answers where code is, since directives mean nothing there.
    fn blocks(&mut self) -> Vec<Range<usize>> {
        let mut code = Vec::new();
        let mut heading: Option<String> = None;
        let page = self.page;
        for (event, span) in Parser::new_ext(&page.text, options()).into_offset_iter() {
            match &event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => self.out.headings.extend(heading.take()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(text);
                    }
                }
                _ => (),
            }
            match event {
                Event::InlineMath(latex) => self.formula(&latex, false, span),
                Event::DisplayMath(latex) => self.formula(&latex, true, span),
                Event::Code(_) => code.push(span),
                Event::Start(Tag::CodeBlock(kind)) => {
                    code.push(span.clone());
                    self.fence(&kind, span);
                }
                Event::Start(Tag::Image { .. }) => self.image(span),
                Event::Text(_) if !code.iter().any(|range| range.contains(&span.start)) => {
                    self.dollars(span);
                }
                _ => (),
            }
        }
        code
    }

    fn formula(&mut self, latex: &str, display: bool, span: Range<usize>) {
        match math::mathml(latex, display) {
            Ok(mathml) if display => self.edits.push((span, mathml)),
            Ok(mathml) => {
                // A line may end between a formula and what follows it, but not before a full stop.
                let rest = &self.page.text[span.end..];
                let sign = rest.find(|c| !".,;:!?)’”".contains(c)).unwrap_or(rest.len());
                if sign == 0 {
                    return self.edits.push((span, mathml));
                }
                self.edits.push((span.clone(), format!("<span class=\"math-and\">{mathml}")));
                let after = span.end + sign;
                self.edits.push((after..after, "</span>".into()));
            }
            Err(why) => self.problem(span.start, format!("LaTeX `{}`: {why}", latex.trim())),
        }
    }

    /// What looks like a formula and was read as text, as `$\frac{x$` is: the reader would see the
    /// LaTeX.
    fn dollars(&mut self, span: Range<usize>) {
        for (at, _) in self.page.text[span.clone()].match_indices('$') {
            let at = span.start + at;
            if !self.page.text[..at].ends_with('\\') {
                let why = "a `$` that begins or ends no LaTeX formula (are braces unbalanced?); `\\$` is the sign itself";
                self.problem(at, why);
            }
        }
    }

    fn image(&mut self, span: Range<usize>) {
        if self.page.text[span.clone()].starts_with("![]") {
            self.problem(span.start, "the image has no text alternative: ![what it shows](…)");
        }
    }

    fn fence(&mut self, kind: &CodeBlockKind, span: Range<usize>) {
        match kind {
            CodeBlockKind::Fenced(info) if !info.trim().is_empty() => self.includes(span),
            CodeBlockKind::Fenced(_) => {
                self.problem(
                    span.start,
                    "the fence names no language: ```rust, ```console, ```text, …",
                );
            }
            CodeBlockKind::Indented => {
                self.problem(span.start, "indented code names no language: use a fence, ```rust");
            }
        }
    }

    /// Puts the code into a fence that includes some. A fence of nothing else says where its lines
    /// are from.
    fn includes(&mut self, span: Range<usize>) {
        let block = &self.page.text[span.clone()];
        for found in DIRECTIVE.captures_iter(block) {
            let (Some(whole), Some(target)) = (found.get(0), found.get(3)) else {
                continue;
            };
            if !found[1].is_empty() || &found[2] != "include" {
                continue;
            }
            let at = span.start + whole.start();
            let included = match self.included(target.as_str()) {
                Ok(included) => included,
                Err(why) => {
                    self.problem(at, format!("include `{}`: {why}", target.as_str()));
                    continue;
                }
            };
            let line = block[..whole.start()].rfind('\n').map_or(0, |i| i + 1);
            let indent = &block[line..whole.start()];
            let texts: Vec<&str> = included.lines.iter().map(|(_, text)| text.as_str()).collect();
            let text = texts.join(&format!("\n{indent}"));
            self.edits.push((at..at + whole.len(), text));
            let only = block.trim().lines().count() == 3;
            if indent.is_empty() && only && self.starts_line(span.start) {
                self.name(&span, &included);
            }
            self.out.anchors.push((included.file, included.anchor));
        }
    }

    /// Reads `path:anchor`, a path relative to the page.
    fn included(&self, target: &str) -> Result<Included, String> {
        let (path, anchor) = target.rsplit_once(':').ok_or("it names no anchor: file.rs:anchor")?;
        if anchor.is_empty() || anchor.chars().all(|c| c.is_ascii_digit() || c == ':') {
            return Err("code is included by anchor, not by line numbers, which go stale".into());
        }
        let folder = self.sources.course.root.join(&self.page.path);
        let folder = folder.parent().unwrap_or(&self.sources.course.root);
        let file = folder.join(path).canonicalize().map_err(|_| "there is no such file")?;
        let root = self.sources.course.root.canonicalize().map_err(|e| e.to_string())?;
        let inside = file.strip_prefix(&root).map_err(|_| "the file lies outside the workspace")?;
        let source = fs::read_to_string(&file).map_err(|e| e.to_string())?;
        let lines = code::anchored(&source, anchor)?;
        let owned = |line: Line| (line.number, line.text.to_string());
        Ok(Included {
            file: inside.display().to_string().replace('\\', "/"),
            anchor: anchor.to_string(),
            lines: lines.into_iter().map(owned).collect(),
        })
    }

    /// Wraps a fence in an element that names the file and the numbers of its lines.
    fn name(&mut self, span: &Range<usize>, included: &Included) {
        let id = self.unique(&format!("code-{}", included.anchor));
        let numbers = included.lines.iter().map(|(number, _)| number.to_string());
        let numbers: Vec<String> = numbers.collect();
        let open = format!(
            "<div class=\"listing\" id=\"{id}\" data-lines=\"{}\">\n<p class=\"listing-file\">{}</p>\n\n",
            numbers.join(","),
            escape(&included.file),
        );
        let end = span.start + self.page.text[span.clone()].trim_end().len();
        self.edits.push((span.start..span.start, open));
        self.edits.push((end..end, "\n\n</div>\n".into()));
    }

    /// `{{#figure …}}`, `{{#exercise …}}`, `{{#chapter …}}` and the like, each alone on its line.
    fn directives(&mut self, code: &[Range<usize>]) {
        let page = self.page;
        for found in DIRECTIVE.captures_iter(&page.text) {
            let Some(whole) = found.get(0) else { continue };
            if !found[1].is_empty() || code.iter().any(|range| range.contains(&whole.start())) {
                continue;
            }
            let alone = self.starts_line(whole.start())
                && page.text[whole.end()..].lines().next().is_none_or(str::is_empty);
            let html = match (&found[2], alone) {
                ("title", _) => continue,
                ("figure", true) => self.figure(&found[3]),
                ("play", true) => self.play(&found[3]),
                ("exercise", true) => self.exercise(&found[3]),
                ("chapter", true) => chapters::opening(self.sources.course, &found[3]),
                ("next", true) => chapters::next(self.sources.course, &found[3]),
                ("map", true) => chapters::map(self.sources.course),
                ("claims", true) => claims::index(self.sources.course),
                ("figure" | "play" | "exercise" | "chapter" | "next" | "map" | "claims", false) => {
                    Err("it has to stand alone on its line".into())
                }
                ("include", _) => Err("code belongs in a fence that names its language".into()),
                _ => Err("there is no such directive".into()),
            };
            match html {
                Ok(html) => self.edits.push((whole.range(), format!("\n{html}\n"))),
                Err(why) => self.problem(whole.start(), format!("{}: {why}", whole.as_str())),
            }
        }
    }

    fn figure(&mut self, name: &str) -> Result<String, String> {
        let figure = match self.sources.registry.figures.get(name) {
            Some(draw) => draw(),
            None if name == "map" => {
                Map::of(self.sources.course).figure(self.page, &self.sources.course.root)
            }
            None => return Err("there is no such figure".into()),
        };
        self.drawn(&figure, name)
    }

    /// A figure to play with: what is asked of the reader, and the figure in its first state. The page's script adds
    /// the controls.
    fn play(&mut self, asked: &str) -> Result<String, String> {
        let (name, question) = asked.split_once(char::is_whitespace).unwrap_or((asked, ""));
        let widget = attn_play::widget(name).ok_or("there is no such figure to play with")?;
        if !question.ends_with('?') {
            return Err("it needs a question that playing answers: {{#play NAME question?}}".into());
        }
        let mut still = String::new();
        for (i, figure) in widget.at("").figures.iter().enumerate() {
            still += &self.drawn(figure, &format!("play-{name}-{i}"))?;
        }
        Ok(format!(
            "<div class=\"play\" data-play=\"{name}\"><p class=\"play-question\">{}</p><div class=\"play-still\">{still}</div></div>",
            escape(question)
        ))
    }

    fn drawn(&mut self, figure: &Figure, name: &str) -> Result<String, String> {
        if figure.alternative().trim().is_empty() || figure.title().trim().is_empty() {
            return Err("the figure has no text alternative, or no title".into());
        }
        let page = self.page.path.file_stem().unwrap_or_default().to_string_lossy();
        let slug = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let id = self.unique(&format!("figure-{}-{}", slug(&page), slug(name)));
        let (svg, title) = (figure.svg(&id), escape(figure.title()));
        Ok(format!(
            "<figure class=\"figure\"><div class=\"figure-scroll\">{svg}</div><figcaption>{title}</figcaption>{}</figure>",
            values(figure.values())
        ))
    }

    fn exercise(&mut self, id: &str) -> Result<String, String> {
        let known = self.sources.exercises.iter().find(|exercise| exercise.id == id);
        let html = known.ok_or("there is no such exercise")?.html();
        if self.out.placed.iter().any(|placed| placed == id) {
            return Err("the exercise has its box on this page already".into());
        }
        self.out.placed.push(id.into());
        Ok(html)
    }

    /// Commands in the text name exercises that exist.
    fn commands(&mut self) {
        let page = self.page;
        for found in COMMAND.captures_iter(&page.text) {
            let (Some(whole), id) = (found.get(0), &found[1]) else {
                continue;
            };
            if self.sources.exercises.iter().all(|exercise| exercise.id != id) {
                self.problem(
                    whole.start(),
                    format!("`{}`: there is no exercise {id}", whole.as_str()),
                );
            }
        }
    }

    /// Pictures written as HTML say what they show, or that there is nothing to say.
    fn alternatives(&mut self, code: &[Range<usize>]) {
        let page = self.page;
        for picture in PICTURE.find_iter(&page.text) {
            let text = picture.as_str();
            let told = ["<title", "aria-hidden=\"true\""].iter().any(|sign| text.contains(sign));
            let told = told || (text.starts_with("<img") && ALT.is_match(text));
            if !told && !code.iter().any(|range| range.contains(&picture.start())) {
                self.problem(picture.start(), "the picture has no text alternative");
            }
        }
    }

    fn finish(mut self) -> Rendered {
        // Stable, so that an opening wrapper stays before what starts at the same place.
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let (text, mut last) = (&self.page.text, 0);
        for (range, new) in &self.edits {
            self.out.markdown.push_str(&text[last..range.start]);
            self.out.markdown.push_str(new);
            last = range.end;
        }
        self.out.markdown.push_str(&text[last..]);
        self.out.problems.sort();
        self.out
    }

    fn problem(&mut self, offset: usize, text: impl Into<String>) {
        self.out.problems.push(self.page.problem(offset, text));
    }

    fn starts_line(&self, offset: usize) -> bool {
        self.page.text[..offset].ends_with('\n') || offset == 0
    }

    /// The id, or the id with a number if it was given out before.
    fn unique(&mut self, id: &str) -> String {
        let count = self.seen.entry(id.into()).or_default();
        *count += 1;
        match *count {
            1 => id.into(),
            count => format!("{id}-{count}"),
        }
    }
}

/// What mdBook itself reads, and mathematics.
fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_GFM
        | Options::ENABLE_MATH
}

/// A figure's values, folded, for those who have no pointer to rest on a cell; on one line, since a
/// blank line would end the figure.
fn values(rows: &[Vec<String>]) -> String {
    let Some((head, rows)) = rows.split_first() else {
        return String::new();
    };
    let head: String = head.iter().map(|name| format!("<th>{}</th>", escape(name))).collect();
    let row = |row: &Vec<String>| {
        let mut cells = row.iter().map(|value| escape(value));
        let name = cells.next().unwrap_or_default();
        let cells: String = cells.map(|value| format!("<td>{value}</td>")).collect();
        format!("<tr><th>{name}</th>{cells}</tr>")
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<details class=\"figure-values\"><summary>The values</summary><div class=\"table-wrapper\">\
         <table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )
}
