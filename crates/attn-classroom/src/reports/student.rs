//! What one student is told, as Markdown.

use super::told;
use crate::{
    number::short,
    results::{Graded, Results, Student},
};

/// The report for one student of these results.
pub fn markdown(results: &Results, student: &Student) -> String {
    let mut out = format!(
        "# {}: {}\n\n{} of {} points\n",
        text(&results.assignment),
        text(&student.name),
        short(student.points),
        short(student.of)
    );
    let told = told::submission(student);
    if !told.is_empty() {
        out += "\n";
        told.iter().for_each(|line| out += &format!("* {}\n", text(line)));
    }
    if student.refused.is_some() {
        return out;
    }
    student.exercises.iter().for_each(|e| out += &exercise(e));
    if !student.predictions.is_empty() {
        out += "\n## Predictions\n\n";
    }
    for p in &student.predictions {
        let (asked, said) = (text(&p.text), text(&told::prediction(p)));
        out += &format!("* {asked}\n  {said} ({} of {} points)\n", short(p.points), short(p.of));
    }
    out
}

fn exercise(e: &Graded) -> String {
    let (title, points, of) = (text(&e.title), short(e.points), short(e.of));
    let mut out = format!(
        "\n## {} {title}: {}, {points} of {of} points\n\n{}\n",
        e.id,
        e.state.words(),
        told::standing(e)
    );
    if let Some(diagnosis) = &e.diagnosis {
        out += &format!("\nThis is exactly what comes out when {}.\n", text(&diagnosis.when));
    }
    let says = told::says(e);
    if !says.is_empty() {
        let fence = fence(&says);
        out += &format!("\n{fence}text\n{}\n{fence}\n", says.join("\n"));
    }
    if let Some(book) = told::book(e) {
        out += &format!("\nIn the book: “{}”\n", text(book));
    }
    out
}

/// One line without meaning to Markdown or HTML: names, notes and answers come from students.
fn text(raw: &str) -> String {
    let mut out = String::new();
    for c in told::plain(raw).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            c => {
                if "\\`*_[]#|~$".contains(c) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    out
}

/// More backticks than any line has, so that no line ends the block.
fn fence(lines: &[String]) -> String {
    let longest = lines.iter().flat_map(|line| line.split(|c| c != '`')).map(str::len).max();
    "`".repeat(longest.unwrap_or(0).max(2) + 1)
}
