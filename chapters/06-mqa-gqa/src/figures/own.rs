//! The course's own models: what they keep, and how well they predict.

use attn_lm::{
    LAYERS, Model,
    results::{conversions, losses},
};

/// The least, the mean and the greatest loss of a model's runs.
pub fn spread(model: Model) -> [f64; 3] {
    let losses: Vec<f64> =
        losses().into_iter().filter(|row| row.model == model).map(|row| row.loss).collect();
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    [least, losses.iter().sum::<f64>() / losses.len() as f64, greatest]
}

pub(super) fn table() -> String {
    let mut table = String::from(
        "| model | heads of keys and values | weights | kept per token | loss, mean of the runs | least and greatest |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for model in Model::ALL {
        let weights: usize =
            model.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        let heads = match model {
            Model::Mla => "a latent".to_string(),
            _ => model.kv_heads().to_string(),
        };
        let [least, mean, greatest] = spread(model);
        table += &format!(
            "| {} | {heads} | {} thousand | {} numbers | {mean:.3} | {least:.3}, {greatest:.3} |\n",
            model.name().to_uppercase(),
            weights / 1000,
            LAYERS * model.kept(),
        );
    }
    table
}

pub(super) fn converted() -> String {
    let mut table = String::from(
        "| heads | the groups' heads are made of | loss as converted | after some more training |\n\
         | ---: | --- | ---: | ---: |\n",
    );
    for row in conversions() {
        let how = match row.conversion.as_str() {
            "mean" => "the mean",
            "first" => "the first",
            _ => "random weights",
        };
        let heads = row.model.kv_heads();
        table += &format!("| {heads} | {how} | {:.3} | {:.3} |\n", row.before, row.after);
    }
    table
}
