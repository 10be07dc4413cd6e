//! The demonstration: what it finds in the shipped data, and that a bad file is one clear line.

#[allow(dead_code)] // its `main`
#[path = "../examples/lookup/main.rs"]
mod lookup;

use lookup::{Args, kernel, split, table};

use clap::Parser;
use std::{fs, path::PathBuf};

fn run(args: &[&str]) -> Result<String, String> {
    let args = Args::try_parse_from(["lookup"].iter().chain(args)).map_err(|e| e.to_string())?;
    lookup::run(&args).map_err(|error| format!("{error:#}"))
}

/// Writes `contents` to `NAME.csv`, runs on it and gives the error without the folder's name.
fn refusal(name: &str, contents: impl AsRef<[u8]>) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{name}.csv"));
    fs::write(&path, contents).expect("the target folder can be written to");
    let error = run(&["--data", &path.to_string_lossy()]).expect_err("the file is bad");
    assert!(!error.contains('\n'), "more than one line: {error}");
    error.replace(&format!("{}{}", folder.display(), std::path::MAIN_SEPARATOR), "")
}

/// The errors of the mean, the nearest row and attention on the shipped data.
fn errors(seed: u64) -> [f64; 3] {
    let table = table::Table::parse("penguins.csv", include_bytes!("../data/penguins.csv"))
        .expect("the shipped file is good");
    let split = split::Split::new(&table, 3, 0.2, seed).expect("it can be split");
    let attention = kernel::Kernel::new(&split, 4.0).predict(&split);
    [kernel::mean(&split), kernel::nearest(&split), attention]
        .map(|predicted| kernel::rmse(&split, &predicted))
}

#[test]
fn attention_beats_the_mean_and_the_nearest_row_whatever_is_held_out() {
    for seed in 1..=5 {
        let [mean, nearest, attention] = errors(seed);
        println!("seed {seed}: mean {mean:.1}, nearest {nearest:.1}, attention {attention:.1}");
        assert!(attention < nearest && nearest < mean);
    }
    let first = errors(1).map(f64::round);
    assert_eq!(first, [764.0, 482.0, 323.0]);
}

#[test]
fn the_weights_are_those_of_a_gaussian_kernel() {
    let table =
        table::Table::parse("penguins.csv", include_bytes!("../data/penguins.csv")).unwrap();
    let split = split::Split::new(&table, 3, 0.1, 1).unwrap();
    let weights = kernel::Kernel::new(&split, 2.0).weights();
    for (q, weights) in split.queries.rows().into_iter().zip(weights.rows()) {
        let distances = split.keys.rows().into_iter().map(|k| (&q - &k).mapv(|x| x * x).sum());
        let gauss: Vec<f32> = distances.map(|d| (-d).exp()).collect(); // scale 2: −2·d/2
        let sum: f32 = gauss.iter().sum();
        for (weight, gauss) in weights.iter().zip(gauss) {
            assert!((weight - gauss / sum).abs() < 1e-5);
        }
    }
}

#[test]
fn a_small_scale_gives_the_mean_and_a_large_one_the_nearest_row() {
    let table =
        table::Table::parse("penguins.csv", include_bytes!("../data/penguins.csv")).unwrap();
    let split = split::Split::new(&table, 3, 0.2, 1).unwrap();
    let at = |scale| kernel::Kernel::new(&split, scale).predict(&split);
    let furthest = |a: &ndarray::Array1<f32>, b: &ndarray::Array1<f32>| {
        (a - b).mapv(f32::abs).fold(0.0_f32, |most, &x| most.max(x))
    };
    assert!(furthest(&at(1e-6), &kernel::mean(&split)) < 0.1);
    let same = &at(1e6) - &kernel::nearest(&split);
    assert!(same.iter().filter(|x| x.abs() < 0.5).count() > 60, "{same}");
}

/// Chosen on the known rows alone.
#[test]
fn the_scale_is_chosen_without_the_held_out_rows() {
    let table =
        table::Table::parse("penguins.csv", include_bytes!("../data/penguins.csv")).unwrap();
    for seed in 1..=5 {
        let mut split = split::Split::new(&table, 3, 0.2, seed).unwrap();
        let scales = [0.25, 1.0, 4.0, 16.0, 64.0];
        let chosen = kernel::chosen_scale(&split, &scales);
        println!("seed {seed}: scale {chosen}");
        split.answers.fill(0.0);
        split.queries.fill(0.0);
        assert_eq!(kernel::chosen_scale(&split, &scales), chosen);
        assert!((1.0..=16.0).contains(&chosen));
    }
}

