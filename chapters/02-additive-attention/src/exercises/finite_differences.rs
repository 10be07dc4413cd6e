//! 2.6 `finite_differences`

use attn_core::random::Random;
use attn_exercise::{
    Exercise, Field, Fields, Finding, Mistake, field,
    judge::{Expected, close, each},
};
use ndarray::{Array2, ArrayView2, array};
use serde::{Deserialize, Serialize};

/// What is written.
pub type Body = fn(&dyn Fn(ArrayView2<f64>) -> f64, ArrayView2<f64>, f64) -> Array2<f64>;

/// A function, a point and a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    about: String,
    f: Function,
    x: Array2<f64>,
    h: f64,
}

/// The functions that are differentiated.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Function {
    /// The sum of the third powers.
    Cubes,
    /// Each entry times its place, counted from 1 along the rows, squared.
    Places,
    /// What additive attention makes of x as its queries: the weighted mean of `values`, added up.
    Attention {
        from_k: Array2<f64>,
        v: Vec<f64>,
        values: Vec<f64>,
    },
}

impl Function {
    fn at(&self, x: ArrayView2<f64>) -> f64 {
        match self {
            Function::Cubes => x.mapv(|x| x * x * x).sum(),
            Function::Places => x
                .iter()
                .enumerate()
                .map(|(place, x)| (place as f64 + 1.0) * x * x)
                .sum(),
            Function::Attention { from_k, v, values } => {
                let mean = |q: ndarray::ArrayView1<f64>| {
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

    fn name(&self) -> &'static str {
        match self {
            Function::Cubes => "the sum of x³",
            Function::Places => "x² times its place (1, 2, …), added up",
            Function::Attention { .. } => "additive attention of the rows of x",
        }
    }
}

impl Fields for Case {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("f", self.f.name().to_string()),
            field("x", &self.x),
            field("h", self.h.to_string()),
        ]
    }

    fn label(&self) -> String {
        let (n, d) = self.x.dim();
        format!("{n}×{d}, h={}, {}", self.h, self.about)
    }
}

/// The gradient, in f32 for the comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer(Array2<f32>);

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        vec![field("result", &self.0)]
    }
}

