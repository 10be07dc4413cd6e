//! What becomes of every kind of answer, tried on a toy exercise: y = 2x.
//!
//! This program is its own check program: called with a request it is a worker, without one it runs
//! the tests.

use attn_exercise::{
    Check, Diagnosis, Exercise, Failure, Field, Fields, Limits, Mistake, Regimes, Report, Request,
    Symptom, Trace, Verdict, Who, field,
    judge::{Expected, Judge, close},
};
use libtest_mimic::{Arguments, Trial};
use ndarray::{Array1, ArrayView1, array};
use serde::{Deserialize, Serialize};
use std::{
    env, fs,
    io::Read,
    path::Path,
    process::{self, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

type Body = fn(&Array1<f32>) -> Array1<f32>;

#[derive(Serialize, Deserialize)]
struct Case(Array1<f32>);

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![field("x", &self.0)]
    }
}

impl Regimes for Case {}

fn double(x: &Array1<f32>) -> Array1<f32> {
    x * 2.0
}

fn square(x: &Array1<f32>) -> Array1<f32> {
    x * x
}

fn identity(x: &Array1<f32>) -> Array1<f32> {
    x.clone()
}

/// Right on the first case, then `bad`.
fn then(x: &Array1<f32>, bad: impl FnOnce()) -> Array1<f32> {
    if x.len() > 1 {
        bad();
    }
    double(x)
}

#[expect(unconditional_recursion, reason = "that is the point")]
fn recurse(n: u64) -> u64 {
    std::hint::black_box(recurse(n + 1)) + n
}

/// Every kind of answer, by id.
const ANSWERS: &[(&str, Body)] = &[
    ("1.1", double),
    ("1.2", |x| then(x, || todo!("1.2: double it"))),
    ("1.3", |x| then(x, || todo!("1.1: of another exercise"))),
    ("1.4", |x| then(x, || panic!("on purpose"))),
    ("1.5", |_| array![1.0, 2.0, 3.0]),
    ("1.6", |x| x * f32::NAN),
    ("1.7", |x| {
        then(x, || {
            loop {
                thread::yield_now()
            }
        })
    }),
    ("1.8", |x| {
        then(x, || {
            recurse(0);
        })
    }),
    ("1.9", |x| then(x, || process::exit(0))),
    ("1.10", |x| then(x, || process::abort())),
    ("1.11", |x| {
        then(x, || {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1_u8; 1 << 20]);
            }
        })
    }),
    ("1.12", |x| {
        then(x, || {
            loop {
                println!("{}", "spam".repeat(1000));
            }
        })
    }),
    ("1.13", |x| {
        println!("x has {} entries", x.len());
        eprintln!("and this is standard error");
        if x.len() > 1 { square(x) } else { double(x) }
    }),
    ("1.14", |x| then(x, loop_with_a_child)),
    ("1.15", |x| if x.len() > 1 { square(x) } else { double(x) }),
    ("1.18", |_| attn_exercise::does_not_compile("line 3: expected a ;")),
    ("1.19", |_| attn_exercise::todo_reached("1.19: double it")),
    ("1.20", |_| attn_exercise::cannot_be_checked("there is no compiler")),
    ("1.17", |x| {
        assert!(x[0] != 1.0, "case 2 only");
        double(x)
    }),
    ("1.16", |x| {
        thread::spawn(|| panic!("in a thread")).join().ok();
        double(x)
    }),
];

/// Starts a process, notes the worker's pid so that a test can see whether it still runs, and
/// loops.
#[expect(clippy::zombie_processes, reason = "nobody is to wait for it")]
fn loop_with_a_child() {
    Command::new("sleep").arg("600").spawn().expect("sleep");
    if let Ok(file) = env::var("CONTRACT_PID_FILE") {
        fs::write(file, process::id().to_string()).expect("the pid's file");
    }
    loop {
        thread::yield_now();
    }
}

fn exercise(mistakes: Vec<Mistake<Body>>) -> Exercise<Body, Case, Array1<f32>> {
    Exercise {
        cases: |_| vec![Case(array![1.5]), Case(array![1.0, 3.0]), Case(array![-1.0, 0.0])],
        answer: |body, case| body(&case.0),
        exact: |_| None,
        judge,
        relation: |_, _| Ok(()),
        solution: double,
        styles: Vec::new(),
        mistakes,
        inherited: Vec::new(),
        never: &[],
        steps: |_| Vec::new(),
    }
}

