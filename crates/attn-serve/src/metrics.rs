//! What the server has done, for whoever watches it: the text format of Prometheus.

use ch10_paged::engine::Metrics;
use std::fmt::Write;

/// The state after a step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot {
    /// Blocks that nobody uses and nobody may want again.
    pub free: usize,
    /// Blocks that a text uses.
    pub used: usize,
    /// Blocks without a text, kept for whoever begins in the same way.
    pub cached: usize,
    /// Texts that are being written.
    pub running: usize,
    /// Texts that wait for room.
    pub waiting: usize,
    /// What the engine counts.
    pub engine: Metrics,
    /// Requests that were carried out.
    pub ended: u64,
    /// Requests whose client has gone away.
    pub cancelled: u64,
    /// Requests that failed because the engine did.
    pub failed: u64,
}

/// As text; `turned_away` counts the answers 429.
pub fn text(snapshot: &Snapshot, turned_away: u64) -> String {
    let mut out = String::new();
    let Snapshot { free, used, cached, running, waiting, engine, ended, cancelled, failed } =
        *snapshot;
    let n = |count: usize| count as u64;
    let mut say = |name: &str, kind: &str, about: &str, values: &[(&str, u64)]| {
        let _ = writeln!(out, "# HELP {name} {about}\n# TYPE {name} {kind}");
        for (label, value) in values {
            let _ = match *label {
                "" => writeln!(out, "{name} {value}"),
                label => writeln!(out, "{name}{{{label}}} {value}"),
            };
        }
    };
    say(
        "attn_blocks",
        "gauge",
        "Blocks of the pool.",
        &[
            ("state=\"free\"", n(free)),
            ("state=\"used\"", n(used)),
            ("state=\"cached\"", n(cached)),
        ],
    );
    say(
        "attn_texts",
        "gauge",
        "Texts in the engine.",
        &[("state=\"running\"", n(running)), ("state=\"waiting\"", n(waiting))],
    );
    say(
        "attn_tokens_total",
        "counter",
        "Tokens that were computed, written, and found in kept blocks.",
        &[
            ("kind=\"computed\"", n(engine.computed)),
            ("kind=\"written\"", n(engine.written)),
            ("kind=\"found\"", n(engine.shared)),
        ],
    );
    say(
        "attn_requests_total",
        "counter",
        "Requests by how they ended.",
        &[
            ("how=\"ended\"", ended),
            ("how=\"cancelled\"", cancelled),
            ("how=\"failed\"", failed),
            ("how=\"turned_away\"", turned_away),
        ],
    );
    for (name, about, value) in [
        ("attn_steps_total", "Calls of the model.", engine.steps),
        ("attn_prefix_hits_total", "Texts whose beginning was in kept blocks.", engine.hits),
        ("attn_preemptions_total", "Times that a text had to give way.", engine.preempted),
        ("attn_copies_total", "Shared blocks that were copied before a write.", engine.copied),
        ("attn_evictions_total", "Kept blocks that had to go.", engine.evicted),
    ] {
        say(name, "counter", about, &[("", n(value))]);
    }
    out
}