/// The exercise.
pub fn exercise() -> Exercise<Body, Case, Answer> {
    Exercise {
        id: "2.6",
        cases,
        answer: |finite_differences, case| {
            let f = |x: ArrayView2<f64>| case.f.at(x);
            let gradient = finite_differences(&f, case.x.view(), case.h);
            Answer(gradient.mapv(|x| x as f32))
        },
        judge,
        solution: crate::finite_differences,
        mistakes: mistakes(),
        steps: |case| {
            let Some(first) = case.x.first() else {
                return Vec::new();
            };
            let at = |x: f64| {
                let mut moved = case.x.clone();
                moved[[0, 0]] = x;
                case.f.at(moved.view()) as f32
            };
            vec![
                field("f(x)", case.f.at(case.x.view()) as f32),
                field("f with the first entry moved up", at(first + case.h)),
                field("f with the first entry moved down", at(first - case.h)),
            ]
        },
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut normal = |shape: (usize, usize)| random.normal(shape).mapv(f64::from);
    let attention = Function::Attention {
        from_k: normal((5, 3)),
        v: normal((1, 3)).into_iter().collect(),
        values: normal((1, 5)).into_iter().collect(),
    };
    let case = |about: &str, f: &Function, x, h| Case {
        about: about.into(),
        f: f.clone(),
        x,
        h,
    };
    vec![
        case("by hand: x³ at 2", &Function::Cubes, array![[2.0]], 0.5),
        case("x³", &Function::Cubes, normal((2, 3)), 0.25),
        case(
            "its place times x²",
            &Function::Places,
            normal((3, 2)),
            0.125,
        ),
        case(
            "its place times x²",
            &Function::Places,
            normal((4, 4)),
            1e-3,
        ),
        case("additive attention", &attention, normal((2, 3)), 1e-2),
        case("additive attention", &attention, normal((31, 3)), 1e-3),
        case("additive attention", &attention, normal((3, 3)), 1e-5),
        case(
            "nothing to differentiate",
            &Function::Cubes,
            normal((0, 3)),
            0.1,
        ),
    ]
}

fn judge(cases: &[Case], answers: &[Answer]) -> Result<(), Finding> {
    each(cases, answers, |Case { f, x, h, .. }, Answer(gradient)| {
        let mut exact = Array2::zeros(x.raw_dim());
        for (at, exact) in exact.indexed_iter_mut() {
            let [mut up, mut down] = [x.clone(), x.clone()];
            up[at] += h;
            down[at] -= h;
            *exact = (f.at(up.view()) - f.at(down.view())) / (2.0 * h);
        }
        close("result", gradient, &Expected::new(exact, &[]))
    })
}

/// One quotient for each entry: `quotient(f with the entry moved by …)`.
fn quotients(
    f: &dyn Fn(ArrayView2<f64>) -> f64,
    x: ArrayView2<f64>,
    quotient: impl Fn(&dyn Fn(f64) -> f64) -> f64,
) -> Array2<f64> {
    Array2::from_shape_fn(x.raw_dim(), |at| {
        quotient(&|step| {
            let mut moved = x.to_owned();
            moved[at] += step;
            f(moved.view())
        })
    })
}

fn mistakes() -> Vec<Mistake<Body>> {
    vec![
        Mistake {
            name: "forward",
            when: "only the step up is taken, (f(x + h) − f(x))/h: its error is of the order of h, not h²",
            body: |f, x, h| quotients(f, x, |f| (f(h) - f(0.0)) / h),
        },
        Mistake {
            name: "backward",
            when: "only the step down is taken, (f(x) − f(x − h))/h: its error is of the order of h, not h²",
            body: |f, x, h| quotients(f, x, |f| (f(0.0) - f(-h)) / h),
        },
        Mistake {
            name: "not-halved",
            when: "the difference is divided by h instead of 2h",
            body: |f, x, h| quotients(f, x, |f| (f(h) - f(-h)) / h),
        },
        Mistake {
            name: "not-divided",
            when: "the difference is not divided by 2h",
            body: |f, x, h| quotients(f, x, |f| f(h) - f(-h)),
        },
        Mistake {
            name: "two-times-instead",
            when: "the difference is divided by 2 and multiplied by h: `/ 2.0 * h` without brackets",
            body: |f, x, h| quotients(f, x, |f| (f(h) - f(-h)) / 2.0 * h),
        },
        Mistake {
            name: "sign",
            when: "the step down comes first: the sign is the other way round",
            body: |f, x, h| quotients(f, x, |f| (f(-h) - f(h)) / (2.0 * h)),
        },
        Mistake {
            name: "not-put-back",
            when: "an entry is not put back after it was moved, so that the later ones are taken at another point",
            body: |f, x, h| {
                let mut moved = x.to_owned();
                Array2::from_shape_fn(x.raw_dim(), |at| {
                    moved[at] += h;
                    let above = f(moved.view());
                    moved[at] -= 2.0 * h;
                    let below = f(moved.view());
                    (above - below) / (2.0 * h)
                })
            },
        },
        Mistake {
            name: "all-at-once",
            when: "all entries are moved together, so that every entry of the result is the slope along the diagonal",
            body: |f, x, h| {
                let slope = (f((&x + h).view()) - f((&x - h).view())) / (2.0 * h);
                Array2::from_elem(x.raw_dim(), slope)
            },
        },
        Mistake {
            name: "relative-step",
            when: "an entry is moved by h times itself, but the difference is still divided by 2h",
            body: |f, x, h| {
                Array2::from_shape_fn(x.raw_dim(), |at| {
                    let by = |factor: f64| {
                        let mut moved = x.to_owned();
                        moved[at] *= factor;
                        f(moved.view())
                    };
                    (by(1.0 + h) - by(1.0 - h)) / (2.0 * h)
                })
            },
        },
        Mistake {
            name: "down-to-the-middle",
            when: "the second step goes down by h from where the first one ended, which is back to x: it has to go down by 2h",
            body: |f, x, h| quotients(f, x, |f| (f(h) - f(0.0)) / (2.0 * h)),
        },
        Mistake {
            name: "half-steps",
            when: "the entry is moved by h/2 each way and the difference divided by h: as good a formula, with another step than the one asked for",
            body: |f, x, h| quotients(f, x, |f| (f(h / 2.0) - f(-h / 2.0)) / h),
        },
        Mistake {
            name: "transposed",
            when: "the gradient comes out transposed",
            body: |f, x, h| crate::finite_differences(f, x, h).reversed_axes(),
        },
        Mistake {
            name: "moved-in-f32",
            when: "the entry is moved in f32, where most of a small h is rounded away",
            body: |f, x, h| {
                Array2::from_shape_fn(x.raw_dim(), |at| {
                    let at_step = |step: f64| {
                        let mut moved = x.to_owned();
                        moved[at] = f64::from(moved[at] as f32 + step as f32);
                        f(moved.view())
                    };
                    (at_step(h) - at_step(-h)) / (2.0 * h)
                })
            },
        },
        Mistake {
            name: "in-f32",
            when: "the values of f are rounded to f32 before they are subtracted, and the rounding is divided by h",
            body: |f, x, h| {
                let narrow = |x: ArrayView2<f64>| f64::from(f(x) as f32);
                crate::finite_differences(&narrow, x, h)
            },
        },
    ]
}
