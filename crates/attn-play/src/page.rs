//! What the page's script asks, and the module that answers it.

use crate::{Answer, Kind, Widget, widget};
use std::cell::RefCell;

/// Answers the page's script.
///
/// The question is the name of a widget alone, or with its settings behind a line break. The answer has one item in
/// each line, its parts divided by tabs: the controls, if only the name was given; and then what is shown. A question
/// about no widget has an empty answer.
///
/// ```
/// let answer = attn_play::ask("masks\nkind=0");
/// assert!(answer.starts_with("svg\t<svg "));
/// ```
pub fn ask(question: &str) -> String {
    let (name, settings) = question.split_once('\n').unwrap_or((question, ""));
    let Some(widget) = widget(name) else {
        return String::new();
    };
    let mut lines = if question == name { controls(&widget) } else { Vec::new() };
    lines.extend(shown(name, widget.at(settings)));
    lines.join("\n")
}

fn controls(widget: &Widget) -> Vec<String> {
    let line = |control: crate::Control| {
        let kind = match &control.kind {
            Kind::Range { low, high, step, start, runs } => {
                format!("{}\t{low}\t{high}\t{step}\t{start}", if *runs { "steps" } else { "range" })
            }
            Kind::Choice { options, start } => format!("choice\t{start}\t{}", options.join("\t")),
            Kind::Switch { start } => format!("switch\t{}", u8::from(*start)),
        };
        format!("control\t{}\t{}\t{kind}", control.name, control.label)
    };
    (widget.controls)().into_iter().map(line).collect()
}

fn shown(name: &str, answer: Answer) -> Vec<String> {
    let Answer { figures, numbers, says, limits } = answer;
    let figures = figures.iter().enumerate().map(|(i, figure)| {
        format!("svg\t{}\t{}", figure.svg(&format!("play-{name}-{i}")), figure.title())
    });
    let numbers = numbers.iter().map(|(name, value)| format!("number\t{name}\t{value}"));
    let limits = limits.iter().map(|(name, high)| format!("limit\t{name}\t{high}"));
    figures.chain(numbers).chain([format!("says\t{says}")]).chain(limits).collect()
}

thread_local! {
    /// Where the script writes its question, and finds the answer.
    static DESK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for a question of so many bytes; answers where it is to be written.
#[allow(unsafe_code, reason = "the page finds the function by its name")]
#[unsafe(no_mangle)]
pub extern "C" fn room(bytes: usize) -> *mut u8 {
    DESK.with_borrow_mut(|desk| {
        *desk = vec![0; bytes];
        desk.as_mut_ptr()
    })
}

/// Puts the answer in the question's place; answers how many bytes it has.
#[allow(unsafe_code, reason = "the page finds the function by its name")]
#[unsafe(no_mangle)]
pub extern "C" fn reply() -> usize {
    DESK.with_borrow_mut(|desk| {
        *desk = ask(&String::from_utf8_lossy(desk)).into_bytes();
        desk.len()
    })
}

/// Where the answer is.
#[allow(unsafe_code, reason = "the page finds the function by its name")]
#[unsafe(no_mangle)]
pub extern "C" fn place() -> *const u8 {
    DESK.with_borrow(|desk| desk.as_ptr())
}
