//! The demonstration, for now empty.

mod functions;

fn main() {
    let _ = functions::FUNCTIONS;
}
