//! 10.11 `schedule`

use crate::given::{Job, Plan, Queue};
use attn_core::random::Random;
use attn_exercise::{Field, Fields, Given, Input, Sizes, exercise, field};

impl Fields for Plan {
    fn fields(&self) -> Vec<Field> {
        let chunks: Vec<String> =
            self.chunks.iter().map(|(id, tokens)| format!("{tokens} of request {id}")).collect();
        vec![
            field(
                "what is computed",
                if chunks.is_empty() { "nothing".into() } else { chunks.join(", ") },
            ),
            field("who gives way", format!("{:?}", self.preempted)),
        ]
    }
}

impl Given for Queue {
    fn own_sizes(&self) -> Sizes {
        vec![("budget", self.budget), ("size", self.size)]
    }

    fn fields(&self, _name: &'static str, _sizes: &Sizes) -> Vec<Field> {
        let jobs = |jobs: &[Job]| {
            let jobs = jobs.iter().map(|job| {
                let Job { id, cached, known, blocks, own } = job;
                let s = if *blocks == 1 { "" } else { "s" };
                format!("{id}: {cached} of {known} tokens cached, {blocks} block{s}, {own} its own")
            });
            jobs.collect::<Vec<_>>().join("; ")
        };
        vec![
            field("budget", self.budget.to_string()),
            field("tokens of a block", self.size.to_string()),
            field("free blocks", self.free.to_string()),
            field("running", jobs(&self.running)),
            field("waiting", jobs(&self.waiting)),
        ]
    }
}

impl Input for Queue {
    type Passed<'a> = &'a Queue;

    fn pass(&self) -> &Queue {
        self
    }

    fn altered(&self) -> Vec<Self> {
        vec![
            Queue { budget: self.budget + 1, ..self.clone() },
            Queue { free: self.free + 1, ..self.clone() },
        ]
    }
}

