//! What is printed: at most 80 columns.

use super::{
    Args,
    functions::FUNCTIONS,
    model::{Cached, Whole, layers, sizes},
    stream::Stream,
};
use anyhow::{Context, Result, bail};
use attn_lm::{Alphabet, HEAD, HEADS, LanguageModel, Model};
use ch05_kv_cache::{
    budget::size,
    generate,
    given::{KvCache, check_prompt},
};
use ndarray::{Array2, s};
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// A text that was written, and how long each step took: how many tokens the text had before it, how many
/// rows it computed, and the time.
struct Written {
    tokens: Vec<usize>,
    steps: Vec<Step>,
}

struct Step {
    length: usize,
    rows: usize,
    took: Duration,
}

/// The whole demonstration.
pub fn write(
    args: &Args,
    load: impl FnOnce(Model) -> LanguageModel,
    to: &mut impl Write,
) -> Result<()> {
    let known = for_text(&args.prompt());
    let (alphabet, longest) = (known.alphabet(), known.context());
    let prompt = alphabet.encode(&args.prompt())?;
    check_prompt(&prompt, longest)?;
    let asked = args.tokens.map_or(longest, |tokens| tokens.min(longest as u64) as usize);
    let context = longest.min(prompt.len() + asked);
    let model = load(known);
    let layers = layers(&model);
    writeln!(
        to,
        "A model of {} layers with {HEADS} heads of {HEAD}, trained on {}, goes on\n\
         from {} characters, up to {context} in all or the end of the paragraph.",
        known.layers(),
        known.title(),
        prompt.len(),
    )?;

    // The first pass of all has to fetch the weights from wherever they are.
    let Ok(_) = model.logits(&prompt, &mut Whole(&layers));
    writeln!(to, "\nWith a cache")?;
    let mut attention = Cached::new(&layers, context);
    let with = with_cache(&model, &mut attention, &prompt, (alphabet, context), to)?;
    writeln!(to, "\nWithout, reading everything again for each character")?;
    let without = without_cache(&model, &layers, &prompt, (alphabet, context), to)?;

    compare(&prompt, &with, &without, to)?;
    numbers(&attention.caches, &with, &without, to)?;
    chart(&with, &without, to)
}

/// The model for a text: Chinese characters are the poems'.
fn for_text(text: &str) -> Model {
    let chinese = |character| ('\u{3000}'..'\u{a000}').contains(&character);
    if text.contains(chinese) { Model::Quatrains } else { Model::Mha }
}

/// The token at which a paragraph ends.
fn stop(alphabet: &Alphabet) -> usize {
    alphabet.encode("\n").map_or(alphabet.len(), |tokens| tokens[0])
}

