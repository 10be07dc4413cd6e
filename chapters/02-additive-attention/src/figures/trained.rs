//! What the trained models with dot and with additive attention do.

use crate::additive_translator;
use attn_dates::{Model, Weights, results::HeldOut};
use attn_viz::Figure;
use ch01_rnn_attention::figures::trained::{heatmap, percent, shares};

pub fn alignment() -> Figure {
    let translator = additive_translator(&Weights::trained(Model::Additive));
    heatmap(&translator, "additive attention")
}

pub fn exact_table() -> String {
    let mut table = String::from(
        "| dates | dot | additive | dot, new forms | additive, new forms |\n\
         | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let of = |held_out| [Model::Dot, Model::Additive].map(|model| shares(model, held_out));
    let ([dot, additive], [dot_forms, additive_forms]) = (of(HeldOut::Days), of(HeldOut::Forms));
    let share = |shares: &[(usize, f64)], dates: usize| {
        let found = shares.iter().find(|(length, _)| *length == dates);
        found.map_or("–".to_string(), |(_, share)| percent(*share))
    };
    for &(dates, _) in &dot {
        let columns = [&dot, &additive, &dot_forms, &additive_forms];
        let cells = columns.map(|shares| share(shares, dates));
        table += &format!("| {dates} | {} |\n", cells.join(" | "));
    }
    table
}