exercise! {
    /// What is running and waiting, the budget of a step, and the free blocks.
    crate::schedule as fn(&Queue) -> Plan: (queue: Queue) -> Plan;
    answer: |schedule, c| c.call(schedule);

    exact: |c| expected(&c.queue);
    steps: |c| {
        let of = |job: &Job| format!("request {}: {} to compute", job.id, job.known - job.cached);
        let all: Vec<String> = c.queue.running.iter().chain(&c.queue.waiting).map(of).collect();
        [field("tokens", all.join(", "))]
    };

    cases: |random| {
        // (id, cached, known, blocks)
        let of = |about: &str, (budget, size, free): (usize, usize, usize), running: &[(usize, usize, usize, usize)], waiting: &[(usize, usize)]| {
            let running = running.iter().map(|&(id, cached, known, blocks)| Job { id, cached, known, blocks, own: blocks });
            let waiting = waiting.iter().map(|&(id, known)| Job { id, cached: 0, known, blocks: 0, own: 0 });
            case(about, (Queue { budget, size, free, running: running.collect(), waiting: waiting.collect() },))
        };
        let mut cases = vec![
            of("by hand: one decodes, one reads on, one is admitted", (8, 4, 4), &[(0, 4, 9, 1), (1, 6, 7, 2)], &[(2, 5)]),
            of("nothing to do", (4, 4, 4), &[], &[]),
            of("decoding alone", (8, 4, 2), &[(0, 3, 4, 1), (1, 8, 9, 2), (2, 5, 6, 2)], &[]),
            of("the budget is for one of three", (1, 4, 9), &[(0, 3, 4, 1), (1, 8, 9, 2)], &[(2, 7)]),
            of("a long prompt in pieces", (4, 4, 9), &[(0, 8, 30, 2)], &[(1, 6)]),
            of("decode before prefill", (3, 4, 9), &[(0, 4, 20, 1), (1, 5, 6, 2), (2, 7, 8, 2)], &[]),
            of("two prompts share a budget", (7, 4, 9), &[], &[(3, 5), (4, 6), (5, 2)]),
            of("the first that waits does not fit, the second would", (16, 4, 2), &[], &[(0, 12), (1, 4)]),
            of("blocks for two of three", (30, 4, 4), &[], &[(0, 6), (1, 7), (2, 3)]),
            of("no block is free: the last arrived gives way", (8, 4, 0), &[(0, 8, 9, 2), (1, 4, 5, 1), (2, 6, 7, 2)], &[(3, 4)]),
            of("the last arrived needs a block itself", (8, 4, 0), &[(0, 6, 7, 2), (1, 4, 5, 1)], &[]),
            of("two have to give way", (8, 2, 0), &[(0, 2, 8, 1), (1, 2, 3, 1), (2, 2, 3, 1), (3, 1, 2, 1)], &[(4, 2)]),
            of("one that was planned already gives way to an earlier prompt", (6, 4, 0), &[(0, 4, 12, 1), (1, 5, 6, 2)], &[]),
            of("its part of the budget is left for others", (3, 4, 0), &[(0, 4, 6, 1), (1, 4, 12, 1), (2, 5, 6, 2), (3, 7, 8, 2)], &[]),
            of("what gave way leaves room, but nobody is admitted", (9, 4, 0), &[(0, 4, 5, 1), (1, 12, 13, 3)], &[(2, 3)]),
            of("blocks of one token", (4, 1, 3), &[(0, 2, 3, 2), (1, 1, 2, 1)], &[(2, 3)]),
            of("a budget of one, blocks of one", (1, 1, 1), &[(0, 2, 4, 2)], &[(1, 2)]),
            of("a budget of one, nothing running", (1, 2, 3), &[], &[(1, 2), (2, 2)]),
            of("larger blocks than the budget", (2, 16, 1), &[(0, 15, 17, 1)], &[(1, 4)]),
            of("as large as the budget", (4, 4, 5), &[(0, 3, 9, 1)], &[(1, 4)]),
            of("alone, and not enough blocks", (8, 4, 1), &[(0, 4, 16, 1)], &[]),
            of("a single running one without a block", (8, 4, 0), &[(5, 4, 5, 1)], &[(6, 4)]),
            of("a budget of nothing", (0, 4, 3), &[(0, 3, 4, 1)], &[(1, 2)]),
            of("room in the last block", (9, 8, 0), &[(0, 9, 10, 2), (1, 3, 8, 1)], &[(2, 3)]),
        ];
        // What is shared with others is not free when one gives way.
        let job = |id, cached, known, blocks, own| Job { id, cached, known, blocks, own };
        cases.push(case("the last arrived shares most of its blocks", (Queue { budget: 8, size: 4, free: 0, running: vec![job(0, 8, 9, 2, 1), job(1, 9, 10, 3, 2), job(2, 10, 11, 3, 0)], waiting: vec![] },)));
        cases.push(case("nothing becomes free", (Queue { budget: 8, size: 4, free: 0, running: vec![job(0, 8, 9, 2, 0), job(1, 10, 11, 3, 0)], waiting: vec![job(2, 0, 3, 0, 0)] },)));
        cases.push(case("a beginning is cached", (Queue { budget: 9, size: 4, free: 2, running: vec![job(0, 2, 3, 1, 1)], waiting: vec![job(1, 8, 12, 2, 0), job(2, 4, 6, 1, 0), job(3, 0, 2, 0, 0)] },)));
        for i in 0..24 {
            cases.push(case("random", (some_queue(random, i),)));
        }
        cases
    };

    right (queue) {
        "sorted by what is left to do" => {
            let (mut plan, mut left, mut free) = (Plan::default(), queue.budget, queue.free);
            let mut order: Vec<usize> = (0..queue.running.len()).collect();
            order.sort_by_key(|&i| usize::from(queue.running[i].known - queue.running[i].cached > 1));
            let mut gone = vec![false; queue.running.len()];
            let mut got: Vec<Option<(usize, usize)>> = vec![None; queue.running.len()];
            let mut planned = Vec::new();
            for i in order {
                let job = queue.running[i];
                let tokens = (job.known - job.cached).min(left);
                if gone[i] || tokens == 0 {
                    continue;
                }
                let needed = job.needs(tokens, queue.size);
                while free < needed && !gone[i] {
                    let last = (0..gone.len()).rev().find(|&j| !gone[j]).unwrap_or(i);
                    gone[last] = true;
                    plan.preempted.push(queue.running[last].id);
                    free += queue.running[last].own;
                    if let Some((tokens, blocks)) = got[last].take() {
                        (left, free) = (left + tokens, free + blocks);
                    }
                }
                if !gone[i] {
                    got[i] = Some((tokens, needed));
                    planned.push(i);
                    (left, free) = (left - tokens, free - needed);
                }
            }
            plan.chunks = planned.into_iter().filter_map(|i| got[i].map(|(tokens, _)| (queue.running[i].id, tokens))).collect();
            if plan.preempted.is_empty() {
                for job in &queue.waiting {
                    let tokens = (job.known - job.cached).min(left);
                    let needed = job.needs(tokens, queue.size);
                    if tokens == 0 || needed > free {
                        return plan;
                    }
                    plan.chunks.push((job.id, tokens));
                    (left, free) = (left - tokens, free - needed);
                }
            }
            plan
        };
        "two passes" => {
            let mut plan = Plan::default();
            let (mut left, mut free) = (queue.budget, queue.free);
            let mut stays = queue.running.len();
            for decode in [true, false] {
                for i in 0..queue.running.len() {
                    let job = &queue.running[i];
                    let todo = job.known - job.cached;
                    let tokens = todo.min(left);
                    if i >= stays || decode != (todo == 1) || tokens == 0 {
                        continue;
                    }
                    let needed = job.needs(tokens, queue.size);
                    while needed > free && i < stays {
                        stays -= 1;
                        let last = &queue.running[stays];
                        plan.preempted.push(last.id);
                        free += last.own;
                        plan.chunks.retain(|&(id, tokens)| {
                            if id == last.id {
                                left += tokens;
                                free += last.needs(tokens, queue.size);
                            }
                            id != last.id
                        });
                    }
                    if i < stays {
                        plan.chunks.push((job.id, tokens));
                        left -= tokens;
                        free -= needed;
                    }
                }
            }
            let admitted = queue.waiting.iter().map_while(|job| {
                let tokens = (job.known - job.cached).min(left);
                let needed = job.needs(tokens, queue.size);
                if tokens == 0 || needed > free || !plan.preempted.is_empty() {
                    return None;
                }
                (left, free) = (left - tokens, free - needed);
                Some((job.id, tokens))
            });
            let admitted: Vec<_> = admitted.collect();
            plan.chunks.extend(admitted);
            plan
        };
        "of a table" => expected(queue);
    }

    mistakes (queue) {
        "arrival-alone": "all running requests are served in the order of arrival, and a long prompt can keep others from writing: those with a single token come first"
            => planned(queue, Rules { decode_first: false, ..RULES });
        "prefill-first": "those that still read are served before those that write"
            => planned(queue, Rules { prefill_first: true, ..RULES });
        "waiting-first": "waiting requests are admitted before the running ones get their tokens"
            => {
                let admitted = planned(&Queue { running: vec![], ..queue.clone() }, RULES);
                let tokens: usize = admitted.chunks.iter().map(|(_, tokens)| tokens).sum();
                let blocks: usize = admitted.chunks.iter().filter_map(|(id, tokens)| queue.waiting.iter().find(|job| job.id == *id).map(|job| job.needs(*tokens, queue.size))).sum();
                let rest = Queue { budget: queue.budget - tokens, free: queue.free - blocks, waiting: vec![], ..queue.clone() };
                let mut plan = planned(&rest, RULES);
                plan.chunks.splice(0..0, admitted.chunks);
                plan
            };
        "no-budget": "the budget is not looked at: a long prompt is computed in one step, and everybody waits for it"
            => planned(&Queue { budget: usize::MAX / 2, ..queue.clone() }, Rules { budget_of_nothing: queue.budget == 0, ..RULES });
        "budget-each": "each request gets the whole budget; it is for all of them together"
            => planned(queue, Rules { budget_each: true, ..RULES });
        "whole-prompts": "a prompt that does not fit into the rest of the budget waits: it is computed in pieces"
            => planned(queue, Rules { whole_prompts: true, ..RULES });
        "one-token": "a running request gets a single token per step, also while it reads its prompt"
            => planned(queue, Rules { one_token: true, ..RULES });
        "skipped-ahead": "a waiting request that does not fit is skipped, and a later one is admitted: a long prompt may wait for ever"
            => planned(queue, Rules { skip_ahead: true, ..RULES });
        "first-arrived": "the request that arrived first gives way; it is the last, so that the oldest is sure to end"
            => planned(queue, Rules { first_gives_way: true, ..RULES });
        "itself": "the request that needs a block gives way itself, also if others arrived later"
            => planned(queue, Rules { itself: true, ..RULES });
        "nobody": "nobody gives way: who finds no block waits a step, and if all need one, they wait for ever"
            => planned(queue, Rules { nobody: true, ..RULES });
        "admitted-after-preemption": "waiting requests are admitted in a step in which somebody had to give way, and take the blocks that were made free"
            => planned(queue, Rules { admit_always: true, ..RULES });
        "all-blocks-freed": "the blocks that it shares with others are counted as free when a request gives way"
            => planned(queue, Rules { all_blocks: true, ..RULES });
        "chunk-kept": "a request that gives way keeps the chunk that was planned for it"
            => planned(queue, Rules { chunk_kept: true, ..RULES });
        "budget-lost": "the part of the budget of a request that gave way is lost"
            => planned(queue, Rules { budget_lost: true, ..RULES });
        "blocks-lost": "the blocks that were planned for a request are lost when it gives way"
            => planned(queue, Rules { blocks_lost: true, ..RULES });
        "block-per-token": "each token is counted as a block"
            => planned(queue, Rules { needs: |job, tokens, _| (job.cached + tokens).saturating_sub(job.blocks), ..RULES });
        "held-forgotten": "the blocks that a request has are not subtracted from those that it needs"
            => planned(queue, Rules { needs: |job, tokens, size| (job.cached + tokens).div_ceil(size), ..RULES });
        "rounded-down": "the needed blocks are rounded down"
            => planned(queue, Rules { needs: |job, tokens, size| ((job.cached + tokens) / size).saturating_sub(job.blocks), ..RULES });
        "whole-known": "blocks are asked for all known tokens, also those that this step does not compute"
            => planned(queue, Rules { needs: |job, _, size| job.known.div_ceil(size).saturating_sub(job.blocks), ..RULES });
        "free-stays": "what is planned is not taken from the free blocks"
            => planned(queue, Rules { free_stays: true, ..RULES });
        "nothing-for-nothing": "a request for which no budget is left gets a chunk of 0 tokens"
            => planned(queue, Rules { empty_chunks: true, ..RULES });
        "chunk-grows": "a chunk becomes larger when the budget of a request that gave way is free again; it keeps the size that it was planned with"
            => planned(queue, Rules { grows: true, ..RULES });
        "nobody-admitted": "no waiting request is ever admitted"
            => planned(&Queue { waiting: vec![], ..queue.clone() }, RULES);
    }
}

