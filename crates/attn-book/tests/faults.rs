//! Each way in which the book can be wrong is planted here, and has to be found, by file and line.

mod tiny;

use attn_book::check;
use tiny::{CODE, PAGE, Tiny, registry};

fn problems(tiny: &Tiny) -> Vec<String> {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let report = check(&tiny.book(), &registry(), scratch.path()).expect("checked");
    report.problems.iter().map(ToString::to_string).collect()
}

/// Replaces a text in a file of the good book and expects a problem at that place that says so.
#[track_caller]
fn planted(path: &str, from: &str, to: &str, place: &str, says: &str) {
    let tiny = Tiny::new();
    tiny.replace(path, from, to);
    found(&problems(&tiny), place, says);
}

#[track_caller]
fn found(problems: &[String], place: &str, says: &str) {
    let hit = |p: &&String| p.starts_with(&format!("{place}: ")) && p.contains(says);
    assert!(problems.iter().any(|p| hit(&p)), "no “{says}” at {place}:\n{problems:#?}");
}

#[test]
fn the_good_book_has_no_problem() {
    assert_eq!(problems(&Tiny::new()), Vec::<String>::new());
}

#[test]
fn latex_that_does_not_parse() {
    planted(PAGE, "x_i * y_i", r"x_i_j", "book/src/page.md:3", "LaTeX");
    planted(PAGE, "x_i * y_i", r"\frac{x", "book/src/page.md:3", "LaTeX");
    planted(PAGE, r"\sqrt{d}", r"\nosuch{d}", "book/src/page.md:5", "nosuch");
}

#[test]
fn an_include_without_its_anchor_or_file() {
    planted(PAGE, ":softmax_rows", ":softmax_cols", "book/src/page.md:10", "no such anchor");
    planted(PAGE, "softmax.rs:", "nowhere.rs:", "book/src/page.md:10", "no such file");
    planted(PAGE, ":softmax_rows", "", "book/src/page.md:10", "no anchor");
    planted(PAGE, ":softmax_rows", ":3:5", "book/src/page.md:10", "line");
    planted(CODE, "// ANCHOR_END: softmax_rows\n", "", "book/src/page.md:10", "not closed");
}

#[test]
fn an_include_outside_a_fence() {
    let text = "{{#include other.md:x}}\n\n{{#figure ch03/line}}";
    planted(PAGE, "{{#figure ch03/line}}", text, "book/src/page.md:13", "fence");
}

#[test]
fn a_figure_to_play_with_that_is_none_or_asks_nothing() {
    let place = "book/src/page.md:13";
    let figure = "{{#figure ch03/line}}";
    planted(PAGE, figure, "{{#play nothing Why?}}", place, "no such figure to play with");
    planted(PAGE, figure, "{{#play masks}}", place, "it needs a question");
}

#[test]
fn an_index_of_claims_where_no_chapter_checks_one() {
    planted(PAGE, "{{#figure ch03/line}}", "{{#claims}}", "book/src/page.md:13", "{{#claims}}");
}

#[test]
fn a_chapter_that_does_not_open_or_end_as_the_others_do() {
    let toml = "chapters/03-x/chapter.toml:1";
    planted(PAGE, "{{#chapter 3}}", "", toml, "{{#chapter 3}} stands on 0 pages");
    planted(PAGE, "{{#next 3}}", "", toml, "{{#next 3}} stands on 0 pages");
    planted(PAGE, "{{#chapter 3}}", "{{#chapter 4}}", "book/src/page.md:31", "no chapter 4");
    planted(PAGE, "{{#chapter 3}}", "{{#map}}", "book/src/page.md:31", "chapter 3 has no page");
}

