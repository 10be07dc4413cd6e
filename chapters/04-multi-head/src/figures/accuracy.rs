//! How often the trained Transformer is exactly right.

use attn_dates::{
    Model,
    results::{Accuracy, HeldOut, accuracy},
};

pub fn table() -> String {
    let measured: Vec<Accuracy> =
        accuracy().into_iter().filter(|row| row.model == Model::Transformer).collect();
    let share = |dates: usize, held_out: HeldOut| {
        let found = measured.iter().find(|row| row.dates == dates && row.held_out == held_out);
        found.map_or(String::new(), |row| format!("{:.0} %", 100.0 * row.share()))
    };
    let mut table = String::from(
        "| dates in the list | days never seen | days and forms never seen |\n\
         | --- | ---: | ---: |\n",
    );
    for dates in 1..=8 {
        table += &format!(
            "| {dates} | {} | {} |\n",
            share(dates, HeldOut::Days),
            share(dates, HeldOut::Forms),
        );
    }
    table
}
