//! Tables that the code computes and the pages hold as text.
//!
//! A table stands in the page between `<!-- table: ch03/jacobian -->` and `<!-- end table -->`, so
//! that it can be read in the source and reviewed when it changes. A test compares it with what the
//! code gives today; a command writes it anew.

use crate::{Page, Problem, Registry};
use regex::{Captures, Regex};
use std::sync::LazyLock;

static TABLE: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"(?s)<!-- table: ([^\n]*?) -->\n(.*?)(<!-- end table -->|\z)";
    Regex::new(text).expect("a constant")
});

/// A problem for each table that is unknown, not closed, or not what the code computes.
pub fn check(page: &Page, registry: &Registry) -> Vec<Problem> {
    TABLE.captures_iter(&page.text).filter_map(|found| difference(page, registry, &found)).collect()
}

fn difference(page: &Page, registry: &Registry, found: &Captures) -> Option<Problem> {
    let (whole, written) = (found.get(0)?, found.get(2)?);
    let name = &found[1];
    let Some(table) = registry.tables.get(name) else {
        return Some(page.problem(whole.start(), format!("there is no table `{name}`")));
    };
    if found[3].is_empty() {
        let text = format!("table `{name}` is not closed by <!-- end table -->");
        return Some(page.problem(whole.start(), text));
    }
    let computed = table();
    let (was, is) = (written.as_str().trim(), computed.trim());
    if was == is {
        return None;
    }
    let pairs = || was.lines().map(Some).chain([None]).zip(is.lines().map(Some).chain([None]));
    let (row, (was, is)) = pairs().enumerate().find(|(_, (a, b))| a != b)?;
    let start = written.start() + (written.as_str().len() - written.as_str().trim_start().len());
    let mut problem = page.problem(start, String::new());
    problem.line += row;
    problem.text = format!(
        "table `{name}` is not what the code computes (`attn-book tables` writes it anew)\n  written:  {}\n  computed: {}",
        was.unwrap_or("(the table ends)"),
        is.unwrap_or("(the table ends)"),
    );
    Some(problem)
}

/// The page's text with every known table as the code computes it today.
pub fn rewrite(text: &str, registry: &Registry) -> String {
    let replace = |found: &Captures| match registry.tables.get(&found[1]) {
        Some(table) if !found[3].is_empty() => {
            let (name, table) = (&found[1], table());
            format!("<!-- table: {name} -->\n\n{}\n\n<!-- end table -->", table.trim())
        }
        _ => found[0].to_string(),
    };
    TABLE.replace_all(text, replace).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        let mut registry = Registry::default();
        registry.tables.insert("t", || "| a |\n|---|\n| 1 |\n".into());
        registry
    }

    fn problems(text: &str) -> Vec<String> {
        let page = Page { path: "p.md".into(), text: text.into() };
        check(&page, &registry()).iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_table_that_agrees_is_no_problem_and_is_left_alone() {
        let text = "x\n\n<!-- table: t -->\n\n| a |\n|---|\n| 1 |\n\n<!-- end table -->\ny\n";
        assert!(problems(text).is_empty());
        assert_eq!(rewrite(text, &registry()), text);
    }

    #[test]
    fn a_stale_number_is_named_with_its_line_and_both_texts() {
        let text = "x\n\n<!-- table: t -->\n\n| a |\n|---|\n| 2 |\n\n<!-- end table -->\n";
        let got = problems(text);
        assert!(
            got[0].starts_with("p.md:7: ") && got[0].contains("| 2 |") && got[0].contains("| 1 |"),
            "{got:?}"
        );
        assert!(problems(&rewrite(text, &registry())).is_empty());
    }

    #[test]
    fn rows_too_few_or_too_many_are_found() {
        let few = "<!-- table: t -->\n| a |\n|---|\n<!-- end table -->\n";
        let many = "<!-- table: t -->\n| a |\n|---|\n| 1 |\n| 2 |\n<!-- end table -->\n";
        assert!(problems(few)[0].starts_with("p.md:4: "));
        assert!(problems(many)[0].starts_with("p.md:5: "));
    }

    #[test]
    fn unknown_and_open_tables_are_found() {
        assert!(problems("<!-- table: u -->\n<!-- end table -->")[0].contains("no table `u`"));
        assert!(
            problems("\n<!-- table: t -->\n| a |\n")[0]
                .starts_with("p.md:2: table `t` is not closed")
        );
    }
}
