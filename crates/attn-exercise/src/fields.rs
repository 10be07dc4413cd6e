//! Cases and answers as named values, for comparing, printing and describing them.

use ndarray::{Array, ArrayD, ArrayViewD, Axis, Dimension, arr0};

/// What a case is made of, or an answer: one value a name.
pub trait Fields {
    /// The parts by name, in the order a reader wants to see them.
    fn fields(&self) -> Vec<Field>;

    /// The case in one short line, such as `n=5 m=7 d=4`. The default lists the shapes.
    fn label(&self) -> String {
        let parts: Vec<String> = self.fields().iter().map(Field::heading).collect();
        parts.join(", ")
    }
}

/// One named part of a case or an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name it has in the exercise.
    pub name: &'static str,
    /// What it holds.
    pub value: Value,
}

/// A value of any of the kinds that exercises use.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A tensor, or a single number as a tensor without axes.
    Numbers(ArrayD<f64>),
    /// A table of yes and no.
    Flags(ArrayD<bool>),
    /// Anything else, as it should be printed.
    Text(String),
}

/// Names a value: `field("q", &self.q)`.
pub fn field(name: &'static str, value: impl Into<Value>) -> Field {
    Field {
        name,
        value: value.into(),
    }
}

impl<D: Dimension> From<&Array<f32, D>> for Value {
    fn from(array: &Array<f32, D>) -> Self {
        Value::Numbers(array.mapv(f64::from).into_dyn())
    }
}

impl<D: Dimension> From<&Array<f64, D>> for Value {
    fn from(array: &Array<f64, D>) -> Self {
        Value::Numbers(array.clone().into_dyn())
    }
}

impl<D: Dimension> From<&Array<bool, D>> for Value {
    fn from(array: &Array<bool, D>) -> Self {
        Value::Flags(array.clone().into_dyn())
    }
}

impl From<f32> for Value {
    fn from(x: f32) -> Self {
        Value::Numbers(arr0(f64::from(x)).into_dyn())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

/// A tensor that is itself the whole answer.
impl<D: Dimension> Fields for Array<f32, D> {
    fn fields(&self) -> Vec<Field> {
        vec![field("result", self)]
    }
}

/// A table that is itself the whole answer.
impl<D: Dimension> Fields for Array<bool, D> {
    fn fields(&self) -> Vec<Field> {
        vec![field("result", self)]
    }
}

/// Whether two answers are the same up to rounding: 1e-4 of the largest finite entry of each part,
/// with equal infinities and NaN in the same places.
pub(crate) fn agree<A: Fields>(a: &A, b: &A) -> bool {
    let (a, b) = (a.fields(), b.fields());
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same(&a.value, &b.value))
}

fn same(a: &Value, b: &Value) -> bool {
    let (Value::Numbers(a), Value::Numbers(b)) = (a, b) else {
        return a == b;
    };
    let finite = b.iter().filter(|x| x.is_finite());
    let scale = finite.fold(0.0_f64, |scale, x| scale.max(x.abs()));
    a.shape() == b.shape()
        && a.iter()
            .zip(b)
            .all(|(x, y)| x == y || (x - y).abs() <= 1e-4 * scale || x.is_nan() && y.is_nan())
}

/// Rows and columns of a matrix that are printed; the rest is `…`.
const ROWS: usize = 12;
const COLUMNS: usize = 8;

impl Field {
    /// Name and shape, such as `q 5×4`.
    pub fn heading(&self) -> String {
        let shape = match &self.value {
            Value::Numbers(array) => array.shape(),
            Value::Flags(array) => array.shape(),
            Value::Text(_) => &[],
        };
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        format!("{} {}", self.name, sizes.join("×"))
            .trim_end()
            .to_string()
    }

    /// The value for an 80-column terminal: at most 12 rows of 8 columns of each matrix.
    pub fn body(&self) -> String {
        match &self.value {
            Value::Numbers(array) => rows(array.view(), |&x| format!("{:>9}", number(x))),
            Value::Flags(array) => rows(array.view(), |&b| if b { "■" } else { "·" }.to_string()),
            Value::Text(text) => text.clone(),
        }
    }
}

/// Four decimals where they say something, powers of ten elsewhere.
pub(crate) fn number(x: f64) -> String {
    let magnitude = x.abs();
    if x == 0.0 || (1e-3..1e5).contains(&magnitude) {
        format!("{x:.4}")
    } else if x.is_infinite() {
        if x > 0.0 { "∞" } else { "−∞" }.to_string()
    } else if x.is_nan() {
        "NaN".to_string()
    } else {
        format!("{x:.2e}")
    }
}

fn rows<T>(array: ArrayViewD<T>, show: impl Fn(&T) -> String + Copy) -> String {
    let columns = match array.ndim() {
        0 => return show(array.iter().next().expect("one value")).trim().into(),
        1 => {
            let cells: Vec<String> = array.iter().take(COLUMNS).map(show).collect();
            let more = if array.len() > COLUMNS { " …" } else { "" };
            return cells.join(" ") + more;
        }
        n => n - 1,
    };
    let row_count = array.len() / array.shape()[columns].max(1);
    let mut lines: Vec<String> = array
        .lanes(Axis(columns))
        .into_iter()
        .take(ROWS)
        .map(|row| rows(row.into_dyn(), show))
        .collect();
    if row_count > ROWS {
        lines.push(format!("… {} more rows", row_count - ROWS));
    }
    lines.join("\n")
}
