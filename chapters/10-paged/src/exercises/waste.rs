//! 10.13 `waste`

use crate::given::{Piece, Waste};
use attn_exercise::{exercise, fields};

fields! { Waste { tokens, reserved, internal, external } }

exercise! {
    /// The pieces, and how many places there are.
    crate::waste as fn(&[Piece], usize) -> Waste: (pieces: Vec<Piece>[pieces], places: usize[places]) -> Waste;
    answer: |waste, c| c.call(waste);

    exact: |c| {
        // Place by place: which of four it is.
        let mut sum = [0; 4];
        let mut left = c.places;
        for piece in &c.pieces {
            for place in 0..piece.places {
                sum[if place < piece.tokens { 0 } else if place < piece.length { 1 } else { 2 }] += 1;
                left -= 1;
            }
        }
        sum[3] = left;
        Waste { tokens: sum[0], reserved: sum[1], internal: sum[2], external: sum[3] }
    };

    cases: |random| {
        // (places, tokens, length)
        let of = |about: &str, places, pieces: &[(usize, usize, usize)]| {
            case(about, (pieces.iter().map(|&(places, tokens, length)| Piece { places, tokens, length }).collect(), places))
        };
        let mut cases = vec![
            of("by hand: two pieces of 8", 20, &[(8, 3, 5), (8, 6, 6)]),
            of("one piece", 16, &[(16, 4, 10)]),
            of("nothing", 9, &[]),
            of("as many pieces as places", 3, &[(1, 1, 1), (1, 0, 1), (1, 1, 1)]),
            of("a single place", 1, &[(1, 1, 1)]),
            of("a single place, empty", 1, &[]),
            of("nothing is written yet", 12, &[(4, 0, 4), (6, 0, 3)]),
            of("exact pieces", 12, &[(4, 2, 4), (6, 3, 6)]),
            of("all at their ends", 30, &[(8, 5, 5), (16, 9, 9)]),
            of("the memory is full", 24, &[(8, 2, 5), (8, 6, 7), (8, 8, 8)]),
            of("pieces without a place", 1, &[(0, 0, 0), (0, 0, 0)]),
            of("a long text and short ones", 2048, &[(512, 300, 301), (512, 5, 10), (512, 40, 200)]),
        ];
        for n in [1, 2, 3, 5, 8] {
            let mut pieces = Vec::new();
            for _ in 0..n {
                let places = 1 + random.below(20);
                let length = random.below(places + 1);
                pieces.push((places, random.below(length + 1), length));
            }
            let all: usize = pieces.iter().map(|piece| piece.0).sum();
            cases.push(of("random", all + random.below(30), &pieces));
        }
        cases
    };

    right (pieces, places) {
        "sums" => {
            let sum = |of: fn(&Piece) -> usize| pieces.iter().map(of).sum::<usize>();
            let (held, length, tokens) = (sum(|piece| piece.places), sum(|piece| piece.length), sum(|piece| piece.tokens));
            Waste { tokens, reserved: length - tokens, internal: held - length, external: places - held }
        };
        "folded" => pieces.iter().fold(Waste { external: places, ..Waste::default() }, |waste, piece| Waste {
            tokens: waste.tokens + piece.tokens,
            reserved: waste.reserved + piece.length - piece.tokens,
            internal: waste.internal + piece.places - piece.length,
            external: waste.external - piece.places,
        });
        "the rest" => {
            let tokens = pieces.iter().map(|piece| piece.tokens).sum();
            let reserved = pieces.iter().map(|piece| piece.length - piece.tokens).sum();
            let internal = pieces.iter().map(|piece| piece.places - piece.length).sum();
            Waste { tokens, reserved, internal, external: places - tokens - reserved - internal }
        };
    }

    mistakes (pieces, places) {
        "reserved-is-internal": "what a text will still use counts as internal: nothing is said to be reserved"
            => {
                let right = crate::waste(pieces, places);
                Waste { reserved: 0, internal: right.internal + right.reserved, ..right }
            };
        "internal-is-reserved": "all empty places of a piece count as reserved, also those that its text never uses"
            => {
                let right = crate::waste(pieces, places);
                Waste { internal: 0, reserved: right.internal + right.reserved, ..right }
            };
        "length-as-reserved": "the whole length of a text is reserved; what it holds already is not"
            => {
                let right = crate::waste(pieces, places);
                Waste { reserved: right.reserved + right.tokens, ..right }
            };
        "length-as-tokens": "the length that a text will have is counted for what it holds now"
            => {
                let right = crate::waste(pieces, places);
                Waste { tokens: right.tokens + right.reserved, reserved: 0, ..right }
            };
        "internal-from-tokens": "internal is what a piece does not hold now; what its text still writes is reserved"
            => {
                let right = crate::waste(pieces, places);
                Waste { internal: right.internal + right.reserved, ..right }
            };
        "external-from-tokens": "external is everything without a token; what lies in a piece belongs to its text"
            => {
                let right = crate::waste(pieces, places);
                Waste { external: places - right.tokens, ..right }
            };
        "external-from-length": "external is everything that no text will use; what lies in a piece belongs to its text"
            => {
                let right = crate::waste(pieces, places);
                Waste { external: right.external + right.internal, ..right }
            };
        "no-external": "what lies in no piece is not counted"
            => Waste { external: 0, ..crate::waste(pieces, places) };
        "all-external": "external is the whole memory: the pieces are not subtracted"
            => Waste { external: places, ..crate::waste(pieces, places) };
        "first-only": "the first piece alone is counted"
            => crate::waste(&pieces[..pieces.len().min(1)], places);
        "last-only": "the numbers of the last piece replace those before: `=` where `+=` is needed"
            => {
                let right = crate::waste(pieces, places);
                let last = crate::waste(&pieces[pieces.len().saturating_sub(1)..], places);
                Waste { external: right.external, ..last }
            };
        "swapped": "reserved and internal have changed places"
            => {
                let right = crate::waste(pieces, places);
                Waste { reserved: right.internal, internal: right.reserved, ..right }
            };
        "pieces-counted": "the number of pieces is subtracted from the memory, and not their places"
            => Waste { external: places.saturating_sub(pieces.len()), ..crate::waste(pieces, places) };
    }
}
