//! Copies are found, whatever was renamed or laid out anew; what the starter or everybody has is not.

use attn_classroom::similar::{LONGEST_MISSED, Similar, Written, similar};
use std::time::Instant;

const STARTER: &str = "\
//! Chapter 3 · Attention: your answers.
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, array, s};

// ━━ 3.1 A softmax that cannot overflow · 10 points ━━

/// Softmax of each row.
pub fn softmax_rows(x: ArrayView2<f32>) -> Array2<f32> {
    let mut weights = x.to_owned();
    for mut row in weights.rows_mut() {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        todo!(\"subtract, exponentiate, divide\")
    }
    weights
}

// ━━ 3.3 Attention · 20 points ━━

pub fn attention(q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>) -> Array2<f32> {
    todo!(\"softmax(q·kᵀ/√d)·v\")
}
";

const SOFTMAX: &str = "        row.mapv_inplace(|entry| (entry - largest).exp());
        let total = row.iter().sum::<f32>();
        if total > 0.0 {
            row.mapv_inplace(|entry| entry / total);
        }";
const ATTENTION: &str = "    let (n, d) = q.dim();
    let scale = 1.0 / (d as f32).sqrt();
    let scores = q.dot(&k.t()) * scale;
    assert_eq!(scores.nrows(), n);
    let weights = softmax_rows(scores.view());
    weights.dot(&v)";
const OTHER_SOFTMAX: &str = "        let mut sum = 0.0;
        for i in 0..row.len() {
            row[i] = f32::exp(row[i] - largest);
            sum += row[i];
        }
        row /= sum;";
const OTHER_ATTENTION: &str = "    let mut out = Array2::zeros((q.nrows(), v.ncols()));
    for i in 0..q.nrows() {
        let mut row = Array1::from_iter((0..k.nrows()).map(|j| q.row(i).dot(&k.row(j))));
        row.mapv_inplace(|s| s / (q.ncols() as f32).sqrt());
        let weights = softmax_rows(row.insert_axis(Axis(0)).view());
        out.row_mut(i).assign(&weights.dot(&v).row(0));
    }
    out";

fn file(softmax: &str, attention: &str) -> String {
    STARTER
        .replace("        todo!(\"subtract, exponentiate, divide\")", softmax)
        .replace("    todo!(\"softmax(q·kᵀ/√d)·v\")", attention)
}

fn found(files: &[&str]) -> Similar {
    let names = ["Ada", "Bob", "Chen", "Dora", "Eve", "Fay", "Gus"];
    let class: Vec<_> =
        names.iter().zip(files).map(|(student, answers)| Written { student, answers }).collect();
    similar(STARTER, &class, 0.3)
}

fn one() -> String {
    file(SOFTMAX, ATTENTION)
}

fn other() -> String {
    file(OTHER_SOFTMAX, OTHER_ATTENTION)
}

#[test]
fn a_copy_is_found_and_another_solution_is_not() {
    let found = found(&[&one(), &other(), &one()]);
    assert_eq!(found.pairs.len(), 1);
    let pair = &found.pairs[0];
    assert_eq!((pair.first.as_str(), pair.second.as_str(), pair.share), ("Ada", "Chen", 1.0));
    let ids: Vec<_> = pair.exercises.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["3.1", "3.3"]);
}

#[test]
fn new_names_a_new_layout_and_comments_hide_nothing() {
    let mut disguised = one();
    for (from, to) in [
        ("entry", "e"),
        ("total", "denominator_of_row"),
        ("scale", "c"),
        ("scores", "logits"),
        ("weights.dot", "alpha.dot"),
        ("let weights = softmax", "let alpha = softmax"),
        ("(n, d)", "(rows, width)"),
        ("), n)", "), rows)"),
        ("(d as", "(width as"),
        (";\n", ";   // see the book\n\n"),
        ("if row", "// first\nif row"),
        (" * c", "\n    * c"),
    ] {
        disguised = disguised.replace(from, to);
    }
    let found = found(&[&one(), &disguised]);
    assert_eq!(found.pairs[0].share, 1.0);
}

#[test]
fn a_copy_of_a_part_is_found_in_that_exercise() {
    let found = found(&[&one(), &file(SOFTMAX, OTHER_ATTENTION)]);
    let pair = &found.pairs[0];
    assert_eq!(pair.exercises, [("3.1".to_string(), 1.0)]);
    assert!(pair.share < 0.5, "the other exercise counts: {}", pair.share);
    let inserted =
        ATTENTION.replace("    let weights", "    println!(\"{scores}\");\n    let weights");
    let found = self::found(&[&one(), &file(OTHER_SOFTMAX, &inserted)]);
    let share = found.pairs[0].share;
    assert!(0.4 < share && share < 1.0, "{share}");
}

#[test]
fn the_starter_is_nobodys_copy() {
    assert_eq!(found(&[STARTER, STARTER]).pairs, []);
    // Nor where a formatter lays it out anew.
    let moved = STARTER
        .replace(": ArrayView2<f32>", ":\n    ArrayView2<f32>")
        .replace("row.iter()", "row\n  .iter()");
    assert_ne!(moved, STARTER);
    assert_eq!(found(&[&moved, &moved]).pairs, []);
}

/// The starter that the course hands out, with one answer that two students share.
#[test]
fn of_a_real_starter_only_the_shared_answer_is_found() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../chapters/03-scaled-dot-product/starter.rs");
    let starter = std::fs::read_to_string(path).unwrap();
    let class = |files: &[&str]| {
        let class: Vec<_> = files.iter().map(|answers| Written { student: "x", answers }).collect();
        similar(&starter, &class, 0.5).pairs
    };
    assert_eq!(class(&[&starter, &starter]), []);
    let (before, after) = starter.split_once("// ━━ 3.3").unwrap();
    let todo = after.find("    todo!(").unwrap();
    let answered = format!("{before}// ━━ 3.3{}{ATTENTION}\n{}", &after[..todo], &after[todo..]);
    let pairs = class(&[&answered, &starter, &answered]);
    assert_eq!(pairs.len(), 1);
    assert_eq!(pairs[0].exercises, [("3.3".to_string(), 1.0)]);
}

