//! `setp`: comparisons (PTX ISA, “Comparison and Selection Instructions”).

use super::modifiers::Modifiers;
use crate::{
    lane::{Bf16, F16, Flushed, Test, test},
    types::Type,
};

/// An ordering, and for floats whether NaN satisfies it.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    EqualOrNan,
    NotEqualOrNan,
    LessOrNan,
    LessOrEqualOrNan,
    GreaterOrNan,
    GreaterOrEqualOrNan,
    Numbers,
    AnyNan,
}

const ORDERS: [(&str, Order); 18] = [
    ("eq", Order::Equal),
    ("ne", Order::NotEqual),
    ("lt", Order::Less),
    ("le", Order::LessOrEqual),
    ("gt", Order::Greater),
    ("ge", Order::GreaterOrEqual),
    // The unsigned comparisons have names of their own, which mean the same.
    ("lo", Order::Less),
    ("ls", Order::LessOrEqual),
    ("hi", Order::Greater),
    ("hs", Order::GreaterOrEqual),
    ("equ", Order::EqualOrNan),
    ("neu", Order::NotEqualOrNan),
    ("ltu", Order::LessOrNan),
    ("leu", Order::LessOrEqualOrNan),
    ("gtu", Order::GreaterOrNan),
    ("geu", Order::GreaterOrEqualOrNan),
    ("num", Order::Numbers),
    ("nan", Order::AnyNan),
];

macro_rules! integers {
    ($order:expr, $type:ty) => {
        match $order {
            Order::Equal => test!(|a, b: $type| a == b),
            Order::NotEqual => test!(|a, b: $type| a != b),
            Order::Less => test!(|a, b: $type| a < b),
            Order::LessOrEqual => test!(|a, b: $type| a <= b),
            Order::Greater => test!(|a, b: $type| a > b),
            Order::GreaterOrEqual => test!(|a, b: $type| a >= b),
            _ => return Err("integers compare by eq, ne, lt, le, gt, ge, lo, ls, hi, hs".into()),
        }
    };
}

macro_rules! floats {
    ($order:expr, $type:ty, |$x:ident| $value:expr) => {
        floats!(@ $order, $type, |a| { let $x = a; $value }, |b| { let $x = b; $value })
    };
    (@ $order:expr, $type:ty, |$a:ident| $left:expr, |$b:ident| $right:expr) => {
        match $order {
            Order::Equal => test!(|$a, $b: $type| $left == $right),
            // Ordered: unlike Rust's `!=`, false where one side is NaN.
            Order::NotEqual => test!(|$a, $b: $type| $left < $right || $left > $right),
            Order::Less => test!(|$a, $b: $type| $left < $right),
            Order::LessOrEqual => test!(|$a, $b: $type| $left <= $right),
            Order::Greater => test!(|$a, $b: $type| $left > $right),
            Order::GreaterOrEqual => test!(|$a, $b: $type| $left >= $right),
            Order::EqualOrNan => test!(|$a, $b: $type| !($left < $right || $left > $right)),
            Order::NotEqualOrNan => test!(|$a, $b: $type| $left != $right),
            Order::LessOrNan => test!(|$a, $b: $type| !($left >= $right)),
            Order::LessOrEqualOrNan => test!(|$a, $b: $type| !($left > $right)),
            Order::GreaterOrNan => test!(|$a, $b: $type| !($left <= $right)),
            Order::GreaterOrEqualOrNan => test!(|$a, $b: $type| !($left < $right)),
            Order::Numbers => test!(|$a, $b: $type| !$left.is_nan() && !$right.is_nan()),
            Order::AnyNan => test!(|$a, $b: $type| $left.is_nan() || $right.is_nan()),
        }
    };
}

/// The test of a `setp` on values of type `kind`.
// `!(a >= b)` is not `a < b` where one is NaN: that is the point.
#[allow(clippy::nonminimal_bool, clippy::neg_cmp_op_on_partial_ord, clippy::double_comparisons)]
pub(crate) fn find(m: &mut Modifiers, kind: Type) -> Result<Test, String> {
    let order = m.need(&ORDERS)?;
    if matches!(kind, Type::B16 | Type::B32 | Type::B64)
        && !matches!(order, Order::Equal | Order::NotEqual)
    {
        return Err("untyped bits compare by eq and ne".into());
    }
    Ok(match kind {
        Type::B16 | Type::U16 => integers!(order, u16),
        Type::S16 => integers!(order, i16),
        Type::B32 | Type::U32 => integers!(order, u32),
        Type::S32 => integers!(order, i32),
        Type::B64 | Type::U64 => integers!(order, u64),
        Type::S64 => integers!(order, i64),
        Type::F32 if m.take("ftz") => floats!(order, Flushed, |x| x.0),
        Type::F32 => floats!(order, f32, |x| x),
        Type::F64 => floats!(order, f64, |x| x),
        Type::F16 => floats!(order, F16, |x| x.0),
        Type::Bf16 => floats!(order, Bf16, |x| x.0),
        kind => return Err(m.unsupported(kind)),
    })
}
