//! From a telephone to a desk: a reader scrolls down, never sideways.

use crate::{World, page::Page};
use anyhow::{Result, ensure};

/// What is wider than the window leaves it, and what sticks out of the text; nothing if all is well.
/// Only code may be wider than the text, where the window has room beside it.
const STICKING_OUT: &str = "(() => {
    const boxes = [...document.querySelectorAll('html, #mdbook-content')];
    const wide = boxes.filter(e => e.scrollWidth > Math.min(e.clientWidth, innerWidth));
    const scrolls = e => e.tagName !== 'MAIN' && (getComputedStyle(e).overflowX !== 'visible' || scrolls(e.parentElement));
    const edge = document.querySelector('main').getBoundingClientRect().right;
    return [...document.querySelectorAll('main *')]
        .filter(e => e.getBoundingClientRect().right > edge + 1 && !scrolls(e.parentElement))
        .filter(e => !e.closest('main > pre, main > .listing'))
        .slice(0, 3)
        .map(e => e.tagName.toLowerCase() + '.' + e.getAttribute('class') + ' “' + e.textContent.slice(0, 30) + '”')
        .concat(wide.map(e => (e.id || e.tagName) + ' holds ' + e.scrollWidth + ' in ' + e.clientWidth));
})()";

pub fn no_page_is_wider_than_the_window(world: &World) -> Result<()> {
    let tab = Page::open(&world.chromium, &world.server.url)?;
    let mut pages = world.course.pages()?;
    // All the others in one, for the printer.
    pages.retain(|page| page != "print.html");
    ensure!(pages.len() > 5, "where are the pages? {pages:?}");
    let mut offenders = Vec::new();
    for (width, scheme) in [(400, "light"), (800, "dark"), (1300, "light")] {
        tab.prefer(scheme)?;
        // Before the page is opened: mdBook looks once whether there is room for the chapters' list.
        tab.resize(width)?;
        for page in &pages {
            tab.go(&world.url(page))?;
            let out: Vec<String> = tab.eval(STICKING_OUT)?;
            if !out.is_empty() {
                offenders.push(format!("{page}, {scheme}, {width}: {}", out.join("; ")));
            }
        }
    }
    ensure!(offenders.is_empty(), "{}", offenders.join("\n"));
    Ok(())
}
