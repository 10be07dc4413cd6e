//! What a page shows, without the exercises: mathematics, figures, letters, search and themes.

use crate::{
    World, course, journal,
    page::{Page, SOON},
};
use anyhow::{Context, Result, ensure};

/// Formulas that take no room.
const EMPTY_FORMULAS: &str = "[...document.querySelectorAll('math')]
    .filter(m => { const b = m.getBoundingClientRect(); return !(b.width > 0 && b.height > 0); })
    .map(m => m.textContent)";

/// Lines of the text, code aside, in which LaTeX is left as it was written.
const RAW_LATEX: &str = "(() => {
    const text = document.querySelector('main').cloneNode(true);
    text.querySelectorAll('pre, code, svg, math, script').forEach(e => e.remove());
    return text.textContent.split('\\n').filter(line => /\\$|\\\\[a-z]+\\b/.test(line));
})()";

/// Figures that take no room.
const EMPTY_FIGURES: &str = "[...document.querySelectorAll('svg.viz')]
    .filter(f => { const b = f.getBoundingClientRect(); return !(b.width > 0 && b.height > 0); })
    .map(f => f.id)";

/// The page's own colour, and those of a figure.
const COLOURS: &str = "(() => {
    const of = (e, name) => getComputedStyle(e).getPropertyValue(name);
    const figure = document.querySelector('svg.viz');
    return [
        of(document.documentElement, 'background-color'),
        of(figure, 'fill'),
        of(figure, '--viz-1'),
        of(figure, '--viz-heat'),
    ];
})()";

pub fn mathematics_is_drawn(world: &World) -> Result<()> {
    formulas(&world.chapter()?)
}

fn formulas(page: &Page) -> Result<()> {
    let count: usize = page.eval("document.querySelectorAll('math').length")?;
    ensure!(count > 1, "{count} formulas");
    let empty: Vec<String> = page.eval(EMPTY_FORMULAS)?;
    ensure!(empty.is_empty(), "formulas without size: {empty:?}");
    let raw: Vec<String> = page.eval(RAW_LATEX)?;
    ensure!(raw.is_empty(), "LaTeX in the text: {raw:?}");
    Ok(())
}

pub fn figures_are_drawn_and_named(world: &World) -> Result<()> {
    figures(&world.chapter()?)
}

fn figures(page: &Page) -> Result<()> {
    // A drawing that a reader plays with is hidden from screen readers: they have the still figure, and its numbers.
    let ids: Vec<String> = page.eval(
        "[...document.querySelectorAll('svg.viz')].filter(f => !f.closest('[aria-hidden]')).map(f => f.id)",
    )?;
    ensure!(!ids.is_empty(), "no figures");
    let empty: Vec<String> = page.eval(EMPTY_FIGURES)?;
    ensure!(empty.is_empty(), "figures without size: {empty:?}");
    for id in ids {
        let (role, name) = page.accessible(&format!("document.getElementById({id:?})"))?;
        // What leads somewhere is more than a picture.
        let leads: bool =
            page.eval(&format!("!!document.getElementById({id:?}).querySelector('a[href]')"))?;
        let fits = if leads { role == "group" } else { role == "image" || role == "img" };
        ensure!(fits, "{id}: role {role}");
        ensure!(!name.trim().is_empty(), "{id} has no name");
    }
    Ok(())
}

pub fn fonts_come_from_the_site(world: &World) -> Result<()> {
    let page = world.chapter()?;
    let loaded: Vec<String> =
        page.eval("[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)")?;
    for family in ["STIX Two Text", "STIX Two Math"] {
        let found = loaded.iter().any(|name| name.trim_matches('"') == family);
        ensure!(found, "{family} is not among {loaded:?}");
    }
    let files = journal::requested(&world.chromium.events(), ".woff2");
    ensure!(files.len() >= 2, "font files: {files:?}");
    for file in files {
        ensure!(file.starts_with(&world.server.url), "a font from {file}");
    }
    Ok(())
}

pub fn search_finds(world: &World) -> Result<()> {
    let page = world.chapter()?;
    page.press("s")?;
    let open = "document.activeElement.id === 'mdbook-searchbar'";
    page.wait("the search bar", SOON, open)?;
    for letter in "softmax".chars() {
        page.press(&letter.to_string())?;
    }
    let results = "document.querySelectorAll('#mdbook-searchresults a').length > 0";
    page.wait("a result for “softmax”", SOON, results)?;
    let dead: Vec<String> = page.eval(
        "Promise.all([...document.querySelectorAll('#mdbook-searchresults a')].map(async a =>
            (await fetch(a.href)).ok ? '' : a.href)).then(all => all.filter(Boolean))",
    )?;
    ensure!(dead.is_empty(), "results that lead nowhere: {dead:?}");
    page.click("#mdbook-searchresults a")?;
    let marked = "location.search.includes('highlight=softmax')
        && [...document.querySelectorAll('main mark')].some(m => /softmax/i.test(m.textContent))";
    page.wait("the result's page, with the word marked", SOON, marked)?;
    Ok(())
}

pub fn the_theme_switches(world: &World) -> Result<()> {
    let page = world.chapter()?;
    let shows = |theme: &str| {
        page.eval::<bool>(&format!("document.documentElement.classList.contains('{theme}')"))
    };
    ensure!(shows("light")?, "it should be light at first");
    let light: Vec<String> = page.eval(COLOURS)?;
    page.click("#mdbook-theme-toggle")?;
    page.click("#mdbook-theme-navy")?;
    ensure!(shows("navy")? && !shows("light")?, "the menu does nothing");
    let navy: Vec<String> = page.eval(COLOURS)?;
    for (light, navy) in light.iter().zip(&navy) {
        ensure!(light != navy, "{light} in both themes, of {light:?}");
        ensure!(!navy.is_empty(), "a colour that is not there");
    }
    page.reload()?;
    ensure!(shows("navy")?, "the choice is forgotten");
    Ok(())
}

pub fn a_page_opened_from_disk_can_be_read(world: &World) -> Result<()> {
    let file = world.course.built(course::PAGE);
    let file = file.to_str().context("a path in UTF-8")?;
    let page = Page::open(&world.chromium, &format!("file://{file}"))?;
    formulas(&page)?;
    figures(&page)?;
    let boxes: Vec<(String, usize, String)> = page.eval(
        "[...document.querySelectorAll('.exercise')].map(e => [
            e.dataset.exercise, e.querySelectorAll('.exercise-button').length, e.innerText])",
    )?;
    ensure!(boxes.len() == 9, "{} boxes", boxes.len());
    for (id, buttons, text) in boxes {
        ensure!(buttons == 0, "{id} has buttons that can do nothing");
        let command = format!("cargo attn check {id}");
        ensure!(text.contains(&command), "{id} does not say `{command}`");
    }
    Ok(())
}
