//! 5.5 `generate`

use crate::given::{PromptError, check_prompt};
use attn_core::random::Random;
use attn_exercise::{Field, Fields, exercise, field, judge::require, pairwise};
use ndarray::{Array1, Array2, ArrayView1, Dimension, ShapeBuilder, array};
use serde::{Deserialize, Serialize};

/// What was written, and what the model was fed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    written: String,
    fed: Vec<String>,
}

impl Fields for Answer {
    fn fields(&self) -> Vec<Field> {
        vec![
            field("written", self.written.clone()),
            field("the model was fed", self.fed.join("; ")),
        ]
    }
}

exercise! {
    /// A model whose row of logits for a token at position p is row `token` of `logits`, plus p times `drift`; a prompt, the
    /// stop token, and the length of the context.
    crate::generate as fn(&mut dyn FnMut(&[usize], usize) -> Array2<f32>, &[usize], usize, usize) -> Result<Vec<usize>, PromptError>: (
        logits: Array2<f32>[vocab vocab], drift: Array1<f32>[vocab], prompt: Vec<usize>[prompt], stop: usize, context: usize[context],
    ) -> Answer;
    answer: |generate, c| observed(c, generate);

    first: |c, answer| {
        let right = expected(c);
        require(answer.written == right.written, || format!("{} was written, should be {}", answer.written, right.written))?;
        let same = answer.fed == right.fed;
        require(same, || format!("the model was fed {}, should be fed {}", shown(&answer.fed), shown(&right.fed)))
    };
    steps: |c| [field("what the model should be fed", expected(c).fed.join("\n"))];

    cases: |random| {
        let of = |about, logits: Array2<f32>, prompt: &[usize], stop, context| {
            let drift = Array1::zeros(logits.nrows());
            case(about, (logits, drift, prompt.to_vec(), stop, context))
        };
        // Each token is followed by the next.
        let counts = |vocab: usize| Array2::from_shape_fn((vocab, vocab), |(a, b)| if b == (a + 1) % vocab { 1.0 } else { 0.0 });
        let ties = array![[0.0, 7.0, 7.0, 0.0], [1.0, 1.0, 2.0, 2.0], [0.0, 5.0, 0.0, 9.0], [0.0; 4]];
        let negative = array![[-3.0, -1.0, -2.0], [-1.0, -2.0, -0.5], [-0.25, -0.5, -4.0]];
        let mut cases = vec![
            of("by hand: 3 and 4 are written", counts(6), &[1, 2], 5, 10),
            of("a prompt of one token", counts(6), &[0], 4, 10),
            of("the context ends it", counts(9), &[1, 2, 3], 0, 6),
            of("the stop token comes at once", counts(5), &[0, 1, 2], 3, 9),
            of("the prompt fills the context", counts(5), &[0, 1, 2], 4, 3),
            of("one token fits behind the prompt", counts(5), &[0, 1, 2], 4, 4),
            of("the stop token is in the prompt", counts(6), &[4, 5, 0, 1], 5, 12),
            of("two tokens equally likely: the first", ties, &[2, 0], 3, 8),
            of("all logits below zero", negative, &[2, 1, 2], 1, 12),
            of("it goes round in circles", counts(3), &[1], 3, 8),
            of("it writes a token twice in a row", array![[0.0, 0.0, 5.0, 0.0], [0.0; 4], [0.0, 0.0, 2.0, -3.0], [0.0; 4]], &[0, 0], 3, 9),
            of("a longer text", counts(70), &[1, 2], 69, 80),
            of("an empty prompt", counts(5), &[], 4, 8),
            of("a prompt longer than the context", counts(5), &[0, 1, 2, 3], 4, 3),
        ];
        cases[9].stop = 7; // no token of this model
        cases[10].drift = array![0.0, 0.0, 0.0, 1.0];
        let mut long = random.normal((33, 33));
        long.column_mut(5).fill(-9.0);
        cases.push(of("standard normal", long, &[7, 3, 12, 30, 7], 5, 31));
        for [vocab, prompt, more, of_logits, of_drift] in pairwise([3, 3, 4, 4, 4]) {
            let vocab = vocab + 1;
            let (logits, drift) = (steps_apart(of_logits, (vocab, vocab), random), steps_apart(of_drift, vocab, random));
            let tokens = (0..=prompt).map(|_| random.below(vocab)).collect();
            cases.push(case("small", (logits, drift, tokens, random.below(vocab), prompt + 1 + more)));
        }
        for (vocab, prompt, context) in [(1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 1, 1), (4, 4, 4), (2, 4, 5), (2, 1, 4)] {
            let (logits, drift) = (steps_apart(0, (vocab, vocab), random), steps_apart(0, vocab, random));
            let tokens = (0..prompt).map(|_| random.below(vocab)).collect();
            cases.push(case("small", (logits, drift, tokens, random.below(vocab), context)));
        }
        cases
    };

    right (step, prompt, stop, context) {
        "the prompt first, then a for loop" => {
            check_prompt(prompt, context)?;
            let mut written = Vec::new();
            if prompt.len() == context {
                return Ok(written);
            }
            let logits = step(prompt, 0);
            let mut token = best(logits.row(prompt.len() - 1));
            for position in prompt.len()..context {
                if token == stop {
                    break;
                }
                written.push(token);
                if position + 1 < context {
                    token = best(step(&[token], position).row(0));
                }
            }
            Ok(written)
        };
        "one list, and how much of it was fed" => {
            check_prompt(prompt, context)?;
            let (mut text, mut fed) = (prompt.to_vec(), 0);
            while text.len() < context {
                let logits = step(&text[fed..], fed);
                fed = text.len();
                let token = best(logits.row(logits.nrows() - 1));
                if token == stop {
                    break;
                }
                text.push(token);
            }
            Ok(text[prompt.len()..].to_vec())
        };
        "by recursion" => {
            check_prompt(prompt, context)?;
            fn go(step: &mut dyn FnMut(&[usize], usize) -> Array2<f32>, new: &[usize], start: usize, stop: usize, context: usize) -> Vec<usize> {
                let end = start + new.len();
                if end >= context {
                    return Vec::new();
                }
                match best(step(new, start).row(new.len() - 1)) {
                    token if token == stop => Vec::new(),
                    token => [vec![token], go(step, &[token], end, stop, context)].concat(),
                }
            }
            Ok(go(step, prompt, 0, stop, context))
        };
    }

    mistakes (step, prompt, stop, context) {
        "all-again": "the prompt and all that was written are fed again in every step, from position 0: the text is right, and nothing is saved"
            => with(step, prompt, stop, context, Habit { again: Again::Everything, ..Habit::RIGHT });
        "prompt-again": "the prompt is fed again in every step, in front of the new token"
            => with(step, prompt, stop, context, Habit { again: Again::Prompt, ..Habit::RIGHT });
        "everything-behind": "everything is fed again in every step, behind what was fed before: the cache then holds each token several times"
            => with(step, prompt, stop, context, Habit { again: Again::Behind, ..Habit::RIGHT });
        "token-by-token": "the prompt is fed token by token; in one piece it is a single pass"
            => {
                check_prompt(prompt, context)?;
                if prompt.len() == context {
                    return Ok(Vec::new());
                }
                for (position, &token) in prompt[..prompt.len() - 1].iter().enumerate() {
                    step(&[token], position);
                }
                let mut shifted = |tokens: &[usize], start: usize| step(tokens, start + prompt.len() - 1);
                with(&mut shifted, &prompt[prompt.len() - 1..], stop, context + 1 - prompt.len(), Habit::RIGHT)
            };
        "first-row": "the first row of the logits decides; it belongs to the first token that was fed, and the last one to the last"
            => with(step, prompt, stop, context, Habit { row: |_| 0, ..Habit::RIGHT });
        "row-of-the-prompt": "row prompt.len() − 1 decides in every step: later steps have a single row, and it panics"
            => {
                check_prompt(prompt, context)?;
                let (mut written, mut new, mut start) = (Vec::new(), prompt.to_vec(), 0);
                while start + new.len() < context {
                    let logits = step(&new, start);
                    start += new.len();
                    let token = best(logits.row(prompt.len() - 1));
                    if token == stop {
                        break;
                    }
                    written.push(token);
                    new = vec![token];
                }
                Ok(written)
            };
        "row-before-last": "the row before the last decides, where there are two: that predicts a token that is known already"
            => with(step, prompt, stop, context, Habit { row: |n| n.saturating_sub(2), ..Habit::RIGHT });
        "summed-rows": "all rows are added up; only the last one has seen the whole text"
            => with(step, prompt, stop, context, Habit { sum: true, ..Habit::RIGHT });
        "start-0": "`start` is 0 in every step, so that each new token stands at the beginning"
            => with(step, prompt, stop, context, Habit { start: |_, _| 0, ..Habit::RIGHT });
        "start-behind-the-prompt": "the prompt is fed as if it stood behind itself: `start` is prompt.len() in the first step already"
            => with(step, prompt, stop, context, Habit { start: |start, prompt| if start == 0 { prompt } else { start }, ..Habit::RIGHT });
        "start-counts-steps": "`start` counts what was written and leaves the prompt out"
            => with(step, prompt, stop, context, Habit { start: |start, prompt| if start == 0 { 0 } else { start - prompt }, ..Habit::RIGHT });
        "start-plus-1": "`start` grows by 1 in every step; the first step has fed the whole prompt, and it grows by that"
            => with(step, prompt, stop, context, Habit { start: |start, prompt| if start == 0 { 0 } else { start + 1 - prompt }, ..Habit::RIGHT });
        "start-plus-1-ends": "`start` grows by 1 in every step, and the loop ends by it; the first step has fed the whole prompt, and more is written than fits"
            => {
                check_prompt(prompt, context)?;
                let (mut written, mut new, mut start) = (Vec::new(), prompt.to_vec(), 0);
                while start + new.len() < context {
                    let logits = step(&new, start);
                    start += 1;
                    let token = best(logits.row(logits.nrows() - 1));
                    if token == stop {
                        break;
                    }
                    written.push(token);
                    new = vec![token];
                }
                Ok(written)
            };
        "start-one-ahead": "`start` is one too high after the prompt: the first new token stands right behind it, at position prompt.len()"
            => with(step, prompt, stop, context, Habit { start: |start, _| if start == 0 { 0 } else { start + 1 }, ..Habit::RIGHT });
        "start-one-back": "`start` is one too low after the prompt: the first new token stands right behind it, at position prompt.len()"
            => with(step, prompt, stop, context, Habit { start: |start, _| start.saturating_sub(1), ..Habit::RIGHT });
        "last-token-twice": "the last token of the prompt is fed once more, as if it were the first new one"
            => {
                check_prompt(prompt, context)?;
                if prompt.len() == context {
                    return Ok(Vec::new());
                }
                step(prompt, 0);
                let last = &prompt[prompt.len() - 1..];
                let mut shifted = |tokens: &[usize], start: usize| step(tokens, start + prompt.len());
                with(&mut shifted, last, stop, context + 1 - prompt.len(), Habit::RIGHT)
            };
        "last-token-again": "the last token of the prompt is fed once more, at its own position: the text is right, and that token is read twice"
            => {
                check_prompt(prompt, context)?;
                if prompt.len() == context {
                    return Ok(Vec::new());
                }
                step(prompt, 0);
                let before = prompt.len() - 1;
                let mut shifted = |tokens: &[usize], start: usize| step(tokens, start + before);
                with(&mut shifted, &prompt[before..], stop, context - before, Habit::RIGHT)
            };
        "last-token-only": "of the prompt only the last token is fed: the model has not read what stands before it"
            => {
                check_prompt(prompt, context)?;
                let before = prompt.len() - 1;
                let mut shifted = |tokens: &[usize], start: usize| step(tokens, start + before);
                with(&mut shifted, &prompt[before..], stop, context - before, Habit::RIGHT)
            };
        "stop-fed": "the stop token is fed before it ends the text: its row is not needed"
            => with(step, prompt, stop, context, Habit { feed_stop: true, ..Habit::RIGHT });
        "stop-skipped": "the stop token is left out of the result, and the model goes on behind it until the context is full"
            => {
                check_prompt(prompt, context)?;
                let (mut written, mut new, mut start) = (Vec::new(), prompt.to_vec(), 0);
                while start + new.len() < context {
                    let logits = step(&new, start);
                    start += new.len();
                    let token = best(logits.row(logits.nrows() - 1));
                    if token != stop {
                        written.push(token);
                    }
                    new = vec![token];
                }
                Ok(written)
            };
        "stop-kept": "the stop token is part of the result"
            => with(step, prompt, stop, context, Habit { keep_stop: true, ..Habit::RIGHT });
        "stop-ignored": "the stop token does not end it: it goes on until the context is full"
            => with(step, prompt, usize::MAX, context, Habit::RIGHT);
        "stop-in-the-prompt": "a stop token in the prompt ends it: only one that the model writes does"
            => {
                check_prompt(prompt, context)?;
                if prompt.contains(&stop) {
                    return Ok(Vec::new());
                }
                crate::generate(step, prompt, stop, context)
            };
        "stop-ends-the-prompt": "a prompt whose last token is the stop token ends it: only one that the model writes does"
            => {
                check_prompt(prompt, context)?;
                if prompt.last() == Some(&stop) {
                    return Ok(Vec::new());
                }
                crate::generate(step, prompt, stop, context)
            };
        "prompt-included": "the prompt is part of the result"
            => Ok([prompt, &crate::generate(step, prompt, stop, context)?].concat());
        "context-for-the-new": "`context` tokens are written; the prompt takes its part of the context"
            => with(step, prompt, stop, context + prompt.len(), Habit { check: context, ..Habit::RIGHT });
        "one-too-many": "one token more than the context has room for is written"
            => with(step, prompt, stop, context + 1, Habit { check: context, ..Habit::RIGHT });
        "one-too-few": "one token less than the context has room for is written"
            => with(step, prompt, stop, context - 1, Habit { check: context, ..Habit::RIGHT });
        "fed-once-more": "the last token is fed too, for a row that nobody needs"
            => {
                check_prompt(prompt, context)?;
                let (mut written, mut start) = (Vec::new(), prompt.len());
                let logits = step(prompt, 0);
                let mut token = best(logits.row(logits.nrows() - 1));
                while start < context && token != stop {
                    written.push(token);
                    token = best(step(&[token], start).row(0));
                    start += 1;
                }
                Ok(written)
            };
        "last-written-fed": "the last token that fits into the context is fed too, for a row that nobody needs"
            => {
                check_prompt(prompt, context)?;
                let (mut written, mut new, mut start) = (Vec::new(), prompt.to_vec(), 0);
                while start + new.len() < context {
                    let logits = step(&new, start);
                    start += new.len();
                    let token = best(logits.row(logits.nrows() - 1));
                    if token == stop {
                        return Ok(written);
                    }
                    written.push(token);
                    new = vec![token];
                }
                if start > 0 {
                    step(&new, start);
                }
                Ok(written)
            };
        "last-of-equals": "of equally large logits the last is taken, as `max_by` does, instead of the first"
            => with(step, prompt, stop, context, Habit { choose: |row| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0), ..Habit::RIGHT });
        "largest-from-zero": "the search for the largest logit starts with 0.0, so that logits below zero never win"
            => with(step, prompt, stop, context, Habit { choose: |row| best(row.mapv(|x| x.max(0.0)).view()), ..Habit::RIGHT });
        "smallest": "the token with the smallest logit is chosen"
            => with(step, prompt, stop, context, Habit { choose: |row| best((-&row).view()), ..Habit::RIGHT });
        "start-never-grows": "`start` never grows, and the loop that looks at it has no end but the stop token"
            => {
                check_prompt(prompt, context)?;
                let (mut written, mut new) = (Vec::new(), prompt.to_vec());
                while new.len() < context {
                    let logits = step(&new, 0);
                    let token = best(logits.row(logits.nrows() - 1));
                    if token == stop {
                        break;
                    }
                    written.push(token);
                    new = vec![token];
                }
                Ok(written)
            };
        "pushed-on": "each new token is put behind those that were fed already, and all of them are fed again, as if they stood behind themselves"
            => looped(step, prompt, stop, context, |new, _, token| new.push(token));
        "prompt-for-ever": "the prompt is fed in every step, as if it stood behind itself, and the token that was written is never fed"
            => looped(step, prompt, stop, context, |_, _, _| ());
        "written-again": "all that was written is fed again in every step, as if it stood behind itself; only the last token of it is new"
            => looped(step, prompt, stop, context, |new, written, _| *new = written.to_vec());
        "first-step-always": "the context is looked at after a step alone: a prompt that fills it is read all the same, and a token is written"
            => {
                check_prompt(prompt, context)?;
                let (mut written, mut new, mut start) = (Vec::new(), prompt.to_vec(), 0);
                loop {
                    let logits = step(&new, start);
                    start += new.len();
                    let token = best(logits.row(logits.nrows() - 1));
                    if token == stop {
                        break;
                    }
                    written.push(token);
                    new = vec![token];
                    if start + 1 >= context {
                        break;
                    }
                }
                Ok(written)
            };
        "prompt-always-read": "a prompt that fills the context is read all the same, for a row that nobody needs"
            => {
                check_prompt(prompt, context)?;
                if prompt.len() == context {
                    step(prompt, 0);
                }
                crate::generate(step, prompt, stop, context)
            };
        "token-by-token-always": "the prompt is fed token by token, also where it fills the context; in one piece it is a single pass"
            => {
                check_prompt(prompt, context)?;
                let before = prompt.len() - 1;
                for (position, &token) in prompt[..before].iter().enumerate() {
                    step(&[token], position);
                }
                let mut shifted = |tokens: &[usize], start: usize| step(tokens, start + before);
                with(&mut shifted, &prompt[before..], stop, context - before, Habit::RIGHT)
            };
        "rows-exchanged": "the largest logit is searched in the last column, one for each token that was fed; it is searched in the last row"
            => with_logits(step, prompt, stop, context, |logits| best(logits.column(logits.ncols() - 1)));
        "never-stop": "the stop token is never chosen, and the next best is written instead"
            => with_logits(step, prompt, usize::MAX, context, |logits| {
                let mut row = logits.row(logits.nrows() - 1).to_owned();
                if let Some(logit) = row.get_mut(stop) {
                    *logit = f32::NEG_INFINITY;
                }
                best(row.view())
            });
        "one-token": "a single token is written"
            => crate::generate(step, prompt, stop, context.min(prompt.len() + 1));
        "empty-result-for-stop": "nothing is returned once the stop token has come; what was written before it counts"
            => {
                let written = with(step, prompt, stop, context, Habit { keep_stop: true, ..Habit::RIGHT })?;
                Ok(if written.last() == Some(&stop) { Vec::new() } else { written })
            };
    }
}

