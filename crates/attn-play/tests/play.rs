//! What the widgets show, against plain loops; and the answers to the questions that the book asks about them.

use attn_core::random::Random;
use attn_play::{Kind, Widget, ask, widget, widgets};
use ch08_flash_cpu::{
    flash_forward,
    given::{Block, Traffic},
};
use ch11_linear::seeded::units;

fn get(name: &str, settings: &str, number: &str) -> String {
    let answer = widget(name).expect(name).at(settings);
    answer.get(number).unwrap_or_else(|| panic!("{name} has no {number}")).to_string()
}

fn number(name: &str, settings: &str, of: &str) -> f64 {
    let text = get(name, settings, of).replace('−', "-").replace(',', "");
    let first = text.split(' ').next().unwrap_or_default();
    first.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// Settings as a reader might make them, or somebody who wants to break the page.
fn settings(widget: &Widget, random: &mut Random) -> String {
    let pair = |control: &attn_play::Control| {
        let value = match &control.kind {
            Kind::Range { low, high, step, .. } => {
                low + step * random.below(1 + ((high - low) / step) as usize) as f64
            }
            Kind::Choice { options, .. } => random.below(options.len()) as f64,
            Kind::Switch { .. } => random.below(2) as f64,
        };
        format!("{}={value}", control.name)
    };
    (widget.controls)().iter().map(pair).collect::<Vec<_>>().join("&")
}

#[test]
fn everything_that_can_be_set_has_an_answer() {
    let mut random = Random::new(1);
    for widget in widgets() {
        let bad = [
            "",
            "n=",
            "n=0&m=-1&q=1e99&k=NaN&tiles=inf&d=7&kind=-3&window=x&==&&",
            "n=0.4&tile=2.6",
        ];
        let drawn = (0..300).map(|_| settings(&widget, &mut random));
        for settings in bad.map(String::from).into_iter().chain(drawn) {
            let answer = widget.at(&settings);
            assert!(!answer.figures.is_empty() && answer.numbers.len() > 2, "{settings}");
            let numbers = answer.numbers.iter().map(|(_, value)| value.as_str());
            for text in numbers.chain([answer.says.as_str()]) {
                assert!(
                    !text.is_empty() && !text.contains("NaN"),
                    "{}: {settings}: {text}",
                    widget.name
                );
            }
            let asked = ask(&format!("{}\n{settings}", widget.name));
            assert_eq!(
                asked.lines().filter(|line| line.starts_with("svg\t")).count(),
                answer.figures.len()
            );
            // Tabs and line breaks divide the answer's parts.
            assert!(asked.lines().all(|line| line.split('\t').count() <= 3), "{settings}");
        }
    }
    assert_eq!(ask("no such widget"), "");
}

#[test]
fn the_softmax_is_the_softmax() {
    for (settings, divisor, d) in
        [("", 1.0, 64.0_f64), ("divide=1&temperature=2", 16.0, 64.0), ("d=1", 1.0, 4.0)]
    {
        let scores = [1.2, 0.6, 0.1, -0.5, -1.4].map(|x: f64| x * d.sqrt() / divisor);
        let sum: f64 = scores.iter().map(|s| s.exp()).sum();
        let weights = scores.map(|s| s.exp() / sum);
        let mut squares = 0.0;
        for i in 0..5 {
            for j in 0..5 {
                squares += (weights[i] * (f64::from(u8::from(i == j)) - weights[j])).powi(2);
            }
        }
        assert!(
            (number("softmax", settings, "largest weight") - weights[0]).abs() < 1e-3,
            "{settings}"
        );
        let norm = number("softmax", settings, "norm of ∂weights/∂scores");
        assert!((norm - squares.sqrt()).abs() < 1e-3, "{settings}: {norm}");
    }
}

#[test]
fn a_temperature_does_what_the_division_does() {
    let shown = |settings: &str| {
        let answer = widget("softmax").expect("it").at(settings);
        (
            answer.figures[0].alternative().to_string(),
            answer.get("norm of ∂weights/∂scores").map(String::from),
        )
    };
    assert_eq!(shown("temperature=8"), shown("divide=1"));
    assert_eq!(shown("temperature=32&d=5"), shown("divide=1&d=5"));
    assert_ne!(shown("temperature=7.5"), shown("divide=1"));
    // Without either, nothing of a gradient comes through.
    assert!(number("softmax", "", "largest weight") > 0.99);
}

#[test]
fn the_masks_are_the_masks() {
    for n in 1..=12_i64 {
        for m in 1..=12_i64 {
            let count = |sees: &dyn Fn(i64, i64) -> bool| {
                (0..n)
                    .flat_map(|i| (0..m).map(move |j| (i, j)))
                    .filter(|&(i, j)| sees(i, j))
                    .count()
            };
            let pairs = |rest: &str| {
                number("masks", &format!("n={n}&m={m}&{rest}"), "pairs that may attend")
            };
            let bottom_right = count(&|i, j| j <= m - n + i) as f64;
            assert_eq!(pairs("kind=1&aligned=0"), bottom_right, "n={n} m={m}");
            assert_eq!(pairs("kind=1&aligned=1"), count(&|i, j| j <= i) as f64, "n={n} m={m}");
            assert_eq!(pairs("kind=0&padding=2"), (n * (m - 2).max(0)) as f64, "n={n} m={m}");
            let prefix = count(&|i, j| (j < 3 || j <= m - n + i) && j < m - 1) as f64;
            assert_eq!(pairs("kind=2&prefix=3&padding=1&aligned=0"), prefix, "n={n} m={m}");
        }
    }
}

#[test]
fn top_left_does_no_harm_with_as_many_queries_as_keys() {
    let harmless = |n: usize| {
        let at = |aligned: usize| ask(&format!("masks\nn={n}&m=8&aligned={aligned}"));
        let without_title = |text: String| text.replace("top left", "bottom right");
        without_title(at(0)) == without_title(at(1))
    };
    assert_eq!((1..=12).filter(|&n| harmless(n)).collect::<Vec<_>>(), [8]);
    assert_eq!(get("masks", "n=1", "the last query sees"), "1 key");
    assert_eq!(get("masks", "n=1&aligned=0", "the last query sees"), "8 keys");
}

#[test]
fn a_token_knows_of_the_first_after_eight_layers_or_by_a_sink() {
    let knows =
        |settings: &str| get("reach", settings, "the last token may know of the first") == "yes";
    assert_eq!((1..=24).find(|layers| knows(&format!("layers={layers}"))), Some(8));
    assert!(knows("layers=1&sinks=1"));
    let pairs = |settings: &str| number("reach", settings, "pairs in a layer");
    assert_eq!((pairs(""), pairs("sinks=1") - pairs(""), pairs("window=24")), (90.0, 20.0, 300.0));
    // A sink brings itself, and nothing else.
    assert_eq!(number("reach", "sinks=1", "the last token may know of"), 5.0);
    assert_eq!(number("reach", "window=4&dilation=2&layers=2", "the last token may know of"), 7.0);
    // To both sides, a window is odd.
    assert_eq!(get("reach", "window=4&causal=0", "window"), "5");
}

#[test]
fn the_order_changes_the_corrections_and_not_the_output() {
    let scores = [0.4, 1.1, -0.6, 0.9, 2.3, 0.2, -1.2, 1.6, 3.4, -0.3, 0.7, 2.0_f64];
    let values = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, -6.0, 5.0, 3.0, -5.0, 8.0];
    let sum: f64 = scores.iter().map(|s| s.exp()).sum();
    let right: f64 = scores.iter().zip(values).map(|(s, v)| s.exp() / sum * v).sum();
    for tile in 1..=6 {
        let corrections = [0, 1, 2].map(|order| {
            let settings = format!("order={order}&tile={tile}&tiles=12");
            for output in ["output of these keys, o/ℓ", "output of all keys"] {
                let shown = number("online", &settings, output);
                assert!((shown - right).abs() < 1e-3, "{settings}: {shown}, {right}");
            }
            number("online", &settings, "corrections so far") as usize
        });
        assert_eq!(corrections[1], 12_usize.div_ceil(tile) - 1, "best last, {tile} in a tile");
        assert_eq!(corrections[2], 0, "best first");
    }
    // After two tiles of three keys: m is the score of key 4, and before it was that of key 1.
    let seen: f64 = scores[..6].iter().map(|s| (s - 2.3).exp()).sum();
    assert!((number("online", "", "ℓ") - seen).abs() < 1e-3);
    assert!(
        (number("online", "", "correction e^(μ before − μ)") - (1.1 - 2.3_f64).exp()).abs() < 1e-3
    );
}

