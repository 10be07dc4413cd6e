//! 4.4 `rope`

use crate::{
    given::{Layout, Rotary},
    oracle::{self, pair},
};
use attn_exercise::{
    Field, Finding, Given, Input, SOME_VALUES, Sizes, exercise, field, judge::require, pairwise,
    some_values,
};
use ndarray::{Array2, ArrayView2, Axis, array, concatenate, s};
use std::f32::consts::{FRAC_PI_2, TAU};

exercise! {
    /// Rows to turn, n×d, the position of the first, and how to turn them.
    crate::rope: (x: Array2<f32>[n d], start: usize, rotary: Rotary) -> Array2<f32>;

    exact: |c| oracle::rope(&attn_oracle::to::<f64>(c.x.view()), c.start, c.rotary);
    plain: |c| [oracle::rope(&c.x, c.start, c.rotary), c.call(by_columns), c.call(step_by_step)];
    first: |c, turned| match turned.dim() == c.x.dim() {
        // A turn keeps the length of every row.
        true => c.x.rows().into_iter().zip(turned.rows()).enumerate().try_for_each(|(i, (before, after))| {
            let (before, after) = (before.dot(&before).sqrt(), after.dot(&after).sqrt());
            require((before - after).abs() <= 1e-4 * (1.0 + before), || {
                format!("row {i} has length {after:.4}, should keep its length {before:.4}")
            })
        }),
        false => Ok(()), // the shape is refused by the comparison
    };
    relation: relative;
    steps: |c| {
        let d = c.x.ncols();
        let angle = |(r, i)| right(c.rotary.base)((c.start + r) as f32, i as f32, d as f32);
        [field("angles", &Array2::from_shape_fn((c.x.nrows(), d / 2), angle))]
    };

    cases: |random| {
        // With base (2/π)² and d = 4 the second pair turns by π/2 from each position to the next.
        let base = FRAC_PI_2.recip().powi(2);
        let by_hand = "by hand: the second pair makes a quarter turn per position";
        let of = |about, x, start, base, layout| case(about, (x, start, Rotary { base, layout }));
        let mut cases = vec![
            of(by_hand, array![[3.0, 0.0, 1.0, 2.0], [0.0, 0.0, 1.0, 2.0]], 0, base, Layout::Interleaved),
            of(by_hand, array![[3.0, 1.0, 0.0, 2.0], [0.0, 1.0, 0.0, 2.0]], 0, base, Layout::Half),
        ];
        for layout in [Layout::Interleaved, Layout::Half] {
            for (start, shape) in [(0, (5, 2)), (0, (1, 8)), (3, (7, 6)), (100, (33, 32)), (1000, (31, 64)), (10_000, (4, 16))] {
                cases.push(of("standard normal", random.normal(shape), start, 10_000.0, layout));
            }
            let x = random.normal((4, 8));
            cases.push(of("standard normal", x.clone(), 0, 100.0, layout));
            cases.push(of("as before, 9 positions later", x, 9, 100.0, layout));
        }
        cases.extend(pairwise([4, 2, 2, SOME_VALUES, 2]).into_iter().map(|[n, half_d, start, kind, layout]| {
            let layout = [Layout::Interleaved, Layout::Half][layout];
            of("small", some_values(kind, (n + 1, 2 * half_d + 2), random), 5 * start, 100.0, layout)
        }));
        cases
    };

    never {
        "d = 1": "the numbers are turned in pairs";
    }

    right (x, start, rotary) {
        "column by column, exp of a logarithm" => by_columns(x, start, rotary);
        "whole arrays" => {
            let (n, d) = x.dim();
            let (mut partner, mut angles) = (Array2::zeros((n, d)), Array2::zeros((n, d)));
            for i in 0..d / 2 {
                let (a, b) = pair(rotary.layout, i, d);
                for r in 0..n {
                    (partner[[r, a]], partner[[r, b]]) = (-x[[r, b]], x[[r, a]]);
                    let angle = (start + r) as f32 / rotary.base.powf(2.0 * i as f32 / d as f32);
                    (angles[[r, a]], angles[[r, b]]) = (angle, angle);
                }
            }
            &x * &angles.cos() + partner * angles.sin()
        };
        "f64 inside" => oracle::rope(&attn_oracle::to::<f64>(x), start, rotary).mapv(|x| x as f32);
        "each angle from the one before" => step_by_step(x, start, rotary);
        "each turn from the one before" => {
            let d = x.ncols();
            let mut out = x.to_owned();
            for i in 0..d / 2 {
                let (first, second) = pair(rotary.layout, i, d);
                let speed = right(rotary.base)(1.0, i as f32, d as f32);
                let ((sin_1, cos_1), (mut sin, mut cos)) = (speed.sin_cos(), (start as f32 * speed).sin_cos());
                for mut row in out.rows_mut() {
                    let (a, b) = (row[first], row[second]);
                    (row[first], row[second]) = (a * cos - b * sin, a * sin + b * cos);
                    (sin, cos) = (sin * cos_1 + cos * sin_1, cos * cos_1 - sin * sin_1);
                }
            }
            out
        };
    }

    mistakes (x, start, rotary) {
        "always-interleaved": "the layout is ignored: neighbours are paired even where the halves should be"
            => with_angle(x, start, Layout::Interleaved, right(rotary.base));
        "always-half": "the layout is ignored: the halves are paired even where neighbours should be"
            => with_angle(x, start, Layout::Half, right(rotary.base));
        "layouts-swapped": "the two layouts are swapped"
            => with_angle(x, start, other(rotary.layout), right(rotary.base));
        "positions-from-zero": "the positions begin at 0 instead of at start: every chunk of a sequence would be turned as if it were the first"
            => with_angle(x, 0, rotary.layout, right(rotary.base));
        "positions-from-one": "the first row is turned as if it stood one position further on"
            => with_angle(x, start + 1, rotary.layout, right(rotary.base));
        "one-position-for-all": "every row is turned by the position of the first"
            => with_angle(x, start, rotary.layout, |_, i, d| right(rotary.base)(start as f32, i, d));
        "backwards": "the pairs are turned the other way: the signs of the two sines are exchanged"
            => with_angle(x, start, rotary.layout, |p, i, d| -right(rotary.base)(p, i, d));
        "base-fixed": "the base is always 10,000, whatever was asked for"
            => with_angle(x, start, rotary.layout, right(10_000.0));
        "sine-and-cosine-swapped": "sine and cosine are exchanged"
            => with_turn(x, start, rotary.layout, right(rotary.base), |a, b, sin, cos| (a * sin - b * cos, a * cos + b * sin));
        "no-two": "the exponent is −i/d instead of −2i/d, so that the pairs turn too fast"
            => with_angle(x, start, rotary.layout, |p, i, d| p * rotary.base.powf(-i / d));
        "column-in-exponent": "the exponent is −4i/d: it is made from the number of the column instead of the pair, or divided by d/2 instead of d"
            => with_angle(x, start, rotary.layout, |p, i, d| p * rotary.base.powf(-4.0 * i / d));
        "exponent-positive": "the minus in the exponent is missing, so that later pairs turn faster instead of slower"
            => with_angle(x, start, rotary.layout, |p, i, d| p * rotary.base.powf(2.0 * i / d));
        "integer-division": "2i/d is divided as whole numbers, which gives 0: all pairs turn equally fast"
            => with_angle(x, start, rotary.layout, |p, _, _| p);
        "full-turns": "the angle is multiplied by 2π; it is in radians already"
            => with_angle(x, start, rotary.layout, |p, i, d| TAU * right(rotary.base)(p, i, d));
        "degrees": "the angle is taken for degrees; sin and cos take radians"
            => with_angle(x, start, rotary.layout, |p, i, d| right(rotary.base)(p, i, d).to_radians());
        "overwritten": "the second number of a pair is computed from the first one after that was turned: keep both before you write"
            => with_turn(x, start, rotary.layout, right(rotary.base), |a, b, sin, cos| {
                let a = a * cos - b * sin;
                (a, a * sin + b * cos)
            });
        "half-the-other-way": "in the half layout the two numbers of a pair are exchanged: the first half is the a, the second the b"
            => match rotary.layout {
                Layout::Interleaved => crate::rope(x, start, rotary),
                Layout::Half => with_angle(x, start, rotary.layout, |p, i, d| -right(rotary.base)(p, i, d)),
            };
        "pairs-from-one": "the pairs are counted from 1 in the exponent, so that even the first turns too slowly"
            => with_angle(x, start, rotary.layout, |p, i, d| right(rotary.base)(p, i + 1.0, d));
        "start-times-row": "the position is start times the row instead of start plus the row"
            => with_angle(x, 0, rotary.layout, |p, i, d| right(rotary.base)(start as f32 * p, i, d));
        "second-minus": "the second number has a minus before b·cos: that mirrors the pair instead of turning it"
            => with_turn(x, start, rotary.layout, right(rotary.base), |a, b, sin, cos| (a * cos - b * sin, a * sin - b * cos));
        "both-plus": "the minus before b·sin is missing: that is no turn, it changes lengths"
            => with_turn(x, start, rotary.layout, right(rotary.base), |a, b, sin, cos| (a * cos + b * sin, a * sin + b * cos));
        "added": "the sine and cosine are added to the numbers, as an encoding of absolute positions would be, instead of turning them"
            => with_turn(x, start, rotary.layout, right(rotary.base), |a, b, sin, cos| (a + sin, b + cos));
        "angle-added-up": "the angle is added up from position 0 on: every addition is rounded, and at far positions the errors have grown; multiply the position by the speed"
            => with_angle(x, start, rotary.layout, |p, i, d| {
                let speed = right(rotary.base)(1.0, i, d);
                (0..p as usize).fold(0.0, |angle, _| angle + speed)
            });
        "reflection": "both signs of b are the wrong way round: (a·cos + b·sin, a·sin − b·cos) mirrors the pair instead of turning it"
            => with_turn(x, start, rotary.layout, right(rotary.base), |a, b, sin, cos| (a * cos + b * sin, a * sin - b * cos));
        "half-mirrored": "in the half layout column i is paired with column d − 1 − i instead of d/2 + i"
            => match rotary.layout {
                Layout::Interleaved => crate::rope(x, start, rotary),
                Layout::Half => {
                    let mirrored = |x: ArrayView2<f32>| {
                        let (left, right) = x.split_at(Axis(1), x.ncols() / 2);
                        concatenate![Axis(1), left, right.slice(s![.., ..;-1])]
                    };
                    mirrored(crate::rope(mirrored(x).view(), start, rotary).view())
                }
            };
        "second-only": "only the second number of a pair is turned: the first stays as it was"
            => with_turn(x, start, rotary.layout, right(rotary.base), |a, b, sin, cos| (a, a * sin + b * cos));
        "first-only": "only the first number of a pair is turned: the second stays as it was"
            => with_turn(x, start, rotary.layout, right(rotary.base), |a, b, sin, cos| (a * cos - b * sin, b));
        "column-in-exponent-interleaved": "in the interleaved layout the exponent is made from the number of the column, 2i, instead of the pair, i"
            => match rotary.layout {
                Layout::Interleaved => with_angle(x, start, rotary.layout, |p, i, d| p * rotary.base.powf(-4.0 * i / d)),
                Layout::Half => crate::rope(x, start, rotary),
            };
        "cosine-only": "both numbers are multiplied by the cosine, and the sine is not used"
            => with_turn(x, start, rotary.layout, right(rotary.base), |a, b, _, cos| (a * cos, b * cos));
    }
}

