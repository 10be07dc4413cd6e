//! From a telephone to a desk: a reader scrolls down, never sideways.

use crate::{World, page::Page};
use anyhow::{Result, ensure};

/// The elements that stick out, or nothing if the page can hold them.
const STICKING_OUT: &str = "(() => {
    const page = document.documentElement;
    if (page.scrollWidth <= innerWidth) return [];
    const scrolls = e => e && (getComputedStyle(e).overflowX !== 'visible' || scrolls(e.parentElement));
    return [...document.querySelectorAll('main *, .attn-notice')]
        .filter(e => e.getBoundingClientRect().right > innerWidth && !scrolls(e.parentElement))
        .slice(0, 3)
        .map(e => e.tagName.toLowerCase() + ' ' + e.className + ' “' + e.textContent.slice(0, 30) + '”')
        .concat('the page is ' + page.scrollWidth + ' wide');
})()";

pub fn no_page_is_wider_than_the_window(world: &World) -> Result<()> {
    let tab = Page::open(&world.chromium, &world.server.url)?;
    let pages = world.course.pages()?;
    ensure!(pages.len() > 5, "where are the pages? {pages:?}");
    let mut offenders = Vec::new();
    for scheme in ["light", "dark"] {
        tab.prefer(scheme)?;
        for page in &pages {
            tab.go(&world.url(page))?;
            for width in [400, 800, 1300] {
                tab.resize(width)?;
                let out: Vec<String> = tab.eval(STICKING_OUT)?;
                if !out.is_empty() {
                    offenders.push(format!("{page}, {scheme}, {width}: {}", out.join("; ")));
                }
            }
        }
    }
    ensure!(offenders.is_empty(), "{}", offenders.join("\n"));
    Ok(())
}
