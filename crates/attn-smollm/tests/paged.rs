//! SmolLM2 on chapter 10's engine writes what it writes alone, however the steps are planned.

#[path = "../examples/paged/decoder.rs"]
mod decoder;

use attn_smollm::{ModelError, Plain, Projected, SmolLm, ask, write};
use ch10_paged::{
    engine::{Engine, Event, Request, Settings},
    given::Way,
};
use decoder::Paged;
use std::{collections::BTreeMap, sync::Arc};

#[test]
fn many_at_once_write_what_each_writes_alone() {
    let (model, tokens) = match SmolLm::published() {
        Err(ModelError::Missing(_)) if std::env::var_os("ATTN_REQUIRE_SMOLLM").is_none() => {
            return eprintln!("skipped: SmolLM2 is not there");
        }
        published => published.expect("the model"),
    };
    let questions = ["What is the capital of France?", "What do bees make?", "Who are you?"];
    let prompts = questions.map(|question| tokens.encode(&ask(question)));
    let most = 8;
    let alone = prompts.iter().map(|prompt| {
        let mut attention = Projected::new(&model, Plain::new(&model));
        let Ok(written) = write(&model, &mut attention, prompt, (most, tokens.end));
        written.tokens
    });
    let alone: Vec<Vec<usize>> = alone.collect();
    let model = Arc::new(model);
    // Room for all, and for hardly more than one, so that somebody gives way.
    for (blocks, size, budget, way) in [(40, 16, 64, Way::Recompute), (17, 4, 20, Way::Swap)] {
        let settings = Settings { blocks, size, budget, way, share: true };
        let mut engine = Engine::new(Paged::new(model.clone()), settings);
        let mut texts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (id, prompt) in prompts.iter().enumerate() {
            let stop = Some(tokens.end);
            engine.add(Request { stop, ..Request::greedy(id, prompt, most) }).expect("it fits");
        }
        while !engine.is_idle() {
            for event in engine.step().expect("a step") {
                if let Event::Token { id, token } = event {
                    texts.entry(id).or_default().push(token);
                }
            }
            engine.audit().expect("right counts");
        }
        assert_eq!(texts.into_values().collect::<Vec<_>>(), alone, "{settings:?}");
        engine.forget();
        assert_eq!(engine.pool().blocks.free.len(), blocks);
    }
}
