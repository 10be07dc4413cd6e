//! The figures that a reader plays with: they say what the same functions say natively, and everything can be reached.

use crate::{
    World,
    page::{Page, SOON},
};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;

/// The pages with such figures, and states of each: the first one is how it opens.
const PLAYED: [(&str, &str, &[&str]); 6] = [
    (
        "ch03-scaled-dot-product.html",
        "softmax",
        &["", "divide=1&temperature=2.5", "d=5&product0=-3&product4=3"],
    ),
    (
        "ch03-scaled-dot-product.html",
        "masks",
        &["", "n=5&m=2&aligned=0", "kind=2&prefix=4&padding=3"],
    ),
    ("ch12-sparse.html", "reach", &["", "layers=8", "sinks=2&dilation=3&causal=0&window=6"]),
    ("ch08-flash-cpu.html", "online", &["", "order=1&tile=5&tiles=3", "order=2&tile=1&tiles=11"]),
    ("ch08-flash-cpu.html", "tiles", &["", "q=104&k=4", "n=192&causal=0&k=20"]),
    ("ch11-linear.html", "recall", &["", "rule=2&d=16", "rule=1&gate=0.7&alike=1&pairs=9"]),
];

type Numbers = BTreeMap<String, String>;

fn box_of(name: &str) -> String {
    format!(".play[data-play={name:?}]")
}

/// Brings the figure near and waits for its controls.
fn open(page: &Page, name: &str) -> Result<()> {
    let selector = box_of(name);
    page.eval::<()>(&format!("(document.querySelector({selector:?}).scrollIntoView(), null)"))?;
    let there = format!("!!document.querySelector({:?})", format!("{selector} .play-numbers dd"));
    page.wait(&format!("the controls of {name}"), SOON, &there)?;
    Ok(())
}

/// Moves the controls, all others standing as at first, and waits until the figure has followed.
fn set(page: &Page, name: &str, settings: &str) -> Result<()> {
    page.eval(&format!(
        "(async () => {{
            const box = document.querySelector({:?});
            box.querySelector('.play-back').click();
            for (const [key, value] of new URLSearchParams({settings:?})) {{
                const input = document.getElementById('play-{name}-' + key);
                if (input.type === 'checkbox') input.checked = value === '1'; else input.value = value;
                input.dispatchEvent(new Event('input'));
                await new Promise(requestAnimationFrame);
            }}
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            return null;
        }})()",
        box_of(name)
    ))
}

/// How long ten answers take, with the layout, in milliseconds.
fn moves(page: &Page, name: &str) -> Result<Vec<f64>> {
    page.eval(&format!(
        "(async () => {{
            const box = document.querySelector({:?});
            const times = [];
            for (let i = 0; i < 10; i++) {{
                box.querySelector('input').dispatchEvent(new Event('input'));
                await new Promise(requestAnimationFrame);
                await new Promise(requestAnimationFrame);
                times.push(Number(box.dataset.took));
            }}
            return times;
        }})()",
        box_of(name)
    ))
}

/// Everything that the figure says: its numbers, its sentence and its drawings.
fn shown(page: &Page, name: &str) -> Result<Numbers> {
    page.eval(&format!(
        "(() => {{
            const box = document.querySelector({:?});
            const said = {{ says: box.querySelector('.play-says').textContent }};
            for (const row of box.querySelectorAll('.play-numbers > div')) {{
                said[row.firstChild.textContent] = row.lastChild.textContent;
            }}
            box.querySelectorAll('.play-shown svg').forEach((svg, i) => {{
                said['drawing ' + i] = svg.querySelector('title').textContent + ': ' + svg.querySelector('desc').textContent;
            }});
            return said;
        }})()",
        box_of(name)
    ))
}

/// The same by the functions as they are compiled here.
fn native(name: &str, settings: &str) -> Result<Numbers> {
    let answer = attn_play::widget(name).with_context(|| name.to_string())?.at(settings);
    let mut said: Numbers = answer.numbers.iter().cloned().collect();
    for (i, figure) in answer.figures.iter().enumerate() {
        said.insert(
            format!("drawing {i}"),
            format!("{}: {}", figure.title(), figure.alternative()),
        );
    }
    said.insert("says".into(), answer.says);
    Ok(said)
}

fn differences(page: &Page, name: &str, settings: &str) -> Result<Vec<String>> {
    let (here, native) = (shown(page, name)?, native(name, settings)?);
    ensure!(here.len() > 3, "{name} says only {here:?}");
    let keys = here.keys().chain(native.keys().filter(|key| !here.contains_key(*key)));
    let differ = keys.filter(|key| here.get(*key) != native.get(*key));
    Ok(differ
        .map(|key| {
            format!(
                "{name}, {settings}: {key}: {:?}, natively {:?}",
                here.get(key),
                native.get(key)
            )
        })
        .collect())
}

