//! The engine: every request is written as if it were alone, whatever else goes on.

use attn_core::{Mask, random::Random};
use attn_lm::{Attention, AttentionWeights, LanguageModel, Model, ROPE_BASE, Weights, text};
use ch04_multi_head::{
    AttentionLayer,
    given::{Layout, Rotary},
    rotary_self_attention,
};
use ch10_paged::{
    engine::{
        AddError, Choice, Decoder, Engine, Event, Lm, NoSuchRequest, Request, Settings, Span,
    },
    functions::{Functions, REFERENCE},
    given::{Pool, Way},
    slot,
};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use std::{collections::BTreeMap, convert::Infallible};

/// What each request wrote.
type Written = BTreeMap<usize, Vec<usize>>;

fn settings(blocks: usize, size: usize, budget: usize) -> Settings {
    Settings { blocks, size, budget, way: Way::Recompute, share: true }
}

/// One step, its tokens noted, and everything counted again.
fn step<D: Decoder>(engine: &mut Engine<D>, written: &mut Written) {
    for event in engine.step().expect("a step") {
        if let Event::Token { id, token } = event {
            written.entry(id).or_default().push(token);
        }
    }
    engine.audit().expect("right counts");
}

/// Until nothing is left to do.
fn run<D: Decoder>(engine: &mut Engine<D>, written: &mut Written) {
    let mut steps = 0;
    while !engine.is_idle() {
        step(engine, written);
        steps += 1;
        assert!(steps < 100_000, "it never ends");
    }
}

/// Attention among all tokens of a call, by chapter 4.
struct Whole(Vec<AttentionLayer>);

impl Attention for Whole {
    type Error = Infallible;

    fn attend(&mut self, layer: usize, x: ArrayView2<f32>) -> Result<Array2<f32>, Infallible> {
        let rotary = Rotary { base: ROPE_BASE, layout: Layout::Interleaved };
        Ok(rotary_self_attention(&self.0[layer], x, rotary, &Mask::Causal))
    }
}

/// A text without an engine, blocks or a cache.
fn alone(model: &LanguageModel, request: &Request) -> Vec<usize> {
    let layers = model.attention.iter().map(|weights| match weights {
        AttentionWeights::Grouped(weights) => {
            // A copy of the shared heads for each query head.
            let (d, group) =
                (weights.w_q.ncols() / weights.heads, weights.heads / weights.kv_heads);
            let column = |i: usize| i / d / group * d + i % d;
            let columns: Vec<usize> = (0..weights.w_q.ncols()).map(column).collect();
            AttentionLayer {
                w_q: weights.w_q.clone(),
                w_k: weights.w_k.select(Axis(1), &columns),
                w_v: weights.w_v.select(Axis(1), &columns),
                w_o: weights.w_o.clone(),
                h: weights.heads,
            }
        }
        AttentionWeights::Latent(_) => panic!("the engine keeps no latents"),
    });
    let mut whole = Whole(layers.collect());
    let mut tokens = request.prompt.clone();
    for _ in 0..request.most {
        let Ok(logits) = model.logits(&tokens, &mut whole);
        let token = request.choice.token(logits.row(tokens.len() - 1), tokens.len());
        if request.stop == Some(token) {
            break;
        }
        tokens.push(token);
    }
    tokens.split_off(request.prompt.len())
}

