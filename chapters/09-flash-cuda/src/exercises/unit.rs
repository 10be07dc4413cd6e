//! The text that is compiled: a kernel of this chapter in which one function was replaced by the learner's. Messages
//! about it speak of the files and lines that the learner sees.

use super::braces::unmatched;
use ptx_sim::ParseError;

/// What the compiler calls the text.
pub(super) const NAME: &str = "answer.cu";

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
enum Origin {
    Answers(usize),
    Kernel(usize),
}

/// How a section of the learner's file begins.
const HEADING: &str = "// ━━ ";

impl Unit {
    /// A kernel's own text.
    pub fn whole(kernel: &str, source: &str) -> Self {
        let mut unit = Unit {
            text: String::new(),
            origin: Vec::new(),
            kernel: kernel.into(),
            braces: None,
        };
        source
            .lines()
            .enumerate()
            .for_each(|(at, line)| unit.push(line, Origin::Kernel(at + 1)));
        unit
    }

    /// The kernel's text with the region `item` replaced by the section `id` of the learner's file, and before it what
    /// stands above the first section there. The file's sections are `ids`.
    pub fn with_section(
        kernel: &str,
        source: &str,
        item: &str,
        answers: &str,
        (id, ids): (&str, &[&str]),
    ) -> Result<Self, String> {
        // Where a heading is gone, two sections run into one.
        let next = ids.iter().skip_while(|other| **other != id).nth(1);
        for needed in ids.first().into_iter().chain([&id]).chain(next) {
            heading_is_there(answers, needed)?;
        }
        let lines = || {
            let lines = answers.lines().enumerate();
            lines.map(|(at, line)| (Origin::Answers(at + 1), line))
        };
        let heading = format!("{HEADING}{id} ");
        let section = lines().skip_while(|(_, line)| !line.starts_with(&heading));
        let section = section
            .skip(1)
            .take_while(|(_, line)| !line.starts_with(HEADING));
        let section: Vec<(Origin, &str)> = section.collect();
        let mut unit = Unit {
            text: String::new(),
            origin: Vec::new(),
            kernel: kernel.into(),
            braces: None,
        };
        let numbered = section.iter().map(|(origin, line)| (origin.line(), *line));
        unit.braces = unmatched(numbered);
        for (origin, line) in lines().take_while(|(_, line)| !line.starts_with(HEADING)) {
            unit.push(line, origin);
        }
        let marked = |line: &str, marker: &str| line.trim() == format!("// {marker}: {item}");
        let mut inside = false;
        for (at, line) in source.lines().enumerate() {
            if marked(line, "ANCHOR") {
                inside = true;
                for (origin, line) in &section {
                    unit.push(line, *origin);
                }
            }
            if !inside {
                unit.push(line, Origin::Kernel(at + 1));
            }
            inside &= !marked(line, "ANCHOR_END");
        }
        Ok(unit)
    }

    fn push(&mut self, line: &str, origin: Origin) {
        self.text += line;
        self.text.push('\n');
        self.origin.push(origin);
    }

    /// A line of the text.
    pub fn line(&self, number: u32) -> &str {
        self.text
            .lines()
            .nth((number as usize).saturating_sub(1))
            .unwrap_or_default()
    }

    /// A line of the text, as the learner knows it: `line 41`, or `line 55 of kernels/tiled.cu`.
    pub fn place(&self, number: u32) -> String {
        match self.origin.get((number as usize).saturating_sub(1)) {
            Some(Origin::Answers(line)) => format!("line {line}"),
            Some(Origin::Kernel(line)) => format!("line {line} of {}", self.kernel),
            None => "a line of the check's own".into(),
        }
    }

    /// What the simulator says, with its lines as the learner knows them.
    pub fn in_words(&self, finding: &str) -> String {
        replaced(finding, "line ", "", |before, number| {
            match before.ends_with("PTX ") {
                true => format!("line {number}"),
                false => self.place(number),
            }
        })
    }

    /// What the compiler says, with its lines as the learner knows them. Where braces do not match it says a lot, and none
    /// of it helps.
    pub fn complaint(&self, log: &str) -> String {
        let told = log
            .lines()
            .filter(|line| !line.contains("detected in the compilation of"))
            .collect::<Vec<_>>()
            .join("\n");
        let told = self.located(told.trim());
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
        let theirs = |line: &&str| {
            let number = line
                .strip_prefix(NAME)
                .and_then(|rest| rest.strip_prefix('('))
                .and_then(|rest| rest.split_once(')'))
                .and_then(|(number, _)| number.parse::<usize>().ok());
            let origin = number.and_then(|number| self.origin.get(number.saturating_sub(1)));
            matches!(origin, Some(Origin::Answers(_)))
        };
        log.lines()
            .filter(theirs)
            .map(|line| self.located(line))
            .collect()
    }

