//! From what came of an exercise to points and words.

use attn::{Course, Exercise};
use attn_classroom::{
    attempt::Attempt,
    credit::credit,
    results::{Graded, State},
};
use attn_exercise::{Cases, Diagnosis, Failure, Grade, Kind, Report, Symptom, Verdict};
use std::path::Path;

const SECRET: &str = "expected 0.1234";

/// Each kind of case with how many are right, of four.
fn grade(verdict: Verdict, kinds: &[(Kind, usize)]) -> Box<Grade> {
    let report = Report { id: "3.1".into(), verdict, printed: Vec::new() };
    let kinds = kinds.iter().map(|&(kind, right)| Cases { kind, right, of: 4 }).collect();
    Box::new(Grade { report, kinds })
}

fn failed(symptom: Symptom, mistake: Option<&str>) -> Verdict {
    let diagnosis = mistake.map(|mistake| Diagnosis {
        mistake: mistake.into(),
        when: "the scores are not divided by √d".into(),
        overflows: 0,
        part: None,
    });
    let label = "large scores".into();
    Verdict::Failed(Failure { case: 7, label, right: 5, of: 8, symptom, diagnosis })
}

fn wrong() -> Symptom {
    Symptom::Wrong { what: SECRET.into() }
}

fn of_ten(attempt: Option<&Attempt>) -> Graded {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let course = Course::load(&root).expect("the course");
    let (_, exercise): (_, &Exercise) = course.exercise("3.1").expect("3.1");
    credit(exercise, 10.0, attempt)
}

fn run(visible: Box<Grade>, hidden: Box<Grade>) -> Graded {
    of_ten(Some(&Attempt::Run { visible, hidden }))
}

const ALL: [(Kind, usize); 4] =
    [(Kind::ByHand, 4), (Kind::Ordinary, 4), (Kind::Edge, 4), (Kind::Extreme, 4)];
const NO_EXTREME: [(Kind, usize); 3] = [(Kind::Ordinary, 4), (Kind::Edge, 4), (Kind::Extreme, 3)];

fn passed() -> Box<Grade> {
    grade(Verdict::Passed { cases: 16 }, &ALL)
}

#[test]
fn right_on_all_cases_gives_all_points() {
    let graded = run(passed(), passed());
    assert_eq!((graded.state, graded.points), (State::Passed, 10.0));
    assert_eq!((graded.says.as_str(), graded.groups.len()), ("", 8));
    assert!(graded.groups[..4].iter().all(|group| group.visible));
    assert!(graded.groups[4..].iter().all(|group| !group.visible));
}

#[test]
fn each_kind_that_is_right_throughout_gives_its_share() {
    let hidden = grade(failed(wrong(), None), &NO_EXTREME);
    let graded = run(passed(), hidden);
    assert_eq!(graded.state, State::Partly);
    let kinds = [(Kind::Ordinary, 50, 50), (Kind::Edge, 40, 50), (Kind::Extreme, 39, 50)];
    let kinds = kinds.map(|(kind, right, of)| Cases { kind, right, of });
    let mut some = grade(failed(wrong(), None), &[]);
    some.kinds = kinds.into();
    let graded_some = run(passed(), some);
    assert_eq!(graded_some.points, graded.points, "four of five new cases are enough, and no less");
    assert!((graded.points - 10.0 * 2.0 / 3.0).abs() < 1e-12, "{}", graded.points);
    // One wrong case among those that students see, and the other kinds wrong among the new ones.
    let visible = grade(failed(wrong(), None), &NO_EXTREME);
    let hidden = grade(failed(wrong(), None), &[(Kind::Ordinary, 3), (Kind::Edge, 0)]);
    let graded = run(visible, hidden);
    assert_eq!((graded.state, graded.points), (State::Wrong, 0.0));
}

#[test]
fn the_case_worked_by_hand_is_no_kind() {
    let some = [(Kind::ByHand, 4), (Kind::Ordinary, 3)];
    let graded = run(grade(failed(wrong(), None), &some), grade(failed(wrong(), None), &some[1..]));
    assert_eq!((graded.state, graded.points), (State::Wrong, 0.0));
}

#[test]
fn what_only_several_cases_show_does_not_give_all_points() {
    let graded = run(grade(failed(wrong(), None), &ALL), passed());
    assert_eq!(graded.state, State::Partly);
    assert!((graded.points - 10.0 * 2.0 / 3.0).abs() < 1e-12, "{}", graded.points);
}

