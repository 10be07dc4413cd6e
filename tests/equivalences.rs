//! Every two paths through the course that take the same problem give the same attention: each pair is a
//! test of its own. The paths stand in the crate attn-paths, in one table.

use attn_paths::{Path, Setting, Web, all};
use libtest_mimic::{Arguments, Failed, Trial};
use std::{
    collections::BTreeSet,
    process::ExitCode,
    sync::{Arc, LazyLock},
};

static WEB: LazyLock<Web> = LazyLock::new(|| Web::of(all()));

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let pair = |(a, b): (usize, usize)| {
        let name = format!("{} = {}", WEB.paths()[a].name, WEB.paths()[b].name);
        Trial::test(name, move || WEB.compare(a, b).map(|_| ()).map_err(Failed::from))
    };
    let mut trials: Vec<Trial> = WEB.pairs().into_iter().map(pair).collect();
    trials.push(Trial::test("nothing_is_left_out", nothing_is_left_out));
    trials.push(Trial::test("a_broken_path_is_named", a_broken_path_is_named));
    trials.push(Trial::test("a_path_that_panics_is_named", a_path_that_panics_is_named));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The oracle takes everything, so each path is compared with it wherever it can be; and each setting is
/// one where several paths meet.
fn nothing_is_left_out() -> Result<(), Failed> {
    for (number, path) in WEB.paths().iter().enumerate().skip(1) {
        let settings = WEB.compare(0, number)?.settings;
        let (settings, own): (BTreeSet<_>, BTreeSet<_>) =
            (settings.iter().collect(), path.settings.iter().collect());
        if settings != own {
            return Err(format!("{} was tried on {settings:?}, not on {own:?}", path.name).into());
        }
    }
    let names: BTreeSet<&str> = WEB.paths().iter().map(|path| path.name).collect();
    let chapters: BTreeSet<usize> = WEB.paths().iter().map(|path| path.chapter).collect();
    if names.len() != WEB.paths().len() || !(3..=11).all(|chapter| chapters.contains(&chapter)) {
        return Err(format!("names twice, or a chapter missing: {names:?} {chapters:?}").into());
    }
    Ok(())
}

/// The pairs that fail when `broken` stands at the end of a few of the paths.
fn failing(broken: Path) -> Vec<(String, String)> {
    let names = ["plain loops in f64", "attention", "KV cache", "MLA, absorbed", "paged"];
    let mut paths = all();
    paths.retain(|path| names.contains(&path.name));
    paths.push(broken);
    let web = Web::of(paths);
    let name = |i: usize| web.paths()[i].name.to_string();
    let fails = |&(a, b): &(usize, usize)| web.compare(a, b).is_err();
    web.pairs().into_iter().filter(fails).map(|(a, b)| (name(a), name(b))).collect()
}

fn a_broken_path_is_named() -> Result<(), Failed> {
    let off_by_one = Path {
        name: "off by one",
        settings: &[Setting::Chunk],
        // The query before the last sees the last key.
        run: |problem| {
            let mut problem = problem.clone();
            problem.causal = false;
            (all()[0].run)(&problem)
        },
        ..all()[0]
    };
    let found = failing(off_by_one);
    if found.len() != 5 || found.iter().any(|(_, broken)| broken != "off by one") {
        return Err(format!("{found:?}").into());
    }
    Ok(())
}

fn a_path_that_panics_is_named() -> Result<(), Failed> {
    let panicking = Path { name: "panicking", run: |_| panic!("it gives up"), ..all()[0] };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let mut paths = vec![all()[0]];
    paths.push(panicking);
    let web = Arc::new(Web::of(paths));
    std::panic::set_hook(hook);
    match web.compare(0, 1) {
        Err(error) if error == "panicking panics: it gives up" => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
