//! A workspace for students: some chapters' exercises without what is right, and what they need to be worked on.

use crate::{
    assignment::Assignment,
    digest,
    question::{Questions, Source},
};
use anyhow::{Context, Result, bail, ensure};
use attn::{Chapter, Course, Exercise, Language, compile, copy, files, starter};
use attn_exercise::Request;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use toml_edit::{DocumentMut, Item, Table, value};
use walkdir::WalkDir;

/// The course's cases that students see.
pub const VISIBLE: u64 = attn::check::SEED;

/// What a workspace has beside its packages; the table is drawn by chapters 5 and 8.
const ROOT: [&str; 5] =
    [".cargo", "rustfmt.toml", "Cargo.lock", "Cargo.toml", "crates/attn-smollm/data/speed.csv"];

/// What may come to be in it, and stays when it is written again.
const BUILT: &[&str] = &["target", ".attn", ".git"];

/// What students get.
pub struct Export<'a> {
    course: &'a Course,
    /// Each chapter with its exercises, in order.
    chapters: Vec<(&'a Chapter, Vec<&'a Exercise>, Questions)>,
    /// The exercises of these chapters that are not in it, each with the reason.
    pub left_out: Vec<(String, String)>,
    /// The packages that go along whole, by name.
    whole: BTreeMap<String, PathBuf>,
}

impl<'a> Export<'a> {
    /// All exercises of these chapters.
    ///
    /// # Errors
    /// Names the exercises that cannot be handed out, or the chapters that cannot be together, and why.
    pub fn new(course: &'a Course, numbers: &[u32]) -> Result<Self> {
        Self::only(course, numbers, |_| true)
    }

    /// The exercises that an assignment asks.
    ///
    /// # Errors
    /// As for [`Export::new`]; and when one of them is not there, or cannot be handed out.
    pub fn of(course: &'a Course, assignment: &Assignment) -> Result<Self> {
        let asked =
            |exercise: &Exercise| assignment.exercises.iter().any(|it| it.id == exercise.id);
        for it in &assignment.exercises {
            course.exercise(&it.id)?;
        }
        let export = Self::only(course, &assignment.chapters(), asked)?;
        match export.left_out.first() {
            Some((id, why)) => bail!("{id} cannot be handed out: {why}"),
            None => Ok(export),
        }
    }

    fn only(
        course: &'a Course,
        numbers: &[u32],
        wanted: impl Fn(&Exercise) -> bool,
    ) -> Result<Self> {
        let (mut chapters, mut left_out) = (Vec::new(), Vec::new());
        for number in numbers {
            let chapter = course.chapter(*number)?;
            ensure!(
                chapter.language == Language::Rust,
                "chapter {number} cannot be handed out: its answers are CUDA, which is compiled beside the reference"
            );
            let source = Source::read(&course.root, chapter)?;
            let mut exercises = Vec::new();
            for exercise in chapter.exercises.iter().filter(|exercise| wanted(exercise)) {
                match source.obstacle(exercise) {
                    None => exercises.push(exercise),
                    Some(why) => left_out.push((exercise.id.clone(), why)),
                }
            }
            ensure!(
                !exercises.is_empty(),
                "chapter {number} has no exercise that can be handed out"
            );
            let questions = source.take(&exercises)?;
            chapters.push((chapter, exercises, questions));
        }
        ensure!(!chapters.is_empty(), "no chapter is named");
        let whole = whole_packages(course, &chapters)?;
        for (chapter, ..) in &chapters {
            if whole.contains_key(&chapter.package) {
                bail!(
                    "chapter {} cannot be handed out together with the others: one of them is built on its reference. \
                     Hand it out by itself, and the others after its due date",
                    chapter.number
                );
            }
        }
        Ok(Export { course, chapters, left_out, whole })
    }

    /// The exercises in it.
    pub fn exercises(&self) -> impl Iterator<Item = &'a Exercise> + '_ {
        self.chapters.iter().flat_map(|(_, exercises, _)| exercises).copied()
    }

    /// Writes it into the folder `to`, which is made, or emptied of everything but what is built there.
    ///
    /// # Errors
    /// When a file cannot be read or written, or a check program cannot be compiled.
    pub fn write(&self, to: &Path) -> Result<()> {
        self.write_code(to)?;
        self.chapters.iter().try_for_each(|(chapter, exercises, _)| {
            self.write_checks(chapter, exercises, &to.join(&chapter.dir).join("checks"))
        })
    }

