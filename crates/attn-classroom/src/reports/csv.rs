//! A gradebook: one row per student, for a spreadsheet or a learning platform.

use super::told::plain;
use crate::{
    number::short,
    results::{Results, State, Student},
};

/// The gradebook as CSV in UTF-8.
///
/// An exercise that was not checked has an empty cell: a zero would say that it is wrong. The column
/// `state` names it.
pub fn gradebook(results: &Results) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write =
        |row: Vec<String>| writer.write_record(row).expect("rows of one length, into memory");
    write(header(results));
    results.students.iter().map(row).for_each(&mut write);
    let bytes = writer.into_inner().expect("into memory");
    String::from_utf8(bytes).expect("made of text")
}

fn header(results: &Results) -> Vec<String> {
    // All students were asked the same.
    let asked = results.students.first().into_iter().flat_map(|s| {
        let exercises = s.exercises.iter().map(|e| (&e.id, e.of));
        exercises.chain(s.predictions.iter().map(|p| (&p.id, p.of)))
    });
    let asked = asked.map(|(id, of)| format!("{} ({})", cell(id), short(of)));
    let mut header = vec!["student".to_string(), "submitted".into()];
    header.extend(asked);
    header.extend(
        ["before lateness", "late factor", "total", "of", "due", "state"].map(String::from),
    );
    header
}

fn row(s: &Student) -> Vec<String> {
    let exercises = s.exercises.iter().map(|e| (e.state != State::NotChecked).then_some(e.points));
    let predictions = s.predictions.iter().map(|p| s.refused.is_none().then_some(p.points));
    let points = exercises.chain(predictions).map(|points| points.map_or_else(String::new, short));
    let mut row = vec![cell(&s.name), cell(s.submitted.as_deref().unwrap_or_default())];
    row.extend(points);
    // A percent and a half is a factor of four digits.
    let (before, of) = s.before_late();
    row.extend([short(before), s.late_factor.to_string(), short(s.points), short(of)]);
    row.extend([cell(&s.due), state(s)]);
    row
}

fn state(s: &Student) -> String {
    if let Some(why) = &s.refused {
        return format!("nothing could be graded: {}", plain(why));
    }
    let unchecked =
        s.exercises.iter().filter(|e| e.state == State::NotChecked).map(|e| e.id.as_str());
    match unchecked.collect::<Vec<_>>().as_slice() {
        [] => "graded".into(),
        ids => format!("not checked: {}", ids.join(", ")),
    }
}

/// Text that a spreadsheet does not take for a formula, which a student could put into a name.
fn cell(text: &str) -> String {
    let text = plain(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}
