//! What tells one curve from another: colour, dash and marker together, never colour alone.

use crate::figure::{Canvas, colour};

const DASHES: [&str; 4] = ["none", "7 4", "2 3", "9 3 2 3"];

/// The stroke of series `i`.
pub(crate) fn stroke(i: usize) -> String {
    let dash = DASHES[i % DASHES.len()];
    format!("fill=\"none\" stroke=\"{}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"", colour(i))
}

/// The marker of series `i`, around a point.
pub(crate) fn marker(canvas: &mut Canvas, i: usize, (x, y): (f64, f64), tooltip: &str) {
    let fill = colour(i);
    let path = match i % 5 {
        0 => {
            let circle = format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{fill}\"");
            return canvas.shape(&circle, tooltip);
        }
        1 => format!("M{:.1} {:.1}h7v7h-7z", x - 3.5, y - 3.5),
        2 => format!("M{x:.1} {:.1}l4.5 8h-9z", y - 5.0),
        3 => format!("M{x:.1} {:.1}l5 5l-5 5l-5 -5z", y - 5.0),
        _ => format!("M{x:.1} {:.1}l5 0l-5 8l-5 -8z", y - 3.0),
    };
    canvas.shape(&format!("<path d=\"{path}\" fill=\"{fill}\""), tooltip);
}
