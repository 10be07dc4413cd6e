//! How verdicts look: short, 80 columns, words and symbols that say the same as the colours.

use crate::{Chapter, Course, Exercise};
use anstream::println;
use attn_exercise::{Failure, Place, Report, Shown, Symptom, Verdict};
use owo_colors::OwoColorize;

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
        Verdict::Unsolved { todo, .. } => {
            let todo = todo.trim_start_matches(&format!("{}: ", exercise.id));
            let right = if todo.is_empty() {
                "unsolved".to_string()
            } else {
                format!("todo: {todo}")
            };
            line(&"·".dimmed().to_string(), exercise, &shorten(&right, 47));
        }
        Verdict::WaitsOn { on } => {
            let right = format!("waits on {on}, which it calls");
            line(&"·".dimmed().to_string(), exercise, &right);
        }
        Verdict::Failed(failure) => {
            let right = format!("{} of {} cases right", failure.right, failure.of);
            line(&"✗".red().to_string(), exercise, &right);
        }
        Verdict::DoesNotCompile { .. } => {
            line(&"✗".red().to_string(), exercise, "does not compile");
        }
    }
}

/// Everything about a verdict that helps: the case, what is wrong with it, the diagnosis, where to
/// look.
pub fn details(course: &Course, exercise: &Exercise, report: &Report) {
    match &report.verdict {
        Verdict::Failed(failure) => {
            println!();
            let case = format!("case {}", failure.case);
            paragraph("  ", &format!("{} · {}", case.bold(), failure.label));
            paragraph("  ", &symptom(course, &failure.symptom));
            if let Some(diagnosis) = &failure.diagnosis {
                let mark = format!("  {} ", "▸".yellow());
                let text = format!("This is exactly what comes out when {}.", diagnosis.when);
                println!();
                paragraph(&mark, &text);
            }
            printed(report, failure);
            println!();
            let id = &exercise.id;
            println!(
                "  See the case: cargo attn try {id} --case {}",
                failure.case
            );
            println!("  A hint:       cargo attn hint {id}");
        }
        Verdict::DoesNotCompile { errors } => {
            println!();
            for line in errors.first().iter().flat_map(|error| error.lines()) {
                println!("  {line}");
            }
            if errors.len() > 1 {
                println!("\n  … and {} more", errors.len() - 1);
            }
        }
        Verdict::Passed { .. } | Verdict::Unsolved { .. } | Verdict::WaitsOn { .. } => {}
    }
}

/// What the answer printed during the case that failed.
fn printed(report: &Report, failure: &Failure) {
    let Some(printed) = report.printed.iter().find(|p| p.case == failure.case) else {
        return;
    };
    println!("\n  printed in case {}:", printed.case);
    let lines: Vec<&str> = printed.text.lines().collect();
    for line in lines.iter().take(20) {
        println!("  │ {line}");
    }
    if lines.len() > 20 {
        println!("  │ … {} more lines", lines.len() - 20);
    }
}

/// What happened, in words.
pub fn symptom(course: &Course, symptom: &Symptom) -> String {
    match symptom {
        Symptom::Wrong { what } => what.clone(),
        Symptom::Panicked { message, place } => {
            let message = message.lines().next().unwrap_or_default();
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

/// At most `width` characters.
fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    text.chars().take(width - 1).collect::<String>() + "…"
}
