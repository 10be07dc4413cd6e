//! Weights from files that are whole, and from files that are not.

use attn_dates::{FORMAT, Model, Weights, WeightsError, generator::fingerprint};
use safetensors::{Dtype, serialize, tensor::TensorView};
use std::{collections::HashMap, path::Path};

/// A file as it should be, but for what a test changes.
struct File {
    metadata: HashMap<String, String>,
    tensors: Vec<(String, Vec<usize>, Dtype, Vec<u8>)>,
}

impl File {
    fn new(model: Model) -> Self {
        let metadata = [("format", FORMAT), ("model", model.name()), ("seed", "7")];
        let tensors = model.tensors().into_iter().map(|(name, shape)| {
            let bytes = vec![0; 4 * shape.iter().product::<usize>()];
            (name, shape, Dtype::F32, bytes)
        });
        File {
            metadata: metadata.map(|(k, v)| (k.to_string(), v.to_string())).into(),
            tensors: tensors.collect(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, shape, dtype, bytes)| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
            (name.clone(), view)
        });
        serialize(views.collect::<Vec<_>>(), Some(self.metadata.clone())).unwrap()
    }

    fn tensor(&mut self, name: &str) -> &mut (String, Vec<usize>, Dtype, Vec<u8>) {
        self.tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap()
    }
}

fn refusal(file: &File) -> String {
    Weights::parse(Model::Dot, &file.bytes()).unwrap_err().to_string()
}

#[test]
fn a_whole_file_gives_its_tensors_and_says_where_it_comes_from() {
    for model in Model::ALL {
        let mut file = File::new(model);
        let one = 1.0_f32.to_le_bytes();
        file.tensor("readout.bias").3[4..8].copy_from_slice(&one);
        let weights = Weights::parse(model, &file.bytes()).unwrap();
        assert_eq!(weights.vector("readout.bias")[1], 1.0);
        assert_eq!(weights.matrix("encoder.embedding").nrows(), 44);
        assert_eq!(weights.about("seed"), "7");
        assert_eq!(weights.tensors().count(), model.tensors().len());
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let bytes = File::new(Model::Dot).bytes();
    for length in [0, 4, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        let error = Weights::parse(Model::Dot, &bytes[..length]).unwrap_err();
        assert!(matches!(error, WeightsError::Damaged(_)), "{length}: {error}");
        assert!(error.to_string().starts_with("the weights are cut off or damaged"));
    }
}

#[test]
fn what_is_wrong_with_a_tensor_is_named() {
    let mut file = File::new(Model::Dot);
    file.tensors.retain(|(name, ..)| name != "decoder.weight_hh");
    assert_eq!(refusal(&file), "the tensor decoder.weight_hh [384, 128] is missing");

    let mut file = File::new(Model::Dot);
    file.tensor("decoder.weight_hh").1 = vec![128, 384];
    assert_eq!(refusal(&file), "the tensor decoder.weight_hh has shape [128, 384], not [384, 128]");

    let mut file = File::new(Model::Dot);
    file.tensor("readout.bias").2 = Dtype::I32;
    assert_eq!(refusal(&file), "the tensor readout.bias has entries of type I32, not F32");

    let mut file = File::new(Model::Dot);
    file.tensor("readout.bias").3[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(refusal(&file), "the tensor readout.bias has an entry that is no finite number");

    let mut file = File::new(Model::Dot);
    file.tensors.push(("extra".into(), vec![1], Dtype::F32, vec![0; 4]));
    assert_eq!(refusal(&file), "the tensor extra is not one of the model's");
}

#[test]
fn another_version_or_model_is_named() {
    let mut file = File::new(Model::Dot);
    file.metadata.insert("format".into(), "attn-dates 0".into());
    // Whatever else is wrong with it.
    file.tensors.clear();
    assert_eq!(
        refusal(&file),
        format!("the weights are of version “attn-dates 0”, not “{FORMAT}”")
    );

    let mut file = File::new(Model::Dot);
    file.metadata.clear();
    assert_eq!(refusal(&file), format!("the weights are of version “”, not “{FORMAT}”"));

    let file = File::new(Model::Fixed);
    assert_eq!(refusal(&file), "these are weights of the model “gru-fixed”, not of gru-dot");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Weights::read(Model::Dot, Path::new("no/such/file")).unwrap_err();
    assert!(error.to_string().starts_with("no/such/file cannot be read: "), "{error}");
}

#[test]
#[should_panic(expected = "gru-fixed has no tensor attention.query")]
fn a_tensor_that_the_model_does_not_have_is_the_programs_mistake() {
    Weights::random(Model::Fixed, 1).matrix("attention.query");
}

#[test]
fn the_trained_weights_are_of_todays_task() {
    for model in Model::ALL {
        let weights = Weights::trained(model);
        let seed = weights.about("seed").parse().unwrap();
        assert_eq!(weights.about("data"), fingerprint(seed), "{model}: the task has changed since");
        assert!(weights.about("command").starts_with(&format!("attn-train train {model} ")));
        assert_eq!(weights.about("accuracy").split(' ').count(), 8);
    }
}
