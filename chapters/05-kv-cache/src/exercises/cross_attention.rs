//! 5.7 `cross_attention`

use super::cached_layer::random_layer;
use crate::given::{AttentionLayer, MemoryKv, Projections};
use attn_core::Mask;
use attn_exercise::{Field, Fields, SOME_VALUES, Trace, exercise, field, pairwise, some_values};
use attn_oracle::to;
use ch03_scaled_dot_product::softmax_rows;
use ch04_multi_head::{attend_heads, merge_heads, oracle};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, NdFloat, array, concatenate, s};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What can be seen of a layer after a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen<F> {
    out: Array2<F>,
    rows: String,
    kept: String,
}

impl<F> Fields for Seen<F>
where
    for<'a> attn_exercise::Value: From<&'a Array2<F>>,
{
    fn fields(&self) -> Vec<Field> {
        vec![
            field("out", &self.out),
            field("the count so far", self.rows.clone()),
            field("what is kept", self.kept.clone()),
        ]
    }
}

exercise! {
    /// A layer, a text of t tokens, the lengths of the chunks that they come in, and the memory that they look at.
    crate::cross_attention as fn(&mut Projections, &mut Option<MemoryKv>, ArrayView2<f32>, ArrayView2<f32>) -> Array2<f32>: (
        layer: AttentionLayer, x: Array2<f32>[t d_model], cuts: Vec<usize>, memory: Array2<f32>[m d_memory],
    ) -> Trace<Seen<f32>>;
    answer: |cross_attention, c| trace(c, cross_attention);

    exact: |c| expected::<f64>(c);
    plain: |c| [expected::<f32>(c), trace(c, by_hand_softmax)];
    steps: |c| {
        let mut layer = Projections::new(c.layer.clone());
        let (keys, values) = (layer.keys(c.memory.view()), layer.values(c.memory.view()));
        [field("keys of the memory", &keys), field("values of the memory", &values)]
    };

    cases: |random| {
        let mut of = |about: &str, cuts: &[usize], m, (h, d, d_v): (usize, usize, usize), (d_model, d_memory), [of_x, of_memory]: [usize; 2]| {
            let mut layer = random_layer(random, (h, d, d_v), d_model);
            let from_memory = random_layer(random, (h, d, d_v), d_memory);
            (layer.w_k, layer.w_v) = (from_memory.w_k, from_memory.w_v);
            let x = some_values(of_x, (cuts.iter().sum(), d_model), random);
            case(about, (layer, x, cuts.to_vec(), some_values(of_memory, (m, d_memory), random)))
        };
        let mut cases = vec![
            by_hand(),
            of("token by token", &[1; 5], 4, (2, 3, 4), (6, 5), [0; 2]),
            of("all at once", &[6], 3, (2, 3, 3), (4, 7), [0; 2]),
            of("uneven chunks", &[3, 1, 2], 5, (3, 2, 4), (5, 5), [0; 2]),
            of("a memory of one row", &[2, 1], 1, (2, 3, 2), (4, 3), [0; 2]),
            of("as many tokens as rows of the memory", &[3, 3], 3, (2, 3, 4), (5, 5), [0; 2]),
            of("", &[16, 1, 1, 15], 31, (4, 8, 8), (16, 24), [0; 2]),
        ];
        let levels = [3, 3, 3, 3, 3, 3, 3, 3, SOME_VALUES, SOME_VALUES];
        let small = pairwise(levels).into_iter().map(|[first, second, m, h, d, d_v, d_model, d_memory, of_x, of_memory]| {
            let cuts = if second == 0 { vec![first + 1] } else { vec![first + 1, second] };
            of("small", &cuts, m + 1, (h + 1, d + 1, d_v + 1), (d_model + 1, d_memory + 1), [of_x, of_memory])
        });
        cases.extend(small.collect::<Vec<_>>());
        cases
    };

    right (layer, kept, x, memory) {
        "softmax by hand" => by_hand_softmax(layer, kept, x, memory);
        "matched" => {
            let memory_kv = match kept.take() {
                Some(filled) => filled,
                None => project(layer, memory),
            };
            let q = layer.queries(x);
            let heads = attend_heads(q.view(), memory_kv.keys.view(), memory_kv.values.view(), &Mask::None);
            *kept = Some(memory_kv);
            layer.outputs(heads.view())
        };
        "token by token" => {
            if kept.is_none() {
                *kept = Some(project(layer, memory));
            }
            let rows: Vec<Array2<f32>> = x.rows().into_iter().map(|row| {
                let q = layer.queries(row.insert_axis(Axis(0)));
                attend_kept(layer, kept, &q, &Mask::None)
            }).collect();
            let rows: Vec<_> = rows.iter().map(|row| row.view()).collect();
            ndarray::concatenate(Axis(0), &rows).expect("rows of one width")
        };
    }

    mistakes (layer, kept, x, memory) {
        "every-time": "the keys and values of the memory are computed in every call, whether they are kept already or not: the outputs are right, and nothing is saved"
            => {
                *kept = Some(project(layer, memory));
                crate::cross_attention(layer, kept, x, memory)
            };
        "never-kept": "the keys and values are computed and used, and `kept` stays empty: the next call computes them again"
            => crate::cross_attention(layer, &mut None, x, memory);
        "values-every-time": "the values of the memory are computed again in every call, and only the keys are kept"
            => {
                if let Some(kept) = kept {
                    kept.values = layer.values(memory);
                }
                crate::cross_attention(layer, kept, x, memory)
            };
        "keys-every-time": "the keys of the memory are computed again in every call, and only the values are kept"
            => {
                if let Some(kept) = kept {
                    kept.keys = layer.keys(memory);
                }
                crate::cross_attention(layer, kept, x, memory)
            };
        "for-each-token": "the keys and values of the memory are computed once for each token of the first call"
            => {
                if kept.is_none() {
                    for _ in 1..x.nrows() {
                        project(layer, memory);
                    }
                }
                crate::cross_attention(layer, kept, x, memory)
            };
        "keys-kept-alone": "the keys of the memory are kept, an empty array in the place of the values, and the values are computed again in every call"
            => {
                let q = layer.queries(x);
                let keys = match kept.take() {
                    Some(kept) => kept.keys,
                    None => layer.keys(memory),
                };
                let values = layer.values(memory);
                let heads = attend_heads(q.view(), keys.view(), values.view(), &Mask::None);
                *kept = Some(MemoryKv { keys, values: Array3::zeros((0, 0, 0)) });
                layer.outputs(heads.view())
            };
        "new-tokens-kept": "the keys and values are those of the new tokens instead of the memory, where both have the same width"
            => {
                if kept.is_none() {
                    *kept = Some(project(layer, if x.ncols() == memory.ncols() { x } else { memory }));
                }
                crate::cross_attention(layer, kept, x, memory)
            };
        "memory-asks": "the queries are those of the memory instead of the new tokens, where both have the same shape"
            => crate::cross_attention(layer, kept, if x.dim() == memory.dim() { memory } else { x }, memory);
        "exchanged": "keys and values have changed places, where they have the same width: the values are compared with, and the keys are summed"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    let MemoryKv { keys, values } = project(layer, memory);
                    let alike = keys.dim() == values.dim();
                    let (keys, values) = if alike { (values, keys) } else { (keys, values) };
                    *kept = Some(MemoryKv { keys, values });
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "no-w-o": "the merged heads are returned as they are: the product with W_o is missing"
            => {
                let q = layer.queries(x);
                let MemoryKv { keys, values } = kept.get_or_insert_with(|| project(layer, memory));
                merge_heads(attend_heads(q.view(), keys.view(), values.view(), &Mask::None).view())
            };
        "outputs-head-by-head": "each head goes through W_o by itself, zeros in the place of the others, and the results are added: the outputs are right, and W_o is used h times as often"
            => {
                let q = layer.queries(x);
                let MemoryKv { keys, values } = kept.get_or_insert_with(|| project(layer, memory));
                let heads = attend_heads(q.view(), keys.view(), values.view(), &Mask::None);
                let mut out = Array2::zeros(x.dim());
                for head in 0..heads.dim().0 {
                    let mut alone = Array3::zeros(heads.dim());
                    alone.index_axis_mut(Axis(0), head).assign(&heads.index_axis(Axis(0), head));
                    out += &layer.outputs(alone.view());
                }
                out
            };
        "grown": "the memory's keys and values are appended in every call, as those of new tokens are in self-attention: the kept ones grow, and count twice"
            => {
                let MemoryKv { keys, values } = project(layer, memory);
                let all = match kept.take() {
                    None => MemoryKv { keys, values },
                    Some(old) => MemoryKv {
                        keys: concatenate![Axis(1), old.keys, keys],
                        values: concatenate![Axis(1), old.values, values],
                    },
                };
                *kept = Some(all);
                let q = layer.queries(x);
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "causal": "a causal mask is laid over the memory, as in self-attention; all of the memory was there before the first token"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(project(layer, memory));
                }
                attend_kept(layer, kept, &q, &Mask::Causal)
            };
        "keys-for-values": "the keys are kept in the place of the values, where they have the same width"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    let MemoryKv { keys, values } = project(layer, memory);
                    let values = if keys.dim() == values.dim() { keys.clone() } else { values };
                    *kept = Some(MemoryKv { keys, values });
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "queries-of-all": "the queries of the new tokens are computed twice"
            => {
                layer.queries(x);
                crate::cross_attention(layer, kept, x, memory)
            };
        "outputs-twice": "the outputs of the new tokens are computed twice"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(project(layer, memory));
                }
                attend_kept(layer, kept, &q, &Mask::None);
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "no-scale": "the scores are not divided by √d"
            => scaled(layer, kept, x, memory, f32::sqrt);
        "scaled-twice": "the scores are divided by √d twice: attention of chapter 3 has done it already"
            => scaled(layer, kept, x, memory, |d| 1.0 / d.sqrt());
        "softmax-over-tokens": "the softmax runs over the new tokens instead of the rows of the memory"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(project(layer, memory));
                }
                let MemoryKv { keys, values } = kept.clone().expect("filled above");
                let mut heads = Array3::zeros((q.dim().0, q.dim().1, values.dim().2));
                for (head, mut out) in heads.outer_iter_mut().enumerate() {
                    let [q, k, v] = [&q, &keys, &values].map(|x| x.index_axis(Axis(0), head));
                    let scores = q.dot(&k.t()) / (q.ncols() as f32).sqrt();
                    out.assign(&softmax_rows(scores.t()).t().dot(&v));
                }
                layer.outputs(heads.view())
            };
        "first-row-only": "the new tokens look at the first row of the memory alone"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(project(layer, memory));
                }
                attend_kept(layer, kept, &q, &Mask::padding((0..memory.nrows()).map(|j| j == 0)))
            };
        "keys-for-both": "the values are made with W_k as well, and W_v is not used"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(MemoryKv { keys: layer.keys(memory), values: layer.keys(memory) });
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "values-for-both": "the keys are made with W_v as well, and W_k is not used"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(MemoryKv { keys: layer.values(memory), values: layer.values(memory) });
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "projections-exchanged": "keys and values have changed places, also where they differ in width: the values are compared with, and the keys are summed"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(MemoryKv { keys: layer.values(memory), values: layer.keys(memory) });
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "x-for-memory": "the keys and values are made of the new tokens, also where these are of another width than the memory"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(project(layer, x));
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "memory-for-x": "the queries are made of the memory, also where it is of another width than the new tokens"
            => {
                let q = layer.queries(memory);
                if kept.is_none() {
                    *kept = Some(project(layer, memory));
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "x-and-memory-exchanged": "the queries are made of the memory, and the keys and values of the new tokens"
            => {
                let q = layer.queries(memory);
                if kept.is_none() {
                    *kept = Some(project(layer, x));
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "queries-by-w-k": "the queries are made with W_k, also where it is made for another width"
            => {
                let q = layer.keys(x);
                if kept.is_none() {
                    *kept = Some(project(layer, memory));
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "filled-when-filled": "`kept` is filled where it is filled already, and not where it is empty: the condition is the wrong way round"
            => {
                let q = layer.queries(x);
                if kept.is_some() {
                    *kept = Some(project(layer, memory));
                }
                let MemoryKv { keys, values } = kept.as_ref().unwrap();
                let heads = attend_heads(q.view(), keys.view(), values.view(), &Mask::None);
                layer.outputs(heads.view())
            };
        "for-every-longer-chunk": "the keys and values of the memory are computed again where a call has more than one token, as if it were a prompt"
            => {
                if x.nrows() > 1 {
                    *kept = Some(project(layer, memory));
                }
                crate::cross_attention(layer, kept, x, memory)
            };
        "x-kept-too": "the keys and values of the new tokens are kept behind those of the memory, where both have the same width; in cross-attention the tokens do not look at each other"
            => {
                let q = layer.queries(x);
                let all = if x.ncols() == memory.ncols() { concatenate![Axis(0), memory, x] } else { memory.to_owned() };
                if kept.is_none() {
                    *kept = Some(project(layer, all.view()));
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "x-added": "x is added to the result, as a block does around its layer; the layer gives its own result alone"
            => crate::cross_attention(layer, kept, x, memory) + x;
        "scaled-by-d-model": "the queries are divided by √d_model; attention divides the scores by √d, and nothing else is"
            => {
                let root = (x.ncols() as f32).sqrt();
                scaled(layer, kept, x, memory, |_| 1.0 / root)
            };
        "last-row-only": "the new tokens look at the last row of the memory alone"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(project(layer, memory));
                }
                attend_kept(layer, kept, &q, &Mask::padding((0..memory.nrows()).map(|j| j + 1 == memory.nrows())))
            };
        "uniform": "the values of the memory are averaged, whatever the queries are"
            => scaled(layer, kept, x, memory, |_| 0.0);
        "values-once-more": "the values of the memory are computed once more in every call, beside those that are kept"
            => {
                layer.values(memory);
                crate::cross_attention(layer, kept, x, memory)
            };
        "keys-once-more": "the keys of the memory are computed once more in every call, beside those that are kept"
            => {
                layer.keys(memory);
                crate::cross_attention(layer, kept, x, memory)
            };
        "x-for-values": "the values are made of the new tokens, which are not as many as the keys of the memory"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(MemoryKv { keys: layer.keys(memory), values: layer.values(x) });
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
        "x-for-keys": "the keys are made of the new tokens, which are not as many as the values of the memory"
            => {
                let q = layer.queries(x);
                if kept.is_none() {
                    *kept = Some(MemoryKv { keys: layer.keys(x), values: layer.values(memory) });
                }
                attend_kept(layer, kept, &q, &Mask::None)
            };
    }
}

/// A call.
struct Call(std::ops::Range<usize>);

/// `a call with 3 tokens`
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "a call with {} token{plural}", self.0.len())
    }
}

fn calls(c: &Case) -> impl Iterator<Item = Call> {
    c.cuts.iter().scan(0, |first, &tokens| {
        *first += tokens;
        Some(Call(*first - tokens..*first))
    })
}

/// What is seen after each call.
fn trace(
    c: &Case,
    cross_attention: impl Fn(
        &mut Projections,
        &mut Option<MemoryKv>,
        ArrayView2<f32>,
        ArrayView2<f32>,
    ) -> Array2<f32>,
) -> Trace<Seen<f32>> {
    let state = (Projections::new(c.layer.clone()), None);
    Trace::of(calls(c), state, |(layer, kept), Call(rows)| {
        let out = cross_attention(layer, kept, c.x.slice(s![rows, ..]), c.memory.view());
        let held = kept.as_ref().map(|kept| (kept.keys.dim().1, kept.values.dim().1));
        let kept =
            held.map_or("nothing".into(), |(keys, values)| format!("{keys} keys, {values} values"));
        Seen { out, rows: layer.rows.to_string(), kept }
    })
}

/// Chapter 4's cross-attention in plain loops, over the whole text.
fn expected<F: NdFloat>(c: &Case) -> Trace<Seen<F>> {
    let (x, memory) = (to::<F>(c.x.view()), to::<F>(c.memory.view()));
    let whole = oracle::multi_head(&c.layer, &x, &memory, None, &Mask::None);
    Trace::of(calls(c), (), |(), Call(rows)| {
        let (n, m) = (rows.end, c.memory.nrows());
        Seen {
            out: whole.slice(s![rows, ..]).to_owned(),
            rows: format!(
                "{n} rows through W_q, {m} through W_k, {m} through W_v, {n} through W_o"
            ),
            kept: format!("{m} keys, {m} values"),
        }
    })
}

fn project(layer: &mut Projections, memory: ArrayView2<f32>) -> MemoryKv {
    MemoryKv { keys: layer.keys(memory), values: layer.values(memory) }
}

/// Attention to what is kept.
fn attend_kept(
    layer: &mut Projections,
    kept: &Option<MemoryKv>,
    q: &Array3<f32>,
    mask: &Mask,
) -> Array2<f32> {
    let MemoryKv { keys, values } = kept.as_ref().expect("filled before");
    let heads = attend_heads(q.view(), keys.view(), values.view(), mask);
    layer.outputs(heads.view())
}

/// With scores that are multiplied by what `factor` makes of the width of a head.
fn scaled(
    layer: &mut Projections,
    kept: &mut Option<MemoryKv>,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
    factor: impl Fn(f32) -> f32,
) -> Array2<f32> {
    let q = layer.queries(x);
    let q = &q * factor(q.dim().2 as f32);
    if kept.is_none() {
        *kept = Some(project(layer, memory));
    }
    attend_kept(layer, kept, &q, &Mask::None)
}

fn by_hand_softmax(
    layer: &mut Projections,
    kept: &mut Option<MemoryKv>,
    x: ArrayView2<f32>,
    memory: ArrayView2<f32>,
) -> Array2<f32> {
    if kept.is_none() {
        let (values, keys) = (layer.values(memory), layer.keys(memory));
        *kept = Some(MemoryKv { keys, values });
    }
    let q = layer.queries(x);
    let MemoryKv { keys, values } = kept.as_ref().expect("filled above");
    let attend = |q: ArrayView2<f32>, k: ArrayView2<f32>, v: ArrayView2<f32>| {
        let mut weights = q.dot(&k.t()) / (q.ncols() as f32).sqrt();
        for mut row in weights.rows_mut() {
            let most = row.fold(f32::NEG_INFINITY, |most, &x| most.max(x));
            row.mapv_inplace(|x| (x - most).exp());
            let sum = row.sum();
            row /= sum;
        }
        weights.dot(&v)
    };
    let mut heads = Array3::zeros((q.dim().0, q.dim().1, values.dim().2));
    for (head, mut out) in heads.outer_iter_mut().enumerate() {
        let of = |x: ArrayView3<f32>| x.index_axis(Axis(0), head).to_owned();
        out.assign(&attend(of(q.view()).view(), of(keys.view()).view(), of(values.view()).view()));
    }
    layer.outputs(heads.view())
}

/// A memory of two rows, and two calls with a token each: weights 1/4 and 3/4, then 1/2 each.
fn by_hand() -> Case {
    let ln3 = 3.0_f32.ln();
    let layer = AttentionLayer {
        w_q: array![[1.0], [0.0]],
        w_k: array![[1.0], [0.0]],
        w_v: array![[0.0], [4.0]],
        w_o: array![[1.0, 10.0]],
        h: 1,
    };
    let (x, memory) = (array![[1.0, 0.0], [0.0, 1.0]], array![[0.0, 0.0], [ln3, 1.0]]);
    case("by hand: weights 1/4 and 3/4, then 1/2 each", (layer, x, vec![1, 1], memory))
}