fn judge(Case(x): &Case) -> Judge<'_, Array1<f32>> {
    let expected = Expected::new(x.mapv(|x| 2.0 * f64::from(x)), &[]);
    Box::new(move |y| close("y", y, &expected))
}

fn mistake(name: &'static str, body: Body) -> Mistake<Body> {
    Mistake { name, when: "x is squared", body }
}

/// The exercises with faults that `verify` has to find.
fn faulty() -> Vec<Box<dyn Check>> {
    let squares = || vec![mistake("square", square)];
    vec![
        exercise(squares()).answered_by("2.1", |_| todo!("2.1: double it")),
        exercise(squares()).answered_by("2.2", double),
        exercise(squares()).answered_by("2.3", |_| panic!("index out of bounds")),
        exercise(vec![mistake("right", double)]).answered_by("2.4", |_| todo!("2.4: double it")),
        exercise(vec![mistake("square", square), mistake("again", |x| x.mapv(|x| x * x))])
            .answered_by("2.5", |_| todo!("2.5: double it")),
        Exercise { solution: identity as Body, ..exercise(squares()) }
            .answered_by("2.6", |_| todo!("2.6: double it")),
        Exercise {
            styles: vec![("by addition", double as Body), ("by multiplication", square)],
            ..exercise(squares())
        }
        .answered_by("2.7", |_| todo!("2.7: double it")),
    ]
}

/// An exercise whose cases leave out a regime.
mod without_one {
    use ndarray::{Array1, array};

    attn_exercise::exercise! {
        /// Numbers, n.
        crate::double_view: (x: Array1<f32>[n]) -> Array1<f32>;

        exact: |c| c.x.mapv(|x| 2.0 * f64::from(x));
        cases: |_random| vec![
            case("large", (array![100.0, 1.0],)), case("tiny", (array![1e-5, 1e-4],)), case("", (array![3.0, 3.0],)),
        ];
        mistakes (x) { "square": "x is squared" => &x * &x; }
    }
}

/// An exercise whose judge does not look at single numbers.
mod blind_to_one {
    use attn_exercise::{SOME_VALUES, judge::require, pairwise, some_values};
    use ndarray::Array1;

    attn_exercise::exercise! {
        /// Numbers, n.
        crate::double_view: (x: Array1<f32>[n]) -> Array1<f32>;

        then: |c, y| {
            let near = |(x, y): (&f32, &f32)| (2.0 * x - y).abs() < 1e-3 * x.abs();
            require(c.x.len() == 1 || c.x.iter().zip(y).all(near), || "it is not doubled".into())
        };
        cases: |random| {
            let rows = pairwise([3, SOME_VALUES]).into_iter();
            rows.map(|[n, kind]| case("small", (some_values(kind, n + 1, random),))).collect()
        };
        mistakes (x) { "square": "x is squared" => &x * &x; }
    }
}

/// An exercise of which no case changes the setting.
mod constant {
    use attn_exercise::{SOME_VALUES, pairwise, some_values};
    use ndarray::Array1;

    attn_exercise::exercise! {
        /// Numbers, n, and what they are multiplied by.
        crate::times: (x: Array1<f32>[n], factor: f32) -> Array1<f32>;

        exact: |c| c.x.mapv(|x| f64::from(c.factor) * f64::from(x));
        cases: |random| {
            let rows = pairwise([3, SOME_VALUES]).into_iter();
            rows.map(|[n, kind]| case("small", (some_values(kind, n + 1, random), 2.0))).collect()
        };
        mistakes (x, factor) { "square": "x is squared" => &x * &x; }
    }
}

/// An exercise whose judge does not look at a setting where there is one number.
mod blind_to_a_setting {
    use attn_exercise::{SOME_VALUES, judge::require, pairwise, some_values};
    use ndarray::Array1;

