//! What the chapter's text says, as tests: the numbers printed there are asserted here.

use attn_core::Mask;
use ch03_scaled_dot_product::attention;
use ch05_kv_cache::{
    cache_bytes, cached_attention,
    concatenating::written,
    decode_cost,
    figures::roofline::{self, step},
    given::{KvCache, Model, RingCache},
    largest_batch,
    models::{CARDS, GPT_OSS, card, parameters, published},
    recomputed::work,
    window_attention,
};
use ndarray::{Array2, Array3, Axis, array, s};

fn model(name: &str) -> &'static Model {
    &published(name).model
}

// Bytes

/// “524,288 bytes, about 52K”: it is 512 KiB, exactly.
#[test]
fn a_token_of_llama_2_takes_512_kib() {
    let llama = model("Llama-2-7B");
    assert_eq!(cache_bytes(llama, 1, 1), 524_288);
    assert_eq!(524_288, 512 * 1024);
    assert_eq!(cache_bytes(llama, 1024, 1), 536_870_912);
    assert_eq!(536_870_912, 512 << 20);
    // The text's 2·L·s·d numbers, with d the width of the model: the same here, because all heads
    // of queries have keys of their own and share the width evenly.
    assert_eq!(2 * llama.layers * llama.d_model * llama.number_bytes, 524_288);
    // It is not so for models with fewer heads of keys, or with wider ones.
    assert_eq!(cache_bytes(model("Llama-3-8B"), 1, 1), 131_072);
    assert_eq!(cache_bytes(model("Qwen2.5-7B"), 1, 1), 57_344);
    assert_eq!(cache_bytes(model("Falcon-40B"), 1, 1), 122_880);
}

/// LLaMA-65B at 4,096 tokens: 10.74 GB, which is 10.0 GiB, and not 10.5 GB.
#[test]
fn llama_65b_at_4096_tokens_takes_10_gib() {
    let bytes = cache_bytes(model("LLaMA-65B"), 4096, 1);
    assert_eq!(bytes, 10 << 30);
    assert_eq!((bytes as f64 / 1e7).round() / 100.0, 10.74);
}

/// With one head of keys for all of Llama-2-7B's 32: 16 MiB for 1,024 tokens.
#[test]
fn a_single_head_of_keys_takes_a_thirty_second() {
    let one = Model { kv_heads: 1, ..*model("Llama-2-7B") };
    assert_eq!(cache_bytes(&one, 1024, 1), 16_777_216);
}

/// The parameters in the list are those that follow from the published sizes.
#[test]
fn parameters_follow_from_the_sizes() {
    let sizes = [
        ("Llama-2-7B", 11_008, 32_000, false),
        ("LLaMA-65B", 22_016, 32_000, false),
        ("Llama-3-8B", 14_336, 128_256, false),
        ("Qwen2.5-7B", 18_944, 152_064, true),
        ("Mistral 7B", 14_336, 32_000, false),
    ];
    for (name, d_ff, vocabulary, biases) in sizes {
        let model = model(name);
        assert_eq!(parameters(model, d_ff, vocabulary, biases), model.parameters, "{name}");
    }
}

/// “The cache should fit in L2”: 50 MB hold 95 tokens of Llama-2-7B. And the weights, which are read
/// in every step too, are 270 times as large.
#[test]
fn an_l2_of_50_mb_holds_95_tokens() {
    let llama = model("Llama-2-7B");
    assert_eq!(50_000_000 / cache_bytes(llama, 1, 1), 95);
    assert_eq!(llama.parameters * llama.number_bytes / 50_000_000, 269);
}

