//! The figures of the book, as SVG.
//!
//! * [`Heatmap`]: a matrix, one cell per entry, with labels, values and a colour scale.
//! * [`Lines`]: curves over linear or logarithmic axes, told apart by marker and dash as well as
//!   colour.
//! * [`Bars`]: one bar a label.
//! * [`Grid`]: a table of true and false, such as a mask.
//! * [`Measured`]: what a benchmark wrote, for figures and tables.
//! * [`Schematic`]: boxes, cells and arrows, to show how parts hang together.
//!
//! Each makes a [`Figure`]: a title, a text alternative, and the drawing. Colours are CSS variables
//! and `currentColor`, so a figure follows the light or dark theme of the page that it stands in.
//!
//! ```
//! use attn_viz::{Axis, Lines};
//! let figure = Lines::new("Largest weight", "It stays at 0.11 when scaled and grows to 0.95 when not.")
//!     .x(Axis::log("head size d").ticks([4.0, 64.0, 1024.0]))
//!     .y(Axis::linear("largest weight"))
//!     .series("unscaled", [(4.0, 0.28), (64.0, 0.79), (1024.0, 0.95)])
//!     .series("scaled", [(4.0, 0.11), (64.0, 0.11), (1024.0, 0.11)])
//!     .figure();
//! assert!(figure.svg("largest-weight").starts_with("<svg "));
//! ```

mod area;
mod axis;
mod bars;
mod figure;
mod grid;
mod heatmap;
mod lines;
mod matrix;
mod measured;
mod number;
mod schematic;
mod series;

pub use area::{Area, Point};
pub use axis::Axis;
pub use bars::Bars;
pub use figure::Figure;
pub use grid::Grid;
pub use heatmap::Heatmap;
pub use lines::Lines;
pub use measured::{Line, Measured};
pub use number::thousands;
pub use schematic::{Look, Schematic};