/// The trained model: greedy and sampled, shared beginnings, siblings, in pools so small that somebody
/// always has to give way.
#[test]
fn the_model_writes_what_it_writes_alone() {
    let model = LanguageModel::trained(Model::Mha);
    let prompts =
        ["It was a truth", "It was a trifle", "It was", "Mr. Darcy", "Elizabeth was a", "I"];
    let requests: Vec<Request> = prompts
        .into_iter()
        .enumerate()
        .map(|(id, prompt)| {
            let mut request =
                Request::greedy(id, &text::encode(prompt).expect("known"), 5 + 2 * id);
            if id % 3 == 2 {
                request.choice = Choice::Sample { temperature: 0.8, seed: id as u64 };
                request.siblings = vec![
                    (100 + id, Choice::Sample { temperature: 0.8, seed: 77 }),
                    (200 + id, Choice::Greedy),
                ];
            }
            request
        })
        .collect();
    let mut right = Written::new();
    for request in &requests {
        for (id, choice) in
            [(request.id, request.choice)].into_iter().chain(request.siblings.clone())
        {
            right.insert(id, alone(&model, &Request { choice, ..request.clone() }));
        }
    }
    let lm = Lm::trained();
    let mut random = Random::new(1);
    let (mut preempted, mut shared, mut copied) = (0, 0, 0);
    for size in [1, 2, 16] {
        for way in [Way::Recompute, Way::Swap] {
            for share in [true, false] {
                // As many blocks as the longest needs alone, or a few more.
                let longest =
                    requests.iter().map(|r| r.prompt.len() + r.most - 1).max().expect("some");
                let blocks = longest.div_ceil(size) + random.below(4);
                let settings =
                    Settings { way, share, ..settings(blocks, size, 1 + random.below(24)) };
                let mut engine = Engine::new(lm.clone(), settings);
                let mut written = Written::new();
                let mut coming = requests.clone();
                while !coming.is_empty() {
                    engine.add(coming.remove(random.below(coming.len()))).expect("it fits");
                    for _ in 0..random.below(4) {
                        step(&mut engine, &mut written);
                    }
                }
                run(&mut engine, &mut written);
                assert_eq!(written, right, "{settings:?}");
                let metrics = engine.metrics();
                preempted += metrics.preempted;
                shared += metrics.shared;
                copied += metrics.copied;
                engine.forget();
                assert_eq!(engine.pool().blocks.free.len(), blocks);
            }
        }
    }
    assert!(preempted > 50 && shared > 50 && copied > 5, "{preempted} {shared} {copied}");
}

/// Query heads that share keys and values, and the poems.
#[test]
fn every_model_writes_what_it_writes_alone() {
    for which in [Model::Gqa, Model::Mqa, Model::Quatrains] {
        let model = LanguageModel::trained(which);
        let prompts = match which {
            Model::Quatrains => ["床前", "床前明月光", "白日"],
            _ => ["It was a truth", "It was a trifle", "Mr. Darcy"],
        };
        let requests: Vec<Request> = prompts
            .into_iter()
            .enumerate()
            .map(|(id, prompt)| {
                let prompt = which.alphabet().encode(prompt).expect("known");
                Request::greedy(id, &prompt, 10 + id)
            })
            .collect();
        let right: Written =
            requests.iter().map(|request| (request.id, alone(&model, request))).collect();
        for size in [1, 3, 16] {
            let blocks = 25_usize.div_ceil(size);
            let lm = Lm::new(&Weights::trained(which));
            let mut engine = Engine::new(lm, settings(blocks, size, 7));
            let mut written = Written::new();
            for request in &requests {
                engine.add(request.clone()).expect("it fits");
                step(&mut engine, &mut written);
            }
            run(&mut engine, &mut written);
            assert_eq!(written, right, "{which}");
        }
    }
}

/// A model that puts each token into its page and makes the next one of all that it finds there: a single
/// wrong place changes the text.
#[derive(Clone, Copy)]
struct Echo;

const TOKENS: usize = 11;

/// What comes after these tokens.
fn next(tokens: impl Iterator<Item = usize>) -> usize {
    let mixed =
        tokens.fold(7_u64, |hash, token| (hash ^ token as u64).wrapping_mul(0x0100_0000_01b3));
    (mixed >> 33) as usize % TOKENS
}

impl Decoder for Echo {
    fn pages(&self) -> (usize, usize, usize) {
        (1, 1, 1)
    }

    fn context(&self) -> usize {
        1000
    }

    fn vocabulary(&self) -> usize {
        TOKENS
    }

    fn logits(&self, spans: &[Span], pool: &mut Pool, _by: &Functions) -> Array2<f32> {
        let mut logits = Array2::zeros((spans.len(), TOKENS));
        let size = pool.blocks.size;
        // All are written first, as the rows of a layer are.
        for span in spans {
            for (i, token) in span.tokens.iter().enumerate() {
                let place = slot(&span.table, size, span.start + i).expect("a slot");
                pool.keys[[place.block, 0, place.offset, 0]] = *token as f32;
                pool.values[[place.block, 0, place.offset, 0]] = (span.start + i) as f32;
            }
        }
        for (row, span) in spans.iter().enumerate() {
            let tokens = (0..span.start + span.tokens.len()).map(|position| {
                let place = slot(&span.table, size, position).expect("a slot");
                assert_eq!(pool.values[[place.block, 0, place.offset, 0]], position as f32);
                pool.keys[[place.block, 0, place.offset, 0]] as usize
            });
            logits[[row, next(tokens)]] = 1.0;
        }
        logits
    }
}