/// More steps than any case allows: a loop that asks for more has lost count.
const TOO_MANY: usize = 100;

type Step<'a> = &'a mut dyn FnMut(&[usize], usize) -> Array2<f32>;

/// What somebody's loop writes, and what it feeds the model.
fn observed(
    c: &Case,
    generate: impl Fn(Step, &[usize], usize, usize) -> Result<Vec<usize>, PromptError>,
) -> Answer {
    let mut fed = Vec::new();
    let mut step = |tokens: &[usize], start: usize| {
        fed.push(format!("{tokens:?} at {start}"));
        assert!(fed.len() < TOO_MANY, "more than {TOO_MANY} steps were asked for");
        let mut rows = Array2::zeros((tokens.len(), c.logits.ncols()));
        for (i, mut row) in rows.rows_mut().into_iter().enumerate() {
            row.assign(&c.row(tokens[i], start + i));
        }
        rows
    };
    let written = match generate(&mut step, &c.prompt, c.stop, c.context) {
        Ok(tokens) => format!("{tokens:?}"),
        Err(error) => format!("refused, “{error}”"),
    };
    Answer { written, fed }
}

/// What was fed, in a few words.
fn shown(fed: &[String]) -> String {
    match fed {
        [] => "nothing".into(),
        fed if fed.len() > 4 => format!("{}; … ({} times)", fed[..4].join("; "), fed.len()),
        fed => fed.join("; "),
    }
}

