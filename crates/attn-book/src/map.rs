//! The map of the course: which chapter builds on which, and which one is being read.

use crate::{Page, chapters};
use attn::Course;
use attn_viz::{Area, Figure, Look, Schematic};
use std::path::Path;

/// The chapters, in order.
#[derive(Clone, Debug)]
pub struct Map(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    number: u32,
    title: String,
    prerequisites: Vec<u32>,
    /// Its page may have either of these names.
    pages: Vec<String>,
}

/// A row of the picture, from one box's upper side to the next one's.
const PITCH: f64 = 2.6;
const LEFT: f64 = 1.8;
const WIDTH: f64 = 28.0;

/// From one upright line to the next.
const TRACK: f64 = 1.5;

impl Map {
    /// The chapters of the course.
    pub fn of(course: &Course) -> Self {
        let entries = course.chapters.iter().map(|chapter| Entry {
            number: chapter.number,
            title: chapter.title.clone(),
            prerequisites: chapter.prerequisites.clone(),
            pages: chapters::names(chapter).into(),
        });
        Map(entries.collect())
    }

    /// The map as it stands in a page: the page's own chapter is marked, if it has one, and the
    /// others that have pages lead there.
    pub fn figure(&self, page: &Page, root: &Path) -> Figure {
        let stem = page.path.file_stem().unwrap_or_default().to_string_lossy();
        let here = self.0.iter().position(|entry| entry.pages.iter().any(|p| *p == stem));
        let mut drawing = Schematic::new(&self.title(here), &self.alternative(here));
        for (row, entry) in self.0.iter().enumerate() {
            let area = area(row);
            let look = if here == Some(row) { Look::SECOND.strong() } else { Look::FIRST };
            let draw = |drawing: &mut Schematic| {
                drawing.block(area, look, "");
                let label = format!("{} · {}", entry.number, entry.title);
                drawing.note((area.x + 0.8, area.middle().1), &label);
            };
            let folder = root.join(&page.path);
            let there = |name: &&String| folder.with_file_name(format!("{name}.md")).is_file();
            match entry.pages.iter().find(there) {
                Some(name) if here != Some(row) => drawing.link(&format!("{name}.html"), draw),
                _ => draw(&mut drawing),
            }
        }
        if let Some(row) = here {
            let y = area(row).middle().1;
            drawing.path_in(Look::SECOND, &[(0.0, y), (LEFT - 0.2, y)], "");
        }
        self.lines(&mut drawing);
        drawing.figure()
    }

    fn title(&self, here: Option<usize>) -> String {
        let subject = match here {
            Some(row) => format!("You are in chapter {}", self.0[row].number),
            None => "The course".into(),
        };
        format!("{subject}. Lines lead to what builds on a chapter")
    }

    fn alternative(&self, here: Option<usize>) -> String {
        let each = self.0.iter().enumerate().map(|(row, entry)| {
            let Entry { number, title, prerequisites, .. } = entry;
            let state = if here == Some(row) { ", the one that you are reading" } else { "" };
            let before: Vec<String> = prerequisites.iter().map(u32::to_string).collect();
            let before = match before.as_slice() {
                [] => String::new(),
                some => format!("; builds on {}", some.join(" and ")),
            };
            format!("{number}, {title}{state}{before}.")
        });
        format!("The chapters in order. {}", each.collect::<Vec<_>>().join(" "))
    }

    /// For each chapter that others build on, a line down the side, with an arrow to each of them.
    fn lines(&self, drawing: &mut Schematic) {
        // The last row of each upright line so far.
        let mut tracks: Vec<usize> = Vec::new();
        for (row, entry) in self.0.iter().enumerate() {
            let builds = |other: &Entry| other.prerequisites.contains(&entry.number);
            let later: Vec<usize> = (0..self.0.len()).filter(|&i| builds(&self.0[i])).collect();
            let Some(&last) = later.last() else { continue };
            let free = tracks.iter().position(|&end| end <= row);
            let track = free.unwrap_or(tracks.len());
            if free.is_none() {
                tracks.push(last);
            }
            tracks[track] = last;
            let (right, y) = area(row).right();
            let x = right + TRACK * (track as f64 + 1.0);
            // Out of the lower half of a box and into the upper one, so that they keep apart.
            let into = |target: usize| area(target).middle().1 - 0.7 + 0.35 * track as f64;
            let look = Look::series(track);
            drawing.curve(look, &[(right, y + 0.6), (x, y + 0.6), (x, into(last))]);
            for target in later {
                drawing.path_in(look, &[(x, into(target)), (right, into(target))], "");
            }
        }
    }
}

fn area(row: usize) -> Area {
    Area::new(LEFT, PITCH * row as f64, WIDTH, PITCH - 0.4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u32, prerequisites: &[u32], pages: &[&str]) -> Entry {
        let pages = pages.iter().map(|page| page.to_string()).collect();
        Entry { number, title: "T".into(), prerequisites: prerequisites.into(), pages }
    }

    #[test]
    fn the_chapter_of_the_page_is_marked() {
        let map = Map(vec![
            entry(1, &[], &["one"]),
            entry(2, &[1], &["two"]),
            entry(3, &[1, 2], &["three"]),
        ]);
        let figure = |page: &str| {
            let page = Page { path: page.into(), text: String::new() };
            map.figure(&page, Path::new("nowhere"))
        };
        let there = figure("book/src/three.md");
        assert!(there.title().contains("You are in chapter 3."));
        assert_eq!(
            there.alternative(),
            "The chapters in order. 1, T. 2, T; builds on 1. \
             3, T, the one that you are reading; builds on 1 and 2."
        );
        assert!(!figure("book/src/else.md").title().contains("You are"));
        // There are no pages there.
        assert!(!there.svg("f").contains("<a "));
    }

    #[test]
    fn the_map_of_the_course_names_every_chapter_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let map = Map::of(&Course::load(&root).expect("it is read"));
        let numbers: Vec<u32> = map.0.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (0..=12).collect::<Vec<_>>());
        let page = Page { path: "book/src/introduction.md".into(), text: String::new() };
        let svg = map.figure(&page, &root).svg("f");
        assert_eq!(svg.matches("<a href=").count(), map.0.len());
        for entry in &map.0 {
            assert!(entry.prerequisites.iter().all(|before| *before < entry.number));
        }
    }
}