    attn_exercise::exercise! {
        /// Numbers, n, and what they are multiplied by.
        crate::times: (x: Array1<f32>[n], factor: f32) -> Array1<f32>;

        then: |c, y| {
            let near = |(x, y): (&f32, &f32)| (c.factor * x - y).abs() < 1e-3 * x.abs();
            let near_or_half = |(x, y): (&f32, &f32)| *y == x * c.factor || *y == x * c.factor / 2.0;
            let mut both = c.x.iter().zip(y);
            let right = if c.x.len() == 1 { both.all(near_or_half) } else { both.all(near) };
            require(right, || "it is not multiplied".into())
        };
        cases: |random| {
            let rows = pairwise([3, SOME_VALUES, 2]).into_iter();
            let factor = |i| [2.0, 3.0][i];
            rows.map(|[n, kind, i]| case("small", (some_values(kind, n + 1, random), factor(i)))).collect()
        };
        mistakes (x, factor) { "square": "x is squared" => &x * &x; }
    }
}

/// An exercise with two parts to its answer, which inherits a mistake.
mod parts {
    use super::Parts;
    use attn_exercise::{SOME_VALUES, fields, pairwise, some_values};
    use ndarray::Array1;

    fields! { Parts { twice, sum } }

    attn_exercise::exercise! {
        /// Numbers, n.
        crate::parts_of: (x: Array1<f32>[n]) -> Parts;

        exact: |c| vec![
            attn_exercise::field("twice", &c.x.mapv(|x| 2.0 * f64::from(x))),
            attn_exercise::field("sum", c.x.mapv(f64::from).sum()),
        ];
        cases: |random| {
            let rows = pairwise([3, SOME_VALUES]).into_iter();
            rows.map(|[n, kind]| case("small", (some_values(kind, n + 1, random),))).collect()
        };
        mistakes (x) {
            "thrice": "x is tripled" => Parts { twice: &x * 3.0, sum: x.sum() };
            "fourfold": "both are of 2x" => Parts { twice: &x * 4.0, sum: 2.0 * x.sum() };
        }
        within {
            blind_to_one: |twice, (x)| Parts { twice: twice(x), sum: x.sum() };
        }
    }
}

/// An exercise with state.
mod stream {
    use attn_exercise::{Trace, field};
    use ndarray::{Array1, array};

    attn_exercise::exercise! {
        /// Numbers that arrive one after the other.
        crate::add_to as fn(&mut f32, f32) -> (): (x: Array1<f32>[n]) -> Trace<Array1<f32>>;
        answer: |add_to, c| Trace::of(c.x.iter(), 0.0, |sum, x| {
            add_to(sum, *x);
            array![*sum]
        });

        exact: |c| {
            let mut sum = 0.0;
            let steps = c.x.iter().enumerate().map(|(i, x)| {
                sum += f64::from(*x);
                field(format!("after {} · {x}, result", i + 1), &array![sum])
            });
            steps.collect::<Vec<_>>()
        };
        cases: |_random| vec![
            case("by hand", (array![1.0, 2.0, 4.0],)), case("", (array![100.0],)),
            case("", (array![1e-4, 2e-4],)), case("", (array![5.0, 5.0],)),
        ];
        mistakes (sum, x) { "latest": "the sum is replaced by the number" => *sum = x; }
    }
}

fn double_view(x: ArrayView1<f32>) -> Array1<f32> {
    &x * 2.0
}

fn times(x: ArrayView1<f32>, factor: f32) -> Array1<f32> {
    &x * factor
}

/// An answer of two parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parts {
    twice: Array1<f32>,
    sum: f32,
}

fn parts_of(x: ArrayView1<f32>) -> Parts {
    Parts { twice: &x * 2.0, sum: x.sum() }
}

fn add_to(sum: &mut f32, x: f32) {
    *sum += x;
}