/// What can be forgotten, or done otherwise.
#[derive(Clone, Copy)]
struct Rules {
    decode_first: bool,
    prefill_first: bool,
    budget_each: bool,
    budget_of_nothing: bool,
    whole_prompts: bool,
    one_token: bool,
    skip_ahead: bool,
    first_gives_way: bool,
    itself: bool,
    nobody: bool,
    admit_always: bool,
    all_blocks: bool,
    chunk_kept: bool,
    budget_lost: bool,
    blocks_lost: bool,
    free_stays: bool,
    empty_chunks: bool,
    grows: bool,
    needs: fn(&Job, usize, usize) -> usize,
}

const RULES: Rules = Rules {
    decode_first: true,
    prefill_first: false,
    budget_each: false,
    budget_of_nothing: false,
    whole_prompts: false,
    one_token: false,
    skip_ahead: false,
    first_gives_way: false,
    itself: false,
    nobody: false,
    admit_always: false,
    all_blocks: false,
    chunk_kept: false,
    budget_lost: false,
    blocks_lost: false,
    free_stays: false,
    empty_chunks: false,
    grows: false,
    needs: Job::needs,
};

/// A plan by these rules.
fn planned(queue: &Queue, rules: Rules) -> Plan {
    let (mut plan, mut left, mut free) = (Plan::default(), queue.budget, queue.free);
    if rules.budget_of_nothing {
        left = 0;
    }
    let todo = |job: &Job| job.known - job.cached;
    let share = |job: &Job, left: usize| match () {
        () if rules.budget_each => todo(job).min(queue.budget),
        () if rules.whole_prompts && todo(job) > left => 0,
        () if rules.one_token => left.min(1),
        () => todo(job).min(left),
    };
    let mut order: Vec<&Job> = queue.running.iter().collect();
    if rules.prefill_first {
        order.sort_by_key(|job| todo(job) == 1);
    } else if rules.decode_first {
        order.sort_by_key(|job| todo(job) > 1);
    }
    let mut staying: Vec<&Job> = queue.running.iter().collect();
    for job in order {
        let mut tokens = share(job, left);
        if plan.preempted.contains(&job.id) || tokens == 0 && !rules.empty_chunks {
            continue;
        }
        let mut needed = (rules.needs)(job, tokens, queue.size);
        while needed > free && staying.iter().any(|other| other.id == job.id) && !rules.nobody {
            let place = match () {
                () if rules.first_gives_way => 0,
                () if rules.itself => {
                    staying.iter().position(|other| other.id == job.id).unwrap_or(0)
                }
                () => staying.len() - 1,
            };
            let last = staying.remove(place);
            if let Some(place) = plan.chunks.iter().position(|(id, _)| *id == last.id) {
                let (_, tokens) = plan.chunks[place];
                if !rules.chunk_kept {
                    plan.chunks.remove(place);
                }
                left += if rules.budget_lost { 0 } else { tokens };
                free += if rules.blocks_lost { 0 } else { (rules.needs)(last, tokens, queue.size) };
            }
            free += if rules.all_blocks { last.blocks } else { last.own };
            plan.preempted.push(last.id);
            if rules.grows {
                tokens = share(job, left);
                needed = (rules.needs)(job, tokens, queue.size);
            }
        }
        if needed <= free && !plan.preempted.contains(&job.id) {
            plan.chunks.push((job.id, tokens));
            left = left.saturating_sub(tokens);
            free -= if rules.free_stays { 0 } else { needed };
        }
    }
    if plan.preempted.is_empty() || rules.admit_always {
        for job in &queue.waiting {
            let tokens = if rules.one_token { todo(job).min(left) } else { share(job, left) };
            let needed = (rules.needs)(job, tokens, queue.size);
            if tokens == 0 && !rules.empty_chunks {
                break;
            }
            if needed > free {
                if rules.skip_ahead {
                    continue;
                }
                break;
            }
            plan.chunks.push((job.id, tokens));
            left = left.saturating_sub(tokens);
            free -= if rules.free_stays { 0 } else { needed };
        }
    }
    plan
}

