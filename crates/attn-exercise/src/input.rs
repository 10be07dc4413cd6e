//! What a case holds: how a body is given it, how a reader sees it, and in which regimes it lies.

use crate::{Field, field};
use attn_core::{Mask, random::Random};
use ndarray::{Array, Array2, ArrayView, Dimension, ShapeBuilder};

/// The sizes of a case by name, each name once: `[("n", 5), ("m", 7)]`.
pub type Sizes = Vec<(&'static str, usize)>;

/// The inputs of a case by name, each with the names of its axes.
pub type Choices<'a> = Vec<(&'static str, &'static [&'static str], &'a dyn Given)>;

/// What a case holds of one input, without the type that a body takes it as.
pub trait Given {
    /// The sizes that the declaration names: a tensor's axes, or a number that is itself a size.
    fn shape(&self) -> Vec<usize> {
        Vec::new()
    }

    /// The sizes that the type itself names, such as a layer's widths.
    fn own_sizes(&self) -> Sizes {
        Vec::new()
    }

    /// The input as a reader sees it, in one field or several.
    fn fields(&self, name: &'static str, sizes: &Sizes) -> Vec<Field>;

    /// The input in the label of its case; `None` for what is too large for a label.
    fn text(&self, _name: &str) -> Option<String> {
        None
    }

    /// The kinds of value that it is: `large`, or `causal`.
    fn kinds(&self, _sizes: &Sizes) -> Vec<&'static str> {
        Vec::new()
    }

    /// The kinds of value that the cases have to contain, unless a declaration says why they never
    /// occur.
    fn required_kinds(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether the kinds are choices of a caller, which have to meet every size of 1.
    fn is_choice(&self) -> bool {
        false
    }
}

/// An input of an exercise: what a body takes it as, and other inputs of the same sizes.
pub trait Input: Given + Clone {
    /// A view of a tensor, a copy of a number, a reference to anything else.
    type Passed<'a>
    where
        Self: 'a;

    /// The input as a body takes it.
    fn pass(&self) -> Self::Passed<'_>;

    /// Inputs of the same sizes that a body which does not look at this one would have to mistake
    /// for it.
    fn altered(&self) -> Vec<Self> {
        Vec::new()
    }

    /// The input with every number moved by about one unit in its last place, up or down as this
    /// pattern of [`NUDGES`] has it: what the result then changes by is a difference that no
    /// arithmetic of this width can be asked to see. Settings, such as a probability, stay.
    fn nudged(&self, _pattern: usize) -> Self {
        self.clone()
    }
}

/// How many patterns of [`Input::nudged`] a tolerance is measured with. By a single one an
/// ill-conditioned result may happen not to move.
pub const NUDGES: usize = 3;

/// `name` and the kind: `q large`.
pub(crate) fn kind(name: &str, kind: &str) -> String {
    format!("{name} {kind}")
}

impl<D: Dimension> Given for Array<f32, D> {
    fn shape(&self) -> Vec<usize> {
        ndarray::ArrayBase::shape(self).to_vec()
    }

    fn fields(&self, name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        vec![field(name, self)]
    }

    fn kinds(&self, _sizes: &Sizes) -> Vec<&'static str> {
        let finite = || self.iter().filter(|x| x.is_finite());
        let most = finite().fold(0.0_f32, |most, x| most.max(x.abs()));
        let first = self.first().copied().unwrap_or(f32::NAN);
        let mut kinds = Vec::new();
        kinds.extend((most >= LARGE).then_some("large"));
        kinds.extend((most > 0.0 && most <= TINY).then_some("tiny"));
        kinds.extend((self.len() > 1 && self.iter().all(|&x| x == first)).then_some("equal"));
        kinds.extend((self.iter().any(|&x| x == f32::NEG_INFINITY)).then_some("with −∞"));
        kinds
    }

    fn required_kinds(&self) -> &'static [&'static str] {
        &["large", "tiny", "equal"]
    }
}

