use crate::given::{Job, Plan, Queue};

// ANCHOR: schedule
/// What the next step computes.
///
/// 1. The running requests get their tokens first: those with a single token to compute, then those with
///    more, each group in the order of arrival. Each gets as many as it has to compute and the budget
///    leaves.
/// 2. If one needs more blocks than are free, the running request that arrived last gives way, and again
///    until there are enough, or until it is the request itself. One that gives way has no chunk in this
///    step: the blocks that it alone uses are free, and so are those and the budget that were planned for
///    it. A chunk that is planned keeps its size.
/// 3. If nobody had to give way, waiting requests follow in the order of arrival, as long as budget and
///    blocks last. The first one whose chunk does not fit ends the step.
///
/// ```
/// use ch10_paged::{given::{Job, Plan, Queue}, schedule};
/// let queue = Queue {
///     budget: 6, size: 4, free: 2,
///     running: vec![Job { id: 0, cached: 7, known: 8, blocks: 2, own: 2 }], // it has room in its last block
///     waiting: vec![Job { id: 1, cached: 0, known: 9, blocks: 0, own: 0 }],
/// };
/// let plan = schedule(&queue);
/// assert_eq!(plan, Plan { chunks: vec![(0, 1), (1, 5)], preempted: vec![] });
/// ```
pub fn schedule(queue: &Queue) -> Plan {
    // SOLUTION 10.11: decode, prefill, give way, admit
    let (mut plan, mut left, mut free) = (Plan::default(), queue.budget, queue.free);
    let todo = |job: &Job| job.known - job.cached;
    let (decode, prefill): (Vec<&Job>, Vec<&Job>) =
        queue.running.iter().partition(|job| todo(job) == 1);
    let mut staying = queue.running.clone();
    for job in decode.into_iter().chain(prefill) {
        if plan.preempted.contains(&job.id) {
            continue;
        }
        let tokens = todo(job).min(left);
        if tokens == 0 {
            continue;
        }
        let needed = job.needs(tokens, queue.size);
        while needed > free && staying.iter().any(|other| other.id == job.id) {
            let Some(last) = staying.pop() else { break };
            // What was planned for it is taken back, with the blocks that it would have got.
            if let Some(place) = plan.chunks.iter().position(|(id, _)| *id == last.id) {
                let (_, tokens) = plan.chunks.remove(place);
                left += tokens;
                free += last.needs(tokens, queue.size);
            }
            free += last.own;
            plan.preempted.push(last.id);
        }
        if needed <= free && !plan.preempted.contains(&job.id) {
            plan.chunks.push((job.id, tokens));
            left -= tokens;
            free -= needed;
        }
    }
    if plan.preempted.is_empty() {
        for job in &queue.waiting {
            let tokens = todo(job).min(left);
            let needed = job.needs(tokens, queue.size);
            if tokens == 0 || needed > free {
                break;
            }
            plan.chunks.push((job.id, tokens));
            left -= tokens;
            free -= needed;
        }
    }
    plan
    // END SOLUTION
}
// ANCHOR_END: schedule
