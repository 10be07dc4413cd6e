//! The class as JUnit XML: one test suite per student, one test per exercise and question.

use super::told;
use crate::{
    number::short,
    results::{Graded, Predicted, Results, State, Student},
};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

/// The XML text.
///
/// What was not run is `skipped`. What does not compile or was stopped is an `error`; any other answer
/// that is not right is a `failure`, whose `type` is its state.
pub fn xml(results: &Results) -> String {
    let mut report = Report::new(results.assignment.as_str());
    report.add_test_suites(results.students.iter().map(suite));
    report.to_string().expect("into memory")
}

fn suite(s: &Student) -> TestSuite {
    let mut suite = TestSuite::new(s.name.as_str());
    suite.add_property(Property::new("points", short(s.points)));
    suite.add_property(Property::new("of", short(s.of)));
    suite.add_property(Property::new("late factor", s.late_factor.to_string()));
    let refused = s.refused.as_deref();
    let exercises = s.exercises.iter().map(|e| {
        let mut case = case(&format!("{} {}", e.id, e.title), exercise(e, refused));
        case.set_classname(format!("chapter {}", e.id.split('.').next().unwrap_or_default()));
        case
    });
    let predictions = s.predictions.iter().map(|p| {
        let mut case = case(&p.id, prediction(p, refused));
        case.set_classname("predictions");
        case
    });
    suite.add_test_cases(exercises.chain(predictions));
    suite
}

fn case(name: &str, status: TestCaseStatus) -> TestCase {
    TestCase::new(told::plain(name), status)
}

fn exercise(e: &Graded, refused: Option<&str>) -> TestCaseStatus {
    let kind = match e.state {
        State::Passed => return TestCaseStatus::success(),
        State::NotChecked => return skipped(refused.unwrap_or("it was not checked")),
        State::DoesNotCompile | State::Stopped => NonSuccessKind::Error,
        State::Partly | State::Wrong | State::Unsolved | State::WaitsOn => NonSuccessKind::Failure,
    };
    let mut status = TestCaseStatus::non_success(kind);
    let message = format!("{}, {} of {} points", e.state.words(), short(e.points), short(e.of));
    status.set_message(message).set_type(e.state.words());
    status.set_description(told::exercise(e).join("\n"));
    status
}

fn prediction(p: &Predicted, refused: Option<&str>) -> TestCaseStatus {
    if p.right {
        return TestCaseStatus::success();
    }
    if p.answer.is_none() {
        return skipped(refused.unwrap_or("not answered"));
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(told::prediction(p)).set_type("prediction");
    status
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(told::plain(why));
    status
}