#[test]
fn what_was_stopped_gives_nothing() {
    let symptoms = [
        (Symptom::TimedOut { seconds: 9 }, "still running after 9 s"),
        (Symptom::Exited { code: 0 }, "exit status 0"),
        (Symptom::Crashed { status: "signal: 11".into() }, "signal: 11"),
        (Symptom::StackOverflow, "no end"),
        (Symptom::OutOfMemory { limit: 512 << 20 }, "512 MiB"),
        (Symptom::PrintedTooMuch { limit: 8 << 20 }, "8 MiB"),
    ];
    for (symptom, says) in symptoms {
        let graded = run(passed(), grade(failed(symptom, None), &NO_EXTREME));
        assert_eq!((graded.state, graded.points), (State::Stopped, 0.0), "{says}");
        assert!(graded.says.contains(says), "{}", graded.says);
    }
    let slow = grade(failed(Symptom::TimedOut { seconds: 9 }, None), &NO_EXTREME);
    let graded = run(grade(failed(wrong(), None), &NO_EXTREME), slow);
    assert_eq!((graded.state, graded.points), (State::Stopped, 0.0), "worse than partly right");
}

#[test]
fn a_panic_is_a_wrong_answer() {
    let panicked = || Symptom::Panicked { message: SECRET.into(), place: None };
    let graded = run(passed(), grade(failed(panicked(), None), &NO_EXTREME));
    assert_eq!(graded.state, State::Partly);
    assert!(!graded.says.contains(SECRET), "{}", graded.says);
    let graded = run(grade(failed(panicked(), None), &NO_EXTREME), passed());
    assert!(graded.says.contains(SECRET), "{}", graded.says);
}

#[test]
fn new_cases_are_for_the_teacher() {
    let graded = run(passed(), grade(failed(wrong(), Some("no-scale")), &NO_EXTREME));
    assert!(!graded.says.contains(SECRET) && !graded.says.contains("large scores"));
    assert!(graded.says.contains("a new one is not"), "{}", graded.says);
    assert!(graded.private.contains(SECRET), "{}", graded.private);
    assert_eq!(graded.diagnosis.expect("named").mistake, "no-scale");
    // What students can see for themselves is told whole.
    let graded = run(grade(failed(wrong(), None), &NO_EXTREME), passed());
    assert!(graded.says.contains(SECRET) && graded.says.contains("Case 7, large scores"));
}

#[test]
fn what_was_not_run_is_never_a_pass() {
    let graded = of_ten(None);
    assert_eq!((graded.state, graded.points), (State::NotChecked, 0.0));
    let refused = |verdict| of_ten(Some(&Attempt::Refused(verdict)));
    let excuse = || Verdict::CannotBeChecked { why: "the disk is full".into() };
    let graded = refused(excuse());
    assert_eq!((graded.state, graded.points), (State::NotChecked, 0.0));
    let errors = vec!["error[E0308]".into()];
    let graded = refused(Verdict::DoesNotCompile { errors });
    assert_eq!((graded.state, graded.points), (State::DoesNotCompile, 0.0));
    assert!(graded.says.contains("E0308"));
    // Said while it runs, it is the answer's own doing.
    for (visible, hidden) in [(grade(excuse(), &ALL), passed()), (passed(), grade(excuse(), &ALL))]
    {
        let graded = run(visible, hidden);
        assert_eq!((graded.state, graded.points), (State::Stopped, 0.0));
    }
}

#[test]
fn a_todo_is_unsolved_wherever_it_is_met() {
    let todo = || Verdict::Unsolved { todo: "3.1: later".into(), place: None, right: 4, of: 16 };
    let graded = run(grade(todo(), &ALL), passed());
    assert_eq!((graded.state, graded.points), (State::Unsolved, 0.0));
    assert_eq!(graded.says, "3.1: later");
    let graded = run(passed(), grade(todo(), &ALL));
    assert_eq!(
        (graded.state, graded.says.as_str()),
        (State::Unsolved, "A new case reaches a `todo!`.")
    );
    let graded = run(grade(Verdict::WaitsOn { on: "3.2".into() }, &[]), passed());
    assert_eq!((graded.state, graded.points), (State::WaitsOn, 0.0));
    assert_eq!(graded.says, "It calls 3.2, which is unsolved.");
}
