//! Declaring an exercise in one place.

use crate::input::{Choices, Sizes};

/// A case in one line: `n=5 m=7 d=4, mask causal, by hand`. Each size stands once; then come the
/// inputs that are short enough, and what the case is about.
pub fn label(sizes: &Sizes, inputs: &Choices, about: &str) -> String {
    let sizes: Vec<String> = sizes.iter().map(|(name, size)| format!("{name}={size}")).collect();
    let mut parts = vec![sizes.join(" ")];
    // A number that is itself a size stands among the sizes.
    let others = inputs.iter().filter(|(_, axes, _)| axes.is_empty());
    parts.extend(others.filter_map(|(name, _, input)| input.text(name)));
    parts.push(about.into());
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// Declares an exercise: what is given, what is right, on which cases it is tried, and what goes
/// wrong. It writes the types `Body` and `Case`, the function `case` that makes a case of a remark
/// and a tuple of inputs, and the functions `exercise`, and `answered_by` for the check program.
///
/// ```
/// use attn_exercise::exercise;
/// use ndarray::{Array1, ArrayView1, array};
///
/// fn double(x: ArrayView1<f32>) -> Array1<f32> {
///     &x * 2.0
/// }
///
/// exercise! {
///     /// Numbers, n.
///     double: (x: Array1<f32>[n]) -> Array1<f32>;
///
///     exact: |c| c.x.mapv(|x| 2.0 * f64::from(x));
///
///     cases: |random| vec![
///         case("by hand: 6", (array![3.0],)),
///         case("standard normal", (random.normal(5),)),
///         case("large", (array![1e3, -1e3],)),
///         case("tiny", (array![1e-5, 1e-4],)),
///         case("equal", (array![2.0, 2.0],)),
///     ];
///
///     right (x) {
///         "a sum" => &x + &x;
///     }
///
///     mistakes (x) {
///         "square": "x is squared" => &x * &x;
///     }
/// }
///
/// # fn main() {
/// assert_eq!((exercise().cases)(1).len(), 5);
/// # }
/// ```
///
/// The clauses, in this order; those in brackets may be left out:
///
/// * `path: (input: Type[axes], …) -> Answer;` names the reference, which takes each input as
///   [`crate::Input::Passed`]. Axes name sizes; regimes follow from them. A body of another type is
///   declared `path as fn(…) -> R: (…) -> Answer; answer: |body, c| …;`, where the second clause
///   calls it on a case; `-> ()` has to be written. An exercise with state answers with a
///   [`crate::Trace`].
/// * `[exact: |c| …;]` the f64 answer; `[plain: |c| [ … ];]` answers in f32 by other orders of
///   summation, which measure the tolerance with the reference's own.
/// * `[first: |c, answer| …;]` and `[then: |c, answer| …;]` refuse an answer before and after the
///   comparison; they give `Result<(), String>`.
/// * `[relation: …;]` a function that judges answers in relation to each other.
/// * `[steps: |c| …;]` what `cargo attn try` shows between input and answer.
/// * `cases: |random| …;` the cases that a seed gives, the first one worked by hand.
/// * `[never { "n < m": "a reason"; }]` regimes that cannot occur.
/// * `[right (names) { "style" => …; }]` right answers in other styles.
/// * `mistakes (names) { "name": "when" => …; }` wrong answers, the likeliest first.
/// * `[within { other: |wrong, (names)| …; }]` the same, with another exercise's function wrong.
#[macro_export]
macro_rules! exercise {
    (
        $(#[$about:meta])*
        $function:path : ($($input:ident : $type:ty $([$($axis:ident)*])?),* $(,)?) -> $answer:ty;
        $($clauses:tt)*
    ) => {
        /// The functions that may stand behind this exercise.
        pub type Body = for<'a> fn($(<$type as $crate::Input>::Passed<'a>),*) -> $answer;

        $crate::exercise! { @case [$($about)*] ($($input : $type [$($($axis)*)?]),*) }

        $crate::exercise! { @rest $function, $answer, |body, c| c.call(body); $($clauses)* }
    };
    (
        $(#[$about:meta])*
        $function:path as $body:ty : ($($input:ident : $type:ty $([$($axis:ident)*])?),* $(,)?) -> $answer:ty;
        answer: |$b:ident, $c:ident| $call:expr;
        $($clauses:tt)*
    ) => {
        /// The functions that may stand behind this exercise.
        pub type Body = $body;

        $crate::exercise! { @case [$($about)*] ($($input : $type [$($($axis)*)?]),*) }

        $crate::exercise! { @rest $function, $answer, |$b, $c| $call; $($clauses)* }
    };
    (@case [$($about:meta)*] ($($input:ident : $type:ty [$($axis:ident)*]),*)) => {
        $(#[$about])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub struct Case {
            about: String,
            $($input: $type),*
        }

        /// A case of these inputs, with a remark.
        #[allow(clippy::type_complexity)]
        fn case(about: impl Into<String>, ($($input,)*): ($($type,)*)) -> Case {
            Case { about: about.into(), $($input),* }
        }

        #[allow(dead_code)]
        impl Case {
            /// Gives a function what the case holds.
            fn call<R>(&self, body: impl for<'a> Fn($(<$type as $crate::Input>::Passed<'a>),*) -> R) -> R {
                body($($crate::Input::pass(&self.$input)),*)
            }

            /// The case with every number moved by about one unit in its last place.
            fn nudged(&self, pattern: usize) -> Self {
                Case { about: self.about.clone(), $($input: $crate::Input::nudged(&self.$input, pattern)),* }
            }

            /// The sizes by name.
            fn sizes(&self) -> $crate::Sizes {
                $crate::sizes(self)
            }
        }

        impl $crate::Regimes for Case {
            fn inputs(&self) -> $crate::Choices<'_> {
                vec![$((stringify!($input), &[$(stringify!($axis)),*], &self.$input)),*]
            }

            fn altered(&self) -> Vec<(String, Self)> {
                #[allow(unused_mut)]
                let mut altered = Vec::new();
                $(
                    for other in $crate::Input::altered(&self.$input) {
                        let name = format!("that mistakes {}", stringify!($input));
                        altered.push((name, Case { $input: other, ..self.clone() }));
                    }
                )*
                altered
            }
        }

        impl $crate::Fields for Case {
            fn fields(&self) -> Vec<$crate::Field> {
                let sizes = self.sizes();
                let inputs = [$($crate::Given::fields(&self.$input, stringify!($input), &sizes)),*];
                inputs.into_iter().flatten().collect()
            }

            fn label(&self) -> String {
                $crate::label(&self.sizes(), &$crate::Regimes::inputs(self), &self.about)
            }
        }
    };
    // Without any further clause the exercise is only asked.
    (@rest $function:path, $answer:ty, |$b:ident, $c:ident| $call:expr;) => {
        /// This exercise under its id, as answered by `body`. What is right stands in a file.
        #[inline(never)]
        pub fn answered_by(id: &'static str, body: Body) -> Box<dyn $crate::Check> {
            fn answer($b: &Body, $c: &Case) -> $answer {
                $call
            }
            $crate::asked(id, env!("CARGO_MANIFEST_DIR"), answer, body)
        }
    };
    (
        @rest $function:path, $answer:ty, |$b:ident, $c:ident| $call:expr;
        $(exact: |$e:ident| $exact:expr;)?
        $(plain: |$p:ident| [$($plain:expr),* $(,)?];)?
        $(first: |$f:ident, $fa:ident| $first:expr;)?
        $(then: |$t:ident, $ta:ident| $then:expr;)?
        $(relation: $relation:expr;)?
        $(steps: |$s:ident| $steps:expr;)?
        cases: |$random:ident| $cases:expr;
        $(never { $($never:literal : $reason:literal;)* })?
        $(right $style_given:tt { $($style:literal => $right:expr;)* })?
        mistakes $given:tt { $($name:literal : $when:literal => $wrong:expr;)* }
        $(within { $($other:ident : |$w:ident, ($($g:ident),*)| $with:expr;)* })?
    ) => {
        /// This exercise under its id, as answered by `body`. All that checks it is compiled here: a
        /// check program has little left to compile when its answers change.
        #[inline(never)]
        pub fn answered_by(id: &'static str, body: Body) -> Box<dyn $crate::Check> {
            exercise().answered_by(id, body)
        }

        /// The exercise.
        pub fn exercise() -> $crate::Exercise<Body, Case, $answer> {
            fn answer($b: &Body, $c: &Case) -> $answer {
                $call
            }
            // Not “exact”: a declaration's own functions may be called so.
            fn exact_of_case(_case: &Case) -> Option<$crate::judge::Exact> {
                let _plain = || {
                    let reference: Body = $function;
                    #[allow(unused_mut)]
                    let mut plain = vec![$crate::Fields::fields(&answer(&reference, _case))];
                    $({
                        let $p = _case;
                        plain.extend([$($crate::Fields::fields(&$plain)),*]);
                    })?
                    plain
                };
                $(
                    let exact = |$e: &Case| $crate::Fields::fields(&$exact);
                    let nudged: [_; $crate::NUDGES] = std::array::from_fn(|pattern| exact(&_case.nudged(pattern)));
                    let inputs = $crate::Fields::fields(_case);
                    return Some($crate::judge::Exact::new(exact(_case), &_plain(), &nudged, &inputs));
                )?
                #[allow(unreachable_code)]
                None
            }
            $crate::Exercise {
                cases: |seed| {
                    let $random = &mut attn_core::random::Random::new(seed);
                    $cases
                },
                answer,
                exact: exact_of_case,
                judge: |_case| {
                    let exact = exact_of_case(_case);
                    Box::new(move |_answer: &$answer| {
                        $({
                            let ($f, $fa): (&Case, &$answer) = (_case, _answer);
                            let refused: Result<(), String> = $first;
                            refused?;
                        })?
                        if let Some(exact) = &exact {
                            exact.agree(&$crate::Fields::fields(_answer))?;
                        }
                        $({
                            let ($t, $ta): (&Case, &$answer) = (_case, _answer);
                            let refused: Result<(), String> = $then;
                            refused?;
                        })?
                        Ok(())
                    })
                },
                relation: $crate::exercise! { @or [$($relation)?] [|_, _| Ok(())] },
                solution: $function,
                styles: vec![$($(($style, $crate::exercise! { @body $style_given $right })),*)?],
                mistakes: vec![$($crate::Mistake {
                    name: $name,
                    when: $when,
                    body: $crate::exercise! { @body $given $wrong },
                }),*],
                inherited: {
                    #[allow(unused_mut)]
                    let mut inherited: Vec<$crate::Inherited<Case, $answer>> = Vec::new();
                    $($(
                        for mistake in super::$other::exercise().mistakes {
                            let $w = mistake.body;
                            inherited.push($crate::Inherited {
                                name: mistake.name,
                                when: mistake.when,
                                answer: Box::new(move |case| case.call(|$($g),*| $with)),
                            });
                        }
                    )*)?
                    inherited
                },
                never: &[$($(($never, $reason)),*)?],
                steps: |_case| {
                    $(
                        let $s = _case;
                        return Vec::from($steps);
                    )?
                    #[allow(unreachable_code)]
                    Vec::new()
                },
            }
        }
    };
    (@or [] [$otherwise:expr]) => { $otherwise };
    (@or [$given:expr] [$otherwise:expr]) => { $given };
    (@body ($($given:ident),*) $body:expr) => {
        |$(#[allow(unused_variables)] $given),*| $body
    };
}
