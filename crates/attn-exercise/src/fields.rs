//! Cases and answers as named values, for comparing, printing and describing them.

use ndarray::{Array, ArrayD, ArrayViewD, Axis, Dimension, arr0};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The name it has in the exercise.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub value: Value,
}

/// A value of any of the kinds that exercises use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A tensor, or a single number as a tensor without axes.
    Numbers(ArrayD<f64>),
    /// A table of yes and no.
    Flags(ArrayD<bool>),
    /// Anything else, as it should be printed.
    Text(String),
}

impl Value {
    /// The tensor of numbers, if it is one: numbers are compared up to rounding.
    pub(crate) fn numbers(&self) -> Option<&ArrayD<f64>> {
        match self {
            Value::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }
}

/// Names a value: `field("q", &self.q)`.
pub fn field(name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Field {
    Field { name: name.into(), value: value.into() }
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

impl From<&f32> for Value {
    fn from(x: &f32) -> Self {
        Value::from(*x)
    }
}

impl From<&usize> for Value {
    fn from(x: &usize) -> Self {
        Value::from(*x)
    }
}

impl From<&Vec<usize>> for Value {
    fn from(list: &Vec<usize>) -> Self {
        Value::Text(format!("{list:?}"))
    }
}

impl From<f32> for Value {
    fn from(x: f32) -> Self {
        Value::Numbers(arr0(f64::from(x)).into_dyn())
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Value::Numbers(arr0(x).into_dyn())
    }
}

impl From<usize> for Value {
    fn from(x: usize) -> Self {
        Value::Text(x.to_string())
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

/// An exact tensor that is itself the whole answer.
impl<D: Dimension> Fields for Array<f64, D> {
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

/// Several answers, or some parts of one: `vec![field("out", &out)]`.
impl Fields for Vec<Field> {
    fn fields(&self) -> Vec<Field> {
        self.clone()
    }
}

#[cfg(feature = "oracle")]
impl<F: Clone> Fields for attn_oracle::Output<F>
where
    for<'a> Value: From<&'a Array<F, ndarray::Ix2>> + From<&'a Array<F, ndarray::Ix1>>,
{
    fn fields(&self) -> Vec<Field> {
        vec![field("out", &self.out), field("lse", &self.lse)]
    }
}

#[cfg(feature = "oracle")]
impl<F: Clone> Fields for attn_oracle::Gradients<F>
where
    for<'a> Value: From<&'a Array<F, ndarray::Ix2>>,
{
    fn fields(&self) -> Vec<Field> {
        vec![field("dv", &self.dv), field("dq", &self.dq), field("dk", &self.dk)]
    }
}

/// Makes a struct an answer, part by part: `fields! { Output { out, lse } }`.
#[macro_export]
macro_rules! fields {
    ($type:ty { $($part:ident),* $(,)? }) => {
        impl $crate::Fields for $type {
            fn fields(&self) -> Vec<$crate::Field> {
                vec![$($crate::field(stringify!($part), &self.$part)),*]
            }
        }
    };
}

/// Whether two answers are the same up to rounding: 1e-4 of the largest finite entry of each part,
/// or `floor` if that is more, with equal infinities and NaN in the same places.
pub(crate) fn agree<A: Fields>(a: &A, b: &A, floor: f64) -> bool {
    all_the_same(&a.fields(), &b.fields(), floor)
}

/// Whether all parts are the same up to rounding: see [`agree`].
pub(crate) fn all_the_same(a: &[Field], b: &[Field], floor: f64) -> bool {
    let alike = |(a, b): (&Field, &Field)| a.name == b.name && same(&a.value, &b.value, floor);
    a.len() == b.len() && a.iter().zip(b).all(alike)
}

/// Whether two values are the same up to rounding: see [`agree`].
pub(crate) fn same(a: &Value, b: &Value, floor: f64) -> bool {
    let (Value::Numbers(a), Value::Numbers(b)) = (a, b) else {
        return a == b;
    };
    let scale =
        b.iter().fold(0.0_f64, |scale, x| if x.is_finite() { scale.max(x.abs()) } else { scale });
    let near = |(x, y): (&f64, &f64)| {
        x == y || (x - y).abs() <= (1e-4 * scale).max(floor) || x.is_nan() && y.is_nan()
    };
    a.shape() == b.shape() && a.iter().zip(b).all(near)
}

/// The largest finite entry of all tensors.
pub(crate) fn largest(fields: &[Field]) -> f64 {
    let numbers = fields.iter().filter_map(|field| field.value.numbers()).flatten();
    numbers.filter(|x| x.is_finite()).fold(0.0, |largest, x| largest.max(x.abs()))
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
        format!("{} {}", self.name, sizes.join("×")).trim_end().to_string()
    }

    /// The value for an 80-column terminal: at most 12 rows of 8 columns of each matrix. With the
    /// index of an entry, those around it, and a line that says which they are.
    pub fn body(&self, around: Option<&[usize]>) -> String {
        match &self.value {
            Value::Numbers(array) => window(array.view(), around, |&x| format!("{:>9}", number(x))),
            Value::Flags(array) => {
                window(array.view(), around, |&b| if b { "■" } else { "·" }.to_string())
            }
            Value::Text(text) => text.clone(),
        }
    }
}

/// The part of the array around an entry, where it is too large to be shown whole.
fn window<T>(
    array: ArrayViewD<T>,
    around: Option<&[usize]>,
    show: impl Fn(&T) -> String + Copy,
) -> String {
    let Some(index) = around.filter(|index| index.len() == array.ndim() && array.ndim() > 0) else {
        return rows(array, show);
    };
    let (mut part, mut named) = (array, Vec::new());
    for (axis, &i) in index.iter().enumerate() {
        let from_the_end = index.len() - axis;
        let most = match from_the_end {
            1 => COLUMNS,
            2 => ROWS,
            _ => 1,
        };
        let length = part.len_of(Axis(axis));
        let first = i.saturating_sub(most / 2).min(length.saturating_sub(most));
        let end = length.min(first + most);
        if end - first < length {
            let what = match from_the_end {
                1 => "columns",
                2 => "rows",
                _ => "matrices",
            };
            named.push(format!("{what} {first} to {}", end - 1));
        }
        part.slice_axis_inplace(Axis(axis), (first..end).into());
    }
    let text = rows(part, show);
    match named.is_empty() {
        true => text,
        false => format!("{}:\n{text}", named.join(", ")),
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