/// What the page says of windows.
#[test]
fn windows_keep_a_fraction() {
    let of = |model: &ch05_kv_cache::models::Published, tokens| {
        let whole = cache_bytes(&model.model, tokens, 1) as f64;
        model.text_bytes(tokens, cache_bytes) as f64 / whole
    };
    assert_eq!(of(published("Mistral 7B"), 32_768), 1.0 / 8.0);
    assert_eq!(of(published("Mistral 7B"), 2000), 1.0);
    let gemma = of(published("Gemma 3 27B"), 131_072);
    assert!((0.16..0.17).contains(&gemma), "{gemma}");
    let oss = of(&GPT_OSS, 131_072);
    assert!((0.5..0.501).contains(&oss), "{oss}");
}

// Work

/// “Step 0 is computed 800 times”: counted. With a cache it is computed once.
#[test]
fn token_0_is_computed_800_times() {
    let [with, without] = work(10, 800);
    assert_eq!(without.times[0], 800);
    // Token 10, the first that was written, is read by all steps but the first, and so on.
    assert_eq!((without.times[10], without.times[11], without.times[808]), (799, 798, 1));
    assert_eq!((with.rows(), without.rows()), (809, 327_600));
    assert!(with.times.iter().all(|&times| times == 1));
    // Pairs: the square of the length, once; or its cube.
    assert_eq!(with.pairs, 809 * 810 / 2);
    assert_eq!(without.pairs, (10..810_u64).map(|n| n * (n + 1) / 2).sum::<u64>());
    assert_eq!((with.pairs, without.pairs), (327_645, 88_573_200));
}

/// One cache writes each token once; the other writes all of them for each.
#[test]
fn concatenating_copies_the_square() {
    for tokens in [1, 2, 33, 500] {
        let counted = written(&vec![1; tokens]);
        let t = tokens as u64;
        // A key and a value of one f32 each.
        assert_eq!(counted[tokens - 1], [8 * t, 8 * t * (t + 1) / 2]);
    }
    // In bytes of Llama-2-7B, at 4,096 tokens.
    let of_the_model = |bytes: u64| bytes as f64 / 8.0 * 524_288.0 / 1e9;
    let ends = written(&vec![1; 4096])[4095].map(of_the_model);
    assert!((2.1..2.2).contains(&ends[0]) && (4_350.0..4_450.0).contains(&ends[1]), "{ends:?}");
    // A prompt in one piece is written once by both.
    assert_eq!(written(&[100, 1])[1], [808, 800 + 808]);
}

// Time

/// What the page says of steps on an H100.
#[test]
fn a_single_text_waits_for_memory() {
    let (llama, h100) = (model("Llama-2-7B"), card("h100").unwrap().machine);
    let (cost, intensity) = step(llama, 1);
    assert!((0.9..1.1).contains(&intensity), "{intensity}");
    assert_eq!(cost.seconds, cost.bytes as f64 / h100.bandwidth);
    // The card could do 295 operations in the time that it takes to read a byte.
    assert_eq!((h100.peak / h100.bandwidth).round(), 295.0);
    // So it waits for nearly all of that time.
    assert!((0.996..0.998).contains(&(1.0 - cost.flop as f64 / h100.peak / cost.seconds)));
    // Four texts take a few per cent longer than one.
    assert!(step(llama, 4).0.seconds < 1.12 * cost.seconds);
    // Short texts help only as far as the caches are small beside the weights.
    for batch in roofline::BATCHES {
        let (cost, _) = step(llama, batch);
        assert!(cost.seconds > cost.flop as f64 / h100.peak, "{batch} texts");
    }
    // Without caches the ridge would be reached at some 300 texts.
    let many = decode_cost(llama, h100, 0, 300);
    assert!(many.seconds > many.bytes as f64 / h100.bandwidth);
    assert!(
        decode_cost(llama, h100, 0, 290).seconds
            == decode_cost(llama, h100, 0, 290).bytes as f64 / h100.bandwidth
    );
}

