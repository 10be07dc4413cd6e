//! The forward passes: padding changes nothing, and teacher forcing tells what greedy decoding
//! would write.

use attn_dates::{
    Model,
    generator::{Example, Generator, Split},
};
use attn_train::{batch::Batch, measure::matches, net::Net, train::forward};
use candle_core::D;

fn examples() -> Vec<Example> {
    let mut generator = Generator::new(9, Split::Train);
    let mut examples: Vec<Example> = [1, 3, 2].map(|n| generator.list(n)).into();
    examples.push(generator.nonsense());
    examples
}

#[test]
fn an_example_gives_the_same_logits_alone_and_among_longer_ones() {
    for model in Model::ALL {
        let net = Net::new(model, 2).unwrap();
        let examples = examples();
        let together = Batch::new(&examples).unwrap();
        let together = forward(&net, &together).unwrap().logits;
        for (b, example) in examples.iter().enumerate() {
            let alone = Batch::new(std::slice::from_ref(example)).unwrap();
            let steps = alone.steps[0];
            let alone = forward(&net, &alone).unwrap().logits.squeeze(0).unwrap();
            let among = together.get(b).unwrap().narrow(0, 0, steps).unwrap();
            let apart = (alone - among).unwrap().abs().unwrap().flatten_all().unwrap();
            let apart = apart.max(0).unwrap().to_scalar::<f32>().unwrap();
            assert!(apart < 1e-5, "{model}, example {b}: {apart}");
        }
    }
}

#[test]
fn only_models_with_attention_have_an_alignment_and_its_rows_sum_to_one() {
    for model in Model::ALL {
        let net = Net::new(model, 2).unwrap();
        let batch = Batch::new(&examples()).unwrap();
        let alignment = forward(&net, &batch).unwrap().alignment;
        let recurrent = matches!(model, Model::Dot | Model::Additive);
        assert_eq!(alignment.is_some(), recurrent, "{model}");
        let Some(alignment) = alignment else { continue };
        let sums = alignment.sum(D::Minus1).unwrap().flatten_all().unwrap();
        for sum in sums.to_vec1::<f32>().unwrap() {
            assert!((sum - 1.0).abs() < 1e-5, "{model}: {sum}");
        }
    }
}

/// What an untrained model writes by itself is, as a target, an exact match; and with one
/// character changed it is not.
#[test]
fn teacher_forcing_tells_what_greedy_decoding_writes() {
    const STEPS: usize = 6;
    for model in Model::ALL {
        let net = Net::new(model, 3).unwrap();
        let mut batch = Batch::new(&examples()[..1]).unwrap();
        batch.steps = vec![STEPS];
        batch.wanted = vec![vec![0; STEPS]];
        batch.fed[0].truncate(1);
        for t in 0..STEPS {
            batch.fed[0].resize(t + 1, 0);
            let logits = forward(&net, &batch).unwrap().logits;
            let likeliest = logits.argmax(D::Minus1).unwrap().to_vec2::<u32>().unwrap()[0][t];
            batch.wanted[0][t] = likeliest;
            batch.fed[0].push(likeliest);
        }
        batch.fed[0].truncate(STEPS);
        assert_eq!(matches(&net, &batch).unwrap(), 1, "{model}");
        batch.wanted[0][STEPS - 1] ^= 1;
        assert_eq!(matches(&net, &batch).unwrap(), 0, "{model}");
    }
}