impl<D: Dimension + 'static> Input for Array<f32, D> {
    type Passed<'a> = ArrayView<'a, f32, D>;

    fn pass(&self) -> Self::Passed<'_> {
        self.view()
    }

    fn altered(&self) -> Vec<Self> {
        vec![self.mapv(|x| if x.is_finite() { 1.0 - x } else { x })]
    }

    fn nudged(&self, pattern: usize) -> Self {
        let mut nudged = self.clone();
        for (i, x) in nudged.iter_mut().enumerate() {
            // The top bit of a hash, so that no axis is followed.
            let hash = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ (pattern as u64) << 40);
            *x *= 1.0 + if hash >> 63 == 0 { f32::EPSILON } else { -f32::EPSILON };
        }
        nudged
    }
}

impl<D: Dimension> Given for Array<f64, D> {
    fn shape(&self) -> Vec<usize> {
        ndarray::ArrayBase::shape(self).to_vec()
    }

    fn fields(&self, name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        vec![field(name, self)]
    }
}

impl<D: Dimension + 'static> Input for Array<f64, D> {
    type Passed<'a> = ArrayView<'a, f64, D>;

    fn pass(&self) -> Self::Passed<'_> {
        self.view()
    }

    fn altered(&self) -> Vec<Self> {
        vec![self.mapv(|x| if x.is_finite() { 1.0 - x } else { x })]
    }
}

/// A table of yes and no, such as which weights are kept.
impl<D: Dimension> Given for Array<bool, D> {
    fn shape(&self) -> Vec<usize> {
        ndarray::ArrayBase::shape(self).to_vec()
    }

    fn fields(&self, name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        vec![field(name, self)]
    }

    fn kinds(&self, _sizes: &Sizes) -> Vec<&'static str> {
        let all = |flag: bool| self.iter().all(|&x| x == flag);
        let mut kinds = Vec::new();
        kinds.extend(all(true).then_some("all true"));
        kinds.extend(all(false).then_some("all false"));
        kinds
    }

    fn required_kinds(&self) -> &'static [&'static str] {
        &["all true", "all false"]
    }
}

impl<D: Dimension + 'static> Input for Array<bool, D> {
    type Passed<'a> = ArrayView<'a, bool, D>;

    fn pass(&self) -> Self::Passed<'_> {
        self.view()
    }

    fn altered(&self) -> Vec<Self> {
        vec![self.mapv(|flag| !flag)]
    }
}

impl Given for bool {
    fn fields(&self, name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        vec![field(name, self.to_string())]
    }

    fn text(&self, name: &str) -> Option<String> {
        Some(if *self { name.into() } else { format!("not {name}") })
    }

    fn kinds(&self, _sizes: &Sizes) -> Vec<&'static str> {
        vec![if *self { "on" } else { "off" }]
    }

    fn required_kinds(&self) -> &'static [&'static str] {
        &["on", "off"]
    }

    fn is_choice(&self) -> bool {
        true
    }
}

impl Input for bool {
    type Passed<'a> = bool;

    fn pass(&self) -> bool {
        *self
    }

    fn altered(&self) -> Vec<Self> {
        vec![!*self]
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => { $(
        impl Given for $number {
            fn shape(&self) -> Vec<usize> {
                vec![*self as usize]
            }

            fn fields(&self, name: &'static str, _sizes: &Sizes) -> Vec<Field> {
                vec![field(name, self.to_string())]
            }

            fn text(&self, name: &str) -> Option<String> {
                Some(format!("{name} {self}"))
            }
        }
    )* };
}
whole_numbers!(usize, u64);

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Given for $number {
            fn fields(&self, name: &'static str, _sizes: &Sizes) -> Vec<Field> {
                vec![field(name, *self)]
            }

            fn text(&self, name: &str) -> Option<String> {
                Some(format!("{name} {self}"))
            }
        }
    )* };
}
numbers!(f32, f64);

/// Numbers are passed by value. A body that mistakes one takes another that is not far.
macro_rules! by_value {
    ($($number:ty: $other:expr),*) => { $(
        impl Input for $number {
            type Passed<'a> = $number;

            fn pass(&self) -> $number {
                *self
            }

            fn altered(&self) -> Vec<Self> {
                let other: fn($number) -> $number = $other;
                vec![other(*self)]
            }
        }
    )* };
}
by_value!(usize: |x| x + 1, u64: |x| x + 1, f32: |x| x / 2.0, f64: |x| x / 2.0);

