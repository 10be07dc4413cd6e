//! The text that is compiled: a kernel of this chapter in which one function was replaced by the learner's. Messages
//! about it speak of the files and lines that the learner sees.

/// What the compiler calls the text.
pub(super) const NAME: &str = "answer.cu";

/// CUDA, and where each line of it comes from.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub text: String,
    origin: Vec<Origin>,
    /// The kernel's file, for messages.
    kernel: String,
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
        };
        source
            .lines()
            .enumerate()
            .for_each(|(at, line)| unit.push(line, Origin::Kernel(at + 1)));
        unit
    }

    /// The kernel's text with the region `item` replaced by the section `id` of the learner's file, and before it what
    /// stands above the first section there.
    pub fn with_section(
        kernel: &str,
        source: &str,
        item: &str,
        answers: &str,
        id: &str,
    ) -> Result<Self, String> {
        let mut unit = Unit {
            text: String::new(),
            origin: Vec::new(),
            kernel: kernel.into(),
        };
        let lines = || {
            answers
                .lines()
                .enumerate()
                .map(|(at, line)| (Origin::Answers(at + 1), line))
        };
        let heading = format!("{HEADING}{id} ");
        let mut section = lines()
            .skip_while(|(_, line)| !line.starts_with(&heading))
            .peekable();
        if section.peek().is_none() {
            return Err(format!(
                "the heading `{heading}…` is gone; cargo attn reset {id} brings it back"
            ));
        }
        for (origin, line) in lines().take_while(|(_, line)| !line.starts_with(HEADING)) {
            unit.push(line, origin);
        }
        let marked = |line: &str, marker: &str| line.trim() == format!("// {marker}: {item}");
        let mut inside = false;
        for (at, line) in source.lines().enumerate() {
            if marked(line, "ANCHOR") {
                inside = true;
                let rest = section
                    .by_ref()
                    .skip(1)
                    .take_while(|(_, line)| !line.starts_with(HEADING));
                rest.for_each(|(origin, line)| unit.push(line, origin));
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
            None => format!("line {number}"),
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

    /// What the compiler says, with its lines as the learner knows them.
    pub fn complaint(&self, log: &str) -> String {
        let told = log
            .lines()
            .filter(|line| !line.contains("detected in the compilation of"))
            .collect::<Vec<_>>()
            .join("\n");
        replaced(told.trim(), &format!("{NAME}("), ")", |_, number| {
            self.place(number)
        })
    }
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

    #[test]
    fn a_section_takes_the_place_of_a_region() {
        let unit =
            Unit::with_section("kernels/k.cu", KERNEL, "f", ANSWERS, "9.1").expect("there is one");
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
        let gone = Unit::with_section("kernels/k.cu", KERNEL, "f", ANSWERS, "9.3")
            .expect_err("there is none");
        assert!(gone.contains("cargo attn reset 9.3"));
    }
}
