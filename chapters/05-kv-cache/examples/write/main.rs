//! `cargo attn run 5`.

mod functions;

fn main() {
    println!("{}", functions::FUNCTIONS.cache_bytes as usize);
}
