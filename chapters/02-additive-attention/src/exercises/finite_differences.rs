//! 2.6 `finite_differences`

use attn_exercise::{Field, Given, Input, Sizes, exercise, field, pairwise};
use ndarray::{Array2, ArrayView1, ArrayView2, array};
use serde::{Deserialize, Serialize};

exercise! {
    /// A function, a point n×d and a step.
    crate::finite_differences as fn(&dyn Fn(ArrayView2<f64>) -> f64, ArrayView2<f64>, f64) -> Array2<f64>:
        (f: Function, x: Array2<f64>[n d], h: f64) -> Array2<f64>;

    answer: |finite_differences, c| finite_differences(&|x| c.f.at(x), c.x.view(), c.h);

    exact: |c| {
        let mut exact = Array2::zeros(c.x.raw_dim());
        for (at, exact) in exact.indexed_iter_mut() {
            let [mut up, mut down] = [c.x.clone(), c.x.clone()];
            up[at] += c.h;
            down[at] -= c.h;
            *exact = (c.f.at(up.view()) - c.f.at(down.view())) / (2.0 * c.h);
        }
        exact
    };
    steps: |c| {
        let at = |step: f64| match c.x.first() {
            Some(first) => {
                let mut moved = c.x.clone();
                moved[[0, 0]] = first + step;
                c.f.at(moved.view())
            }
            None => c.f.at(c.x.view()),
        };
        [field("f(x)", at(0.0)), field("f with the first entry moved up", at(c.h)), field("f with the first entry moved down", at(-c.h))]
    };

    cases: |random| {
        let mut normal = |shape: (usize, usize)| random.normal(shape).mapv(f64::from);
        let attention = Function::Attention {
            from_k: normal((5, 3)),
            v: normal((1, 3)).into_iter().collect(),
            values: normal((1, 5)).into_iter().collect(),
        };
        let zeros_too = attention.clone();
        let mut cases = vec![
            case("by hand: x³ at 2", (Function::Cubes, array![[2.0]], 0.5)),
            case("x³", (Function::Cubes, normal((2, 3)), 0.25)),
            case("its place times x²", (Function::Places, normal((3, 2)), 0.125)),
            case("its place times x²", (Function::Places, normal((4, 4)), 1e-3)),
            case("additive attention", (attention.clone(), normal((2, 3)), 1e-2)),
            case("additive attention", (attention.clone(), normal((31, 3)), 1e-3)),
            case("additive attention", (attention, normal((3, 3)), 1e-5)),
            case("some entries are 0", (zeros_too, array![[0.0, 1.0, 0.0], [-0.5, 0.0, 0.25]], 1e-2)),
            case("many columns", (Function::Cubes, normal((2, 17)), 0.25)),
            case("nothing to differentiate", (Function::Cubes, normal((0, 3)), 0.1)),
        ];
        cases.extend(pairwise([3, 3]).into_iter().map(|[n, d]| case("small", (Function::Places, normal((n + 1, d + 1)), 0.5))));
        cases
    };

    right (f, x, h) {
        "a copy of the point for each value" => {
            let mut gradient = Array2::zeros(x.raw_dim());
            for i in 0..x.nrows() {
                for j in 0..x.ncols() {
                    let mut up = x.to_owned();
                    up[[i, j]] += h;
                    let mut down = x.to_owned();
                    down[[i, j]] -= h;
                    gradient[[i, j]] = (f(up.view()) - f(down.view())) / (up[[i, j]] - down[[i, j]]);
                }
            }
            gradient
        };
        // This leaves a rounding error behind in each entry.
        "adding and subtracting in place" => {
            let mut x = x.to_owned();
            let mut gradient = Array2::zeros(x.raw_dim());
            for (at, slope) in gradient.indexed_iter_mut() {
                x[at] += h;
                *slope = f(x.view());
                x[at] -= 2.0 * h;
                *slope -= f(x.view());
                x[at] += h;
            }
            gradient / (2.0 * h)
        };
    }

    mistakes (f, x, h) {
        "forward": "only the step up is taken, (f(x + h) − f(x))/h: its error is of the order of h, not h²"
            => quotients(f, x, |f| (f(h) - f(0.0)) / h);
        "backward": "only the step down is taken, (f(x) − f(x − h))/h: its error is of the order of h, not h²"
            => quotients(f, x, |f| (f(0.0) - f(-h)) / h);
        "not-halved": "the difference is divided by h instead of 2h"
            => quotients(f, x, |f| (f(h) - f(-h)) / h);
        "not-divided": "the difference is not divided by 2h"
            => quotients(f, x, |f| f(h) - f(-h));
        "two-times-instead": "the difference is divided by 2 and multiplied by h: `/ 2.0 * h` without brackets"
            => quotients(f, x, |f| (f(h) - f(-h)) / 2.0 * h);
        "sign": "the step down comes first: the sign is the other way round"
            => quotients(f, x, |f| (f(-h) - f(h)) / (2.0 * h));
        "not-put-back": "an entry is not put back after it was moved, so that the later ones are taken at another point"
            => {
                let mut moved = x.to_owned();
                Array2::from_shape_fn(x.raw_dim(), |at| {
                    moved[at] += h;
                    let above = f(moved.view());
                    moved[at] -= 2.0 * h;
                    (above - f(moved.view())) / (2.0 * h)
                })
            };
        "all-at-once": "all entries are moved together, so that every entry of the result is the slope along the diagonal"
            => Array2::from_elem(x.raw_dim(), (f((&x + h).view()) - f((&x - h).view())) / (2.0 * h));
        "relative-step": "an entry is moved by h times itself, but the difference is still divided by 2h"
            => Array2::from_shape_fn(x.raw_dim(), |at| {
                let step = h * x[at];
                (moved(f, x, at, step) - moved(f, x, at, -step)) / (2.0 * h)
            });
        "down-to-the-middle": "f(x) is subtracted from f(x + h) where f(x − h) should be, and the difference divided by 2h; where both steps move the same copy, the second has to go down by 2h, since h leads back to x"
            => quotients(f, x, |f| (f(h) - f(0.0)) / (2.0 * h));
        "half-steps": "the entry is moved by h/2 each way and the difference divided by h: as good a formula, with another step than the one asked for"
            => quotients(f, x, |f| (f(h / 2.0) - f(-h / 2.0)) / h);
        "transposed": "the gradient comes out transposed"
            => crate::finite_differences(f, x, h).reversed_axes();
        "moved-in-f32": "the entry is moved in f32, where most of a small h is rounded away"
            => Array2::from_shape_fn(x.raw_dim(), |at| {
                let step = |h: f64| f64::from(x[at] as f32 + h as f32) - x[at];
                (moved(f, x, at, step(h)) - moved(f, x, at, step(-h))) / (2.0 * h)
            });
        "in-f32": "the values of f are rounded to f32 before they are subtracted, and the rounding is divided by h"
            => crate::finite_differences(&|x| f64::from(f(x) as f32), x, h);
        "step-by-size": "an entry is moved by more than h where it is larger than 1, in proportion: the step has to be h everywhere"
            => Array2::from_shape_fn(x.raw_dim(), |at| {
                let step = h * x[at].abs().max(1.0);
                (moved(f, x, at, step) - moved(f, x, at, -step)) / (2.0 * step)
            });
        "whole-row": "all entries of a row are moved together, instead of one at a time"
            => Array2::from_shape_fn(x.raw_dim(), |(i, _)| {
                let at = |step: f64| {
                    let mut moved = x.to_owned();
                    moved.row_mut(i).mapv_inplace(|x| x + step);
                    f(moved.view())
                };
                (at(h) - at(-h)) / (2.0 * h)
            });
        "second-difference": "the second difference is computed, (f(x + h) − 2f(x) + f(x − h))/h²: that is the second derivative"
            => quotients(f, x, |f| (f(h) - 2.0 * f(0.0) + f(-h)) / (h * h));
        "transposed-where-square": "row and column of the entry that is moved are exchanged where x is square"
            => {
                let gradient = crate::finite_differences(f, x, h);
                if x.is_square() { gradient.reversed_axes() } else { gradient }
            };
    }
}

