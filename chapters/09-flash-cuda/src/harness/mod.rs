//! How a CUDA answer is checked. It takes the place of the function of the same name in a kernel of
//! this chapter, is compiled by NVRTC, and runs in the simulator, which tells what it did wrong and
//! what it cost.

mod answer;
mod body;
mod case;
mod gap;
mod mine;
mod unit;

pub use answer::Answer;
pub use body::{Body, changed};
pub use case::Case;
pub(crate) use gap::Gap;
pub use mine::{Function, Mine, Whose, mine};

/// An exercise of this chapter.
pub type Exercise = attn_exercise::Exercise<Body, Case, Answer>;

/// Declares an exercise: which function of which kernel is asked for, and how else it is checked than by its numbers (the
/// fields of [`Gap`]); then the clauses of [`attn_exercise::exercise!`]. Right and wrong answers are changes of the kernel:
/// pairs of a text that is in it once, and of what takes its place.
macro_rules! kernel_exercise {
    (
        $item:ident of $rung:ident $({ $($field:ident : $value:expr),* $(,)? })?;
        steps: $steps:expr;
        cases: |$random:ident| $cases:expr;
        never { $($($never:literal),+ : $reason:literal;)* }
        right { $($style:literal => [$($right:expr),+ $(,)?];)* }
        mistakes { $($name:literal : $when:literal => [$($wrong:expr),+ $(,)?];)* }
    ) => {
        /// The exercise.
        pub fn exercise() -> crate::harness::Exercise {
            use crate::harness::{Body::Changed, Gap};
            static GAP: Gap = Gap {
                $($($field: $value,)*)?
                ..Gap::new(stringify!($item), crate::Rung::$rung)
            };
            attn_exercise::Exercise {
                cases: |seed| {
                    let $random = &mut attn_core::random::Random::new(seed);
                    $cases
                },
                answer: |body, case| GAP.answer(body, case),
                exact: |_| None,
                judge: |case| GAP.judge(case),
                relation: |_, _| Ok(()),
                solution: crate::harness::Body::Kernel,
                styles: vec![$(($style, Changed(&[$($right),+]))),*],
                mistakes: vec![$(attn_exercise::Mistake {
                    name: $name,
                    when: $when,
                    body: Changed(&[$($wrong),+]),
                }),*],
                inherited: Vec::new(),
                never: &[$($(($never, $reason)),+),*],
                steps: $steps,
            }
        }
    };
}
pub(crate) use kernel_exercise;