fn echo_alone(request: &Request, choice: Choice) -> Vec<usize> {
    let mut tokens = request.prompt.clone();
    for _ in 0..request.most {
        let mut logits = Array1::zeros(TOKENS);
        logits[next(tokens.iter().copied())] = 1.0;
        let token = choice.token(logits.view(), tokens.len());
        if request.stop == Some(token) {
            break;
        }
        tokens.push(token);
    }
    tokens.split_off(request.prompt.len())
}

/// A request and its siblings, alone.
fn all_alone(request: &Request) -> Written {
    let siblings = request.siblings.iter().copied();
    let all = [(request.id, request.choice)].into_iter().chain(siblings);
    all.map(|(id, choice)| (id, echo_alone(request, choice))).collect()
}

fn some_request(random: &mut Random, id: usize, room: usize) -> Request {
    let n = 1 + random.below(room.min(12));
    // Few different beginnings, so that many are shared.
    let kind = random.below(3);
    let prompt: Vec<usize> =
        (0..n).map(|i| if i < 8 { (kind + i) % TOKENS } else { random.below(TOKENS) }).collect();
    let mut request = Request::greedy(id, &prompt, 1 + random.below((room + 1 - n).min(15)));
    if random.below(4) == 0 {
        request.stop = Some(random.below(TOKENS));
    }
    if random.below(5) == 0 {
        let siblings = (1..=1 + random.below(3))
            .map(|i| (id + i, Choice::Sample { temperature: 0.5, seed: (id + i) as u64 }));
        request.siblings = siblings.collect();
    }
    request
}

/// Requests with random cancels, in pools where preemption is constant; in the end every block is free.
#[test]
fn a_soak_with_cancels() {
    let total = 10_000;
    let mut random = Random::new(2);
    let (mut added, mut preempted, mut evicted, mut copied) = (0, 0, 0, 0);
    let configurations = [(4, 1), (9, 2), (3, 16), (12, 3), (30, 2), (6, 4), (40, 1), (2, 8)];
    for (i, &(blocks, size)) in configurations.iter().cycle().take(24).enumerate() {
        let way = if i % 2 == 0 { Way::Recompute } else { Way::Swap };
        let settings =
            Settings { way, share: i % 3 > 0, ..settings(blocks, size, 1 + random.below(20)) };
        let mut engine = Engine::new(Echo, settings);
        let (mut right, mut written, mut cancelled) = (Written::new(), Written::new(), Vec::new());
        for number in 0..total / 24 + 1 {
            let request = some_request(&mut random, 10 * number, blocks * size);
            right.append(&mut all_alone(&request));
            engine.add(request).expect("it fits");
            added += 1;
            for _ in 0..random.below(7) {
                step(&mut engine, &mut written);
            }
            if random.below(4) == 0 {
                let id = 10 * (number - random.below(number.min(5) + 1)) + random.below(3);
                match engine.cancel(id) {
                    Ok(()) => cancelled.push(id),
                    Err(error) => assert_eq!(error, NoSuchRequest { id }),
                }
                engine.audit().expect("right counts");
            }
        }
        run(&mut engine, &mut written);
        for (id, text) in &right {
            let got = written.get(id).cloned().unwrap_or_default();
            let whole = got == *text;
            let begun = text.starts_with(&got);
            // A sibling whose first one was cancelled before it existed ends with it.
            let with = cancelled.contains(id) || cancelled.contains(&(id / 10 * 10));
            assert!(
                whole || begun && with,
                "request {id}: {got:?}, should be {text:?}, {settings:?}"
            );
        }
        let metrics = engine.metrics();
        preempted += metrics.preempted;
        evicted += metrics.evicted;
        copied += metrics.copied;
        engine.forget();
        assert_eq!(engine.pool().blocks.free.len(), blocks, "every block is free");
        engine.audit().expect("right counts");
    }
    assert!(
        added >= total && preempted > 100 && evicted > 100 && copied > 20,
        "{added} {preempted} {evicted} {copied}"
    );
}

