//! What the chapter's page says in numbers.

use attn_lm::{
    Model,
    results::{Converted, conversions},
};
use ch06_mqa_gqa::{
    Transformer,
    figures::{
        cited::{MODELS, in_the_rule},
        own::of_runs,
    },
    matched_width,
};

/// The share of the weights of attention that is left: queries and output, and `h_kv` of `h` heads of keys
/// and values.
fn share_of_weights(h: f64, h_kv: f64) -> f64 {
    (2.0 + 2.0 * h_kv / h) / 4.0
}

#[test]
fn one_of_32_heads_leaves_half_of_the_weights_and_a_thirty_second_of_the_cache() {
    assert_eq!(format!("{:.1}", 100.0 * share_of_weights(32.0, 1.0)), "51.6");
    let saved = |h: f64| 100.0 * (1.0 - 1.0 / h);
    assert_eq!(format!("{:.1} {:.1}", saved(32.0), saved(8.0)), "96.9 87.5");
    assert!(saved(49.0) < 98.0 && saved(50.0) >= 98.0);
}

#[test]
fn the_rule_holds_for_five_of_nine_models() {
    let holds = MODELS.iter().filter(|(_, h, h_kv, _)| in_the_rule(*h, *h_kv)).count();
    assert_eq!((holds, MODELS.len()), (5, 9));
    assert!(MODELS.iter().all(|(_, h, h_kv, _)| h % h_kv == 0));
}

/// The claim has it the wrong way round: h/G grows with the model, G does not.
#[test]
fn a_head_of_keys_and_values_serves_more_query_heads_where_there_are_more() {
    let of = |name: &str| {
        let (_, h, h_kv, _) = MODELS.into_iter().find(|model| model.0 == name).unwrap();
        h / h_kv
    };
    assert_eq!(["Mistral 7B", "Llama 2 70B", "Falcon-180B"].map(of), [4, 8, 29]);
}

/// And with one unit more it would have more weights than before.
#[test]
fn the_matched_width_is_the_largest_that_has_no_more_weights() {
    let shazeer = Transformer {
        d_model: 1024,
        h: 8,
        d: 128,
        attentions: 18,
        feed_forwards: 12,
        matrices: 2,
        d_ff: 4096,
    };
    assert_eq!(matched_width(&shazeer, 1), 5440);
    for model in [
        shazeer,
        Transformer {
            d_model: 96,
            h: 6,
            d: 24,
            attentions: 5,
            feed_forwards: 3,
            matrices: 3,
            d_ff: 250,
        },
    ] {
        let weights = |h_kv: usize, d_ff: usize| {
            let attention = 2 * model.d_model * (model.h + h_kv) * model.d;
            model.attentions * attention
                + model.feed_forwards * model.matrices * model.d_model * d_ff
        };
        for h_kv in [1, 2, model.h].into_iter().filter(|h_kv| model.h.is_multiple_of(*h_kv)) {
            let width = matched_width(&model, h_kv);
            assert!(weights(h_kv, width) <= weights(model.h, model.d_ff));
            assert!(weights(h_kv, width + 1) > weights(model.h, model.d_ff));
        }
    }
}

#[test]
fn our_own_model_with_eight_heads_predicts_best_and_the_others_alike() {
    let [mha, gqa, mqa, mla] = Model::NOVEL.map(|model| of_runs(model)[0]);
    let others = [gqa, mqa, mla];
    let (least, greatest) =
        (others.into_iter().fold(9.0, f64::min), others.into_iter().fold(0.0, f64::max));
    assert!((0.025..0.035).contains(&(least - mha)), "{mha} and {others:?}");
    assert!(greatest - least < 0.005, "{others:?}");
}

/// As converted, the mean is hardly better than chance; after some training the first head is ahead.
#[test]
fn the_first_head_of_a_group_does_better_than_their_mean() {
    for model in [Model::Gqa, Model::Mqa] {
        let of = |how: &str| {
            let row = |row: &Converted| row.model == model && row.conversion == how;
            conversions().into_iter().find(row).unwrap()
        };
        let [mean, first, random] = ["mean", "first", "random"].map(of);
        assert!(random.before - mean.before < 0.2, "{mean:?} {random:?}");
        assert!(first.before < mean.before - 0.1, "{first:?} {mean:?}");
        assert!(first.after < mean.after - 0.05 && mean.after < random.after - 0.05);
        assert_eq!(mean.steps, 30);
    }
}
