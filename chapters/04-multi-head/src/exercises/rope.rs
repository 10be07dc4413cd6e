//! 4.4 `rope`

use super::oracle::{self, pair};
use crate::given::{Layout, Rotary};
use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each, require},
};
use ndarray::{Array2, ArrayView2, array};
use serde::{Deserialize, Serialize};
use std::f32::consts::{FRAC_PI_2, TAU};

/// What is written.
pub type Body = fn(ArrayView2<f32>, usize, Rotary) -> Array2<f32>;

/// Rows to turn, n×d, the position of the first, and how to turn them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    x: Array2<f32>,
    start: usize,
    rotary: Rotary,
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("x", &self.x),
            field("start", self.start.to_string()),
            field("base", self.rotary.base),
            field("layout", format!("{:?}", self.rotary.layout)),
        ]
    }

    fn label(&self) -> String {
        let ((n, d), Case { about, start, .. }) = (self.x.dim(), self);
        let Rotary { base, layout } = self.rotary;
        let layout = match layout {
            Layout::Interleaved => "interleaved",
            Layout::Half => "half",
        };
        format!("n={n} d={d} start={start} base={base}, {layout}, {about}")
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Array2<f32>> {
    Exercise {
        id: "4.4",
        cases,
        answer: |rope, case| rope(case.x.view(), case.start, case.rotary),
        judge,
        solution: crate::rope,
        mistakes: mistakes(),
        steps: |case| vec![field("angles", &angles(case))],
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let case = |about: &str, x, start, base, layout| Case {
        about: about.into(),
        x,
        start,
        rotary: Rotary { base, layout },
    };
    // With base (2/π)² and d = 4 the second pair turns by π/2 a position.
    let base = FRAC_PI_2.recip().powi(2);
    let quarter = array![[3.0, 0.0, 1.0, 2.0], [0.0, 0.0, 1.0, 2.0]];
    let by_hand = "by hand: the second pair makes a quarter turn a position";
    let halves = array![[3.0, 1.0, 0.0, 2.0], [0.0, 1.0, 0.0, 2.0]];
    let mut cases = vec![
        case(by_hand, quarter, 0, base, Layout::Interleaved),
        case(by_hand, halves, 0, base, Layout::Half),
    ];
    for layout in [Layout::Interleaved, Layout::Half] {
        for (start, (n, d)) in [
            (0, (5, 2)),
            (0, (1, 8)),
            (3, (7, 6)),
            (100, (33, 32)),
            (1000, (31, 64)),
        ] {
            let x = random.normal((n, d));
            cases.push(case("standard normal", x, start, 10_000.0, layout));
        }
        let x = random.normal((4, 8));
        cases.push(case("standard normal", x.clone(), 0, 100.0, layout));
        cases.push(case("as before, 9 positions later", x, 9, 100.0, layout));
    }
    cases
}

fn judge(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    each(cases, answers, |case, turned| {
        let Case {
            x, start, rotary, ..
        } = case;
        if turned.dim() == x.dim() {
            lengths_kept(x, turned)?;
        }
        let exact = oracle::rope(&oracle::to::<f64>(x.view()), *start, *rotary);
        let plain = [
            crate::rope(x.view(), *start, *rotary),
            oracle::rope(x, *start, *rotary),
            by_logarithm(case),
        ];
        let expected = Expected::new(exact, &[&plain[0], &plain[1], &plain[2]]);
        close("result", turned, &expected)
    })?;
    relative(cases, answers)
}

/// A turn keeps the length of every row.
fn lengths_kept(x: &Array2<f32>, turned: &Array2<f32>) -> Result<(), String> {
    for (i, (before, after)) in x.rows().into_iter().zip(turned.rows()).enumerate() {
        let (before, after) = (before.dot(&before).sqrt(), after.dot(&after).sqrt());
        require((before - after).abs() <= 1e-4 * (1.0 + before), || {
            format!("row {i} has length {after:.4}, should keep its length {before:.4}")
        })?;
    }
    Ok(())
}

/// Between neighbours with the same rows further on: every dot product of two rows is what it was.
fn relative(cases: &[Case], answers: &[Array2<f32>]) -> Result<(), Finding> {
    for (i, (case, answer)) in cases.windows(2).zip(answers.windows(2)).enumerate() {
        let [a, b] = case else { unreachable!() };
        if a.x != b.x || a.rotary != b.rotary {
            continue;
        }
        let [here, there] = [&answer[0], &answer[1]].map(|x| x.dot(&x.t()));
        for ((row, column), &product) in there.indexed_iter() {
            if (product - here[[row, column]]).abs() > 1e-4 * a.x.ncols() as f32 {
                let what = format!(
                    "rows {row} and {column} have the dot product {product:.4}, and {:.4} at other positions equally far apart",
                    here[[row, column]]
                );
                return Err(Finding { case: i + 1, what });
            }
        }
    }
    Ok(())
}

/// The angle of each pair of each row, n × d/2.
fn angles(case: &Case) -> Array2<f32> {
    let Case {
        x, start, rotary, ..
    } = case;
    let d = x.ncols();
    Array2::from_shape_fn((x.nrows(), d / 2), |(r, i)| {
        (start + r) as f32 * rotary.base.powf(-2.0 * i as f32 / d as f32)
    })
}

/// Another plain way: the frequencies as exp(−2i ln(base)/d).
fn by_logarithm(case: &Case) -> Array2<f32> {
    let step = case.rotary.base.ln() * -2.0 / case.x.ncols() as f32;
    let turn = |p: f32, i: f32| p * (i * step).exp();
    with_angle(case.x.view(), case.start, case.rotary.layout, |p, i, _| {
        turn(p, i)
    })
}

/// Pair `i` at position `p` turned by `angle(p, i, d)`.
fn with_angle(
    x: ArrayView2<f32>,
    start: usize,
    layout: Layout,
    angle: impl Fn(f32, f32, f32) -> f32,
) -> Array2<f32> {
    with_turn(x, start, layout, angle, |a, b, sin, cos| {
        (a * cos - b * sin, a * sin + b * cos)
    })
}

/// The same with another turn of (a, b), given the sine and the cosine.
fn with_turn(
    x: ArrayView2<f32>,
    start: usize,
    layout: Layout,
    angle: impl Fn(f32, f32, f32) -> f32,
    turn: impl Fn(f32, f32, f32, f32) -> (f32, f32),
) -> Array2<f32> {
    let d = x.ncols();
    let mut out = x.to_owned();
    for (r, mut row) in out.rows_mut().into_iter().enumerate() {
        for i in 0..d / 2 {
            let (first, second) = pair(layout, i, d);
            let (sin, cos) = angle((start + r) as f32, i as f32, d as f32).sin_cos();
            (row[first], row[second]) = turn(row[first], row[second], sin, cos);
        }
    }
    out
}

/// The right angle.
fn right(base: f32) -> impl Fn(f32, f32, f32) -> f32 {
    move |p, i, d| p * base.powf(-2.0 * i / d)
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "always-interleaved",
            when: "the layout is ignored: neighbours are paired even where the halves should be",
            body: |x, start, r| with_angle(x, start, Layout::Interleaved, right(r.base)),
        },
        Mistake {
            name: "always-half",
            when: "the layout is ignored: the halves are paired even where neighbours should be",
            body: |x, start, r| with_angle(x, start, Layout::Half, right(r.base)),
        },
        Mistake {
            name: "layouts-swapped",
            when: "the two layouts are swapped",
            body: |x, start, r| {
                let layout = match r.layout {
                    Layout::Interleaved => Layout::Half,
                    Layout::Half => Layout::Interleaved,
                };
                with_angle(x, start, layout, right(r.base))
            },
        },
        Mistake {
            name: "positions-from-zero",
            when: "the positions begin at 0 instead of at start: every chunk of a sequence would be turned as if it were the first",
            body: |x, _, r| with_angle(x, 0, r.layout, right(r.base)),
        },
        Mistake {
            name: "positions-from-one",
            when: "the first row is turned as if it stood one position further on",
            body: |x, start, r| with_angle(x, start + 1, r.layout, right(r.base)),
        },
        Mistake {
            name: "one-position-for-all",
            when: "every row is turned by the position of the first",
            body: |x, start, r| {
                let mut out = x.to_owned();
                for mut row in out.rows_mut() {
                    let one = row.to_owned().insert_axis(ndarray::Axis(0));
                    let turned = with_angle(one.view(), start, r.layout, right(r.base));
                    row.assign(&turned.row(0));
                }
                out
            },
        },
        Mistake {
            name: "backwards",
            when: "the pairs are turned the other way: the signs of the two sines are exchanged",
            body: |x, start, r| with_angle(x, start, r.layout, |p, i, d| -right(r.base)(p, i, d)),
        },
        Mistake {
            name: "no-two",
            when: "the exponent is −i/d instead of −2i/d, so that the pairs turn too fast",
            body: |x, start, r| with_angle(x, start, r.layout, |p, i, d| p * r.base.powf(-i / d)),
        },
        Mistake {
            name: "column-in-exponent",
            when: "the exponent is −4i/d: it is made from the number of the column instead of the pair, or divided by d/2 instead of d",
            body: |x, start, r| {
                with_angle(x, start, r.layout, |p, i, d| p * r.base.powf(-4.0 * i / d))
            },
        },
        Mistake {
            name: "exponent-positive",
            when: "the minus in the exponent is missing, so that later pairs turn faster instead of slower",
            body: |x, start, r| {
                with_angle(x, start, r.layout, |p, i, d| p * r.base.powf(2.0 * i / d))
            },
        },
        Mistake {
            name: "integer-division",
            when: "2i/d is divided as whole numbers, which gives 0: all pairs turn equally fast",
            body: |x, start, r| with_angle(x, start, r.layout, |p, _, _| p),
        },
        Mistake {
            name: "full-turns",
            when: "the angle is multiplied by 2π; it is in radians already",
            body: |x, start, r| {
                with_angle(x, start, r.layout, |p, i, d| TAU * right(r.base)(p, i, d))
            },
        },
        Mistake {
            name: "degrees",
            when: "the angle is taken for degrees; sin and cos take radians",
            body: |x, start, r| {
                with_angle(x, start, r.layout, |p, i, d| {
                    right(r.base)(p, i, d).to_radians()
                })
            },
        },
        Mistake {
            name: "overwritten",
            when: "the second number of a pair is computed from the first one after that was turned: keep both before you write",
            body: |x, start, r| {
                with_turn(x, start, r.layout, right(r.base), |a, b, sin, cos| {
                    let a = a * cos - b * sin;
                    (a, a * sin + b * cos)
                })
            },
        },
        Mistake {
            name: "half-the-other-way",
            when: "in the half layout the two numbers of a pair are exchanged: the first half is the a, the second the b",
            body: |x, start, r| match r.layout {
                Layout::Interleaved => crate::rope(x, start, r),
                Layout::Half => with_angle(x, start, r.layout, |p, i, d| -right(r.base)(p, i, d)),
            },
        },
        Mistake {
            name: "pairs-from-one",
            when: "the pairs are counted from 1 in the exponent, so that even the first turns too slowly",
            body: |x, start, r| {
                with_angle(x, start, r.layout, |p, i, d| right(r.base)(p, i + 1.0, d))
            },
        },
        Mistake {
            name: "start-times-row",
            when: "the position is start times the row instead of start plus the row",
            body: |x, start, r| {
                with_angle(x, 0, r.layout, |p, i, d| {
                    right(r.base)(start as f32 * p, i, d)
                })
            },
        },
        Mistake {
            name: "second-minus",
            when: "the second number has a minus before b·cos: that mirrors the pair instead of turning it",
            body: |x, start, r| {
                with_turn(x, start, r.layout, right(r.base), |a, b, sin, cos| {
                    (a * cos - b * sin, a * sin - b * cos)
                })
            },
        },
        Mistake {
            name: "both-plus",
            when: "the minus before b·sin is missing: that is no turn, it changes lengths",
            body: |x, start, r| {
                with_turn(x, start, r.layout, right(r.base), |a, b, sin, cos| {
                    (a * cos + b * sin, a * sin + b * cos)
                })
            },
        },
        Mistake {
            name: "added",
            when: "the sine and cosine are added to the numbers, as an encoding of absolute positions would be, instead of turning them",
            body: |x, start, r| {
                with_turn(x, start, r.layout, right(r.base), |a, b, sin, cos| {
                    (a + sin, b + cos)
                })
            },
        },
    ]
}