/// The declared exercises, with answers that go wrong.
fn declared() -> Vec<Box<dyn Check>> {
    vec![
        without_one::exercise().answered_by("3.1", |_| todo!("3.1: double it")),
        blind_to_one::exercise().answered_by("3.2", |_| todo!("3.2: double it")),
        parts::exercise().answered_by("3.3", |x| Parts { twice: &x * 3.0, sum: -1.0 }),
        parts::exercise().answered_by("3.4", |x| Parts { twice: &x * &x, sum: x.sum() }),
        parts::exercise().answered_by("3.10", |x| Parts { twice: &x * 4.0, sum: x.sum() }),
        parts::exercise().answered_by("3.11", |x| Parts { twice: &x * 4.0, sum: -1.0 }),
        parts::exercise().answered_by("3.12", |x| {
            let twice = x.mapv(|x| if x.abs() > 90.0 { f32::INFINITY } else { 3.0 * x });
            Parts { twice, sum: x.sum() }
        }),
        stream::exercise()
            .answered_by("3.5", |sum, x| *sum = if x == 2.0 { 0.0 } else { *sum + x }),
        stream::exercise().answered_by("3.6", |sum, x| {
            assert!(x != 2.0, "on purpose");
            *sum += x;
        }),
        stream::exercise().answered_by("3.7", |_, _| todo!("3.7: add it")),
        constant::exercise().answered_by("3.8", |_, _| todo!("3.8: multiply it")),
        blind_to_a_setting::exercise().answered_by("3.9", |_, _| todo!("3.9: multiply it")),
        blind_to_one::exercise().answered_by("3.14", |x| &x * 2.000_000_2),
        blind_to_one::exercise().answered_by("3.15", |x| &x * 2.01),
        constant::exercise().answered_by("3.13", |x, factor| &x * factor),
    ]
}

fn exercises() -> Vec<Box<dyn Check>> {
    let answers = ANSWERS.iter().map(|&(id, body)| {
        let with_square = vec![
            mistake("same", identity),
            mistake("square", |x| if x.len() > 1 { square(x) } else { double(x) }),
        ];
        exercise(with_square).answered_by(id, body)
    });
    answers.chain(faulty()).chain(declared()).collect()
}

const LIMITS: Limits = Limits { seconds: 2, memory: 64 << 20, printed: 1 << 20 };

fn find(id: &str) -> Box<dyn Check> {
    let found = exercises().into_iter().find(|exercise| exercise.id() == id);
    found.expect("an exercise of this program")
}

fn check(id: &str) -> Report {
    find(id).check(Who::Answer, 1, &LIMITS).expect("a worker")
}

fn failure(id: &str) -> Failure {
    match check(id).verdict {
        Verdict::Failed(failure) => failure,
        verdict => panic!("not a failure: {verdict:?}"),
    }
}

/// Writes an exercise down in a folder of its own, as what students get has it.
fn recorded(id: &str) -> &'static str {
    let place =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("asked-{id}-{}", process::id()));
    fs::create_dir_all(place.join("checks")).expect("made");
    let file = place.join(format!("checks/{id}.postcard"));
    find(id).record(1, &file).expect("written down");
    String::leak(place.display().to_string())
}

fn never<A>() -> A {
    unreachable!("answers run in a worker")
}

