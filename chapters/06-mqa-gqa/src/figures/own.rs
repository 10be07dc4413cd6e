//! The course's own models: what they keep, and how well they predict.

use attn_lm::{
    LAYERS, Model,
    results::{conversions, losses},
};

/// The losses of a model's runs, the least first.
pub fn of_runs(model: Model) -> Vec<f64> {
    let runs = losses().into_iter().filter(|row| row.model == model);
    let mut losses: Vec<f64> = runs.map(|row| row.loss).collect();
    losses.sort_by(f64::total_cmp);
    losses
}

pub(super) fn table() -> String {
    let mut table = String::from(
        "| model | heads of keys and values | weights | kept per token | loss |\n\
         | --- | ---: | ---: | ---: | ---: |\n",
    );
    for model in Model::NOVEL {
        let weights: usize =
            model.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        let heads = match model {
            Model::Mla => "a latent".to_string(),
            _ => model.kv_heads().to_string(),
        };
        let runs: Vec<String> = of_runs(model).iter().map(|loss| format!("{loss:.3}")).collect();
        table += &format!(
            "| {} | {heads} | {} thousand | {} numbers | {} |\n",
            model.name().to_uppercase(),
            weights / 1000,
            LAYERS * model.kept(),
            runs.join(", "),
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
