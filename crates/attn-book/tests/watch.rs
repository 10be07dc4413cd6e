//! A change of a source is noticed, and a book that nobody touches is left alone.

mod tiny;

use attn_book::{
    Build,
    server::{Site, watch},
};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tiny::{CODE, PAGE, Tiny, registry};

#[test]
fn changes_rebuild_once_and_a_fault_keeps_the_old_pages() {
    let tiny = Tiny::new();
    let build =
        || Build { book: tiny.book(), registry: registry(), strict: true, progress: |_| () };
    let site = Arc::new(Site::new(build().run(None).expect("built")));
    let (watched, watching) = (site.clone(), build());
    thread::spawn(move || watch(&watching, &watched, |_| ()));
    thread::sleep(Duration::from_millis(900));
    assert_eq!(site.version(), 1, "its own output is no change");

    tiny.replace(PAGE, "# A page", "# A new page\n\n## A page");
    wait(|| site.version() == 2);
    tiny.replace(CODE, "x * 2.0", "x * 3.0");
    wait(|| site.version() == 3);
    assert!(read(&tiny).contains("x * 3.0"));

    tiny.replace(PAGE, "x_i * y_i", "x_i_j");
    wait(|| site.error().is_some_and(|error| error.contains("page.md:5")));
    assert_eq!(site.version(), 3);
    assert!(read(&tiny).contains("A new page"));

    tiny.replace(PAGE, "x_i_j", "x");
    wait(|| site.version() == 4 && site.error().is_none());
    thread::sleep(Duration::from_millis(900));
    assert_eq!(site.version(), 4, "one change is one rebuild");
}

fn read(tiny: &Tiny) -> String {
    std::fs::read_to_string(tiny.book().join("book/page.html")).expect("there")
}

#[track_caller]
fn wait(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        thread::sleep(Duration::from_millis(20));
    }
}