#[test]
fn a_paper_without_its_entry_and_an_entry_without_its_use() {
    let tiny = Tiny::new();
    tiny.replace(
        "book/src/SUMMARY.md",
        "[Other](other.md)",
        "[Other](other.md)\n[Papers](bibliography.md)",
    );
    let paper = |id: &str| format!("[arXiv:{id}](https://arxiv.org/abs/{id})");
    // The page of the good book cites the first.
    let entries = ["1706.03762", "2104.09864", "1409.0473", "1706.03762"]
        .map(|id| format!("- {}\n", paper(id)));
    let list = format!("# Papers\n\n{}", entries.concat());
    tiny.write("book/src/bibliography.md", &list);
    let other =
        format!("# Other\n\n## A place\n\n{} and {}.\n", paper("1409.0473"), paper("1406.1078"));
    tiny.write("book/src/other.md", &other);
    let problems = problems(&tiny);
    found(&problems, "book/src/other.md:5", "does not have https://arxiv.org/abs/1406.1078");
    found(
        &problems,
        "book/src/bibliography.md:6",
        "https://arxiv.org/abs/1706.03762 stands here twice",
    );
    found(
        &problems,
        "book/src/bibliography.md:4",
        "no page cites https://arxiv.org/abs/2104.09864",
    );
    assert_eq!(problems.len(), 3, "{problems:#?}");
}

#[test]
fn an_anchor_that_no_page_includes() {
    planted(
        CODE,
        "//! Softmax.\n",
        "// ANCHOR: lonely\n// ANCHOR_END: lonely\n",
        "chapters/03-x/src/softmax.rs:1",
        "`lonely`",
    );
}

#[test]
fn a_dead_link() {
    planted(PAGE, "(other.md#a-place)", "(nowhere.md)", "book/src/page.md:25", "nowhere");
    planted(
        PAGE,
        "(other.md#a-place)",
        "(other.md#no-place)",
        "book/src/page.md:25",
        "no such place",
    );
    planted(PAGE, "(#a-page)", "(#no-place)", "book/src/page.md:25", "no such place");
    planted(PAGE, "(#a-page)", "(data.csv)", "book/src/page.md:25", "data.csv");
    planted(PAGE, "(#a-page)", "(../../secret.txt)", "book/src/page.md:25", "out of the book");
    planted(PAGE, "(dot.svg)", "(dash.svg)", "book/src/page.md:15", "dash.svg");
    planted("book/src/SUMMARY.md", "(other.md)", "(gone.md)", "book/src/SUMMARY.md:4", "gone.md");
}

#[test]
fn a_fence_without_a_language() {
    planted(PAGE, "```rust,ignore", "```", "book/src/page.md:9", "language");
    planted(PAGE, "{{#figure ch03/line}}", "    indented", "book/src/page.md:13", "language");
}

#[test]
fn an_exercise_that_does_not_exist() {
    planted(
        PAGE,
        "{{#exercise 3.1}}",
        "{{#exercise 3.1}}\n\n{{#exercise 3.9}}",
        "book/src/page.md:29",
        "no such exercise",
    );
    planted(PAGE, "check 3.1", "hint 3.7", "book/src/page.md:29", "no exercise 3.7");
}

#[test]
fn an_exercise_without_a_place() {
    planted(
        PAGE,
        "{{#exercise 3.1}}",
        "",
        "chapters/03-x/chapter.toml:10",
        "3.1 has its box on 0 pages",
    );
    planted(
        "book/src/other.md",
        "Text.",
        "{{#exercise 3.1}}",
        "chapters/03-x/chapter.toml:10",
        "on 2 pages",
    );
}

#[test]
fn an_exercise_that_names_a_section_that_is_not_there_or_not_the_only_one() {
    let chapter = "chapters/03-x/chapter.toml";
    let declared = "chapters/03-x/chapter.toml:10";
    planted(chapter, "A place", "No place", declared, "no page has the heading “No place”");
    planted(
        "book/src/other.md",
        "## A place",
        "## A places",
        declared,
        "no page has the heading “A place”",
    );
    planted(PAGE, "{{#exercise 3.1}}", "## A `place`\n\n{{#exercise 3.1}}", declared, "2 times");
}