/// A list, such as the lengths of sequences. A body takes it as a slice.
impl<T: std::fmt::Debug> Given for Vec<T> {
    fn shape(&self) -> Vec<usize> {
        vec![self.len()]
    }

    fn fields(&self, name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        vec![field(name, format!("{self:?}"))]
    }
}

impl<T: std::fmt::Debug + Clone + 'static> Input for Vec<T> {
    type Passed<'a> = &'a [T];

    fn pass(&self) -> &[T] {
        self
    }
}

/// The kinds of mask, in the order of [`some_mask`].
const MASKS: [&str; 9] = [
    "none",
    "causal",
    "prefix",
    "padding",
    "dense",
    "all of several",
    "all of nothing",
    "all within all",
    "nothing within all",
];

impl Given for Mask {
    fn fields(&self, name: &'static str, sizes: &Sizes) -> Vec<Field> {
        let mut fields = vec![field(name, self.to_string())];
        if *self != Mask::None {
            fields.extend(table(self, sizes).map(|table| field("may attend", &table)));
        }
        fields
    }

    fn text(&self, name: &str) -> Option<String> {
        Some(format!("{name} {self}"))
    }

    fn kinds(&self, sizes: &Sizes) -> Vec<&'static str> {
        let is_all = |mask: &Mask| matches!(mask, Mask::All(_));
        let is_empty = |mask: &Mask| matches!(mask, Mask::All(masks) if masks.is_empty());
        let mut kinds = vec![match self {
            Mask::None => "none",
            Mask::Causal => "causal",
            Mask::Prefix(_) => "prefix",
            Mask::Padding(_) => "padding",
            Mask::Dense(_) => "dense",
            Mask::All(masks) if masks.is_empty() => "all of nothing",
            Mask::All(masks) if masks.iter().any(is_empty) => "nothing within all",
            Mask::All(masks) if masks.iter().any(is_all) => "all within all",
            Mask::All(_) => "all of several",
        }];
        if let Some(table) = table(self, sizes) {
            let hides = table.iter().any(|&may| !may);
            let empties = table.rows().into_iter().any(|row| row.iter().all(|&may| !may));
            kinds.extend(hides.then_some("that hides a key"));
            kinds.extend(empties.then_some("that leaves a row empty"));
        }
        kinds
    }

    fn required_kinds(&self) -> &'static [&'static str] {
        const REQUIRED: [&str; MASKS.len() + 2] = {
            let mut all = ["that hides a key"; MASKS.len() + 2];
            let mut i = 0;
            while i < MASKS.len() {
                all[i] = MASKS[i];
                i += 1;
            }
            all[MASKS.len()] = "that leaves a row empty";
            all
        };
        &REQUIRED
    }

    fn is_choice(&self) -> bool {
        true
    }
}

impl Input for Mask {
    type Passed<'a> = &'a Mask;

    fn pass(&self) -> &Mask {
        self
    }

    fn altered(&self) -> Vec<Self> {
        vec![Mask::None, Mask::Causal]
    }
}

/// Which keys a mask leaves, if the case says how many queries and keys it is for; in self-attention, without
/// a size m, there are as many keys as queries.
#[cfg(feature = "oracle")]
fn table(mask: &Mask, sizes: &Sizes) -> Option<Array2<bool>> {
    let size = |name| sizes.iter().find(|(other, _)| *other == name).map(|(_, size)| *size);
    let n = size("n")?;
    let m = size("m").unwrap_or(n);
    let may = |(i, j)| attn_oracle::may_attend(mask, (i, n), (j, m));
    Some(Array2::from_shape_fn((n, m), may))
}

/// Without the oracle nobody can say which keys a mask leaves.
#[cfg(not(feature = "oracle"))]
fn table(_mask: &Mask, _sizes: &Sizes) -> Option<Array2<bool>> {
    None
}

/// How many kinds of mask [`some_mask`] makes.
pub const SOME_MASKS: usize = MASKS.len();

