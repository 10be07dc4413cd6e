//! How verdicts look: short, 80 columns, words and symbols that say the same as the colours.

use crate::{Chapter, Course, Exercise, output::println};
use attn_exercise::{Failure, Place, Report, Shown, Symptom, Verdict};
use owo_colors::OwoColorize;
use serde::Serialize;

const WIDTH: usize = 80;

/// The heading above a chapter's verdicts.
pub fn chapter(chapter: &Chapter) {
    let heading = format!("Chapter {} · {}", chapter.number, chapter.title);
    println!("{}\n", heading.bold());
}

/// One line on an exercise; `right` stands at the end of it.
pub fn line(symbol: &str, exercise: &Exercise, right: &str) {
    let name = format!("{} {}", exercise.id, exercise.item);
    println!("  {symbol} {name:<27}{right}");
}

/// One line on how an exercise stands after a check.
pub fn verdict(exercise: &Exercise, verdict: &Verdict) {
    match verdict {
        Verdict::Passed { cases } => {
            let right = format!("{} points, all {cases} cases right", exercise.points);
            line(&"✓".green().to_string(), exercise, &right);
        }
        Verdict::Unsolved { todo, place, right, of } => {
            let counted = match of {
                0 => String::new(),
                of => format!("; {right} of {of} cases right"),
            };
            // The starter's own todo says at length what the title says in short.
            let own = todo.starts_with(&format!("{}: ", exercise.id));
            let right = match place {
                _ if own => format!("todo: {}", exercise.title),
                Some(Place { line, .. }) if todo.is_empty() => {
                    format!("todo in line {line}{counted}")
                }
                _ => format!("todo: {todo}{counted}"),
            };
            line(&"·".dimmed().to_string(), exercise, &shorten(&right, 47));
        }
        Verdict::WaitsOn { on } => {
            let right = format!("waits on {on}, which it calls");
            line(&"·".dimmed().to_string(), exercise, &right);
        }
        Verdict::Failed(failure) => {
            let right = how_many(failure);
            line(&"✗".red().to_string(), exercise, &right);
        }
        Verdict::DoesNotCompile { .. } => {
            line(&"✗".red().to_string(), exercise, "does not compile");
        }
        Verdict::CannotBeChecked { .. } => {
            line(&"✗".red().to_string(), exercise, "cannot be checked");
        }
    }
}

/// How many cases of a wrong answer are right. They may all be, each by itself, and not agree.
fn how_many(failure: &Failure) -> String {
    match failure {
        Failure { right, of, .. } if right < of => format!("{right} of {of} cases right"),
        _ => "each case right, but not together".into(),
    }
}

/// How an exercise stands, in a heading: `Not right yet: 27 of 55 cases right`.
pub fn heading(exercise: &Exercise, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed { cases } => {
            format!("Passed: {} points, all {cases} cases right", exercise.points)
        }
        Verdict::Failed(failure) => format!("Not right yet: {}", how_many(failure)),
        Verdict::DoesNotCompile { .. } => "Does not compile".into(),
        Verdict::CannotBeChecked { .. } => "Cannot be checked".into(),
        Verdict::WaitsOn { on } => format!("Waits on {on}"),
        Verdict::Unsolved { .. } => "Not solved yet".into(),
    }
}

/// A part of what a verdict says.
#[derive(Clone, Serialize)]
pub struct Paragraph {
    /// What it is about.
    pub about: About,
    /// It may have line breaks.
    pub text: String,
}

/// What a paragraph of a verdict is about.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// The case in which the answer is wrong.
    Case,
    /// What is wrong with it there.
    Wrong,
    /// The name of the mistake.
    Named,
    /// What the compiler says.
    Compiler,
    /// What the answer printed.
    Printed,
    /// Anything else.
    Note,
}

/// What a verdict says: the case, what is wrong with it, the diagnosis, what was printed; or the
/// compiler's first message; how far an unsolved one is. Nothing for one that is right or not begun.
pub fn explanation(course: &Course, report: &Report) -> Vec<Paragraph> {
    let mut paragraphs = Vec::new();
    let mut say = |about, text| paragraphs.push(Paragraph { about, text });
    match &report.verdict {
        Verdict::Failed(failure) => {
            say(About::Case, format!("case {} · {}", failure.case, failure.label));
            say(About::Wrong, symptom(course, &failure.symptom));
            if let Some(diagnosis) = &failure.diagnosis {
                let when = &diagnosis.when;
                let where_in = match (&diagnosis.part, diagnosis.overflows) {
                    (Some(part), _) => format!("In {part}, this"),
                    (None, 0) => "This".to_string(),
                    (None, 1) => "But for the case that overflows, this".to_string(),
                    (None, n) => format!("But for the {n} cases that overflow, this"),
                };
                say(About::Named, format!("{where_in} is exactly what comes out when {when}."));
            }
            if let Some(printed) = printed(report, failure) {
                say(About::Printed, printed);
            }
        }
        Verdict::DoesNotCompile { errors } => {
            let more = errors.len().saturating_sub(1);
            errors.iter().take(1).for_each(|error| say(About::Compiler, error.clone()));
            if more > 0 {
                say(About::Note, format!("… and {more} more"));
            }
        }
        Verdict::CannotBeChecked { why } => say(About::Note, why.clone()),
        Verdict::WaitsOn { on } => {
            say(About::Note, format!("It calls {on}, which is not solved yet."));
        }
        Verdict::Unsolved { right, of, .. } if *right > 0 => {
            let so_far = format!("{right} of {of} cases are right without it.");
            say(About::Note, format!("A todo is still reached; {so_far}"));
        }
        Verdict::Passed { .. } | Verdict::Unsolved { .. } => {}
    }
    paragraphs
}