/// What can never be written is refused by name, and nothing changes.
#[test]
fn refusals_lose_nothing() {
    let mut engine = Engine::new(Echo, settings(3, 4, 8));
    engine.add(Request::greedy(1, &[1, 2, 3], 4)).expect("it fits");
    let mut written = Written::new();
    step(&mut engine, &mut written);
    let mut refused = |request: Request| {
        let before = (engine.pool().clone(), engine.requests());
        let error = engine.add(request).expect_err("refused");
        assert_eq!(before.0.blocks, engine.pool().blocks);
        assert_eq!(before.1, engine.requests());
        error
    };
    assert_eq!(refused(Request::greedy(1, &[1], 1)), AddError::Duplicate { id: 1 });
    let twice = Request {
        siblings: vec![(5, Choice::Greedy), (5, Choice::Greedy)],
        ..Request::greedy(4, &[1], 1)
    };
    assert_eq!(refused(twice), AddError::Duplicate { id: 5 });
    assert_eq!(refused(Request::greedy(2, &[], 1)), AddError::EmptyPrompt { id: 2 });
    assert_eq!(refused(Request::greedy(2, &[1], 0)), AddError::Nothing { id: 2 });
    assert_eq!(
        refused(Request::greedy(2, &[1, 11], 1)),
        AddError::UnknownToken { token: 11, vocabulary: 11 }
    );
    assert_eq!(
        refused(Request::greedy(2, &[1; 12], 2)),
        AddError::PoolTooSmall { needed: 4, total: 3 }
    );
    assert_eq!(
        refused(Request::greedy(2, &[1; 12], 5000)),
        AddError::TooLong { tokens: 5012, context: 1000 }
    );
    assert_eq!(
        refused(Request::greedy(2, &[1; 12], usize::MAX)),
        AddError::TooLong { tokens: usize::MAX, context: 1000 }
    );
    assert_eq!(engine.cancel(9), Err(NoSuchRequest { id: 9 }));
    engine.add(Request::greedy(2, &[1; 12], 1)).expect("exactly the pool");
    run(&mut engine, &mut written);
    assert_eq!((written[&1].len(), written[&2].len()), (4, 1));
    assert_eq!(engine.cancel(1), Err(NoSuchRequest { id: 1 }), "it has ended");
    engine.add(Request::greedy(1, &[1], 1)).expect("its number is free again");
    assert!(engine.step().is_ok());
    assert_eq!(engine.step(), Ok(vec![]), "nothing to do");
}

/// A plan that cannot be carried out is an error, and the requests are still there.
#[test]
fn a_wrong_plan_is_an_error() {
    for schedule in [
        (|_: &_| ch10_paged::given::Plan::default()) as fn(&ch10_paged::given::Queue) -> _,
        |_| ch10_paged::given::Plan { chunks: vec![(0, 99)], preempted: vec![] },
        |_| ch10_paged::given::Plan { chunks: vec![(7, 1)], preempted: vec![] },
    ] {
        let mut engine = Engine::with(Echo, settings(4, 4, 8), Functions { schedule, ..REFERENCE });
        engine.add(Request::greedy(0, &[1, 2], 2)).expect("it fits");
        assert!(engine.step().is_err());
        assert_eq!(engine.requests().0 + engine.requests().1, 1);
        engine.audit().expect("right counts");
    }
}

/// Siblings share their prompt: its full blocks are held once, and only the last block is copied.
#[test]
fn siblings_share_their_prompt() {
    let mut engine = Engine::new(Echo, settings(40, 4, 64));
    let siblings = (1..8).map(|id| (id, Choice::Greedy)).collect();
    engine.add(Request { siblings, ..Request::greedy(0, &[3; 18], 4) }).expect("it fits");
    let mut written = Written::new();
    step(&mut engine, &mut written);
    assert_eq!(engine.pool().blocks.counts.iter().filter(|&&count| count > 0).count(), 5);
    step(&mut engine, &mut written);
    // Four full blocks, and eight of the fifth: seven copies and the first.
    assert_eq!(engine.pool().blocks.counts.iter().filter(|&&count| count > 0).count(), 4 + 8);
    assert_eq!(engine.metrics().copied, 7);
}

/// A prompt that was read once is not read again, but for its last token.
#[test]
fn a_known_prompt_is_not_read_again() {
    let mut engine = Engine::new(Echo, settings(20, 4, 64));
    let mut written = Written::new();
    for id in 0..3 {
        engine.add(Request::greedy(id, &[3; 16], 2)).expect("it fits");
        run(&mut engine, &mut written);
    }
    assert_eq!(engine.metrics().shared, 2 * 12);
    assert_eq!(engine.metrics().computed, (16 + 1) + 2 * (4 + 1));
}