/// A mask of each kind for `n` queries and `m` keys, for the small cases of an exercise. All kinds
/// that can hide a key do, and leave a row empty now and then.
///
/// # Panics
/// If `kind` is not below [`SOME_MASKS`].
pub fn some_mask(kind: usize, (n, m): (usize, usize), random: &mut Random) -> Mask {
    let mut open = |share: f32, count: usize| random.uniform(count).mapv(|draw| draw < share);
    let padding = Mask::Padding(open(0.6, m));
    let dense = Mask::Dense(open(0.6, n * m).into_shape_with_order((n, m)).expect("n·m entries"));
    match MASKS[kind] {
        "none" => Mask::None,
        "causal" => Mask::Causal,
        "prefix" => Mask::Prefix(1),
        "padding" => padding,
        "dense" => dense,
        "all of several" => Mask::All(vec![padding, Mask::Prefix(1)]),
        "all of nothing" => Mask::All(Vec::new()),
        "all within all" => Mask::All(vec![Mask::Prefix(2), Mask::All(vec![dense, padding])]),
        _ => Mask::All(vec![dense, Mask::All(Vec::new())]),
    }
}

/// From here on the largest entry makes a tensor large: exp of it overflows, tanh of it is 1.
const LARGE: f32 = 90.0;
/// Up to here the largest entry makes a tensor tiny.
const TINY: f32 = 1e-3;

/// How many kinds of values [`some_values`] makes.
pub const SOME_VALUES: usize = 4;

/// A tensor of standard normal entries (kind 0), or of large (1), tiny (2) or equal ones (3).
///
/// # Panics
/// If `kind` is not below [`SOME_VALUES`].
pub fn some_values<D: Dimension, S: ShapeBuilder<Dim = D>>(
    kind: usize,
    shape: S,
    random: &mut Random,
) -> Array<f32, D> {
    let normal = random.normal(shape);
    match kind {
        0 => normal,
        1 => normal.mapv(|x: f32| (LARGE + 10.0 * x.abs()).copysign(x)),
        2 => normal.mapv(|x: f32| x * 1e-4),
        3 => {
            let first = normal.first().copied().unwrap_or_default();
            normal.mapv(|_| first)
        }
        _ => panic!("there are {SOME_VALUES} kinds of values"),
    }
}

/// Lets bodies take a struct of tensors by reference: each tensor is a field, and its axes have the
/// same names wherever the struct is an input.
///
/// ```ignore
/// given! { Rnn { from_x [d d_in], from_h [d d], bias [d] } }
/// ```
#[macro_export]
macro_rules! given {
    ($type:ty { $($part:ident [$($axis:ident)*]),* $(,)? }) => {
        impl $crate::Given for $type {
            fn own_sizes(&self) -> $crate::Sizes {
                let mut sizes = $crate::Sizes::new();
                $(
                    let names = [$(stringify!($axis)),*];
                    sizes.extend(names.into_iter().zip($crate::Given::shape(&self.$part)));
                )*
                sizes
            }

            fn fields(&self, _name: &'static str, sizes: &$crate::Sizes) -> Vec<$crate::Field> {
                let parts = [$($crate::Given::fields(&self.$part, stringify!($part), sizes)),*];
                parts.into_iter().flatten().collect()
            }
        }

        $crate::given! { @input $type { $($part),* } }
    };
    // For a type that says itself how a reader sees it.
    (@input $type:ty { $($part:ident),* $(,)? }) => {
        impl $crate::Input for $type {
            type Passed<'a> = &'a $type;

            fn pass(&self) -> &$type {
                self
            }

            fn altered(&self) -> Vec<Self> {
                let mut all = Vec::new();
                $(
                    for part in $crate::Input::altered(&self.$part) {
                        let mut other = self.clone();
                        other.$part = part;
                        all.push(other);
                    }
                )*
                all
            }

            fn nudged(&self, pattern: usize) -> Self {
                let mut nudged = self.clone();
                $(nudged.$part = $crate::Input::nudged(&self.$part, pattern);)*
                nudged
            }
        }
    };
}