/// What is said of an answer by what was written down alone.
fn asked<C, A>(id: &'static str) -> Verdict
where
    C: Fields + Serialize + for<'de> Deserialize<'de> + Sync + 'static,
    A: Fields + Serialize + for<'de> Deserialize<'de> + 'static,
{
    let asked = attn_exercise::asked::<(), C, A>(id, recorded(id), |_, _| never(), ());
    asked.check(Who::Answer, 1, &LIMITS).expect("a worker").verdict
}

/// The symptom of an answer that is right on case 1 and goes wrong on case 2.
fn symptom(id: &str) -> Symptom {
    let failure = failure(id);
    assert_eq!((failure.case, failure.right, failure.of), (2, 1, 3));
    failure.symptom
}

fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("a right answer passes", || {
            assert!(matches!(check("1.1").verdict, Verdict::Passed { cases: 3 }));
        }),
        ("a todo is unsolved, with its text and place", || {
            let Verdict::Unsolved { todo, place, .. } = check("1.2").verdict else { panic!() };
            assert_eq!(todo, "1.2: double it");
            assert!(place.expect("a place").file.ends_with("contract.rs"));
        }),
        ("another exercise's todo is waited on", || {
            let verdict = check("1.3").verdict;
            assert!(matches!(verdict, Verdict::WaitsOn { on } if on == "1.1"));
        }),
        ("a panic is told with message and place", || {
            let Symptom::Panicked { message, place } = symptom("1.4") else { panic!() };
            assert_eq!(message, "on purpose");
            assert!(place.expect("a place").line > 0);
        }),
        ("after a panic the other cases are still looked at", || {
            let failure = failure("1.17");
            assert_eq!((failure.case, failure.right, failure.of), (2, 2, 3));
        }),
        ("an answer in another language may not compile", || {
            let Verdict::DoesNotCompile { errors } = check("1.18").verdict else { panic!() };
            assert_eq!(errors, ["line 3: expected a ;"]);
        }),
        ("an answer may need what is not there", || {
            let Verdict::CannotBeChecked { why } = check("1.20").verdict else { panic!() };
            assert_eq!(why, "there is no compiler");
        }),
        ("an answer in another language may be unsolved", || {
            let Verdict::Unsolved { todo, .. } = check("1.19").verdict else { panic!() };
            assert_eq!(todo, "1.19: double it");
        }),
        ("a wrong shape is named", || {
            let what = "y has shape 3, should be 1".to_string();
            assert_eq!(failure("1.5").symptom, Symptom::Wrong { what });
        }),
        ("NaN is named", || {
            let Symptom::Wrong { what } = failure("1.6").symptom else { panic!() };
            assert!(what.starts_with("y[0] is NaN, should be 3.0000"), "{what}");
        }),
        ("an endless loop is stopped", || {
            assert_eq!(symptom("1.7"), Symptom::TimedOut { seconds: 2 });
        }),
        ("a stack overflow is told from an abort", || {
            assert_eq!(symptom("1.8"), Symptom::StackOverflow);
        }),
        ("exit(0) is not a pass", || {
            assert_eq!(symptom("1.9"), Symptom::Exited { code: 0 });
        }),
        ("an abort is a crash", || {
            assert!(matches!(symptom("1.10"), Symptom::Crashed { .. }));
        }),
        ("a memory bomb is stopped", || {
            assert_eq!(symptom("1.11"), Symptom::OutOfMemory { limit: 64 << 20 });
        }),
        ("endless output is stopped", || {
            assert_eq!(symptom("1.12"), Symptom::PrintedTooMuch { limit: 1 << 20 });
        }),
        ("what is printed stands beside its case", || {
            let printed = check("1.13").printed;
            assert_eq!(printed[1].case, 2);
            assert_eq!(printed[1].text, "x has 2 entries\nand this is standard error\n");
        }),
        ("a known mistake is named by everything that came back", || {
            let diagnosis = failure("1.15").diagnosis;
            let (mistake, when) = ("square".into(), "x is squared".into());
            let part = None;
            assert_eq!(diagnosis, Some(Diagnosis { mistake, when, overflows: 0, part }));
        }),
        ("a panic in a thread that the answer started is its own affair", || {
            let report = check("1.16");
            assert!(matches!(report.verdict, Verdict::Passed { .. }));
            assert!(report.printed[0].text.contains("in a thread"));
        }),
        #[cfg(target_os = "linux")]
        ("nothing that an answer started stays behind", nothing_stays_behind),
        #[cfg(target_os = "linux")]
        ("a worker ends with its parent", a_worker_ends_with_its_parent),
        ("verify: a sound exercise has no faults", || {
            assert_eq!(faults("2.1"), Vec::<String>::new());
        }),
        ("verify: a solved starter", || {
            assert_eq!(faults("2.2"), ["the starter is solved"]);
        }),
        ("verify: a starter that fails for another reason", || {
            let faults = faults("2.3");
            let expected = "the starter fails for another reason than its own todo";
            assert!(faults.len() == 1 && faults[0].starts_with(expected), "{faults:?}");
        }),
        ("verify: a mistake that passes", || {
            assert_eq!(faults("2.4")[0], "mistake right is not rejected: it passes");
        }),
        ("verify: two mistakes that cannot be told apart", || {
            let faults = faults("2.5");
            assert_eq!(faults[0], "mistake again cannot be told from square");
        }),
        ("verify: a reference that fails", || {
            let fails = |fault: &&String| fault.starts_with("the reference fails with seed");
            assert_eq!(faults("2.6").iter().filter(fails).count(), 3, "one per seed");
        }),
        ("verify: a regime without a case", || {
            assert_eq!(faults("3.1"), ["no case lies in the regime “n = 1”"]);
        }),
        ("verify: a mutant that is wrong in one regime only", || {
            let fault = "the mutant that mistakes x when n = 1 is not rejected";
            assert_eq!(faults("3.2"), [fault]);
        }),
        ("verify: a setting that no case changes", || {
            assert_eq!(faults("3.8"), ["`factor` is the same in every case"]);
        }),
        ("verify: a mutant that mistakes a setting in one regime only", || {
            let fault = "the mutant that mistakes factor when n = 1 is not rejected";
            assert_eq!(faults("3.9"), [fault]);
        }),
        ("a mistake in one part of the answer is named with it", || {
            let diagnosis = failure("3.3").diagnosis.expect("a name");
            let part = Some("twice".to_string());
            assert_eq!((diagnosis.mistake.as_str(), diagnosis.part), ("thrice", part));
        }),
        ("a mistake in one part is named where the other is right", || {
            let diagnosis = failure("3.10").diagnosis.expect("a name");
            assert_eq!(
                (diagnosis.mistake.as_str(), diagnosis.part.as_deref()),
                ("fourfold", Some("twice"))
            );
        }),
        ("a mistake in one part is not named against another", || {
            assert_eq!(failure("3.11").diagnosis, None);
        }),
        ("a mistake is named but for the cases that overflow", || {
            let diagnosis = failure("3.12").diagnosis.expect("a name");
            assert_eq!((diagnosis.mistake.as_str(), diagnosis.part), ("thrice", None));
            assert!(diagnosis.overflows > 1, "{}", diagnosis.overflows);
        }),
        ("another exercise's mistake is named within this one", || {
            let diagnosis = failure("3.4").diagnosis.expect("a name");
            assert_eq!(diagnosis.mistake, "square");
        }),
        ("the first operation that goes wrong is named", || {
            let Symptom::Wrong { what } = failure("3.5").symptom else { panic!() };
            let wrong = "after 2 · 2, result[0] is 0.0000, should be 3.0000";
            assert!(what.starts_with(wrong), "{what}");
        }),
        ("a panic is told with its operation", || {
            let Symptom::Panicked { message, .. } = failure("3.6").symptom else { panic!() };
            assert_eq!(message, "in operation 2 · 2: on purpose");
        }),
        ("verify: an exercise with state is sound", || {
            assert_eq!(faults("3.7"), Vec::<String>::new());
        }),
        ("what was written down says what the whole exercise says", || {
            for (id, mistake) in [
                ("3.3", Some("thrice")),
                ("3.4", Some("square")),
                ("3.10", Some("fourfold")),
                ("3.11", None),
                ("3.12", Some("thrice")),
            ] {
                let (whole, asked) = (failure(id), asked::<parts::Case, Parts>(id));
                assert_eq!(whole.diagnosis.as_ref().map(|it| it.mistake.as_str()), mistake, "{id}");
                assert_eq!(format!("{asked:?}"), format!("{:?}", Verdict::Failed(whole)), "{id}");
            }
            for id in ["3.5", "3.6"] {
                let asked = asked::<stream::Case, Trace<Array1<f32>>>(id);
                assert_eq!(format!("{asked:?}"), format!("{:?}", check(id).verdict), "{id}");
            }
            let asked = asked::<constant::Case, Array1<f32>>("3.13");
            assert!(matches!(asked, Verdict::Passed { .. }), "{asked:?}");
        }),
        (
            "where no answer is exact, the reference is written down, with what rounding may do",
            || {
                let near = asked::<blind_to_one::Case, Array1<f32>>("3.14");
                assert!(matches!(near, Verdict::Passed { .. }), "{near:?}");
                let far = asked::<blind_to_one::Case, Array1<f32>>("3.15");
                assert!(matches!(far, Verdict::Failed(_)), "{far:?}");
            },
        ),
        ("what is only asked cannot be judged, verified or written down", || {
            let place = recorded("3.3");
            let asked =
                attn_exercise::asked::<(), parts::Case, Parts>("3.3", place, |_, _| never(), ());
            let says = [
                asked.check(Who::Solution, 1, &LIMITS).map(|_| ()),
                asked.verify(1, &LIMITS).map(|_| ()),
                asked.grade(&[], 1, &LIMITS).map(|_| ()),
                asked.record(1, Path::new("3.3")),
            ];
            for said in says {
                assert!(said.unwrap_err().to_string().contains("nothing here can judge it"));
            }
            for case in [1, 5] {
                let [asked, whole] = [&asked, &find("3.3")].map(|exercise| {
                    let tried = exercise.try_case(case, Who::Answer, 1, &LIMITS);
                    let tried = tried.expect("a worker").expect("a case");
                    format!("{:?} {:?}", tried.report.verdict, tried.expected)
                });
                assert_eq!(asked, whole);
            }
            let of = asked.try_case(10_000, Who::Answer, 1, &LIMITS).expect("a worker");
            assert!(of.is_none());
        }),
        ("what was written down by another version is no answer's fault", || {
            let place = recorded("3.4");
            let file = Path::new(place).join("checks/3.4.postcard");
            fs::write(&file, [7; 3]).expect("written");
            let asked =
                attn_exercise::asked::<(), parts::Case, Parts>("3.4", place, |_, _| never(), ());
            let said = asked.check(Who::Answer, 1, &LIMITS).unwrap_err().to_string();
            assert!(said.contains("another version of the course"), "{said}");
            fs::remove_file(&file).expect("it is there");
            let said = asked.check(Who::Answer, 1, &LIMITS).unwrap_err().to_string();
            assert!(said.contains("3.4.postcard"), "{said}");
        }),
        ("verify: a right style that is refused", || {
            let fault = "the style “by multiplication” fails with seed 1: case 1 (x 1): y[0] is \
                2.2500, should be 3.0000 (allowed error 3e-6)";
            assert_eq!(faults("2.7")[0], fault);
        }),
    ]
}