/// Requests that share, fork and give way; how it went wrong, if it did.
fn seen_wrong(by: Functions) -> bool {
    let served = std::panic::catch_unwind(|| {
        let mut random = Random::new(3);
        for (blocks, size) in [(9, 2), (14, 1), (5, 4)] {
            let settings = settings(blocks, size, 9);
            let mut engine = Engine::with(Echo, settings, by);
            let (mut right, mut written) = (Written::new(), Written::new());
            for number in 0..60 {
                let request = some_request(&mut random, 10 * number, blocks * size);
                right.append(&mut all_alone(&request));
                engine.add(request).expect("it fits");
                if number % 2 == 0 {
                    step(&mut engine, &mut written);
                }
            }
            let mut steps = 0;
            while !engine.is_idle() {
                step(&mut engine, &mut written);
                steps += 1;
                assert!(steps < 5_000, "it never ends");
            }
            right.retain(|_, text| !text.is_empty());
            assert_eq!(written, right);
            engine.forget();
            assert_eq!(engine.pool().blocks.free.len(), blocks);
        }
    });
    served.is_err()
}

/// Fourteen wrong functions, each of which has to show.
#[test]
fn wrong_functions_show() {
    use ch10_paged::given::{BlockError, Plan, Queue, ROOT, chain};
    use ch10_paged::{allocate, cached_prefix, copy_on_write, grow, release, schedule};
    assert!(!seen_wrong(REFERENCE), "the reference is right");
    let wrong: [(&str, Functions); 14] = [
        (
            "a block that stays free",
            Functions {
                allocate: |blocks| {
                    let block =
                        *blocks.free.last().ok_or(BlockError::Full { needed: 1, free: 0 })?;
                    blocks.counts[block] += 1;
                    Ok(block)
                },
                // `grow` would call the reference's.
                grow: |blocks, table, tokens| {
                    let kept = blocks.free.clone();
                    let result = grow(blocks, table, tokens);
                    blocks.free = kept;
                    result
                },
                ..REFERENCE
            },
        ),
        (
            "freed at once",
            Functions {
                release: |blocks, block| {
                    blocks.counts[block] = 1;
                    release(blocks, block)
                },
                ..REFERENCE
            },
        ),
        (
            "never freed",
            Functions {
                release: |blocks, block| {
                    let result = release(blocks, block);
                    blocks.free.retain(|&other| other != block);
                    result
                },
                ..REFERENCE
            },
        ),
        (
            "counted down twice",
            Functions {
                release: |blocks, block| {
                    release(blocks, block)?;
                    let _ = release(blocks, block);
                    Ok(())
                },
                ..REFERENCE
            },
        ),
        (
            "a block per call",
            Functions {
                grow: |blocks, table, tokens| {
                    grow(blocks, table, tokens)?;
                    table.blocks.push(allocate(blocks)?);
                    Ok(())
                },
                ..REFERENCE
            },
        ),
        (
            "a sibling that is not counted",
            Functions { fork: |_, table| table.clone(), ..REFERENCE },
        ),
        (
            "nobody gives way",
            Functions {
                schedule: |queue| Plan { preempted: Vec::new(), ..schedule(queue) },
                ..REFERENCE
            },
        ),
        ("written into a shared block", Functions { copy_on_write: |_, _| Ok(()), ..REFERENCE }),
        (
            "a copy that holds nothing",
            Functions {
                copy_on_write: |pool, table| {
                    let (keys, values) = (pool.keys.clone(), pool.values.clone());
                    copy_on_write(pool, table)?;
                    (pool.keys, pool.values) = (keys, values);
                    Ok(())
                },
                ..REFERENCE
            },
        ),
        (
            "a copy whose first block stays counted",
            Functions {
                copy_on_write: |pool, table| {
                    let before = table.blocks.last().copied();
                    copy_on_write(pool, table)?;
                    if let (true, Some(before)) = (before != table.blocks.last().copied(), before) {
                        pool.blocks.counts[before] += 1;
                    }
                    Ok(())
                },
                ..REFERENCE
            },
        ),
        (
            "hashed without the parent",
            Functions {
                cached_prefix: |index, prompt, size| {
                    let most = prompt.len().saturating_sub(1) / size;
                    let blocks = prompt.chunks_exact(size).take(most);
                    blocks.map_while(|tokens| index.get(&chain(ROOT, tokens)).copied()).collect()
                },
                ..REFERENCE
            },
        ),
        (
            "the whole prompt found",
            Functions {
                cached_prefix: |index, prompt, size| {
                    let longer = [prompt, &[0]].concat();
                    cached_prefix(index, &longer, size)
                },
                ..REFERENCE
            },
        ),
        ("nothing evicted", Functions { evict: |_| None, ..REFERENCE }),
        (
            "more blocks planned than there are",
            Functions {
                schedule: |queue| schedule(&Queue { free: queue.free + 2, ..queue.clone() }),
                ..REFERENCE
            },
        ),
    ];
    for (name, by) in wrong {
        assert!(seen_wrong(by), "{name} does not show");
    }
}