/// However many texts there are, the FLOPs per byte stay below what the caches allow.
#[test]
fn caches_bound_the_intensity() {
    let h100 = card("h100").unwrap().machine;
    for (name, of_the_cache, short, long) in
        [("Llama-2-7B", 1.0, 26.0, 4.0), ("Llama-3-8B", 4.0, 124.0, 19.0)]
    {
        let model = model(name);
        let of_a_key = 4 * model.layers * model.heads * model.head_dim;
        assert_eq!(of_a_key as f64 / cache_bytes(model, 1, 1) as f64, of_the_cache, "{name}");
        for (tokens, printed) in [(1024, short), (8192, long)] {
            let limit =
                2.0 * model.parameters as f64 / cache_bytes(model, tokens, 1) as f64 + of_the_cache;
            assert_eq!(limit.round(), printed, "{name}, {tokens} tokens");
            let cost = decode_cost(model, h100, tokens, 1_000_000);
            let intensity = cost.flop as f64 / cost.bytes as f64;
            assert!((0.99 * limit..limit).contains(&intensity), "{intensity}, {limit}");
        }
    }
}

/// The largest batches that the page names.
#[test]
fn texts_that_fit() {
    let h100 = card("h100").unwrap();
    assert_eq!(largest_batch(model("Llama-2-7B"), h100.memory, 4096), 30);
    assert_eq!(largest_batch(model("Llama-3-8B"), h100.memory, 4096), 119);
    assert_eq!(largest_batch(model("Qwen2.5-7B"), h100.memory, 4096), 275);
    // LLaMA-65B's weights alone are larger than any card of the list but none of its caches.
    let weights = model("LLaMA-65B").parameters * 2;
    let (fits, all) = (CARDS.iter().filter(|card| card.memory >= weights).count(), CARDS.len());
    assert_eq!((fits, all), (1, 5));
}

/// At the rates of FlashAttention's Figure 1: from the computer's memory at 12.8 GB/s, against steps that
/// read the card's own at 1.5 TB/s.
#[test]
fn fetching_a_cache_back_takes_as_long_as_some_steps() {
    let llama = model("Llama-2-7B");
    let cache = cache_bytes(llama, 1024, 1) as f64;
    let (fetched, step) = (cache / 12.8e9, (cache + 2.0 * llama.parameters as f64) / 1.5e12);
    assert_eq!((1e3 * fetched).round(), 42.0);
    assert!((4.0..5.0).contains(&(fetched / step)), "{}", fetched / step);
}

// Windows

/// The picture of the ring: after token 5 its four slots hold tokens 4, 5, 2 and 3.
#[test]
fn a_slot_is_not_a_position() {
    let mut ring = RingCache::new(1, 4, 1, 1);
    for token in 0..6 {
        let one = |x: f32| Array3::from_elem((1, 1, 1), x);
        window_attention(&mut ring, one(1.0).view(), one(1.0).view(), one(token as f32).view());
    }
    assert_eq!(ring.values, array![[[4.0], [5.0], [2.0], [3.0]]]);
}

// Masks

/// A causal mask that is aligned top-left, as `is_causal` of PyTorch is, gives a single query the first
/// key alone.
#[test]
fn a_top_left_mask_leaves_a_new_token_the_first_key() {
    let mut cache = KvCache { len: 3, ..KvCache::new(1, 3, 1, 1) };
    cache.values.assign(&array![[[10.0], [20.0], [60.0]]]);
    let q = Array3::ones((1, 1, 1));
    assert_eq!(cached_attention(q.view(), &cache), array![[[30.0]]]);
    let top_left = Mask::Dense(Array2::from_shape_fn((1, 3), |(i, j)| j <= i));
    let [q, k, v] = [&q, &cache.keys, &cache.values].map(|x| x.index_axis(Axis(0), 0));
    assert_eq!(attention(q, k, v, &top_left).out, array![[10.0]]);
    // For a whole prompt the two are the same, which is why the mistake is not seen there.
    let whole = attention(k, k, v, &Mask::Causal).out;
    let top_left = Mask::Dense(Array2::from_shape_fn((3, 3), |(i, j)| j <= i));
    assert_eq!(attention(k, k, v, &top_left).out, whole);
    assert_eq!(whole.slice(s![0, ..]), array![10.0]);
}