fn with_cache(
    model: &LanguageModel,
    attention: &mut Cached,
    prompt: &[usize],
    (alphabet, context): (&'static Alphabet, usize),
    to: &mut impl Write,
) -> Result<Written> {
    let mut stream = Stream::new(alphabet, to)?;
    stream.show(prompt)?;
    let (mut steps, mut shown, mut refused) = (Vec::new(), 0, None);
    let mut step = |tokens: &[usize], start: usize| {
        // What was chosen last is what is fed last.
        if let (false, [.., token]) = (steps.is_empty(), tokens) {
            let _ = stream.show(&[*token]);
            shown += 1;
        }
        let begun = Instant::now();
        let logits = model.logits(tokens, attention);
        steps.push(Step {
            length: start + tokens.len(),
            rows: tokens.len(),
            took: begun.elapsed(),
        });
        logits.unwrap_or_else(|error| {
            refused = Some(error);
            // Which ends the text.
            let mut stopped = Array2::zeros((tokens.len(), alphabet.len()));
            stopped.column_mut(stop(alphabet)).fill(1.0);
            stopped
        })
    };
    let tokens = (FUNCTIONS.generate)(&mut step, prompt, stop(alphabet), context)?;
    stream.show(tokens.get(shown..).unwrap_or_default())?;
    stream.end()?;
    match refused {
        Some(error) => Err(error).context("a cache refused what the model was fed"),
        None => Ok(Written { tokens, steps }),
    }
}

/// The reference's loop around a pass over everything.
fn without_cache(
    model: &LanguageModel,
    layers: &[ch05_kv_cache::given::AttentionLayer],
    prompt: &[usize],
    (alphabet, context): (&'static Alphabet, usize),
    to: &mut impl Write,
) -> Result<Written> {
    let mut stream = Stream::new(alphabet, to)?;
    stream.show(prompt)?;
    let (mut all, mut steps) = (Vec::new(), Vec::new());
    let mut step = |tokens: &[usize], _start: usize| {
        if !steps.is_empty() {
            let _ = stream.show(tokens);
        }
        all.extend_from_slice(tokens);
        let begun = Instant::now();
        let Ok(logits) = model.logits(&all, &mut Whole(layers));
        steps.push(Step { length: all.len(), rows: all.len(), took: begun.elapsed() });
        logits.slice(s![all.len() - tokens.len().., ..]).to_owned()
    };
    let tokens = generate(&mut step, prompt, stop(alphabet), context)?;
    let fed = all.len().saturating_sub(prompt.len());
    stream.show(&tokens[fed.min(tokens.len())..])?;
    stream.end()?;
    Ok(Written { tokens, steps })
}

/// Whether both have written the same.
fn compare(prompt: &[usize], with: &Written, without: &Written, to: &mut impl Write) -> Result<()> {
    let (a, b) = (&with.tokens, &without.tokens);
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    if a == b {
        let plural = if a.len() == 1 { "" } else { "s" };
        writeln!(to, "\nBoth have written the same {} character{plural}.", a.len())?;
    } else {
        let place = prompt.len() + same + 1;
        writeln!(to, "\nThe two texts differ from character {place} on.")?;
    }
    Ok(())
}

fn numbers(
    caches: &[KvCache],
    with: &Written,
    without: &Written,
    to: &mut impl Write,
) -> Result<()> {
    let [Some(first), Some(other)] = [with, without].map(|written| written.steps.first()) else {
        writeln!(to, "The prompt leaves no room in the context, so no step was taken.")?;
        return Ok(());
    };
    let rate = |written: &Written| {
        let seconds: f64 = written.steps.iter().map(|step| step.took.as_secs_f64()).sum();
        written.steps.len() as f64 / seconds
    };
    let rows = |written: &Written| written.steps.iter().map(|step| step.rows).sum::<usize>();
    let ms = |step: &Step| format!("{:.1} ms", 1e3 * step.took.as_secs_f64());
    let lines = [
        ("", "with".into(), "without".into()),
        ("time to the first character", ms(first), ms(other)),
        ("characters per second", format!("{:.0}", rate(with)), format!("{:.0}", rate(without))),
        ("rows computed", rows(with).to_string(), rows(without).to_string()),
    ];
    writeln!(to)?;
    for (what, a, b) in lines {
        writeln!(to, "{what:<32}{a:>12}{b:>12}")?;
    }
    let Some(cache) = caches.first() else { bail!("the model has no layers of this kind") };
    let model = sizes(caches.len(), 0);
    let bytes = |tokens: usize| (FUNCTIONS.cache_bytes)(&model, tokens as u64, 1);
    let reserved: usize =
        caches.iter().map(|cache| 4 * (cache.keys.len() + cache.values.len())).sum();
    writeln!(
        to,
        "\nThe caches hold {} tokens, {} each: {} of the {} reserved.",
        cache.len,
        size(bytes(1)),
        size(bytes(cache.len)),
        size(reserved as u64),
    )?;
    Ok(())
}

/// How many bars each text has at most.
const BARS: usize = 6;

/// Time per character against the length of the text, in bars.
fn chart(with: &Written, without: &Written, to: &mut impl Write) -> Result<()> {
    let bars = |written: &Written| -> Vec<(usize, usize, f64)> {
        // The first step reads the prompt; it is no time per character.
        let steps = written.steps.get(1..).unwrap_or_default();
        let each = steps.len().div_ceil(BARS).max(1);
        let chunks = steps.chunks(each).map(|steps| {
            let mean = steps.iter().map(|step| 1e3 * step.took.as_secs_f64()).sum::<f64>()
                / steps.len() as f64;
            (steps[0].length, steps[steps.len() - 1].length, mean)
        });
        chunks.collect()
    };
    let (with, without) = (bars(with), bars(without));
    let most = with.iter().chain(&without).fold(0.0_f64, |most, bar| most.max(bar.2));
    if most == 0.0 {
        return Ok(());
    }
    writeln!(to, "\nMilliseconds per character, by the length of the text")?;
    for (name, bars) in [("with", with), ("without", without)] {
        for (from, until, mean) in bars {
            let bar = "█".repeat((40.0 * mean / most).round() as usize);
            writeln!(to, "{name:<8} {from:>3} to {until:>3}  {mean:>7.2} {bar}")?;
        }
    }
    Ok(())
}