/// The functions that are differentiated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Function {
    /// The sum of the third powers.
    Cubes,
    /// Each entry times its place, counted from 1 along the rows, squared.
    Places,
    /// What additive attention makes of x as its queries: the weighted mean of `values`, added up.
    Attention {
        /// The keys, projected to the hidden layer, 5×d.
        from_k: Array2<f64>,
        /// From the hidden layer to the score, d.
        v: Vec<f64>,
        /// One number per key.
        values: Vec<f64>,
    },
}

impl Function {
    fn at(&self, x: ArrayView2<f64>) -> f64 {
        match self {
            Function::Cubes => x.mapv(|x| x * x * x).sum(),
            Function::Places => {
                let terms = x.iter().enumerate().map(|(place, x)| (place as f64 + 1.0) * x * x);
                terms.sum()
            }
            Function::Attention { from_k, v, values } => {
                let mean = |q: ArrayView1<f64>| {
                    let scores = from_k.rows().into_iter().map(|k| {
                        let hidden = q.iter().zip(k).map(|(q, k)| (q + k).tanh());
                        hidden.zip(v).map(|(h, v)| h * v).sum::<f64>()
                    });
                    let exp: Vec<f64> = scores.map(f64::exp).collect();
                    let weighted: f64 = exp.iter().zip(values).map(|(e, x)| e * x).sum();
                    weighted / exp.iter().sum::<f64>()
                };
                x.rows().into_iter().map(mean).sum()
            }
        }
    }
}

impl Given for Function {
    fn fields(&self, name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        let what = match self {
            Function::Cubes => "the sum of x³",
            Function::Places => "x² times its place (1, 2, …), added up",
            Function::Attention { .. } => "additive attention of the rows of x",
        };
        vec![field(name, what.to_string())]
    }
}

impl Input for Function {
    type Passed<'a> = &'a Function;

    fn pass(&self) -> &Function {
        self
    }
}

/// `f` with one entry moved by `step`.
fn moved(
    f: &dyn Fn(ArrayView2<f64>) -> f64,
    x: ArrayView2<f64>,
    at: (usize, usize),
    step: f64,
) -> f64 {
    let mut moved = x.to_owned();
    moved[at] += step;
    f(moved.view())
}

/// One quotient per entry: `quotient` is given f as a function of the step of that entry.
fn quotients(
    f: &dyn Fn(ArrayView2<f64>) -> f64,
    x: ArrayView2<f64>,
    quotient: impl Fn(&dyn Fn(f64) -> f64) -> f64,
) -> Array2<f64> {
    Array2::from_shape_fn(x.raw_dim(), |at| quotient(&|step| moved(f, x, at, step)))
}
