//! The softmax of five scores: the width, the division by √d, the temperature, and what is left of a gradient.

use super::short;
use crate::{Answer, Control, Settings, Widget};
use attn_viz::{Area, Look, Schematic};
use ch03_scaled_dot_product::{saturation, softmax_rows};
use ndarray::Array2;

pub const WIDGET: Widget = Widget { name: "softmax", controls, answer };

/// Products of a query with five keys, as multiples of their typical size √d.
const PRODUCTS: [f64; 5] = [1.2, 0.6, 0.1, -0.5, -1.4];
const WIDTHS: [usize; 6] = [1, 4, 16, 64, 256, 1024];
/// The largest multiple.
const MOST: f64 = 3.0;

fn controls() -> Vec<Control> {
    let widths = WIDTHS.map(|d| d.to_string());
    let mut controls = vec![
        Control::choice("d", "width d", &widths.each_ref().map(String::as_str), 3),
        Control::switch("divide", "divide by √d", false),
        Control::range("temperature", "temperature", (0.5, 32.0), 0.5, 1.0),
    ];
    for (j, start) in PRODUCTS.into_iter().enumerate() {
        let label = format!("product with key {j}, in units of √d");
        controls.push(Control::range(&product(j), &label, (-MOST, MOST), 0.1, start));
    }
    controls
}

fn product(j: usize) -> String {
    format!("product{j}")
}

fn answer(settings: &Settings) -> Answer {
    let d = WIDTHS[settings.count("d")];
    let root = (d as f64).sqrt();
    let divisor = settings.value("temperature") * if settings.is_on("divide") { root } else { 1.0 };
    let of = |j: usize| settings.value(&product(j));
    let scores = Array2::from_shape_fn((1, 5), |(_, j)| (of(j) * root / divisor) as f32);
    let weights = softmax_rows(scores.view());
    let found = saturation::of_scores(scores.view())[0];
    let mut drawing = Schematic::new(
        "A softmax of five scores",
        &format!(
            "Above five scores as bars, below their weights: {}.",
            (0..5)
                .map(|j| format!(
                    "key {j} has the score {} and the weight {}",
                    short(scores[[0, j]].into()),
                    short(weights[[0, j]].into())
                ))
                .collect::<Vec<_>>()
                .join("; ")
        ),
    );
    // The products from −MOST to MOST, and below them the weights from 0 to 1.
    let (top, half, floor) = (1.8, 6.0, 24.2);
    drawing.note((0.0, 0.7), "q · k");
    drawing.note((0.0, 15.4), "weight");
    for j in 0..5 {
        let x = 1.0 + 6.8 * j as f64;
        let (zero, height) = (top + half, half * of(j) / MOST);
        let bar = Area::new(x, zero - height.max(0.0), 5.0, height.abs());
        drawing.block(bar, Look::SECOND, "");
        drawing.curve(Look::PLAIN, &[(x - 0.5, zero), (x + 5.5, zero)]);
        let beside = if height > 0.0 { zero + 0.8 } else { zero - 0.8 };
        drawing.centred((x + 2.5, beside), &format!("{:.1}", of(j) * root).replace('-', "−"));
        drawing.grip(Area::new(x - 0.5, top, 6.0, 2.0 * half), &product(j));
        let weight = f64::from(weights[[0, j]]);
        let high = 7.6 * weight;
        drawing.block(Area::new(x, floor - high, 5.0, high), Look::FIRST.strong(), "");
        drawing.curve(Look::PLAIN, &[(x - 0.5, floor), (x + 5.5, floor)]);
        drawing.centred((x + 2.5, floor + 0.9), &format!("{}\nkey {j}", percent(weight)));
    }
    let says = match found.largest_weight {
        largest if largest > 0.99 => {
            "One key takes everything, and hardly a gradient comes through."
        }
        largest if largest < 0.3 => "The five keys share almost evenly.",
        _ => "The best key leads, and the others are heard.",
    };
    Answer::new(vec![drawing.figure()], says.into())
        .number("largest score", short(scores.fold(f32::NEG_INFINITY, |a, &b| a.max(b)).into()))
        .number("divided by", short(divisor))
        .number("largest weight", short(found.largest_weight))
        .number("norm of ∂weights/∂scores", short(found.jacobian_norm))
}

fn percent(weight: f64) -> String {
    format!("{:.1} %", 100.0 * weight)
}
