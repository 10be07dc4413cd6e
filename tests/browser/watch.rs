//! The tests of the watch itself.

use crate::{World, journal};
use anyhow::{Result, ensure};

/// An error in the console, an exception and a request to elsewhere, made on purpose.
pub fn a_complaint_would_be_noticed(world: &World) -> Result<()> {
    let page = world.chapter()?;
    let before = journal::complaints(&world.chromium.events());
    ensure!(before.is_empty(), "too early: {before:?}");
    let planted = "console.error('planted'); \
         setTimeout(() => { throw new Error('thrown'); }); \
         fetch('https://elsewhere.invalid/font.woff2').catch(() => null).then(() => null)";
    page.eval::<()>(planted)?;
    let noticed = journal::complaints(&world.chromium.events()).join("\n");
    for complaint in ["planted", "thrown", "request: https://elsewhere.invalid/"] {
        ensure!(noticed.contains(complaint), "{complaint}: {noticed}");
    }
    world.chromium.forget_events();
    Ok(())
}
