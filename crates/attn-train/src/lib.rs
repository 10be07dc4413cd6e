//! Trains the models of chapters 1, 2 and 4 on written dates, with candle's gradients.

pub mod adam;
pub mod batch;
pub mod cell;
pub mod checkpoint;
pub mod files;
pub mod gru;
pub mod measure;
pub mod net;
pub mod train;
pub mod transformer;
