//! The widgets, one in each file.

mod masks;
mod online;
mod reach;
mod recall;
mod softmax;
mod tiles;

use crate::Widget;

/// All widgets.
pub fn widgets() -> Vec<Widget> {
    vec![
        softmax::WIDGET,
        masks::WIDGET,
        reach::WIDGET,
        online::WIDGET,
        tiles::WIDGET,
        recall::WIDGET,
    ]
}

/// The widget of this name.
pub fn widget(name: &str) -> Option<Widget> {
    widgets().into_iter().find(|widget| widget.name == name)
}

/// `0.25`, `1.4 · 10⁻⁹`: about three figures, and none of them lost to smallness.
fn short(x: f64) -> String {
    let written = match x.abs() {
        0.0 => "0".into(),
        0.001..1e5 => format!("{x:.3}"),
        _ if x.is_finite() => {
            let power = x.abs().log10().floor() as i32;
            format!("{:.1} · 10{}", x / 10f64.powi(power), raised(power))
        }
        _ => x.to_string(),
    };
    written.replace('-', "−")
}

fn raised(power: i32) -> String {
    let sign = |c: char| match c.to_digit(10) {
        Some(digit) => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize],
        None => '⁻',
    };
    power.to_string().chars().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_are_short() {
        let written = [0.25, -2.0, 1.44e-9, 0.0, 123.4].map(short);
        assert_eq!(written, ["0.250", "−2.000", "1.4 · 10⁻⁹", "0", "123.400"]);
    }
}
