//! Trains the models of chapters 1, 2 and 4 on written dates, those of chapters 5 to 7 on a novel and those of
//! chapter 11 to recall pairs, with candle's gradients.
//!
//! The tasks and the models' equations are those of [`attn_dates`] and [`attn_lm`]; what this program writes
//! there is all that the chapters need, so that nobody has to train anything to read them. These commands
//! made it, each from anywhere in the workspace:
//!
//! ```text
//! cargo run --release -p attn-train -- train gru-fixed
//! cargo run --release -p attn-train -- train gru-dot
//! cargo run --release -p attn-train -- train gru-additive
//! cargo run --release -p attn-train -- train transformer
//! cargo run --release -p attn-train -- measure
//! ```
//!
//! `train` writes `weights/MODEL.safetensors` with the command, the seed, a fingerprint of the data
//! and the held-out accuracy. `measure` reads the weights and writes `data/accuracy.csv`,
//! `data/gradients.csv` and the logits of `fixtures/`. A run that was stopped goes on from its
//! checkpoint, to the same bits, when the same command is given again; `train MODEL --smoke` is a
//! run of seconds that shows that all is well.
//!
//! Of chapter 11 no weights are kept, only how well each model answers, in `data/recall.csv` there: `train recall-16-gla
//! --seed 2` and so on, for all of [`mixed::Mixed::all`] but the hybrids of width 8 and 32, with the seeds 1 to 3.
//!
//! * [`batch`]: lists of one number of dates side by side, those of like length together.
//! * [`gru`] with [`cell`], [`transformer`], [`decoder`], [`mixing`] with [`recurrence`]: the forward passes.
//! * [`run`], [`net`], [`adam`], [`checkpoint`], [`train`]: a run.
//! * [`measure`], [`publish`]: what comes of it.
//!
//! Why it is quick enough for two cores: a character's part of a GRU's gates is looked up in a
//! table that is computed once a batch, not once a step; the gates are one operation with its own
//! gradient; a batch holds about as many dates whatever the length of its lists; and candle is told
//! not to share its small operations among threads ([`threads`]).

pub mod adam;
pub mod batch;
pub mod causal_softmax;
pub mod cell;
pub mod checkpoint;
pub mod convert;
pub mod decoder;
pub mod files;
pub mod gru;
pub mod measure;
pub mod mixed;
pub mod mixing;
pub mod model;
pub mod net;
pub mod part;
pub mod passages;
pub mod publish;
pub mod recall;
pub mod recurrence;
pub mod run;
pub mod threads;
pub mod train;
pub mod transformer;
