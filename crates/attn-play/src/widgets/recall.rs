//! What a state of chapter 11 gives back: pairs of keys and values are written into it one by one.

use crate::{Answer, Control, Settings, Widget};
use attn_core::random::Random;
use attn_viz::{Area, Look, Schematic};
use ch11_linear::{Forget, Recurrence, Write, recall::nearest, seeded::units};
use ndarray::{Array1, Array2, s};

pub const WIDGET: Widget = Widget { name: "recall", controls, answer };

const PAIRS: usize = 16;
const RULES: [&str; 3] = ["sum", "sum that fades", "delta rule"];

fn controls() -> Vec<Control> {
    vec![
        Control::choice("rule", "rule", &RULES, 0),
        Control::range("d", "width d of the state, d × d", (4.0, 32.0), 4.0, 8.0),
        Control::range("gate", "gate of the sum that fades", (0.5, 1.0), 0.05, 0.9),
        Control::switch("alike", "keys that are alike", false),
        Control::steps("pairs", "pairs written", PAIRS, PAIRS),
    ]
}

fn answer(settings: &Settings) -> Answer {
    let (d, written) = (settings.count("d"), settings.count("pairs"));
    let mut random = Random::new(11);
    let (mut keys, values) = (units(&mut random, PAIRS, d), units(&mut random, PAIRS, d));
    if settings.is_on("alike") {
        // A large part in common: any two have a cosine of about 1/2.
        keys = keys + units(&mut random, 1, d);
        for mut key in keys.rows_mut() {
            let length = key.dot(&key).sqrt();
            key /= length;
        }
    }
    let rule = settings.count("rule");
    let mut recurrence = Recurrence::plain();
    match rule {
        0 => {}
        1 => recurrence.forget = Forget::Constant(settings.value("gate").ln()),
        _ => recurrence.write = Write::Replace(Array1::ones(written)),
    }
    let mut state = Array2::zeros((d, d));
    let (k, v) = (keys.slice(s![..written, ..]), values.slice(s![..written, ..]));
    recurrence.recurrent(&mut state, k, k, v).expect("shapes and gates that fit");
    // What each key that was written finds now.
    let found = k.dot(&state);
    let error = |i: usize| {
        let missed = &found.row(i) - &v.row(i);
        100.0 * missed.dot(&missed).sqrt()
    };
    let right = |i: usize| nearest(found.row(i), v) == i;
    let recalled = (0..written).filter(|&i| right(i)).count();
    let percent = |i: Option<usize>| i.map_or("—".into(), |i| format!("{:.0} %", error(i)));
    let says = match written {
        0 => "Nothing is written yet: the state is zeros.".to_string(),
        _ => format!(
            "{recalled} of {written} keys find a value that is nearest to their own, in a state of {} numbers.",
            d * d
        ),
    };
    let errors: Vec<f64> = (0..written).map(error).collect();
    let mean = errors.iter().sum::<f64>() / written.max(1) as f64;
    Answer::new(vec![draw(RULES[rule], d, &errors, right)], says)
        .number("recalled", format!("{recalled} of {written}"))
        .number("error of the newest pair", percent(written.checked_sub(1)))
        .number("error of the oldest pair", percent((written > 0).then_some(0)))
        .number("mean error", if written > 0 { format!("{mean:.0} %") } else { "—".into() })
}

fn draw(rule: &str, d: usize, errors: &[f64], right: impl Fn(usize) -> bool) -> attn_viz::Figure {
    let named: Vec<String> = errors.iter().map(|error| format!("{error:.0}")).collect();
    let alternative = format!(
        "Bars, one for each pair in the order of writing: how far what its key finds is from its value, in per cent \
         of the value. {}.",
        if named.is_empty() { "None so far".into() } else { named.join(", ") }
    );
    let title = format!("Error of each pair: {rule}, a state of {d} × {d}");
    let mut drawing = Schematic::new(&title, &alternative);
    // Up to 250 %, and what is beyond is cut.
    let (floor, of) = (16.0, |error: f64| 5.6 * error.min(250.0) / 100.0);
    let left = 4.2;
    for line in [0.0, 100.0, 200.0] {
        let y = floor - of(line);
        drawing.curve(Look::PLAIN.dashed(), &[(left, y), (34.0, y)]);
        drawing.note((0.0, y), &format!("{line:.0} %"));
    }
    for i in 0..PAIRS {
        let x = left + 0.3 + 1.85 * i as f64;
        if let Some(&error) = errors.get(i) {
            let high = of(error);
            let look = if right(i) { Look::FIRST.strong() } else { Look::SECOND };
            drawing.block(Area::new(x, floor - high, 1.5, high), look, "");
            drawing.centred((x + 0.75, floor - high - 0.9), if right(i) { "✓" } else { "✗" });
        }
        drawing.centred((x + 0.75, floor + 1.0), &(i + 1).to_string());
    }
    drawing.note((0.0, floor + 2.6), "pairs in the order of writing; ✓ its own value is nearest");
    drawing.figure()
}
