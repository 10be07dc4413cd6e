//! No circle of imports between the files of a crate: each can be understood, and tested, after those
//! that it builds on.
//!
//! A file depends on another one if its code names something that is defined there. Re-exports are
//! followed to the definition; what a file only declares and re-exports (`mod x; pub use x::Y;`) is no
//! dependence, and neither is what only tests name. So a parent may offer what its children define, but
//! a child that uses what its parent defines, while the parent uses the child, is a circle.

mod circles;
mod crates;
mod lexer;
mod source;
mod tokens;

use circles::Circle;
use crates::{Root, roots};
use source::Sources;
use std::{fs, path::Path};
use tempfile::TempDir;

fn circles(root: &Root) -> Vec<Circle> {
    let sources = Sources::read(&root.file).expect("the sources of a crate");
    circles::find(&sources.dependencies())
}

#[test]
fn the_files_of_a_crate_build_on_each_other_in_one_direction() {
    let roots = roots();
    assert!(roots.len() > 15, "{roots:?}");
    let found = roots.iter().flat_map(|root| {
        circles(root).into_iter().map(|circle| format!("{}: {circle}", root.folder))
    });
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "circles:\n{}", found.join("\n"));
}

/// The circles of a crate with these files, as text.
fn planted(files: &[(&str, &str)]) -> Vec<String> {
    let folder = TempDir::new().expect("a temporary folder");
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    }
    let sources = Sources::read(&folder.path().join("lib.rs")).expect("read");
    let found = circles::find(&sources.dependencies());
    found.iter().map(Circle::to_string).collect()
}

#[test]
fn a_circle_is_named_with_its_lines() {
    let found = planted(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;\npub use a::f;\n"),
        ("a.rs", "use crate::b::g;\n\npub fn f() {\n    g()\n}\n"),
        ("b.rs", "pub fn g() {\n    crate::c::h()\n}\n"),
        ("c.rs", "use crate::f;\n\npub fn h() {\n    f()\n}\n"),
    ]);
    let expected = "a.rs → b.rs → c.rs → a.rs\n  \
                    a.rs:1: crate::b::g\n  b.rs:2: crate::c::h\n  c.rs:1: crate::f";
    assert_eq!(found, [expected]);
}

/// Two files, `a` and `b`, of which `b` uses `a`; these are the ways in which `a` may use `b`.
#[test]
fn a_name_is_followed_wherever_it_stands() {
    for (circle, a) in [
        (true, "use crate::b::g; pub fn f() {}"),
        (true, "use crate::{b::{self, g as _}}; pub fn f() {}"),
        (true, "use super::b; pub fn f() { b::g() }"),
        (true, "use crate::*; pub fn f() { b::g() }"),
        (true, "use crate::b::*; pub fn f() { g() }"),
        (true, "pub fn f() { { let x = [super::b::g()]; } }"),
        (true, "pub fn f() { vec![crate::b::g()]; }"),
        (true, "macro_rules! m { () => { $crate::b::g() } } pub fn f() {}"),
        (true, "pub fn f() -> crate::b::S { todo!() }"),
        (true, "mod inner { use super::super::b::g; } pub fn f() {}"),
        (true, "pub fn f() { crate::S::new(); }"),
        (false, "use std::fmt; pub fn f() { fmt::g() }"),
        (false, "use crate::b; pub fn f() {}"),
        (false, "pub use crate::b::g; pub fn f() {}"),
        (false, "pub fn f() { x.g(); let g = 1; S { g: 2 }; }"),
        (false, "fn g() {} pub fn f() { g() }"),
        (false, "#[cfg(test)] mod tests { use crate::b::g; } pub fn f() {}"),
        (false, "#[cfg(test)] use crate::b::{g}; pub fn f() {}"),
        (true, "pub fn f<'a>(x: &'a u8) { ['\"', '\\'']; crate::b::g() }"),
        (false, r###"pub fn f() { '"'; r#""crate::b::g"#; b"\"crate::b::g"; }"###),
        (false, "/// As `crate::b::g` does.\npub fn f() { \"crate::b::g\"; }"),
    ] {
        let found = planted(&[
            ("lib.rs", "mod a; mod b; pub use b::S;"),
            ("a.rs", a),
            ("b.rs", "use crate::a::f; pub struct S; pub fn g() {}"),
        ]);
        assert_eq!(!found.is_empty(), circle, "{a}: {found:?}");
    }
}

/// A parent file and its child.
#[test]
fn a_parent_may_offer_its_children_or_use_them_but_not_be_used_then() {
    let uses = "use super::Z; pub struct Y;";
    let leaf = "pub struct Y; pub fn y() {}";
    for (circle, parent, child) in [
        (false, "mod x; pub use x::Y; pub struct Z;", uses),
        (false, "mod x; use x::Y; pub struct Z;", uses),
        (false, "mod x; pub struct Z(x::Y);", "pub(super) struct Y(pub(crate) u8);"),
        (false, "mod x; use x::y; fn f() { y(); x::y() }", leaf),
        (true, "mod x; pub use x::Y; pub struct Z(Y);", uses),
        (true, "mod x; pub struct Z; fn f() { x::Y.y() }", uses),
        (true, "mod x; pub struct Z; fn f() { x::made_by_a_macro() }", uses),
        (
            true,
            "mod x; use x::y as w; pub struct Z; fn f() { w() }",
            "use crate::p::Z; pub fn y() {}",
        ),
    ] {
        for name in ["p/mod.rs", "p.rs"] {
            let found = planted(&[("lib.rs", "mod p;"), (name, parent), ("p/x.rs", child)]);
            assert_eq!(!found.is_empty(), circle, "{parent} {child}: {found:?}");
        }
        let found = planted(&[("lib.rs", &format!("mod p {{ {parent} }}")), ("p/x.rs", child)]);
        assert_eq!(!found.is_empty(), circle, "{parent} {child}: {found:?}");
    }
}

/// Files that a crate of the course has, so that no file is missed.
#[test]
fn all_files_of_a_crate_are_read() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let sources = Sources::read(&crates.join("ptx-sim/src/lib.rs")).expect("read");
    let files: Vec<&str> = sources.files().collect();
    for file in ["lib.rs", "block.rs", "decode/mod.rs", "decode/float.rs"] {
        assert!(files.contains(&file), "{file} in {files:?}");
    }
}