impl Given for Rotary {
    fn fields(&self, _name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        vec![field("base", self.base), field("layout", format!("{:?}", self.layout))]
    }

    fn text(&self, _name: &str) -> Option<String> {
        Some(format!("base {}, {}", self.base, self.kinds(&Sizes::new())[0]))
    }

    fn kinds(&self, _sizes: &Sizes) -> Vec<&'static str> {
        vec![match self.layout {
            Layout::Interleaved => "interleaved",
            Layout::Half => "half",
        }]
    }

    fn required_kinds(&self) -> &'static [&'static str] {
        &["interleaved", "half"]
    }

    fn is_choice(&self) -> bool {
        true
    }
}

impl Input for Rotary {
    type Passed<'a> = Rotary;

    fn pass(&self) -> Rotary {
        *self
    }

    fn altered(&self) -> Vec<Self> {
        let (base, layout) = (self.base, self.layout);
        vec![Rotary { base: 2.0 * base, layout }, Rotary { base, layout: other(layout) }]
    }

    fn nudged(&self, _pattern: usize) -> Self {
        Rotary { base: self.base * (1.0 + f32::EPSILON), ..*self }
    }
}

pub(super) fn other(layout: Layout) -> Layout {
    match layout {
        Layout::Interleaved => Layout::Half,
        Layout::Half => Layout::Interleaved,
    }
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
            let before = here[[row, column]];
            if (product - before).abs() > 1e-4 * a.x.ncols() as f32 {
                let what = format!(
                    "rows {row} and {column} have the dot product {product:.4}, and {before:.4} at other positions equally far apart"
                );
                return Err(Finding { case: i + 1, what });
            }
        }
    }
    Ok(())
}

