//! Fewer heads of keys and values out of many.

use attn_lm::{HEAD, HEADS, LAYERS, Model, WIDTH, Weights};
use attn_train::{
    convert::{Conversion, convert, convert_and_train},
    run::Run,
};

#[test]
fn as_many_heads_as_before_are_the_model_itself() {
    let trained = Weights::trained(Model::Mha);
    for conversion in [Conversion::Mean, Conversion::First] {
        let values = convert(Model::Mha, conversion).unwrap().values().unwrap();
        for (name, tensor) in trained.tensors() {
            assert_eq!(values[name], tensor.iter().copied().collect::<Vec<_>>(), "{name}");
        }
    }
}

#[test]
fn a_head_is_made_of_its_group_and_nothing_else_changes() {
    let trained = Weights::trained(Model::Mha);
    let model = Model::Gqa;
    let group = HEADS / model.kv_heads();
    for (conversion, members) in [(Conversion::Mean, group), (Conversion::First, 1)] {
        let values = convert(model, conversion).unwrap().values().unwrap();
        assert_eq!(
            values["readout"],
            trained.matrix("readout").iter().copied().collect::<Vec<_>>()
        );
        for layer in 0..LAYERS {
            let name = format!("{layer}.attention.value");
            let old = trained.matrix(&name);
            for (i, new) in values[&name].iter().enumerate() {
                let (row, column) = (i / WIDTH, i % WIDTH);
                let first = row / HEAD * group * HEAD + row % HEAD;
                let of_member = |member: usize| old[[first + member * HEAD, column]];
                let mean = (0..members).map(of_member).sum::<f32>() / members as f32;
                assert!((new - mean).abs() < 1e-6, "{name}[{row}, {column}] by {conversion}");
            }
        }
    }
}

#[test]
fn a_converted_model_learns_again_what_it_lost() {
    let run = Run { steps: 3, batch: 4, ..Run::usual(Model::Mqa) };
    let found = convert_and_train(Model::Mqa, Conversion::Mean, &run, 2).unwrap();
    assert!(found.after < found.before, "{} and then {}", found.before, found.after);
}

#[test]
fn latent_attention_is_refused() {
    let refused = convert(Model::Mla, Conversion::Mean).err().expect("a refusal");
    assert_eq!(refused.to_string(), "latent attention shares no heads");
}