/// The same by a table: what each request gets, and whether it is still there.
fn expected(queue: &Queue) -> Plan {
    #[derive(Clone, Copy, PartialEq)]
    enum Row {
        Nothing,
        Gets { tokens: usize, blocks: usize, place: usize },
        Gone { place: usize },
    }
    let blocks_of = |job: &Job, tokens: usize| {
        let places = job.blocks * queue.size;
        let all = job.cached + tokens;
        if all > places { (all - places - 1) / queue.size + 1 } else { 0 }
    };
    let jobs: Vec<&Job> = queue.running.iter().chain(&queue.waiting).collect();
    let mut rows = vec![Row::Nothing; jobs.len()];
    let running = queue.running.len();
    let used = |rows: &[Row]| -> usize {
        rows.iter().map(|row| if let Row::Gets { tokens, .. } = row { *tokens } else { 0 }).sum()
    };
    let there = |rows: &[Row]| -> usize {
        let freed =
            (0..running).filter(|&i| matches!(rows[i], Row::Gone { .. })).map(|i| jobs[i].own);
        freed.sum::<usize>() + queue.free
    };
    let taken = |rows: &[Row]| -> usize {
        rows.iter().map(|row| if let Row::Gets { blocks, .. } = row { *blocks } else { 0 }).sum()
    };
    let (mut place, mut stop) = (0, false);
    let one = |i: &usize| jobs[*i].known == jobs[*i].cached + 1;
    let order =
        (0..running).filter(one).chain((0..running).filter(|i| !one(i))).chain(running..jobs.len());
    for i in order {
        place += 1;
        let tokens = (queue.budget - used(&rows)).min(jobs[i].known - jobs[i].cached);
        let blocks = blocks_of(jobs[i], tokens);
        if i >= running {
            stop |= rows.iter().any(|row| matches!(row, Row::Gone { .. }));
            stop |= tokens == 0 || blocks + taken(&rows) > there(&rows);
            if !stop {
                rows[i] = Row::Gets { tokens, blocks, place };
            }
            continue;
        }
        if tokens == 0 || rows[i] != Row::Nothing {
            continue;
        }
        let mut last = running;
        while blocks + taken(&rows) > there(&rows) && rows[i] == Row::Nothing {
            last -= 1;
            if !matches!(rows[last], Row::Gone { .. }) {
                place += 1;
                rows[last] = Row::Gone { place };
            }
        }
        if rows[i] == Row::Nothing {
            rows[i] = Row::Gets { tokens, blocks, place };
        }
    }
    let mut chunks: Vec<(usize, (usize, usize))> = Vec::new();
    let mut preempted: Vec<(usize, usize)> = Vec::new();
    for (job, row) in jobs.iter().zip(rows) {
        match row {
            Row::Gets { tokens, place, .. } => chunks.push((place, (job.id, tokens))),
            Row::Gone { place } => preempted.push((place, job.id)),
            Row::Nothing => {}
        }
    }
    chunks.sort();
    preempted.sort();
    Plan {
        chunks: chunks.into_iter().map(|(_, chunk)| chunk).collect(),
        preempted: preempted.into_iter().map(|(_, id)| id).collect(),
    }
}

/// A queue that might be.
fn some_queue(random: &mut Random, i: usize) -> Queue {
    let size = [1, 2, 3, 4, 8][i % 5];
    let ids = super::slot::permutation(random, 9);
    let (count, waiting) = (random.below(6), random.below(4));
    let mut job = |id: usize, begun: bool| {
        let cached = if begun { 1 + random.below(4 * size) } else { 0 };
        let todo = if begun && random.below(3) > 0 { 1 } else { 1 + random.below(3 * size + 2) };
        let blocks = cached.div_ceil(size);
        let own = blocks - if random.below(3) == 0 { random.below(blocks + 1) } else { 0 };
        Job { id, cached, known: cached + todo, blocks, own }
    };
    let running = (0..count).map(|j| job(ids[j], true)).collect();
    let waiting = (0..waiting).map(|j| job(ids[count + j], false)).collect();
    Queue { budget: 1 + random.below(3 * size + 6), size, free: random.below(5), running, waiting }
}