/// A table that attention does not look at changes the model's text.
#[test]
fn attention_past_the_table_shows() {
    let lm = Lm::trained();
    let requests =
        ["It was a truth", "Elizabeth was"].map(|prompt| text::encode(prompt).expect("known"));
    let served = |by: Functions| {
        let mut engine = Engine::with(lm.clone(), settings(40, 2, 8), by);
        for (id, prompt) in requests.iter().enumerate() {
            engine.add(Request::greedy(id, prompt, 12)).expect("it fits");
        }
        let mut written = Written::new();
        run(&mut engine, &mut written);
        written
    };
    let right = served(REFERENCE);
    let contiguous = Functions {
        paged_attention: |q, keys, values, table| {
            let mut table = table.clone();
            let (first, total) = (table.blocks[0], keys.dim().0);
            table.blocks.iter_mut().enumerate().for_each(|(i, block)| *block = (first + i) % total);
            ch10_paged::paged_attention(q, keys, values, &table)
        },
        ..REFERENCE
    };
    assert_ne!(served(contiguous), right);
    let swapped = Functions {
        slot: |table, size, position| {
            let mut place = slot(table, size, position)?;
            place.offset = size - 1 - place.offset;
            Some(place)
        },
        ..REFERENCE
    };
    assert_ne!(served(swapped), right);
}

/// A model whose every token says something else of what may follow: no two texts are equally likely.
#[derive(Clone, Copy)]
struct Unlike;

fn unlike(tokens: impl Iterator<Item = usize>) -> Array1<f32> {
    let past = next(tokens.map(|token| token + 1)) as u64 * 1_000_003;
    Array1::from_shape_fn(TOKENS, |token| {
        let mixed = (past ^ (token as u64 + 5)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 40) as f32 / (1 << 22) as f32
    })
}

impl Decoder for Unlike {
    fn pages(&self) -> (usize, usize, usize) {
        (1, 1, 1)
    }

    fn context(&self) -> usize {
        1000
    }

    fn vocabulary(&self) -> usize {
        TOKENS
    }

    fn logits(&self, spans: &[Span], pool: &mut Pool, by: &Functions) -> Array2<f32> {
        // The pages are written and checked as Echo does it.
        Echo.logits(spans, pool, by);
        let size = pool.blocks.size;
        let mut logits = Array2::zeros((spans.len(), TOKENS));
        for (mut row, span) in logits.rows_mut().into_iter().zip(spans) {
            let tokens = (0..span.table.tokens).map(|position| {
                let place = slot(&span.table, size, position).expect("a slot");
                pool.keys[[place.block, 0, place.offset, 0]] as usize
            });
            row.assign(&unlike(tokens));
        }
        logits
    }
}

/// Beam search as it stands in a textbook, each text with everything of its own.
fn plain_beams(request: &Request, logits: impl Fn(&[usize]) -> Array1<f32>) -> Vec<Vec<usize>> {
    let width = 1 + request.siblings.len();
    // Score, tokens, and whether it has ended.
    let mut beams = vec![(0.0_f64, request.prompt.clone(), false)];
    for _ in 0..request.most {
        let mut all: Vec<_> = beams.iter().filter(|beam| beam.2).cloned().collect();
        for (score, tokens, _) in beams.iter().filter(|beam| !beam.2) {
            let logits = logits(tokens).mapv(f64::from);
            let max = logits.fold(f64::NEG_INFINITY, |max, &x| max.max(x));
            let sum: f64 = logits.iter().map(|x| (x - max).exp()).sum();
            for (token, x) in logits.iter().enumerate() {
                let score = score + (x - max - sum.ln());
                if request.stop == Some(token) {
                    all.push((score, tokens.clone(), true));
                } else {
                    all.push((score, [&tokens[..], &[token]].concat(), false));
                }
            }
        }
        all.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        all.truncate(width);
        beams = all;
    }
    beams.into_iter().map(|(_, tokens, _)| tokens[request.prompt.len()..].to_vec()).collect()
}

