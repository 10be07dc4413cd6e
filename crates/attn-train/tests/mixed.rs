//! The decoders of chapter 11.

use attn_core::random::Random;
use attn_train::{
    mixed::{KEYS, Mixed, Mixer, Task},
    mixing::forward,
    model::Model,
    net::Net,
    part::Part,
    recall::{PAIRS, Recall},
};

fn weights(mixed: Mixed) -> usize {
    mixed.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
}

#[test]
fn all_names_are_read() {
    for mixed in Mixed::all() {
        assert_eq!(mixed.to_string().parse::<Model>(), Ok(Model::Mixed(mixed)));
    }
    assert!("recall-7-gla".parse::<Model>().is_err());
}

/// Differences of the loss are not differences in size.
#[test]
fn decoders_of_the_novel_have_as_many_weights() {
    let plain = Mixed { mixer: Mixer::Softmax, last_softmax: false, task: Task::Novel };
    let plain = weights(plain) as f64;
    for mixed in Mixed::all().filter(|mixed| mixed.task == Task::Novel) {
        let share = weights(mixed) as f64 / plain;
        assert!((share - 1.0).abs() < 0.005, "{mixed} has {share:.4} of the weights");
    }
}

/// What comes later changes no logits, in no kind of layer; what came before does.
#[test]
fn no_token_sees_what_comes_after_it() {
    for mixed in Mixed::all().filter(|mixed| mixed.task == Task::Recall { head: 8 }) {
        let net = Net::new(Model::Mixed(mixed), 3).unwrap();
        let logits = |text: &[u32]| -> Vec<Vec<f32>> {
            forward(&net, mixed, &[text.to_vec()], text.len())
                .unwrap()
                .squeeze(0)
                .unwrap()
                .to_vec2()
                .unwrap()
        };
        let (one, other) = (logits(&[1, 130, 2, 140, 1]), logits(&[1, 130, 9, 150, 1]));
        assert_eq!(one[..2], other[..2], "{mixed}");
        assert_ne!(one[4], other[4], "{mixed}");
    }
}

/// Every question has been written, once, and its answer is the value that stood behind it.
#[test]
fn questions_can_be_answered() {
    let mut random = Random::new(1);
    for pairs in PAIRS {
        let recall = Recall::new(&mut random, pairs, 3);
        assert_eq!(recall.predicted(), 3 * pairs);
        for (text, answers) in recall.texts().iter().zip(recall.answers()) {
            assert_eq!(text.len(), 3 * pairs);
            let (written, asked) = text.split_at(2 * pairs);
            let mut once = asked.to_vec();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), pairs);
            for (key, answer) in asked.iter().zip(answers) {
                assert!((*key as usize) < KEYS && (KEYS..2 * KEYS).contains(&(*answer as usize)));
                let at = written.iter().step_by(2).position(|other| other == key).unwrap();
                assert_eq!(written[2 * at + 1], *answer);
            }
        }
    }
}