#[test]
fn the_tiles_move_what_the_kernel_moves() {
    let mut random = Random::new(2);
    for (n, q, k, causal) in [(64, 16, 64, true), (128, 12, 20, false), (192, 128, 4, true)] {
        let x = random.normal((n, 64));
        let mut traffic = Traffic::default();
        flash_forward(x.view(), x.view(), x.view(), causal, Block { q, k }, &mut traffic);
        let settings = format!("n={n}&q={q}&k={k}&causal={}", u8::from(causal));
        assert_eq!(number("tiles", &settings, "bytes loaded"), traffic.loaded as f64, "{settings}");
        assert_eq!(number("tiles", &settings, "bytes stored"), traffic.stored as f64, "{settings}");
        let visited = (traffic.tiles - n.div_ceil(q) as u64) / 2;
        assert_eq!(number("tiles", &settings, "tiles visited"), visited as f64, "{settings}");
    }
}

#[test]
fn the_best_block_is_tall_and_narrow() {
    let mut all = Vec::new();
    for q in (4..=128).step_by(4) {
        for k in (4..=128).step_by(4) {
            let settings = format!("q={q}&k={k}");
            if number("tiles", &settings, "fast memory needed") <= 65536.0 {
                all.push((number("tiles", &settings, "bytes loaded"), q, k));
            }
        }
    }
    let least = all.iter().map(|block| block.0).fold(f64::INFINITY, f64::min);
    let best: Vec<_> = all.iter().filter(|block| block.0 == least).map(|b| (b.1, b.2)).collect();
    assert_eq!(best, [(104, 4), (104, 8)]);
}

