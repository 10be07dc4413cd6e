use super::{Overview, State};
use crate::{
    number::{counted, short},
    reports::told::plain,
};
use textwrap::{Options, core::display_width, wrap};

const WIDTH: usize = 80;
/// What is left of a line beside the numbers.
const NAME: usize = 30;

/// The overview as text for a terminal of 80 columns.
pub fn text(overview: &Overview) -> String {
    let mut lines = vec![plain(&overview.assignment), sentence(overview), String::new()];
    let heads = ["passed", "partly", "wrong", "unsolved", "broken", "unchecked"];
    lines.push(row("exercise", &heads.map(String::from)));
    for e in &overview.exercises {
        let sum = |states: &[State]| {
            states.iter().map(|state| e.count(*state)).sum::<usize>().to_string()
        };
        let counts = [
            sum(&[State::Passed]),
            sum(&[State::Partly]),
            sum(&[State::Wrong]),
            sum(&[State::Unsolved, State::WaitsOn]),
            sum(&[State::DoesNotCompile, State::Stopped]),
            sum(&[State::NotChecked]),
        ];
        lines.push(row(&format!("{} {}", e.id, plain(&e.title)), &counts));
    }
    lines.extend(mistakes(overview));
    let wrapped = lines.iter().flat_map(|line| wrap(line, WIDTH));
    wrapped.map(|line| line.trim_end().to_string() + "\n").collect()
}

/// How many there are, and how they did.
pub(super) fn sentence(overview: &Overview) -> String {
    let (students, refused) = (overview.students, overview.refused);
    let refused = match refused {
        0 => String::new(),
        n => format!(" {n} handed in nothing that can be graded."),
    };
    let median = overview.median.map_or_else(String::new, |median| {
        format!(" The median of the others is {} of {} points.", short(median), short(overview.of))
    });
    let median = if refused.is_empty() { median.replace(" of the others", "") } else { median };
    format!("{}.{refused}{median}", counted(students, "student"))
}

fn row(name: &str, counts: &[String; 6]) -> String {
    let name = cut(name);
    let widths = [6, 7, 6, 9, 7, 10];
    let blanks = " ".repeat(NAME - display_width(&name));
    let counts = counts.iter().zip(widths).map(|(count, width)| format!("{count:>width$}"));
    format!("{name}{blanks}{}", counts.collect::<String>())
}

/// A name in the columns that it has. A character may take two.
fn cut(name: &str) -> String {
    if display_width(name) <= NAME {
        return name.into();
    }
    let mut out = String::new();
    for c in name.chars() {
        if display_width(&out) + display_width(c.encode_utf8(&mut [0; 4])) >= NAME {
            break;
        }
        out.push(c);
    }
    out + "…"
}

fn mistakes(overview: &Overview) -> Vec<String> {
    if overview.mistakes.is_empty() {
        return vec![];
    }
    let mut lines = vec![String::new(), "times  mistake".into()];
    for made in &overview.mistakes {
        let first = format!("{:>5}  {} {}: comes out when ", made.times, made.id, made.mistake);
        let options = Options::new(WIDTH).subsequent_indent("       ");
        let whole = format!("{first}{}", plain(&made.when));
        lines.extend(wrap(&whole, options).into_iter().map(|line| line.into_owned()));
    }
    lines
}
