//! The text that is compiled: a kernel of this chapter in which one function was replaced by the
//! learner's. Messages about it speak of the files and lines that the learner sees.

use ptx_sim::ParseError;
use regex::{Captures, Regex};

/// What the compiler calls the text.
pub(super) const NAME: &str = "answer.cu";

/// How a section of the learner's file begins.
const HEADING: &str = "// ━━ ";

/// CUDA, and where each line of it comes from.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub text: String,
    origin: Vec<Origin>,
    /// The kernel's file, for messages.
    kernel: String,
    /// What is wrong with the braces of the learner's section.
    braces: Option<String>,
}

/// A line of the learner's file, or of the kernel's; from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Origin {
    Answers(usize),
    Kernel(usize),
}

pub(super) fn numbered(
    text: &str,
    origin: fn(usize) -> Origin,
) -> impl Iterator<Item = (Origin, &str)> {
    text.lines().zip(1..).map(move |(line, at)| (origin(at), line))
}

impl Unit {
    /// A kernel's own text.
    pub fn whole(kernel: &str, source: &str) -> Self {
        Unit::of(kernel, numbered(source, Origin::Kernel))
    }

    /// The kernel's text with the region `item` replaced by the section `id` of the learner's file, and before it what stands
    /// above the first section there.
    pub fn with_section(
        kernel: &str,
        source: &str,
        item: &str,
        answers: &str,
        id: &str,
    ) -> Result<Self, String> {
        headings_are_there(answers, id)?;
        let lines = || numbered(answers, Origin::Answers);
        let section: Vec<_> = section(answers, id).collect();
        let above = lines().take_while(|(_, line)| !is_heading(line));

        let marker = |marker: &str| {
            let marker = format!("// {marker}: {item}");
            source
                .lines()
                .position(|line| line.trim() == marker)
                .expect("the kernel marks its functions")
        };
        let (start, end) = (marker("ANCHOR"), marker("ANCHOR_END"));
        let around = || numbered(source, Origin::Kernel);
        let all =
            above.chain(around().take(start)).chain(section.clone()).chain(around().skip(end + 1));
        Ok(Unit { braces: unmatched(&section), ..Unit::of(kernel, all) })
    }

    pub fn of<'a>(kernel: &str, lines: impl Iterator<Item = (Origin, &'a str)>) -> Self {
        let (origin, lines): (Vec<Origin>, Vec<String>) =
            lines.map(|(origin, line)| (origin, format!("{line}\n"))).unzip();
        Unit { text: lines.concat(), origin, kernel: kernel.into(), braces: None }
    }

    /// A line of the text.
    pub fn line(&self, number: u32) -> &str {
        self.text.lines().nth((number as usize).saturating_sub(1)).unwrap_or_default()
    }

    fn origin(&self, number: u32) -> Option<Origin> {
        self.origin.get((number as usize).checked_sub(1)?).copied()
    }

    /// The line of the learner's file that stands in this line of the text, if one does.
    pub fn own_line(&self, number: u32) -> Option<usize> {
        match self.origin(number)? {
            Origin::Answers(line) => Some(line),
            Origin::Kernel(_) => None,
        }
    }

    /// A line of the text, as the learner knows it: `line 41`, or `line 55 of kernels/tiled.cu`.
    pub fn place(&self, number: u32) -> String {
        match self.origin(number) {
            Some(Origin::Answers(line)) => format!("line {line}"),
            Some(Origin::Kernel(line)) => format!("line {line} of {}", self.kernel),
            None => "a line of the check's own".into(),
        }
    }

    /// What the simulator says, with its lines as the learner knows them.
    pub fn in_words(&self, finding: &str) -> String {
        self.located(finding, r"(?:PTX )?line (\d+)")
    }

    /// What the compiler says, with its lines as the learner knows them. Where braces do not match, it
    /// complains of everything after, and none of that helps.
    pub fn complaint(&self, log: &str) -> String {
        let told = log.lines().filter(|line| !line.contains("detected in the compilation of"));
        let told = self.located(told.collect::<Vec<_>>().join("\n").trim(), COMPILER);
        match &self.braces {
            Some(braces) => {
                let first = told.split("\n\n").next().unwrap_or_default();
                format!("{braces}\n\nThe compiler's first complaint:\n{first}")
            }
            None => told,
        }
    }

    /// What the compiler warns of in the learner's lines, a line each.
    pub fn warnings(&self, log: &str) -> Vec<String> {
        let place = Regex::new(&format!("^{COMPILER}")).expect("a pattern");
        let is_theirs = |line: &&str| {
            let number = place.captures(line).and_then(|found| found[1].parse().ok());
            matches!(number.and_then(|number| self.origin(number)), Some(Origin::Answers(_)))
        };
        log.lines().filter(is_theirs).map(|line| self.located(line, COMPILER)).collect()
    }

    /// What the simulator does not know, with its line as the learner knows it.
    pub fn unknown(&self, error: &ParseError) -> String {
        match error.place.source {
            Some(line) => {
                let place = self.place(line);
                format!("{place} compiles, but the simulator cannot run it:\n{}", error.problem)
            }
            None => error.to_string(),
        }
    }

    /// `text` in which the places that match the pattern are put as the learner knows them.
    fn located(&self, text: &str, pattern: &str) -> String {
        let place = Regex::new(pattern).expect("a pattern");
        let put = |found: &Captures| match found[1].parse() {
            Ok(line) if !found[0].starts_with("PTX") => self.place(line),
            _ => found[0].into(),
        };
        place.replace_all(text, put).into_owned()
    }
}

