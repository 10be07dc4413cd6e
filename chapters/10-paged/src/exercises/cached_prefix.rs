//! 10.8 `cached_prefix`

use crate::given::{ROOT, chain};
use attn_exercise::{Field, Fields, Given, Input, Sizes, exercise, field, pairwise};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The blocks that are shared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shared(Vec<usize>);

impl Fields for Shared {
    fn fields(&self) -> Vec<Field> {
        vec![field("the list of blocks", &self.0)]
    }
}

/// Texts whose full blocks are kept, in blocks as they were free: the i-th that was kept is `number(i)`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    texts: Vec<Vec<usize>>,
    /// Blocks that were evicted since, in the order of the texts.
    gone: Vec<usize>,
}

impl Kept {
    /// (hash, block) of all full blocks that are still there. A block that two texts begin with is kept once.
    fn index(&self, size: usize) -> BTreeMap<u64, usize> {
        let mut index = BTreeMap::new();
        let mut kept = 0;
        for text in &self.texts {
            let mut parent = ROOT;
            for tokens in text.chunks_exact(size) {
                parent = chain(parent, tokens);
                index.entry(parent).or_insert_with(|| {
                    kept += 1;
                    number(kept - 1)
                });
            }
        }
        index.retain(|_, block| !self.gone.contains(block));
        index
    }
}

impl Given for Kept {
    fn fields(&self, _name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        let mut fields = vec![field("texts whose blocks are kept", format!("{:?}", self.texts))];
        if !self.gone.is_empty() {
            fields.push(field("evicted since", &self.gone));
        }
        fields
    }
}

impl Input for Kept {
    type Passed<'a> = &'a Kept;

    fn pass(&self) -> &Kept {
        self
    }

    fn altered(&self) -> Vec<Self> {
        vec![Kept { texts: Vec::new(), gone: Vec::new() }]
    }
}

