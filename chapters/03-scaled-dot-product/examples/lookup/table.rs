//! A table of numbers from a CSV file, or one line that says what is wrong with it and where.

use anyhow::{Context, Result, bail, ensure};
use csv::{ReaderBuilder, StringRecord, Trim};
use ndarray::Array2;
use std::{collections::HashSet, path::Path};

/// Named columns of numbers.
pub struct Table {
    /// The name of the file.
    pub file: String,
    /// The names of the columns, from the header.
    pub columns: Vec<String>,
    /// One row for each row of the file, without the header.
    pub rows: Array2<f64>,
    /// The line of the file on which each row stands.
    pub lines: Vec<usize>,
}

const FEWEST_ROWS: usize = 4;
/// All weights of all held-out rows are in memory at once.
const MOST_ROWS: usize = 4_000;

impl Table {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        ensure!(!path.is_dir(), "{file}: this is a folder; name a CSV file in it");
        let bytes =
            std::fs::read(path).with_context(|| format!("{file}: the file cannot be read"))?;
        Table::parse(&file, &bytes)
    }

    /// Reads the contents of a file; `file` is its name, for messages.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self> {
        let text = utf8(file, bytes)?;
        let mut records = records(file, text)?.into_iter();
        let Some((line, header)) = records.next() else {
            bail!("{file}: the file is empty; it needs a header line and rows of numbers");
        };
        let columns = names(&header).with_context(|| format!("{file}:{line}"))?;
        let (mut fields, mut lines) = (Vec::new(), Vec::new());
        for (line, record) in records {
            fields.extend(numbers(&format!("{file}:{line}"), &record, &columns)?);
            lines.push(line);
        }
        ensure!(
            lines.len() >= FEWEST_ROWS,
            "{file}: {} of numbers after the header; at least {FEWEST_ROWS} are needed",
            count(lines.len(), "row")
        );
        ensure!(
            lines.len() <= MOST_ROWS,
            "{file}: {} rows; at most {MOST_ROWS} are taken: cut the file",
            lines.len()
        );
        let rows = Array2::from_shape_vec((lines.len(), columns.len()), fields)?;
        let table = Table { file: file.into(), columns, rows, lines };
        table.check_variation()?;
        Ok(table)
    }

    /// The index of the column with this name.
    pub fn column(&self, name: &str) -> Result<usize> {
        let found = self.columns.iter().position(|column| column == name);
        found.with_context(|| {
            format!(
                "{}: there is no column “{name}”; the columns are {}",
                self.file,
                self.columns.join(", ")
            )
        })
    }

    /// A column without variation has no standard deviation to be divided by, and nothing to tell.
    fn check_variation(&self) -> Result<()> {
        for (column, name) in self.rows.columns().into_iter().zip(&self.columns) {
            ensure!(
                column.iter().any(|x| *x != column[0]),
                "{}: the column “{name}” is {} in every row; leave it out",
                self.file,
                column[0]
            );
        }
        Ok(())
    }
}

fn utf8<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
        anyhow::anyhow!("{file}:{line}: this is not UTF-8 text; save it as CSV in UTF-8")
    })
}

/// The records of the file, each with its line.
fn records(file: &str, text: &str) -> Result<Vec<(usize, StringRecord)>> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let (mut line, mut counted) = (1, 0);
    let records = reader.records().map(|record| {
        let record = record.with_context(|| format!("{file}: this is not a CSV file"))?;
        // The reader's own count of lines stops before blank ones and the `\n` of a `\r\n`.
        let start = record.position().map_or(counted, |at| at.byte() as usize);
        let begins = text.len() - text[start..].trim_start_matches(['\r', '\n']).len();
        line += text[counted..begins].matches('\n').count();
        counted = begins;
        Ok((line, record))
    });
    records.collect()
}

fn names(header: &StringRecord) -> Result<Vec<String>> {
    ensure!(header.len() >= 2, "only one column; at least two are needed, separated by commas");
    ensure!(
        header.iter().any(|name| name.parse::<f64>().is_err()),
        "the header is missing: the first line has to name the columns"
    );
    let mut seen = HashSet::new();
    for (column, name) in header.iter().enumerate() {
        ensure!(!name.is_empty(), "column {} has no name", column + 1);
        ensure!(seen.insert(name), "two columns are called “{name}”");
    }
    Ok(header.iter().map(shown).collect())
}

/// The numbers of one record; `place` is its file and line, for messages.
fn numbers(place: &str, record: &StringRecord, columns: &[String]) -> Result<Vec<f64>> {
    ensure!(
        record.len() == columns.len(),
        "{place}: {} here, but {} in the header",
        count(record.len(), "field"),
        columns.len()
    );
    let fields = record.iter().zip(columns).enumerate();
    fields
        .map(|(column, (field, name))| {
            number(field).with_context(|| format!("{place}:{} ({name})", column + 1))
        })
        .collect()
}

fn number(field: &str) -> Result<f64> {
    let Ok(number) = field.parse::<f64>() else {
        bail!("“{}” is not a number", shown(field));
    };
    ensure!(
        number.abs() <= f64::from(f32::MAX),
        "“{}” is not a finite number of single precision",
        shown(field)
    );
    Ok(number)
}

/// A field without control characters, so that it fits into one line and cannot steer the terminal.
fn shown(field: &str) -> String {
    let plain: String = field.chars().take(40).collect();
    plain.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

fn count(n: usize, what: &str) -> String {
    match n {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}
