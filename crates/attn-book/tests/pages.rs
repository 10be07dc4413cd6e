//! What the built pages hold, in process and by way of a plain mdBook.

mod tiny;

use attn_book::{Build, Registry};
use mdbook_driver::MDBook;
use std::{fs, path::Path};
use tiny::{PAGE, Tiny, registry};

fn build(tiny: &Tiny, registry: Registry) -> anyhow::Result<String> {
    let build = Build { book: tiny.book(), registry, strict: true, progress: |_| () };
    let folder = build.run()?;
    Ok(fs::read_to_string(folder.join("page.html"))?)
}

#[test]
fn a_page_has_everything_in_its_place() {
    let html = build(&Tiny::new(), registry()).expect("built");
    for part in [
        "<span class=\"math-display\"><math",
        "<mfrac>",
        "class=\"listing\" id=\"code-softmax_rows\" data-lines=\"4,5,7,9,10\"",
        "chapters/03-x/src/softmax.rs",
        "let y = x * 2.0; // * not emphasis *",
        "aria-labelledby=\"figure-page-ch03-line-title figure-page-ch03-line-desc\"",
        "viewBox=",
        "<figcaption>A line</figcaption>",
        "data-exercise=\"3.1\"",
        "10 points · about 15 minutes",
        "<code>chapters/03-x/exercise.rs</code>",
        "{{#figure nowhere}}",
        "href=\"https://arxiv.org/abs/1706.03762\"",
    ] {
        assert!(html.contains(part), "no {part} in\n{html}");
    }
    for part in ["SOLUTION", "ANCHOR", "todo!", "{{#include", "{{#exercise", "$$"] {
        let main = html
            .split("<main>")
            .nth(1)
            .and_then(|m| m.split("</main>").next())
            .expect("a main part");
        assert!(!main.contains(part), "{part} in\n{main}");
    }
}

#[test]
fn a_line_does_not_end_between_a_formula_and_its_full_stop() {
    let tiny = Tiny::new();
    tiny.replace(PAGE, "and displayed", "($x$), *of $d$.* Not $y$ here");
    let html = build(&tiny, registry()).expect("built");
    for part in ["</math>),</span>", "</math>.</span></em>", "</math> here"] {
        assert!(html.contains(part), "no {part} in\n{html}");
    }
    assert!(!html.contains("<span class=\"math-and\"><math display=\"block"));
}

#[test]
fn a_figure_to_play_with_stands_still_until_it_is_played() {
    let tiny = Tiny::new();
    tiny.replace(PAGE, "{{#figure ch03/line}}", "{{#play masks Which n does no harm?}}");
    let html = build(&tiny, registry()).expect("built");
    for part in [
        "<div class=\"play\" data-play=\"masks\">",
        "<p class=\"play-question\">Which n does no harm?</p>",
        "<div class=\"play-still\">",
        "id=\"figure-page-play-masks-0\" role=\"img\"",
    ] {
        assert!(html.contains(part), "no {part} in\n{html}");
    }
}

#[test]
fn a_problem_stops_the_build_and_is_named() {
    let tiny = Tiny::new();
    tiny.replace(PAGE, "x_i * y_i", "x_i_j");
    let error = build(&tiny, registry()).expect_err("it has a problem");
    assert!(format!("{error:#}").contains("book/src/page.md:3: LaTeX"), "{error:#}");
}

/// mdBook talks to the program itself here, as `mdbook build` does, and the pages come out byte for
/// byte the same.
#[test]
fn plain_mdbook_gives_the_same_pages() {
    let tiny = Tiny::new();
    // The program knows the course's figures only.
    tiny.replace(PAGE, "{{#figure ch03/line}}", "{{#figure notation/causal-wide}}");
    tiny.replace(PAGE, "<!-- table: ch03/one -->", "");
    build(&tiny, Registry::of_the_course()).expect("built");
    let command = env!("CARGO_BIN_EXE_attn-book");
    let preprocessor = format!(
        "[preprocessor.attn]\ncommand = '{command}'\nbefore = [\"links\"]\n\n[output.html]"
    );
    tiny.replace("book/book.toml", "[output.html]", &preprocessor);
    let compare = || {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        attn_book::compare_with_plain(&tiny.book(), scratch.path())
    };
    assert!(compare().expect("the same") > 10);
    tiny.replace("book/book/page.html", "</html>", " </html>");
    tiny.write("book/book/more.html", "");
    let error = compare().expect_err("two files differ").to_string();
    assert!(error.ends_with("differ: more.html, page.html"), "{error}");
}

#[test]
fn plain_mdbook_stops_at_a_problem_too() {
    let tiny = Tiny::new();
    let command = env!("CARGO_BIN_EXE_attn-book");
    let preprocessor = format!(
        "[preprocessor.attn]\ncommand = '{command}'\nbefore = [\"links\"]\n\n[output.html]"
    );
    tiny.replace("book/book.toml", "[output.html]", &preprocessor);
    let outcome = MDBook::load(tiny.book()).and_then(|book| book.build());
    assert!(outcome.is_err(), "ch03/line is no figure of the course");
}

#[test]
fn only_html_is_supported() {
    for (renderer, yes) in [("html", true), ("markdown", false), ("linkcheck", false)] {
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_attn-book"))
            .args(["supports", renderer])
            .status()
            .expect("it runs");
        assert_eq!(status.success(), yes, "{renderer}");
    }
}

/// The book of the course itself, with all its checks.
#[test]
fn the_course_has_no_problem() {
    let book =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book").canonicalize().expect("there");
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let report =
        attn_book::check(&book, &Registry::of_the_course(), scratch.path()).expect("checked");
    report.verdict().expect("nothing to mend");
    assert!(report.pages >= 4);
}
