//! The engine itself.

use super::{
    beams::{Child, Search, likeliest},
    lm::{Decoder, Span},
    prefix::Prefixes,
    request::{AddError, Away, Event, NoSuchRequest, Request, Text},
};
use crate::{
    functions::{Functions, REFERENCE},
    given::{BlockError, Job, Pool, Queue, ROOT, Table, Way, chain},
};
use ndarray::{Array2, Array4, s};
use std::collections::{BTreeMap, BTreeSet};

/// How large the pool is, and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Blocks of the pool.
    pub blocks: usize,
    /// Tokens of a block.
    pub size: usize,
    /// The most tokens that a step computes.
    pub budget: usize,
    /// How a request that gave way comes back.
    pub way: Way,
    /// Whether full blocks are kept for others that begin in the same way.
    pub share: bool,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Steps.
    pub steps: usize,
    /// Rows that went through the model.
    pub computed: usize,
    /// Tokens that were written.
    pub written: usize,
    /// Tokens of prompts that were found in the pool.
    pub shared: usize,
    /// Texts whose beginning was found in the pool, each time.
    pub hits: usize,
    /// Requests that had to give way, each time.
    pub preempted: usize,
    /// Blocks that were copied because somebody wrote into a shared one.
    pub copied: usize,
    /// Kept blocks that had to go.
    pub evicted: usize,
}

/// A step that could not be carried out: blocks were planned that are not there. With the reference's
/// functions it does not occur.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The pool refused.
    #[error("request {id}: {error}")]
    Blocks {
        /// For this request.
        id: usize,
        /// Why.
        error: BlockError,
    },
    /// There is work, and no step would do any of it.
    #[error("the plan of step {step} does nothing, though {requests} requests are there")]
    Stuck {
        /// The step.
        step: usize,
        /// Requests that wait or run.
        requests: usize,
    },
    /// The plan names a request that is not there, or tokens that it does not have.
    #[error("the plan gives request {id} {tokens} tokens, which it does not have to compute")]
    Plan {
        /// The request.
        id: usize,
        /// The tokens.
        tokens: usize,
    },
}

/// A server of many texts on one pool.
#[derive(Debug)]
pub struct Engine<D> {
    decoder: D,
    settings: Settings,
    by: Functions,
    pool: Pool,
    /// In the order of arrival, like those that wait.
    running: Vec<Text>,
    waiting: Vec<Text>,
    /// The beam searches, by the order of their arrival.
    searches: BTreeMap<usize, Search>,
    prefixes: Prefixes,
    arrivals: usize,
    metrics: Metrics,
}

impl<D: Decoder> Engine<D> {
    /// An engine with an empty pool, which runs on the reference's functions.
    #[track_caller]
    pub fn new(decoder: D, settings: Settings) -> Self {
        Engine::with(decoder, settings, REFERENCE)
    }

    /// The same on somebody's functions.
    ///
    /// # Panics
    /// If a block or the budget of a step has no tokens.
    #[track_caller]
    pub fn with(decoder: D, settings: Settings, by: Functions) -> Self {
        assert!(settings.budget > 0, "a step of 0 tokens does nothing");
        let mut pool = Pool::new(settings.blocks, settings.size, decoder.pages());
        // Whoever reads a place that nobody wrote will notice.
        pool.keys.fill(f32::NAN);
        pool.values.fill(f32::NAN);
        Engine {
            decoder,
            settings,
            by,
            pool,
            running: Vec::new(),
            waiting: Vec::new(),
            searches: BTreeMap::new(),
            prefixes: Prefixes::default(),
            arrivals: 0,
            metrics: Metrics::default(),
        }
    }

