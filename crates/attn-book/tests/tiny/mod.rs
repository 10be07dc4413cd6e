//! A small workspace with a book that has nothing wrong with it, for tests to spoil.

use attn_book::Registry;
use attn_viz::{Axis, Lines};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

pub const PAGE: &str = "book/src/page.md";
pub const CODE: &str = "chapters/03-x/src/softmax.rs";

const FILES: [(&str, &str); 8] = [
    (
        "book/book.toml",
        "[book]\ntitle = \"Tiny\"\n\n[output.html]\nadditional-css = [\"theme/own.css\"]\nadditional-js = [\"theme/own.js\"]\n\n[output.html.search]\nenable = false\n",
    ),
    ("book/theme/own.css", "p { color: black; }\n"),
    ("book/theme/own.js", "const line = 1;\n"),
    ("book/src/SUMMARY.md", "# Summary\n\n[Page](page.md)\n[Other](other.md)\n"),
    (PAGE, include_str!("page.md")),
    ("book/src/other.md", "# Other\n\n## A place\n\nText.\n"),
    (CODE, include_str!("softmax.rs.txt")),
    ("chapters/03-x/chapter.toml", include_str!("chapter.toml.txt")),
];

pub struct Tiny(TempDir);

impl Tiny {
    pub fn new() -> Self {
        let tiny = Tiny(TempDir::new().expect("a temporary folder"));
        for (path, text) in FILES {
            tiny.write(path, text);
        }
        tiny.write("book/src/dot.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
        tiny
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn book(&self) -> PathBuf {
        self.root().join("book")
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    pub fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.root().join(path)).expect("there");
        assert!(text.contains(from), "{path} has no {from}");
        self.write(path, &text.replacen(from, to, 1));
    }
}

pub fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.figures.insert("ch03/line", || {
        Lines::new("A line", "It rises.")
            .x(Axis::linear("d"))
            .y(Axis::linear("w"))
            .series("s", [(0.0, 0.0), (1.0, 1.0)])
            .figure()
    });
    registry.figures.insert("ch03/silent", || Lines::new("A line", " ").figure());
    registry.tables.insert("ch03/one", || "| a |\n| --- |\n| 1 |".into());
    registry
}