exercise! {
    /// Texts whose blocks are kept, a prompt, and the tokens of a block.
    crate::cached_prefix as fn(&BTreeMap<u64, usize>, &[usize], usize) -> Vec<usize>: (kept: Kept, prompt: Vec<usize>[prompt], size: usize[size]) -> Shared;
    answer: |cached_prefix, c| Shared(cached_prefix(&c.kept.index(c.size), &c.prompt, c.size));

    exact: |c| Shared(expected(c));
    steps: |c| [field("full blocks of the prompt", format!("{:?}", c.prompt.chunks_exact(c.size).collect::<Vec<_>>()))];

    cases: |random| {
        let of = |about: &str, texts: &[&[usize]], prompt: &[usize], size, gone: &[usize]| {
            let texts = texts.iter().map(|text| text.to_vec()).collect();
            case(about, (Kept { texts, gone: gone.to_vec() }, prompt.to_vec(), size))
        };
        let mut cases = vec![
            of("by hand: two of three blocks", &[&[1, 2, 3, 4, 5, 6]], &[1, 2, 3, 4, 9, 9], 2, &[]),
            of("the whole prompt is kept: one block is computed again", &[&[1, 2, 3, 4]], &[1, 2, 3, 4], 2, &[]),
            of("one token more than is kept", &[&[1, 2, 3, 4]], &[1, 2, 3, 4, 5], 2, &[]),
            of("the same tokens after other ones", &[&[7, 8, 3, 4], &[3, 4, 1, 2]], &[1, 2, 3, 4, 5], 2, &[]),
            of("a block that is known as a beginning", &[&[1, 2], &[3, 4], &[5, 6]], &[1, 2, 3, 4, 5, 6, 7], 2, &[]),
            of("twice the same tokens", &[&[1, 2]], &[1, 2, 1, 2, 1, 2], 2, &[]),
            of("twice the same tokens, kept twice", &[&[1, 2, 1, 2]], &[1, 2, 1, 2, 1, 2], 2, &[]),
            of("equal up to the middle of a block", &[&[1, 2, 3, 4, 5, 6, 7, 8]], &[1, 2, 3, 4, 5, 6, 9, 9, 9], 4, &[]),
            of("a prompt that is shorter than a block", &[&[1, 2, 3, 4]], &[1, 2], 4, &[]),
            of("a prompt of exactly one block", &[&[1, 2, 3, 4]], &[1, 2, 3, 4], 4, &[]),
            of("nothing is kept", &[], &[1, 2, 3, 4, 5], 2, &[]),
            of("the first block differs", &[&[1, 2, 3, 4, 5, 6]], &[9, 2, 3, 4, 5, 6, 7], 2, &[]),
            of("the last token of the first block differs", &[&[1, 2, 3, 4, 5, 6]], &[1, 9, 3, 4, 5, 6, 7], 2, &[]),
            of("the middle one was evicted", &[&[1, 2, 3, 4, 5, 6]], &[1, 2, 3, 4, 5, 6, 7], 2, &[number(1)]),
            of("the first one was evicted", &[&[1, 2, 3, 4, 5, 6]], &[1, 2, 3, 4, 5, 6, 7], 2, &[number(0)]),
            of("two texts with a common beginning", &[&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4, 7, 8]], &[1, 2, 3, 4, 7, 8, 9], 2, &[]),
            of("the tokens of a block in another order", &[&[1, 2, 3, 4]], &[2, 1, 3, 4, 5], 2, &[]),
            of("blocks of one token", &[&[1, 2, 3]], &[1, 2, 3, 4], 1, &[]),
            of("blocks of one token, all kept", &[&[1, 2, 3]], &[1, 2, 3], 1, &[]),
            of("a single token", &[&[1, 2, 3]], &[1], 1, &[]),
            of("an empty prompt", &[&[1, 2, 3]], &[], 1, &[]),
            of("an empty prompt and large blocks", &[&[1, 2, 3]], &[], 3, &[]),
            of("a longer text is kept", &[&[4, 4, 4, 4, 4, 4, 4, 4]], &[4, 4, 4, 4, 4, 4], 2, &[]),
            of("a text that ends within a block is kept", &[&[1, 2, 3]], &[1, 2, 3, 4, 5], 2, &[]),
        ];
        cases.extend(pairwise([4, 5, 3]).into_iter().map(|[size, blocks, common]| {
            let size = size + 1;
            let mut text = |n: usize| -> Vec<usize> { (0..n).map(|_| random.below(3)).collect() };
            let kept = text(size * blocks + common);
            let mut prompt = kept[..(size * blocks).min(size * common)].to_vec();
            prompt.extend(text(common + 1));
            case("random", (Kept { texts: vec![kept, text(2 * size)], gone: vec![] }, prompt, size))
        }));
        cases
    };

    right (index, prompt, size) {
        "as long as tokens are left" => {
            let (mut found, mut hash, mut start) = (Vec::new(), ROOT, 0);
            while start + size < prompt.len() {
                hash = chain(hash, &prompt[start..start + size]);
                let Some(block) = index.get(&hash) else { break };
                found.push(*block);
                start += size;
            }
            found
        };
        "scanned" => {
            let Some((_, before)) = prompt.split_last() else { return Vec::new() };
            let hashes = before.chunks_exact(size).scan(ROOT, |hash, tokens| {
                *hash = chain(*hash, tokens);
                Some(*hash)
            });
            hashes.map_while(|hash| index.get(&hash).copied()).collect()
        };
        "all hashes first" => {
            let mut hashes = vec![ROOT];
            for tokens in prompt.chunks(size).filter(|tokens| tokens.len() == size) {
                hashes.push(chain(hashes[hashes.len() - 1], tokens));
            }
            let mut found: Vec<usize> = hashes[1..].iter().map_while(|hash| index.get(hash)).copied().collect();
            if found.len() * size == prompt.len() {
                found.pop();
            }
            found
        };
    }

    mistakes (index, prompt, size) {
        "without-the-parent": "each block is hashed by itself: the same tokens after others have other keys, and are no beginning of this text"
            => {
                let shareable = prompt.len().saturating_sub(1) / size;
                prompt.chunks_exact(size).take(shareable).map_while(|tokens| index.get(&chain(ROOT, tokens)).copied()).collect()
            };
        "whole-prompt": "the whole prompt may be shared: then no row is computed that says what comes next"
            => walk(index, prompt, size, prompt.len() / size);
        "partial-block": "the last, partly filled block is looked up too; only full blocks are shared"
            => {
                let (mut hash, mut found) = (ROOT, Vec::new());
                for tokens in prompt[..prompt.len().saturating_sub(1)].chunks(size) {
                    hash = chain(hash, tokens);
                    match index.get(&hash) {
                        Some(&block) => found.push(block),
                        None if tokens.len() < size => found.extend(index.values().next()),
                        None => break,
                    }
                }
                found
            };
        "gap-skipped": "a block that is not there is skipped, and the search goes on behind it: what is shared has to be a beginning"
            => {
                let (mut hash, mut found) = (ROOT, Vec::new());
                for tokens in prompt.chunks_exact(size).take(prompt.len().saturating_sub(1) / size) {
                    hash = chain(hash, tokens);
                    found.extend(index.get(&hash));
                }
                found
            };
        "first-only": "the first block alone is looked up"
            => walk(index, prompt, size, 1.min(prompt.len().saturating_sub(1) / size));
        "all-or-nothing": "nothing is shared unless all full blocks of the prompt are there"
            => {
                let all = prompt.len().saturating_sub(1) / size;
                let found = walk(index, prompt, size, all);
                if found.len() == all { found } else { Vec::new() }
            };
        "one-block-left": "a whole block is always left to compute; one token is enough"
            => walk(index, prompt, size, (prompt.len() / size).saturating_sub(1));
        "last-one-dropped": "the last block that was found is always dropped, also where a token is left behind it"
            => {
                let mut found = crate::cached_prefix(index, prompt, size);
                found.pop();
                found
            };
        "backwards": "the blocks are in the wrong order: the last one stands first"
            => {
                let mut found = crate::cached_prefix(index, prompt, size);
                found.reverse();
                found
            };
        "sorted": "the blocks are sorted by their numbers; they are in the order of the text"
            => {
                let mut found = crate::cached_prefix(index, prompt, size);
                found.sort();
                found
            };
        "from-zero": "the chain begins with 0 instead of `ROOT`, and nothing is found"
            => {
                let (mut hash, mut found) = (0, Vec::new());
                for tokens in prompt.chunks_exact(size).take(prompt.len().saturating_sub(1) / size) {
                    hash = chain(hash, tokens);
                    match index.get(&hash) {
                        Some(&block) => found.push(block),
                        None => break,
                    }
                }
                found
            };
        "last-token": "a block is looked up by its last token alone, and nothing is found in blocks of more than one"
            => {
                let (mut hash, mut found) = (ROOT, Vec::new());
                for tokens in prompt.chunks_exact(size).take(prompt.len().saturating_sub(1) / size) {
                    hash = chain(hash, &tokens[size - 1..]);
                    match index.get(&hash) {
                        Some(&block) => found.push(block),
                        None => break,
                    }
                }
                found
            };
        "panics": "a block that is not there is looked up with `[]`, which panics"
            => {
                let (mut hash, mut found) = (ROOT, Vec::new());
                for tokens in prompt.chunks_exact(size).take(prompt.len().saturating_sub(1) / size) {
                    hash = chain(hash, tokens);
                    found.push(index[&hash]);
                }
                found
            };
        "underflow": "1 is subtracted from the length of an empty prompt, which panics"
            => {
                assert!(!prompt.is_empty(), "attempt to subtract with overflow");
                crate::cached_prefix(index, prompt, size)
            };
    }
}