impl Case {
    /// The logits for a token at a position.
    fn row(&self, token: usize, position: usize) -> Array1<f32> {
        &self.logits.row(token) + &self.drift * position as f32
    }
}

/// Token by token, with no regard to how the reference does it.
fn expected(c: &Case) -> Answer {
    let refused =
        |why: String| Answer { written: format!("refused, “{why}”"), fed: Vec::new() };
    let (all, context) = (c.prompt.len(), c.context);
    if all == 0 {
        return refused("the prompt is empty, it needs at least one token".into());
    }
    if all > context {
        return refused(format!("the prompt has {all} tokens, the context only {context}"));
    }
    let (mut text, mut fed) = (c.prompt.clone(), Vec::new());
    for position in all..context {
        let new = if position == all { &text[..] } else { &text[position - 1..] };
        fed.push(format!("{new:?} at {}", position - new.len()));
        let row = c.row(text[position - 1], position - 1);
        let next =
            (1..row.len()).fold(0, |best, next| if row[next] > row[best] { next } else { best });
        if next == c.stop {
            break;
        }
        text.push(next);
    }
    Answer { written: format!("{:?}", &text[all..]), fed }
}

/// The first of the largest.
fn best(row: ArrayView1<f32>) -> usize {
    (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).expect("a vocabulary")
}

