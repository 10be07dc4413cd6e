//! What candle computes with the trained weights on a few inputs, under teacher forcing: a
//! from-scratch forward pass has to give the same to 1e-4.

use crate::Model;
use ndarray::Array2;
use safetensors::SafeTensors;

/// One input with its teacher-forced output.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// The text that the encoder reads.
    pub source: String,
    /// The ISO dates that the decoder is fed, after start.
    pub target: String,
    /// The decoder's logits: row `t` is what it predicts after start and `t` characters of the
    /// target; (characters + 1) × 14. The last row should predict the end.
    pub logits: Array2<f32>,
    /// The weights over the source's positions, start and end with them, of each step;
    /// (characters + 1) × positions. Of the recurrent models with attention alone.
    pub alignment: Option<Array2<f32>>,
}

/// What candle computes with [`Weights::trained`](crate::Weights::trained): one date, three dates,
/// a text that is no date, and a list of eight that no training saw.
pub fn fixtures(model: Model) -> Vec<Fixture> {
    let bytes = match model {
        Model::Fixed => include_bytes!("../fixtures/gru-fixed.safetensors").as_slice(),
        Model::Dot => include_bytes!("../fixtures/gru-dot.safetensors"),
        Model::Additive => include_bytes!("../fixtures/gru-additive.safetensors"),
        Model::Transformer => include_bytes!("../fixtures/transformer.safetensors"),
    };
    parse(bytes).expect("this file is part of the program")
}

fn parse(bytes: &[u8]) -> Option<Vec<Fixture>> {
    let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
    let file = SafeTensors::deserialize(bytes).ok()?;
    let texts = header.metadata().as_ref()?;
    let fixtures = (0..).map_while(|i| Some((i, texts.get(&format!("{i}.source"))?)));
    let fixtures = fixtures.map(|(i, source)| {
        Some(Fixture {
            source: source.clone(),
            target: texts.get(&format!("{i}.target"))?.clone(),
            logits: matrix(&file, &format!("{i}.logits"))?,
            alignment: matrix(&file, &format!("{i}.alignment")),
        })
    });
    fixtures.collect()
}

fn matrix(file: &SafeTensors, name: &str) -> Option<Array2<f32>> {
    let view = file.tensor(name).ok()?;
    let &[rows, columns] = view.shape() else {
        return None;
    };
    let (numbers, _) = view.data().as_chunks();
    let values = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes));
    Array2::from_shape_vec((rows, columns), values.collect()).ok()
}