    /// Takes a request, which waits until a step has room for it.
    ///
    /// # Errors
    /// When it can never be written, or its number is taken. Nothing has changed then.
    pub fn add(&mut self, request: Request) -> Result<(), AddError> {
        let Request { id, most, .. } = request;
        let mut numbers: BTreeSet<usize> = self.ids().collect();
        for id in [id].into_iter().chain(request.siblings.iter().map(|(id, _)| *id)) {
            if !numbers.insert(id) {
                return Err(AddError::Duplicate { id });
            }
        }
        if request.prompt.is_empty() {
            return Err(AddError::EmptyPrompt { id });
        }
        if most == 0 {
            return Err(AddError::Nothing { id });
        }
        let vocabulary = self.decoder.vocabulary();
        if let Some(&token) = request.prompt.iter().find(|&&token| token >= vocabulary) {
            return Err(AddError::UnknownToken { token, vocabulary });
        }
        let (tokens, context) = (request.prompt.len().saturating_add(most), self.decoder.context());
        if tokens > context {
            return Err(AddError::TooLong { tokens, context });
        }
        // The last token that is written is never read. The texts of a search wait for each other.
        let width = if request.beam { request.siblings.len() + 1 } else { 1 };
        let (needed, total) = ((tokens - 1).div_ceil(self.settings.size), self.settings.blocks);
        let needed = needed.saturating_mul(width);
        if needed > total {
            return Err(AddError::PoolTooSmall { needed, total });
        }
        self.arrivals += 1;
        if request.beam {
            let siblings = request.siblings.iter().map(|(id, _)| *id);
            let ids = [id].into_iter().chain(siblings).collect();
            self.searches.insert(self.arrivals, Search { ids, ended: Vec::new() });
        }
        self.waiting.push(Text::new(request, (self.arrivals, 0)));
        Ok(())
    }

    /// Ends a request, and with it those of its siblings that do not exist yet; of a beam search, all of it.
    ///
    /// # Errors
    /// When there is none of this number.
    pub fn cancel(&mut self, id: usize) -> Result<(), NoSuchRequest> {
        let search = self.searches.iter().find(|(_, search)| search.ids.contains(&id));
        if let Some((&arrival, _)) = search {
            self.searches.remove(&arrival);
            for (_, member) in self.take_members(arrival) {
                self.give_back(member.table);
            }
            return Ok(());
        }
        let mut table = None;
        for texts in [&mut self.running, &mut self.waiting] {
            if let Some(place) = texts.iter().position(|text| text.request.id == id) {
                table = Some(texts.remove(place).table);
                break;
            }
            // A sibling that waits for its first token.
            for text in texts.iter_mut().filter(|text| !text.forked) {
                let siblings = &mut text.request.siblings;
                if let Some(place) = siblings.iter().position(|(sibling, _)| *sibling == id) {
                    siblings.remove(place);
                    return Ok(());
                }
            }
        }
        if let Some(table) = table {
            self.give_back(table);
            return Ok(());
        }
        Err(NoSuchRequest { id })
    }

    /// Whether nothing is left to do.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// What was done so far.
    pub fn metrics(&self) -> Metrics {
        self.metrics
    }

    /// How many texts are being written, and how many wait.
    pub fn requests(&self) -> (usize, usize) {
        (self.running.len(), self.waiting.len())
    }