/// Frequencies first, as exp(−2i ln(base)/d); then column by column.
pub(super) fn by_columns(x: ArrayView2<f32>, start: usize, rotary: Rotary) -> Array2<f32> {
    let d = x.ncols();
    let mut out = x.to_owned();
    for i in 0..d / 2 {
        let frequency = (-2.0 * i as f32 / d as f32 * rotary.base.ln()).exp();
        let (a, b) = pair(rotary.layout, i, d);
        for r in 0..x.nrows() {
            let (sin, cos) = ((start + r) as f32 * frequency).sin_cos();
            out[[r, a]] = cos.mul_add(x[[r, a]], -sin * x[[r, b]]);
            out[[r, b]] = cos.mul_add(x[[r, b]], sin * x[[r, a]]);
        }
    }
    out
}

/// The angles of the first row by a product, those of the others by adding one step at a time.
fn step_by_step(x: ArrayView2<f32>, start: usize, rotary: Rotary) -> Array2<f32> {
    with_angle(x, start, rotary.layout, |p, i, d| {
        let speed = right(rotary.base)(1.0, i, d);
        let rows = p as usize - start;
        (0..rows).fold(start as f32 * speed, |angle, _| angle + speed)
    })
}

/// Pair `i` at position `p` turned by `angle(p, i, d)`.
fn with_angle(
    x: ArrayView2<f32>,
    start: usize,
    layout: Layout,
    angle: impl Fn(f32, f32, f32) -> f32,
) -> Array2<f32> {
    with_turn(x, start, layout, angle, |a, b, sin, cos| (a * cos - b * sin, a * sin + b * cos))
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
