//! 10.1 `slot`

use crate::given::{Slot, Table};
use attn_core::random::Random;
use attn_exercise::{Field, Fields, Given, Input, Sizes, exercise, field, pairwise};
use serde::{Deserialize, Serialize};

/// A slot, or none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found(Option<(usize, usize)>);

impl Fields for Found {
    fn fields(&self) -> Vec<Field> {
        let said = match self.0 {
            Some((block, offset)) => format!("block {block}, place {offset}"),
            None => "none".into(),
        };
        vec![field("the slot", said)]
    }
}

impl Given for Table {
    fn fields(&self, name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        vec![field(name, said(self))]
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.blocks.len() < 8)
            .then(|| format!("{name} {:?} of {} tokens", self.blocks, self.tokens))
    }
}

impl Input for Table {
    type Passed<'a> = &'a Table;

    fn pass(&self) -> &Table {
        self
    }

    fn altered(&self) -> Vec<Self> {
        vec![Table {
            blocks: self.blocks.iter().map(|block| block + 1).collect(),
            tokens: self.tokens,
        }]
    }
}

exercise! {
    /// A table, the tokens of a block, and a position.
    crate::slot as fn(&Table, usize, usize) -> Option<Slot>: (table: Table, size: usize[size], position: usize[position]) -> Found;
    answer: |slot, c| Found(c.call(slot).map(|slot| (slot.block, slot.offset)));

    exact: |c| {
        // Counted token by token.
        let (mut i, mut offset) = (0, 0);
        for _ in 0..c.position {
            offset += 1;
            if offset == c.size {
                (i, offset) = (i + 1, 0);
            }
        }
        Found((c.position < c.table.tokens).then(|| (c.table.blocks[i], offset)))
    };

    cases: |random| {
        let of = |about: &str, blocks: &[usize], tokens, size, position| {
            case(about, (Table { blocks: blocks.to_vec(), tokens }, size, position))
        };
        let mut cases = vec![
            of("by hand: token 5 is the second of the second block", &[7, 3, 9], 10, 4, 5),
            of("the first", &[2, 0], 5, 4, 0),
            of("the last of a block", &[6, 1], 8, 4, 3),
            of("the first of the next", &[6, 1], 8, 4, 4),
            of("the last of all, in a full block", &[6, 1], 8, 4, 7),
            of("no longer in the text, though the block has room", &[6, 1], 7, 4, 7),
            of("further behind, where the last block has room", &[6, 1], 5, 4, 7),
            of("behind the last block", &[6, 1], 8, 4, 8),
            of("far behind", &[6, 1], 8, 4, 90),
            of("an empty text", &[], 0, 4, 0),
            of("blocks of one token", &[4, 2, 8, 0], 4, 1, 2),
            of("equal numbers", &[4, 2, 8, 0], 14, 4, 4),
            of("blocks of sixteen", &[11, 5, 3], 40, 16, 39),
            of("larger blocks than the text", &[3], 9, 16, 8),
            of("position 1", &[5, 6], 3, 2, 1),
            of("blocks of one, position 1", &[5, 6, 2], 3, 1, 1),
            of("blocks of one, equal", &[5, 6, 2], 3, 1, 0),
        ];
        cases.extend(pairwise([4, 4, 4]).into_iter().map(|[size, tokens, position]| {
            let (size, tokens) = (size + 1, 3 * tokens + 1);
            let blocks = permutation(random, 9 + tokens)[..tokens.div_ceil(size)].to_vec();
            case("small", (Table { blocks, tokens }, size, position * size.min(3) + random.below(2)))
        }));
        cases
    };

    right (table, size, position) {
        "asked of the list" => {
            let block = *table.blocks.get(position / size)?;
            (position < table.tokens).then_some(Slot { block, offset: position % size })
        };
        "subtracted" => {
            let (mut left, mut blocks) = (position, table.blocks.iter());
            while left >= size {
                (left, _) = (left - size, blocks.next()?);
            }
            let block = *blocks.next()?;
            if position < table.tokens { Some(Slot { block, offset: left }) } else { None }
        };
        "of a list of all slots" => {
            let all = table.blocks.iter().flat_map(|&block| (0..size).map(move |offset| Slot { block, offset }));
            all.take(table.tokens).nth(position)
        };
    }

    mistakes (table, size, position) {
        "contiguous": "the blocks are taken to be 0, 1, 2, … of the pool; which they are is what the table says"
            => (position < table.tokens).then_some(Slot { block: position / size, offset: position % size });
        "from-the-first": "the blocks are taken to follow the first one in the pool; which they are is what the table says"
            => (position < table.tokens).then(|| Slot { block: table.blocks[0] + position / size, offset: position % size });
        "swapped": "the quotient and the remainder have changed places, where the list is long enough for it"
            => (position < table.tokens).then(|| Slot { block: table.blocks[(position % size).min(table.blocks.len() - 1)], offset: position / size });
        "block-by-position": "the list is asked for the position itself, and ends before it"
            => (position < table.tokens).then(|| Slot { block: table.blocks[position], offset: position % size });
        "offset-is-position": "the place is the position in the text; it is the one in the block"
            => (position < table.tokens).then(|| Slot { block: table.blocks[position / size], offset: position });
        "from-one": "positions are counted from 1: token 0 is looked for before the first block"
            => (position < table.tokens).then(|| {
                let place = position.saturating_sub(1);
                Slot { block: table.blocks[place / size], offset: place % size }
            });
        "one-on": "positions are counted from 1, and a token is looked for where the next one lies"
            => (position < table.tokens).then(|| {
                let place = position + 1;
                Slot { block: table.blocks[(place / size).min(table.blocks.len() - 1)], offset: place % size }
            });
        "tail-allowed": "a place behind the last token is given, as long as the last block has room for it"
            => table.blocks.get(position / size).map(|&block| Slot { block, offset: position % size });
        "panics-behind": "nobody asks whether the text has a token there: places behind the last one are given, and behind the last block the list panics"
            => Some(Slot { block: table.blocks[position / size], offset: position % size });
        "clamped": "a position behind the text is taken for its last token"
            => {
                let position = position.min(table.tokens.checked_sub(1)?);
                Some(Slot { block: table.blocks[position / size], offset: position % size })
            };
        "last-block": "the last block is taken, as for the token that comes next; an earlier token lies in an earlier one"
            => (position < table.tokens).then(|| Slot { block: table.blocks[table.blocks.len() - 1], offset: position % size });
        "one-too-many": "position `tokens` is allowed: the tokens are 0 to `tokens` − 1"
            => if position <= table.tokens {
                table.blocks.get(position / size).map(|&block| Slot { block, offset: position % size })
            } else {
                None
            };
        "last-refused": "the last token is not found: position `tokens` − 1 is one of the text"
            => (position + 1 < table.tokens).then(|| Slot { block: table.blocks[position / size], offset: position % size });
        "sixteen": "blocks have 16 tokens, whatever `size` says"
            => (position < table.tokens).then(|| Slot { block: table.blocks[position / 16], offset: position % 16 });
        "flat": "the place is counted in the whole pool, from its first block on"
            => (position < table.tokens).then(|| {
                let block = table.blocks[position / size];
                Slot { block, offset: block * size + position % size }
            });
        "by-blocks": "the position is divided by the number of blocks; a block has `size` tokens"
            => (position < table.tokens).then(|| Slot { block: table.blocks[(position / table.blocks.len()).min(table.blocks.len() - 1)], offset: position % table.blocks.len() });
        "backwards": "the list is read from its end: the text's first block is the first in the table"
            => (position < table.tokens).then(|| Slot { block: table.blocks[table.blocks.len() - 1 - position / size], offset: position % size });
    }
}

/// `blocks [7, 3], 5 tokens`
pub(super) fn said(table: &Table) -> String {
    format!(
        "blocks {:?}, {} token{}",
        table.blocks,
        table.tokens,
        if table.tokens == 1 { "" } else { "s" }
    )
}

/// The numbers below `n` in a random order.
pub(super) fn permutation(random: &mut Random, n: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    (1..n).for_each(|i| all.swap(i, random.below(i + 1)));
    all
}