fn faults(id: &str) -> Vec<String> {
    find(id).verify(3, &LIMITS).expect("a worker").faults
}

/// A program of its own that checks 1.14, whose worker starts `sleep`, writes its pid to `file` and
/// loops.
fn check_in_a_process(file: &Path, limits: Limits) -> process::Child {
    let request = Request::Check { ids: vec!["1.14".into()], solution: false, seed: 1, limits };
    Command::new(env::current_exe().expect("this program"))
        .arg(request.to_string())
        .env("CONTRACT_PID_FILE", file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program again")
}

/// The processes of the group that the worker with this pid leads.
#[cfg(target_os = "linux")]
fn group(pid: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let stats = processes.filter_map(|p| fs::read_to_string(p.path().join("stat")).ok());
    // “pid (name) state ppid pgrp …”, where the name may hold anything.
    let alive = stats.filter(|stat| {
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        fields.get(2) == Some(&pid) && fields[0] != "Z"
    });
    alive.collect()
}

#[cfg(target_os = "linux")]
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "still not: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(target_os = "linux")]
fn nothing_stays_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("pid");
    let mut checker = check_in_a_process(&file, LIMITS);
    let mut answer = String::new();
    let mut stdout = checker.stdout.take().expect("its output");
    stdout.read_to_string(&mut answer).expect("its answer");
    checker.wait().expect("an end");
    assert!(answer.contains("timed-out"), "{answer}");
    let pid = fs::read_to_string(&file).expect("the worker's pid");
    wait_until("no process left", || group(&pid).is_empty());
}

#[cfg(target_os = "linux")]
fn a_worker_ends_with_its_parent() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("pid");
    let patient = Limits { seconds: 600, ..LIMITS };
    let mut checker = check_in_a_process(&file, patient);
    wait_until("the worker runs", || fs::read_to_string(&file).is_ok_and(|pid| !pid.is_empty()));
    checker.kill().expect("killed");
    checker.wait().expect("an end");
    let pid = fs::read_to_string(&file).expect("the worker's pid");
    wait_until("no process left", || group(&pid).is_empty());
}

fn main() -> ExitCode {
    if env::args().nth(1).is_some_and(|argument| argument.starts_with('{')) {
        return attn_exercise::main(exercises());
    }
    let trials = tests().into_iter().map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