#[test]
fn what_is_printed_fits_80_columns_and_names_the_unit() {
    let text = run(&["--row", "3"]).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text.contains("attention, scale 4          322.6 g\n"), "{text}");
    assert!(text.contains("Held-out row 3, line "), "{text}");
}

#[test]
fn any_table_of_numbers_will_do() {
    let text: String = (0..40).map(|i| format!("{i},{},{}\r\n\r\n", i % 7, 2 * i)).collect();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("own.csv");
    fs::write(&path, format!("\u{feff}\"a\", b ,{}\r\n{text}", "c".repeat(90))).unwrap();
    let text =
        run(&["--data", &path.to_string_lossy(), "--target", "a", "--scale", "1e6"]).unwrap();
    let shown = text.split_once('\n').expect("lines").1; // after the path
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_bad_file_is_one_line_with_its_place() {
    let rows = "1,2\n2,3\n3,5\n4,4\n5,1\n";
    let cases = [
        ("empty", "", "empty.csv: the file is empty; it needs a header line and rows of numbers"),
        (
            "header",
            "a,b\n",
            "header.csv: no rows of numbers after the header; at least 4 are needed",
        ),
        (
            "few",
            "a,b\n1,2\n3,4\n5,6\n",
            "few.csv: 3 rows of numbers after the header; at least 4 are needed",
        ),
        (
            "unnamed",
            rows,
            "unnamed.csv:1: the header is missing: the first line has to name the columns",
        ),
        ("twice", "a,a\n1,2\n", "twice.csv:1: two columns are called “a”"),
        ("blank", "a,\n1,2\n", "blank.csv:1: column 2 has no name"),
        (
            "one",
            "a;b\n1;2\n",
            "one.csv:1: only one column; at least two are needed, separated by commas",
        ),
        ("word", "a,depth_mm\n1,2\n\n3,abc\n", "word.csv:4:2 (depth_mm): “abc” is not a number"),
        ("crlf", "a,b\r\n1,2\r\n3,NA\r\n", "crlf.csv:3:2 (b): “NA” is not a number"),
        ("gap", "a,b\n1,2\n,3\n", "gap.csv:3:1 (a): “” is not a number"),
        (
            "nan",
            "a,b\n1,2\n2,NaN\n",
            "nan.csv:3:2 (b): “NaN” is not a finite number of single precision",
        ),
        (
            "inf",
            "a,b\n1,-inf\n",
            "inf.csv:2:2 (b): “-inf” is not a finite number of single precision",
        ),
        (
            "huge",
            "a,b\n1,1e300\n",
            "huge.csv:2:2 (b): “1e300” is not a finite number of single precision",
        ),
        ("ragged", "a,b\n1,2\n1,2,3\n", "ragged.csv:3: 3 fields here, but 2 in the header"),
        ("short", "a,b\n1\n", "short.csv:2: 1 field here, but 2 in the header"),
        (
            "still",
            "a,b\n7,1\n7,2\n7,3\n7,4\n",
            "still.csv: the column “a” is 7 in every row; leave it out",
        ),
        ("escape", "a,b\n1,\x1b[31m\n", "escape.csv:2:2 (b): “\\u{1b}[31m” is not a number"),
    ];
    for (name, contents, expected) in cases {
        assert_eq!(refusal(name, contents), expected);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(
        refusal("latin", b"a,b\n1,2\n3,\xe9\n"),
        "latin.csv:3: this is not UTF-8 text; save it as CSV in UTF-8"
    );
    refusal("utf16", b"\xff\xfea\0,\0b\0");
    refusal("zeros", [0_u8; 4096]);
}

#[test]
fn a_missing_file_and_a_folder_are_refused() {
    let error = run(&["--data", "no/such.csv"]).unwrap_err();
    assert!(error.starts_with("no/such.csv: the file cannot be read: "), "{error}");
    let error = run(&["--data", "src"]).unwrap_err();
    assert_eq!(error, "src: this is a folder; name a CSV file in it");
}

#[test]
fn options_out_of_range_are_refused() {
    let refused = |args: &[&str], part: &str| {
        let error = run(args).unwrap_err();
        assert!(error.contains(part), "{error}");
    };
    refused(&["--target", "mass"], "there is no column “mass”; the columns are bill_length_mm, ");
    refused(&["--row", "69"], "--row 69: the held-out rows are numbered 1 to 68");
    refused(&["--row", "0"], "--row 0: ");
    refused(&["--scale", "0"], "from 1e-6 to 1e6");
    refused(&["--scale", "nan"], "from 1e-6 to 1e6");
    refused(&["--hold-out", "1"], "between 0 and 1");
    refused(&["--seed", "-1"], "invalid");
    assert!(run(&["--hold-out", "0.999"]).is_ok());
    assert!(run(&["--hold-out", "0.001"]).is_ok());
}