    /// The running requests with their tables, in the order of arrival.
    pub fn tables(&self) -> impl Iterator<Item = (usize, &Table)> {
        self.running.iter().map(|text| (text.request.id, &text.table))
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// How many blocks are kept without a text that uses them.
    pub fn kept(&self) -> usize {
        self.prefixes.unused(&self.pool.blocks.counts)
    }

    /// Forgets everything that is kept for later texts.
    pub fn forget(&mut self) {
        let unused = self.prefixes.all(&self.pool.blocks.counts);
        for cached in unused.iter().filter(|cached| cached.users == 0) {
            self.prefixes.forget(cached.block);
            let _ = (self.by.release)(&mut self.pool.blocks, cached.block);
        }
    }

    /// How many blocks the running texts hold, and how many it would be if they shared none.
    pub fn sharing(&self) -> (usize, usize) {
        let blocks = || self.running.iter().flat_map(|text| &text.table.blocks);
        (blocks().collect::<BTreeSet<_>>().len(), blocks().count())
    }

    /// All numbers that are taken.
    fn ids(&self) -> impl Iterator<Item = usize> {
        let texts = self.running.iter().chain(&self.waiting).filter(|text| !text.request.beam);
        let texts = texts.flat_map(|text| {
            let siblings = text.request.siblings.iter().filter(|_| !text.forked);
            [text.request.id].into_iter().chain(siblings.map(|(id, _)| *id))
        });
        texts.chain(self.searches.values().flat_map(|search| search.ids.iter().copied()))
    }

    /// Runs the model once, on what the scheduler plans. Without requests it does nothing.
    ///
    /// # Errors
    /// [`EngineError`] when the plan cannot be carried out, which means that a function is wrong.
    pub fn step(&mut self) -> Result<Vec<Event>, EngineError> {
        if self.is_idle() {
            return Ok(Vec::new());
        }
        self.metrics.steps += 1;
        let plan = (self.by.schedule)(&self.queue());
        if plan.chunks.is_empty() && plan.preempted.is_empty() {
            // Texts of a search hold blocks while they wait for others of it, which wait for blocks.
            if self.running.iter().any(|text| text.best.is_some())
                && let Some(last) = self.running.last()
            {
                self.put_away(last.request.id);
                return Ok(Vec::new());
            }
            let (step, requests) = (self.metrics.steps, self.running.len() + self.waiting.len());
            return Err(EngineError::Stuck { step, requests });
        }
        for id in plan.preempted {
            self.put_away(id);
        }
        self.admit(&plan.chunks)?;
        let mut spans = Vec::new();
        for &(id, tokens) in &plan.chunks {
            spans.push(self.make_room(id, tokens)?);
        }
        if spans.is_empty() {
            return Ok(Vec::new());
        }
        self.metrics.computed += spans.iter().map(|span| span.tokens.len()).sum::<usize>();
        let logits = self.decoder.logits(&spans, &mut self.pool, &self.by);
        let mut events = Vec::new();
        for (row, (id, _)) in plan.chunks.into_iter().enumerate() {
            self.written(id, &logits, row, &mut events);
        }
        for arrival in self.searches.keys().copied().collect::<Vec<_>>() {
            self.search_on(arrival, &mut events);
        }
        self.keep_full_blocks();
        self.end(&mut events);
        Ok(events)
    }

    /// What the scheduler sees.
    fn queue(&self) -> Queue {
        let (counts, size) = (&self.pool.blocks.counts, self.settings.size);
        let running = self.running.iter().map(|text| {
            let Table { blocks, tokens } = &text.table;
            // A last block that has to be copied first counts as one that is not there.
            let copy =
                !tokens.is_multiple_of(size) && blocks.last().is_some_and(|&last| counts[last] > 1);
            // Kept blocks can be evicted when this text is gone.
            let own = blocks
                .iter()
                .filter(|&&block| counts[block] == 1 + usize::from(self.prefixes.holds(block)));
            Job {
                id: text.request.id,
                cached: *tokens,
                known: text.tokens.len(),
                blocks: blocks.len() - usize::from(copy),
                own: own.count(),
            }
        });
        let waiting = self.waiting.iter().map(|text| {
            let known = self.known_beginning(text);
            let cached = text.away.as_ref().map_or(known.len() * size, |away| away.tokens);
            // Those that nobody uses count as free blocks, so that they are taken from these.
            let used = known.iter().filter(|&&block| counts[block] > 1);
            Job {
                id: text.request.id,
                cached,
                known: text.tokens.len(),
                blocks: used.count(),
                own: 0,
            }
        });
        let free = self.pool.blocks.free.len() + self.prefixes.unused(counts);
        Queue {
            budget: self.settings.budget,
            size,
            free,
            running: running.collect(),
            waiting: waiting.collect(),
        }
    }

    /// The kept blocks that a waiting text begins with.
    fn known_beginning(&self, text: &Text) -> Vec<usize> {
        if !self.settings.share || text.away.is_some() {
            return Vec::new();
        }
        (self.by.cached_prefix)(&self.prefixes.index, &text.tokens, self.settings.size)
    }

    /// Takes all blocks from a request that has to give way, and lets it wait where it arrived.
    fn put_away(&mut self, id: usize) {
        let Some(place) = self.running.iter().position(|text| text.request.id == id) else {
            return;
        };
        let mut text = self.running.remove(place);
        self.metrics.preempted += 1;
        let table = std::mem::take(&mut text.table);
        text.hashes.clear();
        if self.settings.way == Way::Swap {
            // Something is left to be computed when it comes back, or nobody would plan it.
            let tokens = table.tokens.min(text.tokens.len() - 1);
            let away = |pages: &Array4<f32>| -> Vec<Array2<f32>> {
                let (_, heads, size, d) = pages.dim();
                let entry = |head, (j, c): (usize, usize)| {
                    pages[[table.blocks[j / size], head, j % size, c]]
                };
                (0..heads)
                    .map(|head| Array2::from_shape_fn((tokens, d), |at| entry(head, at)))
                    .collect()
            };
            let (keys, values) = (away(&self.pool.keys), away(&self.pool.values));
            text.away = Some(Away { tokens, keys, values });
        }
        self.give_back(table);
        insert(&mut self.waiting, text);
    }

    /// Lets the planned ones of those that wait begin, or go on.
    fn admit(&mut self, chunks: &[(usize, usize)]) -> Result<(), EngineError> {
        let mut admitted = Vec::new();
        for (id, _) in chunks {
            let Some(place) = self.waiting.iter().position(|text| text.request.id == *id) else {
                continue;
            };
            let mut text = self.waiting.remove(place);
            // First of all, so that nobody's growing evicts them.
            let blocks = self.known_beginning(&text);
            self.metrics.shared += blocks.len() * self.settings.size;
            self.metrics.hits += usize::from(!blocks.is_empty());
            blocks.iter().for_each(|&block| self.prefixes.touch(block, self.metrics.steps));
            let beginning = Table { tokens: blocks.len() * self.settings.size, blocks };
            text.table = (self.by.fork)(&mut self.pool.blocks, &beginning);
            admitted.push(text);
        }
        for mut text in admitted {
            if let Some(away) = text.away.take() {
                let needed = away.tokens.div_ceil(self.settings.size);
                self.evict_until(needed);
                let grown = (self.by.grow)(&mut self.pool.blocks, &mut text.table, away.tokens);
                if let Err(error) = grown {
                    let id = text.request.id;
                    text.away = Some(away);
                    insert(&mut self.waiting, text);
                    return Err(EngineError::Blocks { id, error });
                }
                for j in 0..away.tokens {
                    let Some(slot) = (self.by.slot)(&text.table, self.settings.size, j) else {
                        continue;
                    };
                    for (head, (keys, values)) in away.keys.iter().zip(&away.values).enumerate() {
                        let place = s![slot.block, head, slot.offset, ..];
                        self.pool.keys.slice_mut(place).assign(&keys.row(j));
                        self.pool.values.slice_mut(place).assign(&values.row(j));
                    }
                }
            }
            insert(&mut self.running, text);
        }
        Ok(())
    }

    /// Evicts kept blocks until so many are free, or nothing is left to evict.
    fn evict_until(&mut self, needed: usize) {
        while self.pool.blocks.free.len() < needed {
            let kept = self.prefixes.all(&self.pool.blocks.counts);
            let Some(block) = (self.by.evict)(&kept) else { return };
            if !self.prefixes.forget(block) {
                return;
            }
            self.metrics.evicted += 1;
            let _ = (self.by.release)(&mut self.pool.blocks, block);
        }
    }

    /// Makes room for some tokens of a running request, in blocks of its own.
    fn make_room(&mut self, id: usize, tokens: usize) -> Result<Span, EngineError> {
        let size = self.settings.size;
        let Some(place) = self.running.iter().position(|text| text.request.id == id) else {
            return Err(EngineError::Plan { id, tokens });
        };
        let Table { blocks, tokens: start } = &self.running[place].table;
        let (start, held) = (*start, blocks.len());
        if tokens == 0 || start + tokens > self.running[place].tokens.len() {
            return Err(EngineError::Plan { id, tokens });
        }
        let shared = blocks.last().is_some_and(|&last| self.pool.blocks.counts[last] > 1);
        let copy = usize::from(shared && !start.is_multiple_of(size));
        self.evict_until((start + tokens).div_ceil(size) - held + copy);
        let text = &mut self.running[place];
        let refused = |error| EngineError::Blocks { id, error };
        let before = self.pool.blocks.free.len();
        (self.by.copy_on_write)(&mut self.pool, &mut text.table).map_err(refused)?;
        self.metrics.copied += before.saturating_sub(self.pool.blocks.free.len());
        (self.by.grow)(&mut self.pool.blocks, &mut text.table, tokens).map_err(refused)?;
        let new = text.tokens[start..start + tokens].to_vec();
        Ok(Span { table: text.table.clone(), start, tokens: new })
    }

    /// Chooses a token for a request whose tokens have all been read.
    fn written(&mut self, id: usize, logits: &Array2<f32>, row: usize, events: &mut Vec<Event>) {
        let Some(place) = self.running.iter().position(|text| text.request.id == id) else {
            return;
        };
        let text = &mut self.running[place];
        let position = text.tokens.len();
        if text.table.tokens < position {
            return;
        }
        if text.request.beam {
            let width = self.searches.get(&text.arrived.0).map_or(0, |search| search.ids.len());
            text.best = Some(likeliest(logits.row(row), width));
            return;
        }
        let mut siblings = Vec::new();
        if !text.forked {
            text.forked = true;
            for (count, (id, choice)) in text.request.siblings.clone().into_iter().enumerate() {
                let table = (self.by.fork)(&mut self.pool.blocks, &text.table);
                let request = Request { id, choice, siblings: Vec::new(), ..text.request.clone() };
                let arrived = (text.arrived.0, count + 1);
                siblings.push(Text { request, arrived, table, ..text.clone() });
            }
        }
        for text in [text].into_iter().chain(&mut siblings) {
            let token = text.request.choice.token(logits.row(row), position);
            text.tokens.push(token);
            if text.request.stop != Some(token) {
                self.metrics.written += 1;
                events.push(Event::Token { id: text.request.id, token });
            }
        }
        for text in siblings {
            insert(&mut self.running, text);
        }
    }

    /// Takes the texts of a search out, those that run (true) and those that wait, in their order.
    fn take_members(&mut self, arrival: usize) -> Vec<(bool, Text)> {
        let mut members = Vec::new();
        for (runs, texts) in [(true, &mut self.running), (false, &mut self.waiting)] {
            members
                .extend(texts.extract_if(.., |text| text.arrived.0 == arrival).map(|t| (runs, t)));
        }
        members.sort_by_key(|(_, text)| text.arrived);
        members
    }

    /// Lets a search go on if all its texts have been read: those that are chosen twice are forked, and
    /// those that are not give their blocks back.
    fn search_on(&mut self, arrival: usize, events: &mut Vec<Event>) {
        let texts = || self.running.iter().chain(&self.waiting);
        if texts().any(|text| text.arrived.0 == arrival && text.best.is_none()) {
            return;
        }
        let (runs, members): (Vec<bool>, Vec<Text>) =
            self.take_members(arrival).into_iter().unzip();
        let (Some(mut search), Some(first)) = (self.searches.remove(&arrival), members.first())
        else {
            return;
        };
        let request = first.request.clone();
        let children = search.choose(&members, request.stop);
        let done = children.iter().all(|child| members[child.parent].written() + 1 == request.most);
        if done {
            let text = |child: &Child| {
                let tokens = [&members[child.parent].tokens[..], &[child.token]].concat();
                (child.score, tokens)
            };
            search.ended.extend(children.iter().map(text));
            search.ended.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            for (id, (_, tokens)) in search.ids.into_iter().zip(search.ended) {
                let written = &tokens[request.prompt.len()..];
                self.metrics.written += written.len();
                events.extend(written.iter().map(|&token| Event::Token { id, token }));
                events.push(Event::Done { id });
            }
            members.into_iter().for_each(|member| self.give_back(member.table));
            return;
        }
        for (rank, Child { parent, token, score }) in children.into_iter().enumerate() {
            let member = &members[parent];
            let table = (self.by.fork)(&mut self.pool.blocks, &member.table);
            let request = Request { id: search.ids[rank], ..request.clone() };
            let tokens = [&member.tokens[..], &[token]].concat();
            let arrived = (arrival, rank);
            let child =
                Text { request, arrived, tokens, table, score, best: None, ..member.clone() };
            let texts = if runs[parent] { &mut self.running } else { &mut self.waiting };
            insert(texts, child);
        }
        // The children have their blocks; what nobody goes on from is free.
        members.into_iter().for_each(|member| self.give_back(member.table));
        self.searches.insert(arrival, search);
    }

    /// Keeps the blocks that have become full.
    fn keep_full_blocks(&mut self) {
        if !self.settings.share {
            return;
        }
        let size = self.settings.size;
        for text in &mut self.running {
            for &block in &text.table.blocks {
                self.prefixes.touch(block, self.metrics.steps);
            }
            for i in text.hashes.len()..text.table.tokens / size {
                let parent = text.hashes.last().copied().unwrap_or(ROOT);
                let hash = chain(parent, &text.tokens[i * size..(i + 1) * size]);
                text.hashes.push(hash);
                let block = text.table.blocks[i];
                if self.prefixes.keep(hash, block, i, self.metrics.steps) {
                    self.pool.blocks.counts[block] += 1;
                }
            }
        }
    }

    /// Ends what has been written.
    fn end(&mut self, events: &mut Vec<Event>) {
        let ended = |text: &Text| {
            if text.request.beam {
                return false;
            }
            let stopped = text.written() > 0 && text.tokens.last().copied() == text.request.stop;
            stopped || text.written() == text.request.most
        };
        while let Some(place) = self.running.iter().position(ended) {
            let text = self.running.remove(place);
            events.push(Event::Done { id: text.request.id });
            self.give_back(text.table);
        }
    }

    /// Gives all blocks of a table back, the last one first.
    fn give_back(&mut self, table: Table) {
        for block in table.blocks.into_iter().rev() {
            // A refusal would mean that somebody has counted wrongly, which `audit` says.
            let _ = (self.by.release)(&mut self.pool.blocks, block);
        }
    }

    /// Compares the counts of all blocks with who uses them.
    ///
    /// # Errors
    /// Says which block is counted wrongly.
    pub fn audit(&self) -> Result<(), String> {
        let blocks = &self.pool.blocks;
        let mut users = vec![0; blocks.total()];
        for text in self.running.iter().chain(&self.waiting) {
            for &block in &text.table.blocks {
                users[block] += 1;
            }
            if text.table.blocks.len() != text.table.tokens.div_ceil(blocks.size) {
                return Err(format!("request {} has {:?}", text.request.id, text.table));
            }
        }
        (0..users.len()).for_each(|block| users[block] += usize::from(self.prefixes.holds(block)));
        for (block, (&users, &count)) in users.iter().zip(&blocks.counts).enumerate() {
            let free = blocks.free.iter().filter(|&&other| other == block).count();
            if users != count || free != usize::from(count == 0) {
                return Err(format!(
                    "block {block} has {users} users and counts {count}, {free} times free"
                ));
            }
        }
        if self.prefixes.len() != self.prefixes.index.len() {
            return Err(format!(
                "{} blocks are kept, {} can be found",
                self.prefixes.len(),
                self.prefixes.index.len()
            ));
        }
        Ok(())
    }
}

/// Puts a text among others, which stay in the order of their arrival.
fn insert(texts: &mut Vec<Text>, text: Text) {
    let place = texts.partition_point(|other| other.arrived < text.arrived);
    texts.insert(place, text);
}