/// A place as the compiler puts it.
const COMPILER: &str = r"answer\.cu\((\d+)\)";

/// Whether a section begins with this line.
pub(super) fn is_heading(line: &str) -> bool {
    line.starts_with(HEADING)
}

/// The lines of a section of the learner's file, below its heading.
pub(super) fn section<'a>(
    answers: &'a str,
    id: &str,
) -> impl Iterator<Item = (Origin, &'a str)> + use<'a> {
    let own = heading(id);
    let lines =
        numbered(answers, Origin::Answers).skip_while(move |(_, line)| !line.starts_with(&own));
    lines.skip(1).take_while(|(_, line)| !is_heading(line))
}

fn heading(id: &str) -> String {
    format!("{HEADING}{id} ")
}

/// Refuses a file in which a section cannot be told from its neighbours. Where a heading is gone, two
/// sections run into one.
pub(super) fn headings_are_there(answers: &str, id: &str) -> Result<(), String> {
    let starter = include_str!("../../starter.cu").lines();
    let ids: Vec<&str> =
        starter.filter_map(|line| line.strip_prefix(HEADING)?.split(' ').next()).collect();
    let next = ids.iter().skip_while(|other| **other != id).nth(1);
    let needed = ids.first().into_iter().chain([&id]).chain(next);
    let is_there = |id: &str| answers.lines().any(|line| line.starts_with(&heading(id)));
    let Some(gone) = needed.into_iter().find(|id| !is_there(id)) else {
        return Ok(());
    };
    let is_left = |line: &str| {
        let words = line.trim_start_matches(|c: char| !c.is_alphanumeric());
        line.trim_start().starts_with('/') && words.starts_with(&format!("{gone} "))
    };
    let left = answers.lines().position(is_left);
    let left =
        left.map_or(String::new(), |at| format!(" (line {} may be what is left of it)", at + 1));
    let (heading, chapter) = (heading(gone), gone.split('.').next().unwrap_or(gone));
    Err(format!(
        "the heading `{heading}…` is gone{left}.
It tells the answers apart: write it again as it was. Or cargo attn reset {chapter}
puts back the whole file, and keeps a copy of yours."
    ))
}

/// What is wrong with the braces of these lines; comments and quoted text do not count.
fn unmatched(lines: &[(Origin, &str)]) -> Option<String> {
    let quoted = r#"//.*|(?s:/\*.*?(?:\*/|$))|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?"#;
    let text: Vec<&str> = lines.iter().map(|(_, line)| *line).collect();
    let breaks = |found: &Captures| "\n".repeat(found[0].matches('\n').count());
    let code =
        Regex::new(quoted).expect("a pattern").replace_all(&text.join("\n"), breaks).into_owned();
    let (mut opened, mut closed) = (0, 0);
    for (line, (Origin::Answers(number) | Origin::Kernel(number), _)) in code.split('\n').zip(lines)
    {
        for c in line.chars() {
            opened += usize::from(c == '{');
            closed += usize::from(c == '}');
            if closed > opened {
                return Some(format!("the `}}` in line {number} has no `{{`"));
            }
        }
    }
    let missing = || format!("a `}}` is missing: this section has {opened} `{{` and {closed} `}}`");
    (opened > closed).then(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not in one piece, or the book would look for the region.
    const KERNEL: &str = concat!("one\n// ANC", "HOR: f\ntwo\n// ANC", "HOR_END: f\nthree\n");
    const ANSWERS: &str =
        "// above\n\n// ━━ 9.1 A ━━\nmine\nmore\n// ━━ 9.2 B ━━\nother\n// ━━ 9.3 C ━━\n";

    fn unit(answers: &str, id: &str) -> Result<Unit, String> {
        Unit::with_section("kernels/k.cu", KERNEL, "f", answers, id)
    }

    #[test]
    fn a_section_takes_the_place_of_a_region() {
        let unit = unit(ANSWERS, "9.1").expect("there is one");
        assert_eq!(unit.text, "// above\n\none\nmine\nmore\nthree\n");
        let said = unit.in_words("race, line 4: line 4 and line 6, PTX line 4");
        assert_eq!(said, "race, line 4: line 4 and line 5 of kernels/k.cu, PTX line 4");
        let said = unit.complaint("answer.cu(5): error: no\n answer.cu(x)");
        assert_eq!(said, "line 5: error: no\n answer.cu(x)");
    }

    #[test]
    fn warnings_are_those_of_the_learners_lines() {
        let unit = unit(ANSWERS, "9.1").expect("there is one");
        let log = "answer.cu(3): warning #1-D: of the kernel\n  one\n  ^\n\nanswer.cu(5): warning #2-D: yours\n  more\n  ^\n";
        assert_eq!(unit.warnings(log), ["line 5: warning #2-D: yours"]);
    }

    #[test]
    fn a_damaged_heading_is_named_where_it_matters() {
        let damaged = ANSWERS.replace("// ━━ 9.2", "// 9.2");
        for id in ["9.1", "9.2"] {
            let error = unit(&damaged, id).expect_err("two sections in one");
            assert!(error.contains("the heading `// ━━ 9.2 …` is gone (line 6"), "{error}");
            assert!(error.contains("cargo attn reset 9\n"), "{error}");
        }
        let gone = ANSWERS.replace("// ━━ 9.1 A ━━\n", "");
        let error = unit(&gone, "9.2").expect_err("no first");
        assert!(error.contains("━━ 9.1 …` is gone.\n"), "{error}");
    }

    #[test]
    fn braces_that_do_not_match_come_first() {
        let unit = unit(&ANSWERS.replace("more", "more {"), "9.1").expect("there is one");
        let said = unit.complaint("answer.cu(5): error: one\n\nanswer.cu(6): error: two");
        assert!(said.contains("1 `{` and 0 `}`"), "{said}");
        assert!(said.contains("line 5: error: one") && !said.contains("two"), "{said}");
    }

    #[test]
    fn braces_are_counted_where_they_are_code() {
        let of = |text: &str| {
            let lines: Vec<_> = numbered(text, Origin::Answers).collect();
            unmatched(&lines)
        };
        assert_eq!(of("f() { if (x) { y; } } // {\n/* { \n { */ \"{\\\"{\" '{'"), None);
        let missing = "a `}` is missing: this section has 2 `{` and 1 `}`";
        assert_eq!(of("f() {\n  if (x) {\n}").as_deref(), Some(missing));
        assert_eq!(of("f() {\n/*\n*/}\n}").as_deref(), Some("the `}` in line 4 has no `{`"));
    }
}