#[test]
fn the_sum_finds_more_and_the_delta_rule_has_the_newest() {
    let recalled = |settings: &str| number("recall", settings, "recalled");
    let newest = |settings: &str| get("recall", settings, "error of the newest pair");
    for (d, sum, delta) in [(8, 8.0, 6.0), (16, 14.0, 10.0)] {
        assert_eq!(recalled(&format!("d={d}")), sum);
        assert_eq!(recalled(&format!("d={d}&rule=2")), delta);
        assert_eq!(newest(&format!("d={d}&rule=2")), "0 %");
    }
    // A gate of 1 lets everything through.
    let at = |settings: &str| widget("recall").expect("it").at(settings).numbers;
    assert_eq!(at("rule=1&gate=1"), at(""));
    assert_ne!(at("rule=1&gate=0.5"), at(""));
    // The sum, in plain loops.
    let mut random = Random::new(11);
    let (keys, values) = (units(&mut random, 16, 8), units(&mut random, 16, 8));
    let missed = (0..8).map(|c| {
        let read = (0..16).map(|j| keys.row(0).dot(&keys.row(j)) * values[[j, c]]).sum::<f64>();
        (read - values[[0, c]]).powi(2)
    });
    let oldest = format!("{:.0} %", 100.0 * missed.sum::<f64>().sqrt());
    assert_eq!(get("recall", "", "error of the oldest pair"), oldest);
}
