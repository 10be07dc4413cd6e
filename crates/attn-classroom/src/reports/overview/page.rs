use super::{Overview, State, table::sentence};
use crate::number::short;
use attn_viz::{Axis, Bars};

/// The overview as one HTML page that needs no other file: two charts, and everything in them as tables.
pub fn html(overview: &Overview) -> String {
    let title = escape(&overview.assignment);
    let summary = escape(&sentence(overview));
    let (passed, mistakes, students) = (passed(overview), mistakes(overview), students(overview));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{title}</h1>\n<p>{summary}</p>\n{passed}{mistakes}{students}</body>\n</html>\n"
    )
}

const STYLE: &str = ":root{color-scheme:light dark}body{font:16px/1.5 sans-serif;max-width:44rem;\
                     margin:2rem auto;padding:0 1rem}svg{max-width:100%;height:auto}\
                     table{border-collapse:collapse}td,th{padding:.2rem .6rem;text-align:left;\
                     border-bottom:1px solid #8888}";

fn passed(overview: &Overview) -> String {
    let of = overview.graded();
    let alternative = overview
        .exercises
        .iter()
        .map(|e| format!("{} was passed by {} of {of}.", e.id, e.count(State::Passed)));
    let alternative = alternative.collect::<Vec<_>>().join(" ");
    // No tick between two students.
    let step = of.div_ceil(5).max(1);
    let axis = Axis::linear("students who passed").ticks((0..=of).step_by(step).map(|n| n as f64));
    let mut bars = Bars::new("Passed, by exercise", &alternative, axis);
    let mut rows = String::new();
    for e in &overview.exercises {
        let count = e.count(State::Passed);
        bars = bars.bar(&e.id, count as f64);
        let states = e.states.iter().map(|(state, n)| format!("{n} {}", state.words()));
        let states = states.collect::<Vec<_>>().join(", ");
        rows += &row(&[&format!("{} {}", e.id, e.title), &count.to_string(), &states]);
    }
    let chart = bars.figure().svg("passed");
    let head = head(&["exercise", "passed", "all"]);
    format!("<h2>Passed, by exercise</h2>\n{chart}\n<table>\n{head}{rows}</table>\n")
}

fn students(overview: &Overview) -> String {
    let rows = overview.list.iter().map(|s| row(&[&s.name, &short(s.points), &s.says]));
    let (head, rows) = (head(&["student", "points", ""]), rows.collect::<String>());
    format!("<h2>Students</h2>\n<table>\n{head}{rows}</table>\n")
}

fn mistakes(overview: &Overview) -> String {
    let Some(most) = overview.mistakes.first().map(|made| made.times) else { return String::new() };
    let alternative = overview
        .mistakes
        .iter()
        .map(|made| format!("{} in {}: {}.", made.mistake, made.id, made.times));
    let alternative = alternative.collect::<Vec<_>>().join(" ");
    let step = most.div_ceil(5).max(1);
    let axis = Axis::linear("students").ticks((0..=most).step_by(step).map(|n| n as f64));
    let mut bars = Bars::new("Mistakes, by frequency", &alternative, axis);
    let mut rows = String::new();
    for made in &overview.mistakes {
        bars = bars.bar(&format!("{} {}", made.id, made.mistake), made.times as f64);
        let name = format!("{} {}", made.id, made.mistake);
        rows += &row(&[&name, &made.times.to_string(), &made.when]);
    }
    let chart = bars.figure().svg("mistakes");
    let head = head(&["mistake", "students", "comes out when"]);
    format!("<h2>Mistakes, by frequency</h2>\n{chart}\n<table>\n{head}{rows}</table>\n")
}

fn head(cells: &[&str]) -> String {
    let cells = cells.iter().map(|cell| format!("<th scope=\"col\">{}</th>", escape(cell)));
    format!("<tr>{}</tr>\n", cells.collect::<String>())
}

fn row(cells: &[&str]) -> String {
    let cells = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell)));
    format!("<tr>{}</tr>\n", cells.collect::<String>())
}

fn escape(text: &str) -> String {
    let text = crate::reports::told::plain(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
