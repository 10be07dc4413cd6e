//! Figures of the book that a reader plays with: the chapters' own functions behind a few controls.
//!
//! * [`Widget`]: a figure with its controls. What it shows at given [`Settings`] is an [`Answer`]: drawings,
//!   numbers and one sentence, all computed by functions of the chapters.
//! * [`widgets`]: all of them, by name. `{{#play NAME question}}` puts one into a page.
//! * [`ask`]: the same in text, for the page's script.
//!
//! The crate is compiled twice: natively, where the book draws each widget in its first state for paper and for
//! readers without scripts, and to WebAssembly, where the page's script asks it at every move of a control. Nothing
//! is computed in JavaScript. `cargo attn dev play` writes the module.

mod control;
mod page;
mod widget;
mod widgets;

pub use control::{Control, Kind, Settings};
pub use page::ask;
pub use widget::{Answer, Widget};
pub use widgets::{widget, widgets};
