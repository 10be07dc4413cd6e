//! Which exercises can be handed out.

use attn::{Course, Language};
use attn_classroom::{export::Export, question::Source};
use std::path::Path;

/// What keeps an exercise here: its question is asked by way of another one's reference, or of an oracle.
const KEPT: &[&str] =
    &["5.10", "7.9", "8.5", "8.10", "10.2", "10.3", "10.4", "10.6", "10.7", "10.12", "12.2"];

#[test]
fn all_but_a_few_exercises_can_be_handed_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let course = Course::load(&root).expect("the course");
    let mut kept = Vec::new();
    for chapter in course.chapters.iter().filter(|chapter| chapter.language == Language::Rust) {
        let source = Source::read(&course.root, chapter).expect("the chapter is Rust");
        for exercise in &chapter.exercises {
            match source.obstacle(exercise) {
                None => {
                    let taken = source.take(&[exercise]).expect("there is no obstacle");
                    let file = format!("exercises/{}.rs", exercise.item);
                    let text = &taken.files[Path::new(&file)];
                    assert!(text.contains("exercise! {"), "{}: {text}", exercise.id);
                    for clause in ["exact:", "cases:", "mistakes"] {
                        assert!(!text.contains(clause), "{}: {text}", exercise.id);
                    }
                }
                Some(why) => {
                    assert!(why.contains("which holds what is right"), "{why}");
                    kept.push(exercise.id.as_str());
                }
            }
        }
    }
    assert_eq!(kept, KEPT);
}

#[test]
fn a_chapter_that_another_one_calls_is_handed_out_before_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let course = Course::load(&root).expect("the course");
    let refused = |numbers: &[u32]| Export::new(&course, numbers).err().map(|it| it.to_string());
    for both in [[1, 2], [3, 4], [8, 12]] {
        let said = refused(&both).unwrap_or_else(|| panic!("{both:?} can be handed out together"));
        assert!(said.contains("built on its reference"), "{said}");
    }
    assert_eq!(refused(&[5, 10]), None);
    assert_eq!(refused(&[0, 3]), None);
}
