use crate::given::{Table, expect_pages};
use attn_core::Mask;
use ch03_scaled_dot_product::attention;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayView4, Axis, concatenate, s};

// ANCHOR: paged_attention
/// Causal attention of a chunk's queries to the tokens of a text whose keys and values lie in blocks.
/// The queries are those of the text's last n tokens.
///
/// Shapes: `q` (h, n, d), turned already; `keys` (blocks, h, size, d), `values` (blocks, h, size, d_v);
/// m = `table.tokens`, n ≤ m; out (h, n, d_v). Places without a token of this text may hold anything,
/// NaN too. Costs at most h·2·n·m·(d + d_v) FLOPs, as without blocks.
///
/// Source: Kwon et al. (2309.06180) §4.1, Eq 4, which writes it block by block.
///
/// ```
/// use ch10_paged::{given::Table, paged_attention};
/// use ndarray::{Array3, Array4};
/// // Three tokens with equal keys in blocks 2 and 0, and the values 3, 5 and 10.
/// let keys = Array4::zeros((3, 1, 2, 1));
/// let mut values = Array4::from_elem((3, 1, 2, 1), f32::NAN);
/// values[[2, 0, 0, 0]] = 3.0;
/// values[[2, 0, 1, 0]] = 5.0;
/// values[[0, 0, 0, 0]] = 10.0;
/// let table = Table { blocks: vec![2, 0], tokens: 3 };
/// let out = paged_attention(Array3::ones((1, 1, 1)).view(), keys.view(), values.view(), &table);
/// assert_eq!(out[[0, 0, 0]], 6.0);
/// ```
#[track_caller]
pub fn paged_attention(
    q: ArrayView3<f32>,
    keys: ArrayView4<f32>,
    values: ArrayView4<f32>,
    table: &Table,
) -> Array3<f32> {
    expect_pages(q, keys, values, table);
    // SOLUTION 10.5: in every head, the text's rows in the order of its table, then attention
    let (h, n, _) = q.dim();
    let mut out = Array3::zeros((h, n, values.dim().3));
    for head in 0..h {
        let (k, v) = (rows(keys, head, table), rows(values, head, table));
        let found = attention(q.index_axis(Axis(0), head), k.view(), v.view(), &Mask::Causal).out;
        out.index_axis_mut(Axis(0), head).assign(&found);
    }
    out
    // END SOLUTION
}

// SOLUTION
/// One head's rows of a text, one after the other: tokens × d.
fn rows(pages: ArrayView4<f32>, head: usize, table: &Table) -> Array2<f32> {
    let size = pages.dim().2;
    let parts = table.blocks.iter().enumerate().map(|(i, &block)| {
        let held = size.min(table.tokens - i * size);
        pages.slice_move(s![block, head, ..held, ..])
    });
    let parts: Vec<ArrayView2<f32>> = parts.collect();
    match parts.as_slice() {
        [] => Array2::zeros((0, pages.dim().3)),
        parts => concatenate(Axis(0), parts).expect("parts of one width"),
    }
}
// END SOLUTION
// ANCHOR_END: paged_attention