/// What is fed after the prompt.
enum Again {
    New,
    Prompt,
    Everything,
    Behind,
}

/// How a loop may differ from the right one.
struct Habit {
    again: Again,
    row: fn(usize) -> usize,
    sum: bool,
    start: fn(usize, usize) -> usize,
    keep_stop: bool,
    feed_stop: bool,
    choose: fn(ArrayView1<f32>) -> usize,
    /// The context that the prompt has to fit into, if it is not the one that ends the text.
    check: usize,
}

impl Habit {
    const RIGHT: Habit = Habit {
        again: Again::New,
        row: |n| n - 1,
        sum: false,
        start: |start, _| start,
        keep_stop: false,
        feed_stop: false,
        choose: |row| best(row),
        check: usize::MAX,
    };
}

fn with(
    step: Step,
    prompt: &[usize],
    stop: usize,
    context: usize,
    habit: Habit,
) -> Result<Vec<usize>, PromptError> {
    check_prompt(prompt, if habit.check == usize::MAX { context } else { habit.check })?;
    let (mut written, mut new, mut start) = (Vec::new(), prompt.to_vec(), 0);
    while prompt.len() + written.len() < context {
        let logits = step(&new, (habit.start)(start, prompt.len()));
        let row = match habit.sum {
            true => logits.sum_axis(ndarray::Axis(0)),
            false => logits.row((habit.row)(new.len())).to_owned(),
        };
        start += new.len();
        let token = (habit.choose)(row.view());
        if token == stop {
            if habit.feed_stop {
                step(&[token], start);
            }
            written.extend(habit.keep_stop.then_some(token));
            break;
        }
        written.push(token);
        new = match habit.again {
            Again::New => vec![token],
            Again::Prompt => [prompt, &[token]].concat(),
            Again::Everything | Again::Behind => [prompt, &written].concat(),
        };
        if matches!(habit.again, Again::Prompt | Again::Everything) {
            start = 0;
        }
    }
    Ok(written)
}

