//! What each subcommand does and prints. Each returns whether all is well, which the exit status
//! tells.

mod bench;
mod book;
mod chat;
mod check;
mod classroom;
mod dev;
mod doctor;
mod hint;
mod new;
mod reset;
mod run;
mod serve;
mod status;
mod try_case;

pub use bench::bench;
pub use book::book;
pub use chat::{Partner, Said, Silence, chat};
pub use check::{check, check_aloud, watch};
pub use classroom::classroom;
pub use dev::{gpu, oracles, starters, verify};
pub use doctor::doctor;
pub use hint::{hint, next_hint, solution};
pub use new::{new_chapter, new_exercise};
pub use reset::{reset, update};
pub use run::{at_work, gradcheck, mine_command, run};
pub use serve::serve;
pub use status::status;
pub use try_case::try_case;
