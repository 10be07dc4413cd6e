//! Links that lead nowhere: pages, places in pages, files, images.

use super::{built::Built, html};
use crate::Problem;
use anyhow::Result;
use percent_encoding::percent_decode_str;
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Component, Path, PathBuf},
};

pub fn check(site: &Path, pages: &[Built]) -> Result<Vec<Problem>> {
    let mut places = HashMap::new();
    let mut problems = Vec::new();
    for page in pages {
        let linked: HashSet<String> = html::tags(&page.html).iter().flat_map(targets).collect();
        for target in linked {
            if let Some(why) = dead(site, page, &target, &mut places) {
                problems
                    .push(page.problem(&spellings(&target).each_ref().map(String::as_str), why));
            }
        }
    }
    Ok(problems)
}

fn targets(tag: &html::Tag) -> Vec<String> {
    let names = ["href", "src", "poster", "data"];
    let values = names.into_iter().filter_map(|name| tag.get(name));
    values.map(str::to_string).collect()
}

/// Why a link leads nowhere; nothing if it does lead somewhere, or out of the book.
fn dead(
    site: &Path,
    page: &Built,
    target: &str,
    places: &mut HashMap<PathBuf, HashSet<String>>,
) -> Option<String> {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme);
    let outside = scheme.is_some_and(|s| {
        !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    if outside || target.starts_with("//") {
        return None;
    }
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let file = percent_decode_str(file.split('?').next().unwrap_or_default()).decode_utf8_lossy();
    let mut path = match &*file {
        "" => page.path.clone(),
        file => match resolve(page.path.parent().unwrap_or(Path::new("")), file) {
            Some(path) => path,
            None => return Some(format!("the link `{target}` leads out of the book")),
        },
    };
    if site.join(&path).is_dir() {
        path.push("index.html");
    }
    let full = site.join(&path);
    if !full.is_file() {
        return Some(format!("the link `{target}` leads to no page or file"));
    }
    if fragment.is_empty() || full.extension().is_none_or(|e| e != "html") {
        return None;
    }
    let known = places.entry(path).or_insert_with(|| ids(&full));
    (!known.contains(&*percent_decode_str(fragment).decode_utf8_lossy()))
        .then(|| format!("the link `{target}` leads to no such place in its page"))
}

/// A relative path inside the site; `None` if it climbs out of it or is absolute, which fails from
/// disk.
fn resolve(folder: &Path, file: &str) -> Option<PathBuf> {
    let mut path = folder.to_path_buf();
    for part in Path::new(file).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => (),
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

fn ids(file: &Path) -> HashSet<String> {
    let html = fs::read_to_string(file).unwrap_or_default();
    html::tags(&html)
        .iter()
        .filter_map(|tag| tag.get("id").or(tag.get("name")).map(str::to_string))
        .collect()
}

/// How the link may be spelt in the source: mdBook turns `.md` into `.html`.
fn spellings(target: &str) -> [String; 3] {
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let written = match fragment {
        "" => file.replace(".html", ".md"),
        fragment => format!("{}#{fragment}", file.replace(".html", ".md")),
    };
    [format!("({target})"), format!("({written})"), target.to_string()]
}
