//! What the book's page on this chapter claims in numbers.

use ch09_flash_cuda::{figures, nvrtc};

#[test]
fn figures_and_tables_can_be_made() {
    for (name, draw) in figures::figures() {
        println!("{name}: {}\n{}", draw().title(), draw().alternative());
        assert!(draw().svg("x").contains("<svg"), "{name}");
    }
    for (name, write) in figures::tables() {
        println!("{name}\n{}", write());
    }
    println!("{}", nvrtc::how_to_get_it());
}
