//! The boxes of the exercises, as the page shows them.

use crate::page::Page;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long the first check may take: it compiles what the chapter is made of.
pub const COLD: Duration = Duration::from_secs(400);

#[derive(Debug, Deserialize)]
pub struct Box {
    pub id: String,
    /// The state in words, without what comes after the colon: `Passed`.
    pub words: String,
    /// All that is said about it: state, verdict, hint, buttons.
    pub text: String,
    /// Red, green and blue of the bar beside it.
    pub colour: [u8; 3],
}

pub const UNSOLVED: &str = "Not solved yet";
pub const PASSED: &str = "Passed";
pub const FAILED: &str = "Not right yet";
pub const BROKEN: &str = "Does not compile";
pub const WAITS: &str = "Waits on 3.2";

const READ: &str = "[...document.querySelectorAll('.exercise')].map(box => ({
    id: box.dataset.exercise,
    words: (box.querySelector('.word')?.textContent ?? '').split(':')[0],
    text: box.querySelector('.exercise-live').innerText,
    colour: getComputedStyle(box).borderInlineStartColor.match(/\\d+/g).slice(0, 3).map(Number),
}))";

/// All boxes of the page.
pub fn all(page: &Page) -> Result<Vec<Box>> {
    let boxes: Vec<Box> = page.eval(READ)?;
    let ids: Vec<&str> = boxes.iter().map(|shown| shown.id.as_str()).collect();
    ensure!(
        ids == ["3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9"],
        "the boxes are {ids:?}"
    );
    Ok(boxes)
}

/// Waits until the boxes are as they should be; answers how long that took.
pub fn wait(
    page: &Page,
    what: &str,
    at_most: Duration,
    right: impl Fn(&[Box]) -> bool,
) -> Result<Duration> {
    let start = Instant::now();
    loop {
        let boxes = all(page)?;
        if right(&boxes) {
            return Ok(start.elapsed());
        }
        ensure!(start.elapsed() < at_most, "waited {at_most:?} in vain for {what}; now: {boxes:?}");
        thread::sleep(Duration::from_millis(25));
    }
}

/// The box of an exercise.
pub fn of<'a>(boxes: &'a [Box], id: &str) -> Result<&'a Box> {
    let found = boxes.iter().find(|shown| shown.id == id);
    found.with_context(|| format!("there is no box {id}"))
}

/// Whether all boxes say this.
pub fn every(words: &str) -> impl Fn(&[Box]) -> bool {
    move |boxes| boxes.iter().all(|shown| shown.words == words)
}
