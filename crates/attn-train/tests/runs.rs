//! Whole runs, of a few steps: they learn, they can be stopped, and they say what is wrong.

use attn_dates::{Model as DateModel, Weights};
use attn_train::{model::Model, run::Run, train::train};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::tempdir;

fn attn_train(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_attn-train"));
    command.args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_smoke_run_of_each_model_learns_and_writes_weights_that_load() {
    for model in Model::all() {
        let folder = tempdir().unwrap();
        let checkpoint = folder.path().join("checkpoint");
        let (out, checkpoint_text) = (text(folder.path()), text(&checkpoint));
        let run = attn_train(&[
            "train",
            &model.to_string(),
            "--smoke",
            "--out",
            out,
            "--checkpoint",
            checkpoint_text,
        ]);
        let error = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{model}: {error}");
        let path = folder.path().join(format!("weights/{model}.safetensors"));
        let command = match model {
            Model::Dates(model) => {
                Weights::read(model, &path).unwrap().about("command").to_string()
            }
            Model::Text(model) => {
                attn_lm::Weights::read(model, &path).unwrap().about("command").to_string()
            }
            Model::Mixed(_) => unreachable!("all() names those with weights"),
        };
        assert!(command.contains(&format!("train {model} --seed 1")), "{command}");
        let table = |name: &str| fs::read_to_string(folder.path().join(name));
        match model {
            Model::Dates(_) => {
                let losses = table(&format!("losses/{model}.csv")).unwrap();
                let steps = losses.lines().map(|row| row.split(',').next().unwrap());
                assert_eq!(steps.collect::<Vec<_>>(), ["step", "20", "24"], "{losses}");
            }
            // Nothing is held out of the poems, so there is no loss to compare with the others'.
            Model::Text(attn_lm::Model::Quatrains) => assert!(table("data/losses.csv").is_err()),
            _ => {
                let losses = table("data/losses.csv").unwrap();
                assert!(losses.starts_with("model,seed,steps,loss\n"), "{losses}");
                assert!(losses.contains(&format!("\n{model},1,24,")), "{losses}");
            }
        }
        assert!(!checkpoint.exists(), "a finished run leaves no checkpoint");
    }
}

/// A run that is stopped and goes on ends with the same bits as one that is not stopped.
#[test]
fn a_run_goes_on_where_it_stood() {
    let folder = tempdir().unwrap();
    let run = Run { steps: 6, save_every: 2, ..Run::smoke(DateModel::Fixed) };
    let mut losses = Vec::new();
    let (whole, kept) =
        train(&run, &folder.path().join("whole"), |_, loss| losses.push(loss)).unwrap();

    let checkpoint = folder.path().join("stopped");
    // As if killed after step 5: the last checkpoint is of step 4.
    let stop = std::panic::AssertUnwindSafe(|| {
        train(&run, &checkpoint, |step, _| {
            if step == 5 {
                std::panic::resume_unwind(Box::new(()));
            }
        })
    });
    assert!(std::panic::catch_unwind(stop).is_err());
    let mut rest = Vec::new();
    let (resumed, kept_too) =
        train(&run, &checkpoint, |step, loss| rest.push((step, loss))).unwrap();

    let expected: Vec<(u64, f64)> = (5..).zip(losses[4..].iter().copied()).collect();
    assert_eq!(rest, expected);
    assert_eq!(kept, losses.iter().map(|&loss| loss as f32).collect::<Vec<_>>());
    assert_eq!(kept_too, kept, "the losses before the stop are in the checkpoint");
    assert_eq!(resumed.values().unwrap(), whole.values().unwrap());
}

#[test]
fn a_checkpoint_of_another_run_or_a_damaged_one_is_refused() {
    let folder = tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let run = Run { steps: 2, ..Run::smoke(DateModel::Fixed) };
    train(&run, &checkpoint, |_, _| {}).unwrap();
    let refusal = |run: &Run| {
        let error = train(run, &checkpoint, |_, _| {}).err().expect("a refusal");
        format!("{error:#}")
    };

    let other = refusal(&Run { seed: 2, ..run.clone() });
    assert!(other.contains("it is of another run: train gru-fixed --seed 1"), "{other}");
    assert!(other.contains("--seed 2"), "{other}");
    assert!(other.contains("remove the file to begin anew"), "{other}");

    let bytes = fs::read(&checkpoint).unwrap();
    for length in [0, 20, bytes.len() / 2] {
        fs::write(&checkpoint, &bytes[..length]).unwrap();
        let damaged = refusal(&run);
        assert!(damaged.contains("the checkpoint is damaged"), "{length}: {damaged}");
        assert!(damaged.contains(text(&checkpoint)), "{damaged}");
    }
}

#[test]
fn a_place_that_cannot_be_written_to_is_named_before_any_work() {
    let folder = tempdir().unwrap();
    // A file where a folder should be: nobody can write below it.
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let checkpoint = file.join("checkpoint");
    let run = attn_train(&["train", "gru-fixed", "--smoke", "--checkpoint", text(&checkpoint)]);
    let error = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success());
    assert!(error.starts_with("error: "), "{error}");
    assert!(error.contains("checkpoint cannot be "), "{error}");
    assert!(!String::from_utf8_lossy(&run.stdout).contains("step 1"));
}

#[test]
fn what_stood_in_a_file_stays_if_it_cannot_be_replaced() {
    let folder = tempdir().unwrap();
    // A folder cannot be replaced by a file.
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("kept"), "kept").unwrap();
    let error = attn_train::files::write(&taken, b"new").unwrap_err();
    assert!(format!("{error:#}").contains("taken cannot be written"), "{error:#}");
    assert_eq!(fs::read_to_string(taken.join("kept")).unwrap(), "kept");
    // And no half-written file is left beside it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_unknown_model_is_answered_with_the_ones_there_are() {
    let run = attn_train(&["train", "lstm"]);
    let error = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success());
    let names = "there is no model lstm; the models are gru-fixed, gru-dot, gru-additive, \
                 transformer, mha, gqa, mqa, mla";
    assert!(error.contains(names), "{error}");
}
