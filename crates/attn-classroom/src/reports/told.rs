//! What a student is told about an exercise. The reports for students share these sentences.

use crate::{
    number::short,
    results::{Graded, Predicted, State, Student},
};

/// One or several sentences, one per line. Nothing in them comes from [`Graded::private`].
pub(super) fn exercise(e: &Graded) -> Vec<String> {
    let mut told = vec![standing(e)];
    if let Some(diagnosis) = &e.diagnosis {
        told.push(format!("This is exactly what comes out when {}.", diagnosis.when));
    }
    told.extend(says(e));
    told.extend(book(e).map(|book| format!("In the book: “{book}”")));
    told
}

/// The section to read, where reading it would help.
pub(super) fn book(e: &Graded) -> Option<&str> {
    let helps = !e.book.is_empty() && !matches!(e.state, State::Passed | State::NotChecked);
    helps.then_some(e.book.as_str())
}

/// How it stands, in one line. What hidden checks found is never said of all checks.
pub(super) fn standing(e: &Graded) -> String {
    match e.state {
        State::NotChecked => {
            "This was not checked. It gives no points, and says nothing about the answer.".into()
        }
        State::DoesNotCompile => "This does not compile, so no check was run.".into(),
        State::Unsolved => "A `todo!` is left.".into(),
        State::WaitsOn => "This calls another exercise that is unsolved.".into(),
        State::Stopped => format!("This was stopped. {}", counts(e)),
        State::Passed | State::Partly | State::Wrong => counts(e),
    }
}

fn counts(e: &Graded) -> String {
    let sum = |visible| {
        let groups = e.groups.iter().filter(|group| group.visible == visible);
        groups.fold((0, 0), |(right, of), group| (right + group.right, of + group.of))
    };
    let (visible, hidden) = (sum(true), sum(false));
    let seen = match visible {
        (0, 0) => String::new(),
        (right, of) if right == of => "All visible checks pass.".into(),
        (right, of) => format!("{right} of {of} visible checks pass."),
    };
    let unseen = match hidden {
        (0, 0) => String::new(),
        (right, of) if right == of => "All hidden checks pass, too.".into(),
        (right, of) => format!("{right} of {of} hidden checks pass."),
    };
    [seen, unseen].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What the grader has to say, without a backtrace, which shows where hidden cases are kept, and without
/// what a terminal would obey.
pub(super) fn says(e: &Graded) -> Vec<String> {
    let lines = e.says.lines().map(plain);
    let lines = lines
        .take_while(|line| line.trim() != "stack backtrace:")
        .map(|line| line.trim_end().to_string());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Text on one line, without escape sequences and other control characters.
pub(super) fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            // ESC [ … letter: a colour.
            '\u{1b}' => {
                chars.find(|c| c.is_ascii_alphabetic());
            }
            '\t' => out.push_str("    "),
            '\n' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// What is said about an answer to a question.
pub(super) fn prediction(p: &Predicted) -> String {
    match (&p.answer, p.right) {
        (None, _) => "Not answered.".into(),
        (Some(answer), true) => format!("Right: {}", plain(answer)),
        (Some(answer), false) => format!("Not right: {}", plain(answer)),
    }
}

/// What is said about the submission as a whole.
pub(super) fn submission(s: &Student) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(why) = &s.refused {
        told.push(format!("Nothing could be graded: {}", plain(why)));
    }
    if s.late_factor < 1.0 {
        let percent = short(s.late_factor * 100.0);
        let (before, _) = s.before_late();
        let came = s.submitted.as_deref();
        let came = came.map_or_else(String::new, |at| format!("Handed in at {}. ", plain(at)));
        told.push(format!(
            "{came}It was due at {}, so {percent} % of {} points count, which is {}.",
            plain(&s.due),
            short(before),
            short(s.points)
        ));
    }
    told.extend(s.notes.iter().map(|note| format!("Note: {}", plain(note))));
    told
}