/// 10, 22, 17, 12, …
fn number(i: usize) -> usize {
    12 * i % 17
}

/// At most so many blocks of the beginning.
fn walk(index: &BTreeMap<u64, usize>, prompt: &[usize], size: usize, most: usize) -> Vec<usize> {
    let (mut hash, mut found) = (ROOT, Vec::new());
    for tokens in prompt.chunks_exact(size).take(most) {
        hash = chain(hash, tokens);
        match index.get(&hash) {
            Some(&block) => found.push(block),
            None => break,
        }
    }
    found
}

/// The same without hashes: by comparing tokens.
fn expected(c: &Case) -> Vec<usize> {
    // The block that holds this beginning, if it is kept.
    let mut known: Vec<(Vec<usize>, usize)> = Vec::new();
    for text in &c.kept.texts {
        for end in (c.size..=text.len()).step_by(c.size) {
            if known.iter().all(|(beginning, _)| *beginning != text[..end]) {
                known.push((text[..end].to_vec(), number(known.len())));
            }
        }
    }
    let mut found = Vec::new();
    for end in (c.size..c.prompt.len()).step_by(c.size) {
        let block = known.iter().find(|(beginning, block)| {
            *beginning == c.prompt[..end] && !c.kept.gone.contains(block)
        });
        match block {
            Some((_, block)) => found.push(*block),
            None => break,
        }
    }
    found
}
