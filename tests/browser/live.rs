//! The exercises in the page while somebody works on them.

use crate::{
    World,
    boxes::{self, BROKEN, COLD, FAILED, PASSED, UNSOLVED, WAITS},
    journal,
    page::SOON,
};
use anyhow::{Context, Result, ensure};
use std::time::Duration;

/// How long a verdict may take on a machine that does other things too. How long it took is printed:
/// about a second where nothing else runs.
const WARM: Duration = Duration::from_secs(120);

pub fn nothing_is_solved_at_first(world: &World) -> Result<()> {
    world.course.save(&world.course.starter()?)?;
    let page = world.chapter()?;
    boxes::wait(&page, "nine unsolved exercises", COLD, boxes::every(UNSOLVED))?;
    Ok(())
}

pub fn a_save_is_judged_at_once(world: &World) -> Result<()> {
    let page = world.chapter()?;
    let solved = world.course.solved()?;
    let wrong = solved.replace(" / (d as f32).sqrt()", "");
    ensure!(wrong != solved, "the reference is written differently now");
    // The first save pays for the dependencies.
    world.course.save(&solved)?;
    boxes::wait(&page, "nine passes", COLD, boxes::every(PASSED))?;

    world.course.save(&wrong)?;
    let diagnosis = "the scores are not divided by √d";
    let red = boxes::wait(&page, "3.3 to fail", WARM, |boxes| {
        let said = [diagnosis, " cases right", "cargo attn try 3.3 --case"];
        let failed = |shown: &boxes::Box| {
            shown.words == FAILED && said.iter().all(|part| shown.text.contains(part))
        };
        boxes::of(boxes, "3.3").is_ok_and(failed)
    })?;
    let [r, g, b] = boxes::of(&boxes::all(&page)?, "3.3")?.colour;
    ensure!(r > g && r > b, "({r}, {g}, {b}) is not red");

    world.course.save(&solved)?;
    let green = boxes::wait(&page, "3.3 to pass", WARM, |boxes| {
        boxes::of(boxes, "3.3").is_ok_and(|shown| shown.words == PASSED)
    })?;
    let [r, g, b] = boxes::of(&boxes::all(&page)?, "3.3")?.colour;
    ensure!(g > r && g > b, "({r}, {g}, {b}) is not green");
    boxes::wait(&page, "nine passes again", WARM, boxes::every(PASSED))?;
    let all = "Chapter 3: 9 of 9 solved";
    boxes::wait(&page, all, SOON, |boxes| boxes.iter().all(|shown| shown.text.contains(all)))?;
    eprintln!("  from a save to the page: {red:.1?} until red, {green:.1?} until green");
    Ok(())
}

pub fn what_does_not_compile_says_so(world: &World) -> Result<()> {
    let page = world.chapter()?;
    let solved = world.course.solved()?;
    world.course.save(&solved.replacen("table.clone(),", "{ table.clone(),", 1))?;
    boxes::wait(&page, "the compiler's message in 3.2", COLD, |boxes| {
        let broken =
            |shown: &boxes::Box| shown.words == BROKEN && shown.text.contains("unclosed delimiter");
        boxes::of(boxes, "3.2").is_ok_and(broken)
    })?;
    let words: Vec<String> = boxes::all(&page)?.into_iter().map(|shown| shown.words).collect();
    let expected = [PASSED, BROKEN, WAITS, PASSED, PASSED, WAITS, WAITS, WAITS, PASSED];
    let others = "it costs one exercise, and those that wait on it";
    let same = |boxes: &[boxes::Box]| boxes.iter().map(|b| b.words.as_str()).eq(expected);
    boxes::wait(&page, others, COLD, same).with_context(|| format!("{words:?}"))?;
    Ok(())
}

pub fn hints_come_one_by_one(world: &World) -> Result<()> {
    let page = world.chapter()?;
    page.wait("the buttons", SOON, "!!document.querySelector('.exercise-button')")?;
    let hint = r#"[aria-label="Hint exercise 3.1"]"#;
    for (shown, next) in [("1 of 3", "2 of 3"), ("2 of 3", "3 of 3"), ("3 of 3", "4 of 3")] {
        page.click(hint)?;
        boxes::wait(&page, shown, SOON, |boxes| {
            let one = |b: &boxes::Box| b.text.contains(shown) && !b.text.contains(next);
            boxes::of(boxes, "3.1").is_ok_and(one)
        })?;
    }
    page.click(hint)?;
    boxes::wait(&page, "that there is no further one", SOON, |boxes| {
        boxes::of(boxes, "3.1").is_ok_and(|shown| shown.text.contains("That is the last one."))
    })?;
    Ok(())
}

pub fn a_reset_asks_and_keeps_a_backup(world: &World) -> Result<()> {
    let page = world.chapter()?;
    world.course.save(&world.course.solved()?)?;
    boxes::wait(&page, "nine passes", COLD, boxes::every(PASSED))?;
    page.click(r#"[aria-label="Reset exercise 3.3"]"#)?;
    let reset = boxes::wait(&page, "3.3 to be unsolved again", COLD, |boxes| {
        boxes::of(boxes, "3.3").is_ok_and(|shown| shown.words == UNSOLVED)
    });
    let events = world.chromium.events();
    let question = journal::asked(&events).context("it did not ask")?;
    ensure!(question.contains("3.3"), "it asked “{question}”");
    reset?;
    let backups = world.course.root.join(".attn/backups/03");
    let backup = std::fs::read_to_string(backups.join("exercise.1.rs"))?;
    ensure!(backup == world.course.solved()?, "the backup is another file");
    Ok(())
}

pub fn the_keyboard_suffices(world: &World) -> Result<()> {
    let page = world.chapter()?;
    page.wait("the buttons", SOON, "!!document.querySelector('.exercise-button')")?;
    let mut reached: Vec<String> = Vec::new();
    let hint = "Hint exercise 3.2";
    while reached.last().is_none_or(|last| last != hint) {
        ensure!(reached.len() < 1000, "Tab does not reach {hint}");
        page.press("Tab")?;
        let name = "document.activeElement.getAttribute('aria-label') ?? ''";
        reached.push(page.eval(name)?);
    }
    let buttons: Vec<&str> = reached.iter().map(String::as_str).collect();
    let buttons: Vec<&str> =
        buttons.into_iter().filter(|name| name.contains(" exercise 3.")).collect();
    let expected = [
        "Check exercise 3.1",
        "Hint exercise 3.1",
        "Reset exercise 3.1",
        "Check exercise 3.2",
        hint,
    ];
    ensure!(buttons == expected, "Tab leads to {buttons:?}");
    let outline: String = page.eval("getComputedStyle(document.activeElement).outlineStyle")?;
    ensure!(outline != "none", "nothing shows where the keyboard is");
    page.press("Enter")?;
    boxes::wait(&page, "a hint in 3.2", SOON, |boxes| {
        boxes::of(boxes, "3.2").is_ok_and(|shown| shown.text.contains("1 of 3"))
    })?;
    let focused = format!("document.activeElement.getAttribute('aria-label') === '{hint}'");
    page.wait("the focus to stay on the button", SOON, &focused)?;
    Ok(())
}
