use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which keys each query may attend to, for `n` queries and `m` keys.
///
/// `true` always means *may attend*. This type only says which rule is meant; the rules themselves
/// are the second exercise of chapter 3, where `allowed(&mask, n, m)` turns a mask into an `n × m`
/// table.
///
/// ```
/// use attn_core::Mask;
/// let mask = Mask::All(vec![Mask::Causal, Mask::padding([true, true, false])]);
/// assert_eq!(mask.to_string(), "causal and padding(3 keys)");
/// ```
// ANCHOR: mask
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Mask {
    /// Every query may attend to every key.
    None,
    /// Query `i` may attend to keys `j ≤ m − n + i`: the last query sees the last key (bottom-right
    /// alignment). The limit is signed: below zero the row is empty.
    Causal,
    /// Causal, except that the first `p` keys are open to every query. `p` may exceed `m`.
    Prefix(usize),
    /// `keys[j]` says whether key `j` is real (`true`) or padding (`false`). Length `m`.
    Padding(Array1<bool>),
    /// An explicit `n × m` table.
    Dense(Array2<bool>),
    /// Allowed where *all* of these masks allow it; with no masks inside, everything is allowed.
    All(Vec<Mask>),
}
// ANCHOR_END: mask

impl Mask {
    /// A padding mask from one `bool` a key, `true` for a real key.
    pub fn padding(keys: impl IntoIterator<Item = bool>) -> Self {
        Mask::Padding(keys.into_iter().collect())
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Mask::None => write!(f, "none"),
            Mask::Causal => write!(f, "causal"),
            Mask::Prefix(p) => write!(f, "prefix({p})"),
            Mask::Padding(keys) => write!(f, "padding({} keys)", keys.len()),
            Mask::Dense(table) => write!(f, "dense({}×{})", table.nrows(), table.ncols()),
            Mask::All(masks) if masks.is_empty() => write!(f, "all of nothing"),
            Mask::All(masks) => {
                let names: Vec<String> = masks.iter().map(Mask::to_string).collect();
                write!(f, "{}", names.join(" and "))
            }
        }
    }
}