    /// As [`Export::write`], without what is expected of the cases that students see.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn write_code(&self, to: &Path) -> Result<()> {
        let root = &self.course.root;
        let whole: Vec<String> = self.whole.values().map(|dir| dir.display().to_string()).collect();
        let whole = whole.iter().map(String::as_str);
        let parts: Vec<&str> = ROOT.into_iter().chain(whole).collect();
        copy::copy_keeping(root, to, &parts, BUILT)?;
        for (chapter, exercises, questions) in &self.chapters {
            self.write_chapter(chapter, exercises, questions, to)?;
        }
        if !self.whole.contains_key("attn-oracle") {
            without_oracle(&to.join("crates/attn-exercise/Cargo.toml"))?;
        }
        self.write_manifest(&to.join("Cargo.toml"))?;
        lock(to)?;
        without_unused_profiles(to)
    }

    /// Makes the folder `to` hold what was written into `from`, but for a student's answers.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn write_again(from: &Path, to: &Path) -> Result<()> {
        let parts: Vec<&str> = ROOT.into_iter().chain(["chapters", "crates"]).collect();
        copy::copy_keeping(from, to, &parts, BUILT)
    }

    /// What the workspace in a folder is, but for what a student writes there and what is built there: a name that
    /// two workspaces share if they are the same.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn fingerprint(&self, dir: &Path) -> Result<String> {
        let mut hash = Sha256::new();
        let named = [".cargo", "Cargo.toml", "Cargo.lock", "chapters", "crates"];
        for part in named {
            let files = WalkDir::new(dir.join(part)).sort_by_file_name();
            for entry in files {
                let entry = entry?;
                if entry.file_type().is_file() && entry.file_name() != "exercise.rs" {
                    let text = fs::read(entry.path())?;
                    let path = entry.path().strip_prefix(dir)?.display().to_string();
                    hash.update(format!("{path} {}\n", text.len()));
                    hash.update(text);
                }
            }
        }
        Ok(digest::name(hash, 8))
    }

    fn write_chapter(
        &self,
        chapter: &Chapter,
        exercises: &[&Exercise],
        questions: &Questions,
        to: &Path,
    ) -> Result<()> {
        let dir = to.join(&chapter.dir);
        for (file, text) in &questions.files {
            files::write(&dir.join("src").join(file), text)?;
        }
        let from = self.course.root.join(&chapter.dir);
        files::write(&dir.join("Cargo.toml"), &manifest(&from.join("Cargo.toml"), questions)?)?;
        files::write(&dir.join("chapter.toml"), &metadata(&from.join("chapter.toml"), exercises)?)?;
        let whole = files::read(&self.course.root.join(chapter.starter()))?;
        let starter = starter_of(&whole, chapter, exercises, questions)?;
        files::write(&dir.join("starter.rs"), &starter)?;
        files::write(&dir.join("exercise.rs"), &starter)?;
        Ok(())
    }

    /// What is expected of the cases that students see, and what the known mistakes give on them.
    fn write_checks(
        &self,
        chapter: &Chapter,
        exercises: &[&Exercise],
        checks: &Path,
    ) -> Result<()> {
        fs::create_dir_all(checks).with_context(|| checks.display().to_string())?;
        let program = compile::without_learner(self.course, chapter)?;
        program.ask(&Request::Record { seed: VISIBLE, dir: checks.into() }, |_: ()| Ok(()))?;
        for entry in fs::read_dir(checks)? {
            let file = entry?.path();
            let wanted = exercises.iter().any(|e| file.file_stem() == Some(e.id.as_ref()));
            if !wanted {
                fs::remove_file(&file)?;
            }
        }
        Ok(())
    }

    /// The workspace's manifest, with what is there as members.
    fn write_manifest(&self, file: &Path) -> Result<()> {
        let mut manifest: DocumentMut = files::read(file)?.parse()?;
        let handed_out = self.chapters.iter().map(|(chapter, ..)| chapter.dir.clone());
        let all = self.whole.values().cloned().chain(handed_out.clone());
        let list = |dirs: &mut dyn Iterator<Item = PathBuf>| -> Item {
            let dirs: BTreeSet<String> = dirs.map(|dir| dir.display().to_string()).collect();
            value(dirs.into_iter().collect::<toml_edit::Array>())
        };
        let workspace = manifest["workspace"].as_table_mut().context("no workspace")?;
        workspace["members"] = list(&mut all.into_iter());
        workspace["default-members"] = list(&mut handed_out.chain([PathBuf::from("crates/attn")]));
        files::write(file, manifest.to_string())
    }
}