/// What the answer printed during the case that failed, at most 20 lines.
fn printed(report: &Report, failure: &Failure) -> Option<String> {
    let printed = report.printed.iter().find(|p| p.case == failure.case)?;
    let said = &printed.text;
    let lines: Vec<&str> = said.lines().collect();
    let mut text = format!("printed in case {}:", printed.case);
    for line in lines.iter().take(20) {
        text += &format!("\n│ {line}");
    }
    if lines.len() > 20 {
        text += &format!("\n│ … {} more lines", lines.len() - 20);
    }
    Some(text)
}

/// The explanation of a wrong answer for a terminal, and where to look next.
pub fn details(course: &Course, exercise: &Exercise, report: &Report) {
    println!();
    let paragraphs = explanation(course, report);
    let Verdict::Failed(failure) = &report.verdict else {
        let texts: Vec<String> = paragraphs.into_iter().map(|said| said.text).collect();
        println!("{}", textwrap::indent(&texts.join("\n\n"), "  "));
        return;
    };
    for Paragraph { about, text } in paragraphs {
        match about {
            About::Case => paragraph("  ", &text.bold().to_string()),
            About::Named => {
                println!();
                paragraph(&format!("  {} ", "▸".yellow()), &text);
            }
            About::Printed => println!("\n{}", textwrap::indent(&text, "  ")),
            _ => paragraph("  ", &text),
        }
    }
    let id = &exercise.id;
    println!("\n  See the case: cargo attn try {id} --case {}", failure.case);
    if !exercise.hints.is_empty() {
        println!("  A hint:       cargo attn hint {id}");
    }
    if let Some(heading) = &exercise.book {
        println!("  In the book:  “{heading}”");
    }
}

/// That a wrong answer calls another exercise's function, which may be what is wrong.
pub fn doubtful(other: &Exercise) {
    let Exercise { id, item, .. } = other;
    println!("  It calls {item}, which has not passed yet: cargo attn check {id}");
}

/// What happened, in words.
pub fn symptom(course: &Course, symptom: &Symptom) -> String {
    match symptom {
        Symptom::Wrong { what } => what.clone(),
        Symptom::Panicked { message, place } => {
            let message = shorten(message.lines().next().unwrap_or_default(), 400);
            match place {
                Some(at) => format!("panicked at {}: {message}", place_name(course, at)),
                None => format!("panicked: {message}"),
            }
        }
        Symptom::TimedOut { seconds } => {
            format!("was still running after {seconds} seconds and was stopped: an endless loop?")
        }
        Symptom::Exited { code } => {
            format!("ended the program (exit code {code}) instead of returning")
        }
        Symptom::Crashed { status } => format!("crashed: {status}"),
        Symptom::StackOverflow => "overflowed the stack: recursion without an end?".into(),
        Symptom::OutOfMemory { limit } => {
            format!("asked for more than {} of memory", bytes(*limit as u64))
        }
        Symptom::PrintedTooMuch { limit } => {
            format!("printed more than {} and was stopped", bytes(*limit))
        }
    }
}

fn place_name(course: &Course, place: &Place) -> String {
    let root = course.root.display().to_string();
    let file = place.file.strip_prefix(&root).unwrap_or(&place.file);
    // The overlay and the path by way of check.rs both mean the learner's file.
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    format!("{file}:{}", place.line)
}

fn bytes(n: u64) -> String {
    match n {
        n if n >= 1 << 30 => format!("{} GiB", n >> 30),
        n if n >= 1 << 20 => format!("{} MiB", n >> 20),
        n => format!("{n} bytes"),
    }
}

/// A paragraph at most 80 columns wide; `first` stands before it, and the lines after the first are
/// indented as far.
pub fn paragraph(first: &str, text: &str) {
    let indent = " ".repeat(textwrap::core::display_width(first));
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(&indent)
        .break_words(false);
    println!("{}", textwrap::fill(text, options));
}

/// A named value, indented.
pub fn shown(value: &Shown) {
    println!("  {}", value.heading.bold());
    for line in value.body.lines() {
        println!("    {line}");
    }
}

/// At most so many characters.
fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    text.chars().take(width - 1).collect::<String>() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_all_cases_are_called_right_where_something_is_wrong() {
        let failure = |right| Failure {
            case: 1,
            label: String::new(),
            right,
            of: 12,
            symptom: Symptom::StackOverflow,
            diagnosis: None,
        };
        assert_eq!(how_many(&failure(11)), "11 of 12 cases right");
        assert_eq!(how_many(&failure(12)), "each case right, but not together");
    }
}