/// The reference's loop, in which something else becomes of `new`, given what was written and the last
/// token of it.
fn looped(
    step: Step,
    prompt: &[usize],
    stop: usize,
    context: usize,
    next: fn(&mut Vec<usize>, &[usize], usize),
) -> Result<Vec<usize>, PromptError> {
    check_prompt(prompt, context)?;
    let (mut written, mut new, mut start) = (Vec::new(), prompt.to_vec(), 0);
    while start + new.len() < context {
        let logits = step(&new, start);
        start += new.len();
        let token = best(logits.row(logits.nrows() - 1));
        if token == stop {
            break;
        }
        written.push(token);
        next(&mut new, &written, token);
    }
    Ok(written)
}

/// The reference's loop, with the token chosen in another way.
fn with_logits(
    step: Step,
    prompt: &[usize],
    stop: usize,
    context: usize,
    choose: impl Fn(&Array2<f32>) -> usize,
) -> Result<Vec<usize>, PromptError> {
    check_prompt(prompt, context)?;
    let (mut written, mut new, mut start) = (Vec::new(), prompt.to_vec(), 0);
    while start + new.len() < context {
        let logits = step(&new, start);
        start += new.len();
        let token = choose(&logits);
        if token == stop {
            break;
        }
        written.push(token);
        new = vec![token];
    }
    Ok(written)
}

/// Numbers that are equal or clearly apart: whole ones (kind 0), large (1), tiny (2) or equal ones
/// (3), so that two right answers find the same one largest.
fn steps_apart<D: Dimension, S: ShapeBuilder<Dim = D>>(
    kind: usize,
    shape: S,
    random: &mut Random,
) -> ndarray::Array<f32, D> {
    let whole = random.normal(shape).mapv(|x: f32| (2.0 * x).round() + 0.0);
    match kind {
        0 => whole,
        1 => whole * 100.0,
        2 => whole * 1e-4,
        _ => whole * 0.0 + 1.0,
    }
}