    /// What the simulator does not know, with its line as the learner knows it.
    pub fn unknown(&self, error: &ParseError) -> String {
        match error.place.source {
            Some(line) => format!(
                "{} compiles, but the simulator cannot run it:\n{}",
                self.place(line),
                error.problem
            ),
            None => error.to_string(),
        }
    }

    /// The compiler's words, with the lines as the learner knows them.
    fn located(&self, said: &str) -> String {
        replaced(said, &format!("{NAME}("), ")", |_, number| {
            self.place(number)
        })
    }
}

impl Origin {
    fn line(self) -> usize {
        match self {
            Origin::Answers(line) | Origin::Kernel(line) => line,
        }
    }
}

/// Says which heading is gone, and where what is left of it may be.
fn heading_is_there(answers: &str, id: &str) -> Result<(), String> {
    let heading = format!("{HEADING}{id} ");
    if answers.lines().any(|line| line.starts_with(&heading)) {
        return Ok(());
    }
    let damaged = |line: &str| {
        let words = line.trim_start_matches(|c: char| !c.is_alphanumeric());
        line.trim_start().starts_with('/') && words.starts_with(&format!("{id} "))
    };
    let left = answers.lines().position(damaged);
    let left = left.map_or(String::new(), |at| {
        format!(" (line {} may be what is left of it)", at + 1)
    });
    let chapter = id.split('.').next().unwrap_or(id);
    Err(format!(
        "the heading `{heading}…` is gone{left}.
It tells the answers apart: write it again as it was. Or cargo attn reset {chapter}
puts back the whole file, and keeps a copy of yours."
    ))
}

/// `text` in which each `start`, number, `end` was replaced.
fn replaced(text: &str, start: &str, end: &str, by: impl Fn(&str, u32) -> String) -> String {
    let (mut result, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(start) {
        let (before, found) = rest.split_at(at);
        result += before;
        let digits: String = found[start.len()..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let after = &found[start.len() + digits.len()..];
        match (digits.parse(), after.strip_prefix(end)) {
            (Ok(number), Some(after)) => {
                let new = by(&result, number);
                result += &new;
                rest = after;
            }
            _ => {
                result += start;
                rest = &found[start.len()..];
            }
        }
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not in one piece, or the book would look for the region.
    const KERNEL: &str = concat!("one\n// ANC", "HOR: f\ntwo\n// ANC", "HOR_END: f\nthree\n");
    const ANSWERS: &str = "// above\n\n// ━━ 9.1 A ━━\nmine\nmore\n// ━━ 9.2 B ━━\nother\n";

    const IDS: &[&str] = &["9.1", "9.2"];

    fn unit(answers: &str, id: &str) -> Result<Unit, String> {
        Unit::with_section("kernels/k.cu", KERNEL, "f", answers, (id, IDS))
    }

    #[test]
    fn a_section_takes_the_place_of_a_region() {
        let unit = unit(ANSWERS, "9.1").expect("there is one");
        assert_eq!(unit.text, "// above\n\none\nmine\nmore\nthree\n");
        let said = unit.in_words("race, line 4: line 4 and line 6, PTX line 4");
        assert_eq!(
            said,
            "race, line 4: line 4 and line 5 of kernels/k.cu, PTX line 4"
        );
        assert_eq!(
            unit.complaint("answer.cu(5): error: no\n answer.cu(x)"),
            "line 5: error: no\n answer.cu(x)"
        );
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
        for id in IDS {
            let error = unit(&damaged, id).expect_err("two sections in one");
            assert!(
                error.contains("the heading `// ━━ 9.2 …` is gone (line 6"),
                "{error}"
            );
            assert!(error.contains("cargo attn reset 9\n"), "{error}");
        }
        let gone = ANSWERS.replace("// ━━ 9.1 A ━━\n", "");
        assert!(
            unit(&gone, "9.2")
                .expect_err("no first")
                .contains("━━ 9.1 …` is gone.\n")
        );
    }

    #[test]
    fn braces_that_do_not_match_come_first() {
        let unit = unit(&ANSWERS.replace("more", "more {"), "9.1").expect("there is one");
        let said = unit.complaint("answer.cu(5): error: one\n\nanswer.cu(6): error: two");
        assert!(said.contains("1 `{` and 0 `}`"), "{said}");
        assert!(
            said.contains("line 5: error: one") && !said.contains("two"),
            "{said}"
        );
    }
}
