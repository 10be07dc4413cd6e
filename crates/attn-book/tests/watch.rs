//! A change of a source is noticed, and a book that nobody touches is left alone.

mod tiny;

use attn_book::{
    Build,
    server::{Site, watch},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tiny::{CODE, PAGE, Tiny, registry};

#[test]
fn changes_rebuild_once_and_a_fault_keeps_the_old_pages() {
    let tiny = Tiny::new();
    let build =
        || Build { book: tiny.book(), registry: registry(), strict: true, progress: |_| () };
    let site = Arc::new(Site::new(build().run().expect("built")));
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

#[test]
fn no_page_is_missing_while_the_book_is_rebuilt() {
    let tiny = Tiny::new();
    let build = Build { book: tiny.book(), registry: registry(), strict: true, progress: |_| () };
    let folder = build.run().expect("built");
    let pages = ["index.html", "page.html", "other.html"].map(|page| folder.join(page));
    let (over, missing) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if !pages.iter().all(|page| page.is_file()) {
                    missing.store(true, Ordering::Relaxed);
                }
            }
        });
        for _ in 0..3 {
            build.run().expect("built again");
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(!missing.into_inner());

    // What the book no longer has goes.
    tiny.replace("book/src/SUMMARY.md", "[Other](other.md)\n", "");
    tiny.replace(PAGE, "[the place](other.md#a-place), ", "");
    std::fs::remove_file(tiny.book().join("src/other.md")).expect("removed");
    build.run().expect("built without it");
    assert!(pages[1].is_file() && !pages[2].exists());
    let left = std::fs::read_dir(&folder).expect("readable").map(|entry| entry.expect("one"));
    let hidden = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".new"));
    assert_eq!(hidden.count(), 0, "nothing of the building is left");
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