#[test]
fn short_lines_among_the_starters_are_no_copy() {
    let with = |line: &str| {
        let mut text = STARTER.to_string();
        for before in ["    for mut row", "        let largest", "    weights\n"] {
            text = text.replace(before, &format!("    {line}\n{before}"));
        }
        text
    };
    let (a, b) = (with("let a = b;"), with("let rows = weights;"));
    assert_eq!(found(&[&a, &b]).pairs, [], "the lines around them are not theirs");
}

#[test]
fn what_most_of_the_class_has_is_nobodys_copy() {
    let one = one();
    let all = [one.as_str(); 5];
    assert_eq!(found(&all).pairs, [], "five of five");
    assert_eq!(found(&all[..4]).pairs.len(), 6, "four of four");
}

#[test]
fn a_run_just_long_enough_is_always_found() {
    // Rows of numbers that have `run` in common; a number is one token, and so is a comma.
    let numbers =
        |from: usize, n: usize| (from..from + n).map(|i| format!("{i} ")).collect::<String>();
    for seed in 0..200 {
        let run = numbers(5000 + 40 * seed, LONGEST_MISSED + 1);
        let file = |own: usize| {
            format!("// ━━ 3.1 X ━━\n{}{run}{}\n", numbers(own, 9), numbers(own + 20, 9))
        };
        let (a, b) = (file(100), file(1000));
        let class = [Written { student: "a", answers: &a }, Written { student: "b", answers: &b }];
        assert_eq!(similar("", &class, 0.0).pairs.len(), 1, "{run}");
    }
}

#[test]
fn broken_and_hostile_files_are_compared_all_the_same() {
    let broken =
        one().replacen(") -> Array2<f32> {", " -> Array2<f32>", 2) + "\n'\n\"\n/*\n#\u{0}\n";
    let found = found(&[&broken, &broken]);
    assert_eq!(found.pairs[0].share, 1.0);
    let deep = format!("{}{}", one(), "(".repeat(1 << 20));
    assert_eq!(self::found(&[&deep, &one()]).pairs[0].share, 1.0);
    assert_eq!(self::found(&["", "// ━━ \n// ━━", "\u{feff}"]).pairs, []);
}

#[test]
fn the_list_says_that_it_is_no_proof() {
    let text = found(&[&one(), &other(), &one()]).text();
    let wanted = "\
A high share is no proof of copying: a short exercise has few natural solutions.
Read both before you speak to anybody. The shares count what neither the starter
nor more than 4 submissions have.

100 %  Ada and Chen: 3.1 100 %, 3.3 100 %
";
    assert_eq!(text, wanted);
    let none = found(&[&one(), &other()]).text();
    assert!(
        none.contains("no proof") && none.ends_with("No two submissions share that much.\n"),
        "{none}"
    );
}

/// A hundred submissions of a whole chapter, each its own, take no time to speak of.
#[test]
fn a_hundred_submissions_are_quick() {
    let texts: Vec<String> = (0..100)
        .map(|i| {
            let exercises = (0..12).map(|e| {
                let lines =
                    (0..25).map(|l| format!("    let a{l} = {}.0 + b.f{i}(c, {l});\n", i * e + l));
                format!("// ━━ 3.{e} X ━━\nfn f() {{\n{}}}\n", lines.collect::<String>())
            });
            exercises.collect()
        })
        .collect();
    let class: Vec<_> = texts.iter().map(|answers| Written { student: "x", answers }).collect();
    let start = Instant::now();
    similar(STARTER, &class, 0.5);
    let took = start.elapsed();
    println!("{took:?}");
    // Generous, since tests share their machine and are compiled without optimisation.
    assert!(took.as_secs() < 20, "{took:?}");
}