/// Searches among others, in pools where somebody always has to give way.
#[test]
fn a_beam_search_finds_what_it_finds_with_whole_caches() {
    let mut random = Random::new(6);
    let (mut preempted, mut copied, mut shared, mut cancelled) = (0, 0, 0, 0);
    for round in 0..150 {
        let size = [1, 2, 4, 16][round % 4];
        let way = if round % 3 == 0 { Way::Swap } else { Way::Recompute };
        let blocks = (25 + random.below(30)).div_ceil(size);
        let settings =
            Settings { way, share: round % 5 > 0, ..settings(blocks, size, 1 + random.below(20)) };
        let mut engine = Engine::new(Unlike, settings);
        let (mut right, mut written) = (Written::new(), Written::new());
        for number in 0..8 {
            let width = 1 + random.below(5);
            let prompt: Vec<usize> = (0..1 + random.below(10))
                .map(|i| if i < 4 { i } else { random.below(TOKENS) })
                .collect();
            let mut request = Request::beams(10 * number, width, &prompt, 1 + random.below(10));
            if random.below(2) == 0 {
                request.stop = Some(random.below(TOKENS));
            }
            if random.below(3) == 0 {
                request = Request::greedy(10 * number, &prompt, request.most);
            }
            let logits = |tokens: &[usize]| unlike(tokens.iter().copied());
            let texts = plain_beams(&request, logits);
            match engine.add(request) {
                Ok(()) => right.extend((10 * number..).zip(texts)),
                Err(error) => assert!(matches!(error, AddError::PoolTooSmall { .. }), "{error}"),
            }
            for _ in 0..random.below(5) {
                step(&mut engine, &mut written);
                let (held, named) = engine.sharing();
                shared += named - held;
            }
            if random.below(6) == 0 && engine.cancel(10 * number).is_ok() {
                engine.audit().expect("right counts");
                right.retain(|id, _| id / 10 != number);
                written.retain(|id, _| id / 10 != number);
                cancelled += 1;
            }
        }
        run(&mut engine, &mut written);
        right.retain(|_, text| !text.is_empty());
        assert_eq!(written, right, "{settings:?}");
        preempted += engine.metrics().preempted;
        copied += engine.metrics().copied;
        engine.forget();
        assert_eq!(engine.pool().blocks.free.len(), blocks, "every block is free");
    }
    assert!(
        preempted > 80 && copied > 150 && shared > 2000 && cancelled > 50,
        "{preempted} {copied} {shared} {cancelled}"
    );
}

/// The trained model, and what a search shares of what it wrote.
#[test]
fn the_models_beams_share_what_they_write() {
    let model = LanguageModel::trained(Model::Mha);
    let prompt = text::encode("It was a truth").expect("known");
    let request = Request::beams(0, 4, &prompt, 20);
    let logits = |tokens: &[usize]| {
        let layers = model.attention.iter().map(|weights| match weights {
            AttentionWeights::Grouped(weights) => AttentionLayer {
                w_q: weights.w_q.clone(),
                w_k: weights.w_k.clone(),
                w_v: weights.w_v.clone(),
                w_o: weights.w_o.clone(),
                h: weights.heads,
            },
            AttentionWeights::Latent(_) => panic!("multi-head attention"),
        });
        let Ok(logits) = model.logits(tokens, &mut Whole(layers.collect()));
        logits.row(tokens.len() - 1).to_owned()
    };
    let right = plain_beams(&request, logits);
    let mut engine = Engine::new(Lm::trained(), settings(40, 4, 16));
    engine.add(request).expect("it fits");
    let (mut written, mut held, mut named) = (Written::new(), 0, 0);
    while !engine.is_idle() {
        step(&mut engine, &mut written);
        let sharing = engine.sharing();
        (held, named) = (held + sharing.0, named + sharing.1);
    }
    assert_eq!(written.into_values().collect::<Vec<_>>(), right);
    assert!(2 * held < named, "less than half of the blocks: {held} of {named}");
}
