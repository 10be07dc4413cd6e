//! Matrices drawn with characters, for terminals, tests and snapshots.

use ndarray::ArrayView2;

const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

/// One row of text a matrix row, two characters an entry: blank for 0, `█` for `full` and above,
/// three shades between.
///
/// Zero is blank and anything above zero is not, so that a masked entry can be told from a small
/// one. Not-a-number shows as `?`.
///
/// ```
/// use attn_core::heatmap::shades;
/// use ndarray::array;
/// assert_eq!(shades(array![[1.0, 0.0], [0.4, 0.7]].view(), 1.0), "██  \n▒▒▓▓\n");
/// ```
pub fn shades(matrix: ArrayView2<f32>, full: f32) -> String {
    draw(matrix.map(|&x| shade(x / full)).view())
}

/// `■` where `true`, `·` where `false`, one row of text a matrix row.
///
/// ```
/// use attn_core::heatmap::table;
/// use ndarray::array;
/// assert_eq!(table(array![[true, false], [true, true]].view()), "■ · \n■ ■ \n");
/// ```
pub fn table(allowed: ArrayView2<bool>) -> String {
    draw(allowed.map(|&a| if a { ['■', ' '] } else { ['·', ' '] }).view())
}

fn shade(x: f32) -> [char; 2] {
    if x.is_nan() {
        return ['?'; 2];
    }
    if x <= 0.0 {
        return [' '; 2];
    }
    let level = (x * 4.0).round().clamp(1.0, 4.0);
    [SHADES[level as usize]; 2]
}

fn draw(cells: ArrayView2<[char; 2]>) -> String {
    let mut text = String::new();
    for row in cells.rows() {
        text.extend(row.iter().flatten());
        text.push('\n');
    }
    text
}