/// The packages of the workspace that the questions and the course command need, with all that those need.
fn whole_packages(
    course: &Course,
    chapters: &[(&Chapter, Vec<&Exercise>, Questions)],
) -> Result<BTreeMap<String, PathBuf>> {
    let mut dirs = BTreeMap::new();
    let manifest: DocumentMut = files::read(&course.root.join("Cargo.toml"))?.parse()?;
    let dependencies =
        manifest["workspace"]["dependencies"].as_table().context("no dependencies")?;
    for (name, dependency) in dependencies {
        if let Some(path) = dependency.get("path").and_then(Item::as_str) {
            dirs.insert(name.to_string(), PathBuf::from(path));
        }
    }
    let mut wanted = vec!["attn".to_string(), "attn-core".into(), "attn-exercise".into()];
    for (chapter, _, questions) in chapters {
        let named = dirs.keys().filter(|name| questions.names.contains(&name.replace('-', "_")));
        wanted.extend(named.filter(|name| **name != chapter.package).cloned());
    }
    let mut whole = BTreeMap::new();
    while let Some(name) = wanted.pop() {
        let Some(dir) = dirs.get(&name) else { continue };
        if whole.insert(name.clone(), dir.clone()).is_some() {
            continue;
        }
        let manifest: DocumentMut =
            files::read(&course.root.join(dir).join("Cargo.toml"))?.parse()?;
        for kind in ["dependencies", "dev-dependencies"] {
            let table = manifest.get(kind).and_then(Item::as_table);
            let names = table.into_iter().flatten().map(|(name, _)| name.to_string());
            // It may do without: see `without_oracle`.
            wanted.extend(names.filter(|it| !(name == "attn-exercise" && it == "attn-oracle")));
        }
    }
    Ok(whole)
}

/// The manifest of a chapter with those dependencies alone that its questions name.
fn manifest(file: &Path, questions: &Questions) -> Result<String> {
    let mut manifest: DocumentMut = files::read(file)?.parse()?;
    manifest.remove("dev-dependencies");
    manifest.remove("bench");
    manifest.remove("example");
    let dependencies = manifest["dependencies"].as_table_mut().context("no dependencies")?;
    dependencies.retain(|name, _| {
        name == "attn-exercise" || questions.names.contains(&name.replace('-', "_"))
    });
    for needed in ["attn-core", "serde"] {
        let mut workspace = Table::new();
        workspace.set_dotted(true);
        workspace["workspace"] = value(true);
        dependencies.entry(needed).or_insert(Item::Table(workspace));
    }
    Ok(manifest.to_string())
}

/// A chapter's metadata without what needs the reference.
fn metadata(file: &Path, exercises: &[&Exercise]) -> Result<String> {
    let mut metadata: DocumentMut = files::read(file)?.parse()?;
    for key in ["demo", "demonstrates", "gradients", "smollm2", "chat"] {
        metadata.remove(key);
    }
    let all = metadata["exercise"].as_array_of_tables_mut().context("no exercises")?;
    all.retain(|table| {
        let id = table.get("id").and_then(Item::as_str);
        exercises.iter().any(|exercise| id == Some(&exercise.id))
    });
    Ok(metadata.to_string())
}

/// The starter with these exercises alone.
fn starter_of(
    text: &str,
    chapter: &Chapter,
    exercises: &[&Exercise],
    questions: &Questions,
) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let sections = starter::sections(text);
    let first = sections.first().context("the starter has no exercises")?.lines.start;
    let head = lines[..first].iter();
    let mut kept: Vec<String> =
        head.filter_map(|line| questions.imported(line, &chapter.package)).collect();
    let head = kept.len();
    for section in sections {
        if exercises.iter().any(|exercise| exercise.id == section.id) {
            kept.extend(lines[section.lines].iter().map(ToString::to_string));
        }
    }
    ensure!(
        kept.len() > head,
        "the starter of chapter {} has none of its exercises",
        chapter.number
    );
    Ok(kept.join("\n") + "\n")
}

/// Takes the oracle, which knows what is right, from the exercise contract.
fn without_oracle(file: &Path) -> Result<()> {
    let mut manifest: DocumentMut = files::read(file)?.parse()?;
    manifest["dependencies"].as_table_mut().context("no dependencies")?.remove("attn-oracle");
    let features = manifest["features"].as_table_mut().context("no features")?;
    features.remove("default");
    features["oracle"] = value(toml_edit::Array::new());
    files::write(file, manifest.to_string())
}

/// Takes out of the lock file what is not there, without asking any registry.
fn lock(root: &Path) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["metadata", "--offline", "--format-version", "1"])
        .stdin(Stdio::null())
        .output()
        .context("cargo cannot be started")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata: {}", complaint.trim());
    Ok(())
}

/// Takes out of the profiles the packages that are not built here; cargo would warn of each.
fn without_unused_profiles(root: &Path) -> Result<()> {
    let lock: DocumentMut = files::read(&root.join("Cargo.lock"))?.parse()?;
    let packages = lock["package"].as_array_of_tables().context("no packages")?;
    let names: BTreeSet<&str> =
        packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let file = root.join("Cargo.toml");
    let mut manifest: DocumentMut = files::read(&file)?.parse()?;
    let profile = manifest["profile"]["dev"]["package"].as_table_mut().context("no profiles")?;
    profile.retain(|name, _| name == "*" || names.contains(name));
    files::write(&file, manifest.to_string())
}
