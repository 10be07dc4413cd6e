//! Which exercises can be handed out.
use attn::{Course, Language};
use attn_classroom::question::Source;

#[test]
fn show() {
    let course = Course::find().unwrap();
    for chapter in course.chapters.iter().filter(|c| c.language == Language::Rust) {
        let source = match Source::read(&course.root, chapter) {
            Ok(s) => s,
            Err(e) => {
                println!("{} {e:#}", chapter.number);
                continue;
            }
        };
        for exercise in &chapter.exercises {
            match source.obstacle(exercise) {
                None => println!("{} ok", exercise.id),
                Some(why) => println!("{} {why}", exercise.id),
            }
        }
    }
}