#[test]
fn a_figure_without_a_text_alternative() {
    planted(
        PAGE,
        "figure ch03/line",
        "figure ch03/silent",
        "book/src/page.md:13",
        "text alternative",
    );
    planted(PAGE, "![A dot]", "![]", "book/src/page.md:15", "text alternative");
    planted(
        PAGE,
        "![A dot](dot.svg)",
        "<img src=\"dot.svg\">",
        "book/src/page.md:15",
        "text alternative",
    );
    planted(
        PAGE,
        "![A dot](dot.svg)",
        "<svg><rect/></svg>",
        "book/src/page.md:15",
        "text alternative",
    );
}

#[test]
fn an_unknown_figure_or_directive() {
    planted(
        PAGE,
        "figure ch03/line",
        "figure ch03/nowhere",
        "book/src/page.md:13",
        "no such figure",
    );
    planted(
        PAGE,
        "#figure ch03/line",
        "#picture ch03/line",
        "book/src/page.md:13",
        "no such directive",
    );
    planted(
        PAGE,
        "{{#figure ch03/line}}",
        "See {{#figure ch03/line}}",
        "book/src/page.md:13",
        "alone",
    );
}

#[test]
fn a_number_that_the_code_no_longer_gives() {
    planted(PAGE, "| 1 |", "| 2 |", "book/src/page.md:21", "computed: | 1 |");
    planted(PAGE, "table: ch03/one", "table: ch03/two", "book/src/page.md:17", "no table");
    planted(PAGE, "<!-- end table -->", "", "book/src/page.md:17", "not closed");
}

#[test]
fn a_page_that_loads_from_the_network() {
    let figure = "{{#figure ch03/line}}";
    for html in [
        "<script src=\"https://cdn.example/x.js\"></script>",
        "<img alt=\"x\" src=\"//cdn.example/x.png\">",
        "<link rel=\"stylesheet\" href=\"http://cdn.example/x.css\">",
        "<div style=\"background: url('https://cdn.example/x.png')\"></div>",
        "<style>@import \"https://cdn.example/x.css\";</style>",
        "<script>fetch('https://cdn.example/x.json')</script>",
        "<iframe src=\"https://cdn.example/\"></iframe>",
    ] {
        planted(PAGE, figure, html, "book/src/page.md:13", "cdn.example");
    }
    let image = "![A dot](https://cdn.example/dot.png)";
    planted(PAGE, "![A dot](dot.svg)", image, "book/src/page.md:15", "cdn.example");
    let playground = "```rust\nfn main() {}\n```";
    planted(PAGE, figure, playground, "book/src/page.md:1", "play.rust-lang.org");
}

#[test]
fn a_theme_that_loads_from_the_network() {
    let css = "@font-face { src: url(https://cdn.example/x.woff2); }";
    planted(
        "book/theme/own.css",
        "p {",
        &format!("a {{}}\n{css}\np {{"),
        "book/theme/own.css:2",
        "cdn.example",
    );
    let script = "new WebSocket(\"wss://cdn.example/\");";
    planted(
        "book/theme/own.js",
        "const",
        &format!("{script}\nconst"),
        "book/theme/own.js:1",
        "cdn.example",
    );
    planted(
        "book/book.toml",
        "[output.html]",
        "[output.html]\nmathjax-support = true",
        "book/src/page.md:1",
        "mathjax",
    );
}

#[test]
fn all_problems_come_at_once() {
    let tiny = Tiny::new();
    tiny.replace(PAGE, "x_i * y_i", "x_i_j");
    tiny.replace(PAGE, "| 1 |", "| 2 |");
    tiny.replace(PAGE, "(#a-page)", "(#no-place)");
    assert_eq!(problems(&tiny).len(), 3);
}

#[test]
fn a_chapter_file_that_is_wrong_is_named() {
    let tiny = Tiny::new();
    tiny.replace("chapters/03-x/chapter.toml", "id = \"3.1\"", "id = 3.1");
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let error = check(&tiny.book(), &registry(), scratch.path()).err().expect("an error");
    assert!(format!("{error:#}").contains("chapter.toml"), "{error:#}");
}