/// In pages from the server and from disk.
pub fn played_figures_say_what_the_functions_say(world: &World) -> Result<()> {
    let mut differ = Vec::new();
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for from_disk in [false, true] {
        for (file, name, states) in PLAYED {
            let url = match from_disk {
                false => world.url(file),
                true => format!("file://{}", world.course.built(file).display()),
            };
            let page = Page::open(&world.chromium, &url)?;
            open(&page, name)?;
            for settings in states {
                set(&page, name, settings)?;
                differ.extend(differences(&page, name, settings)?);
                times.entry(name).or_default().extend(moves(&page, name)?);
            }
        }
    }
    ensure!(
        differ.is_empty(),
        "the module in book/src/play is not what the sources say (cargo attn dev play)?\n{}",
        differ.join("\n")
    );
    for (name, mut times) in times {
        times.sort_by(f64::total_cmp);
        let (middle, slow) = (times[times.len() / 2], times[times.len() * 9 / 10]);
        eprintln!(
            "  {name}: a move takes {middle} ms, nine of ten at most {slow} ms; a frame has 16"
        );
    }
    Ok(())
}

pub fn played_figures_with_a_wrong_number_are_noticed(world: &World) -> Result<()> {
    let page = world.chapter()?;
    open(&page, "softmax")?;
    set(&page, "softmax", "")?;
    ensure!(differences(&page, "softmax", "")?.is_empty(), "too early");
    page.eval::<()>("(document.querySelector('.play-numbers dd').textContent += '1', null)")?;
    let noticed = differences(&page, "softmax", "")?;
    ensure!(noticed.len() == 1 && noticed[0].contains("largest score"), "{noticed:?}");
    Ok(())
}

/// By the keyboard, and by pulling at the drawing.
pub fn played_figures_can_be_moved(world: &World) -> Result<()> {
    let page = world.chapter()?;
    open(&page, "softmax")?;
    page.eval::<()>("(document.getElementById('play-softmax-temperature').focus(), null)")?;
    page.press("ArrowRight")?;
    let moved = "document.getElementById('play-softmax-temperature').value === '1.5'
        && document.querySelector('.play-numbers > div:nth-child(2) dd').textContent === '1.500'";
    page.wait("the temperature to rise by a step", SOON, moved)?;
    ensure!(
        page.eval::<String>("location.pathname")?.ends_with("product.html"),
        "the arrow turned the page"
    );
    for (input, role) in [("temperature", "slider"), ("divide", "checkbox"), ("d", "combobox")] {
        let (found, label) =
            page.accessible(&format!("document.getElementById('play-softmax-{input}')"))?;
        ensure!(found == role && !label.is_empty(), "{input}: {found} “{label}”");
    }
    // The upper end of the last bar's part is its largest product.
    page.drag(".play-shown [data-control=product4]", (0.5, 0.5), (0.5, 0.0))?;
    let pulled = "document.getElementById('play-softmax-product4').value === '3'";
    page.wait("the bar to follow", SOON, pulled)?;
    page.wait(
        "the numbers to follow",
        SOON,
        "document.querySelector('.play-numbers dd').textContent === '16.000'",
    )?;
    Ok(())
}

/// Without scripts and on paper, the still figure; where motion is unwelcome, nothing runs.
pub fn played_figures_stand_still_without_scripts(world: &World) -> Result<()> {
    let looks = |page: &Page| -> Result<(f64, bool)> {
        page.eval(
            "(() => {
                const still = document.querySelector('.play .play-still');
                const live = document.querySelector('.play .play-live');
                return [still.getBoundingClientRect().height, !!live && live.getBoundingClientRect().height > 0];
            })()",
        )
    };
    let page = Page::open(&world.chromium, &world.url("ch08-flash-cpu.html"))?;
    open(&page, "online")?;
    let (height, live) = looks(&page)?;
    ensure!(live && height < 2.0, "on a screen: {height}, {live}");
    let role = page.accessible("document.querySelector('.play .play-still svg.viz')")?.0;
    ensure!(role == "img" || role == "image", "for a screen reader the still figure is {role}");
    let runs = "!document.querySelector('.play-runner button:last-child').hidden";
    ensure!(page.eval::<bool>(runs)?, "no button to run the steps");
    page.media("", &[("prefers-reduced-motion", "reduce")])?;
    page.wait("the button to go", SOON, &format!("!({runs})"))?;
    page.media("print", &[])?;
    let (height, live) = looks(&page)?;
    ensure!(!live && height > 200.0, "on paper: {height}, {live}");

    let page = Page::without_scripts(&world.chromium, &world.url("ch08-flash-cpu.html"))?;
    let (height, live) = looks(&page)?;
    ensure!(!live && height > 200.0, "without scripts: {height}, {live}");
    Ok(())
}

/// When something is first seen of the page, with and without what makes figures playable: measured, not asserted.
pub fn played_figures_and_the_first_paint(world: &World) -> Result<()> {
    let mut medians = Vec::new();
    for blocked in [&[][..], &["*play*.js"][..]] {
        let page = world.chapter()?;
        page.block(blocked)?;
        let mut paints = Vec::new();
        for _ in 0..7 {
            page.go(&world.url(crate::course::PAGE))?;
            let paint = "performance.getEntriesByName('first-contentful-paint').length > 0";
            page.wait("a first paint", SOON, paint)?;
            paints.push(page.eval::<f64>(
                "performance.getEntriesByName('first-contentful-paint')[0].startTime",
            )?);
        }
        paints.sort_by(f64::total_cmp);
        medians.push(paints[3]);
    }
    eprintln!(
        "  first paint of chapter 3: {:.0} ms with figures to play with, {:.0} ms without",
        medians[0], medians[1]
    );
    Ok(())
}
