//! The course as its metadata tells it: one `chapter.toml` a chapter.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::{
    env, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The workspace and its chapters.
pub struct Course {
    /// The folder with the workspace's Cargo.toml.
    pub root: PathBuf,
    /// In order of their numbers.
    pub chapters: Vec<Chapter>,
}

/// What `chapter.toml` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chapter {
    /// Its number.
    pub number: u32,
    /// Its title.
    pub title: String,
    /// How long reading its page takes, without its exercises.
    pub reading_minutes: u32,
    /// Chapters that should be read before.
    pub prerequisites: Vec<u32>,
    /// What a reader can do afterwards.
    pub objectives: Vec<String>,
    /// The example that `cargo attn run` starts.
    #[serde(default)]
    pub demo: String,
    /// The ids of the exercises whose functions it calls itself: with `cargo attn run --mine` they are
    /// the learner's.
    #[serde(default)]
    pub demonstrates: Vec<String>,
    /// The ids of the gradients that `cargo attn gradcheck` compares with differences, and of the
    /// functions that they are the gradients of.
    #[serde(default)]
    pub gradients: Vec<String>,
    /// What shows its functions at work in a real language model: `cargo attn run --model smollm2`.
    #[serde(default)]
    pub smollm2: Option<OnModel>,
    /// The ids of the exercises whose functions the real language model answers by in `cargo attn chat`.
    #[serde(default)]
    pub chat: Vec<String>,
    /// What the learner's file begins with.
    pub imports: String,
    /// Its exercises, in order.
    #[serde(rename = "exercise", default)]
    pub exercises: Vec<Exercise>,
    /// Where the chapter is; relative to the root.
    #[serde(skip)]
    pub dir: PathBuf,
    /// The name of its crate.
    #[serde(skip)]
    pub package: String,
    /// What its exercises are written in; known by the sources of the reference.
    #[serde(skip)]
    pub language: Language,
}

/// The example that `cargo attn gradcheck` starts.
pub const GRADCHECK: &str = "gradcheck";

/// The package of the real language model: its examples are demonstrations too.
pub const SMOLLM: &str = "attn-smollm";
/// Its folder, from the root on.
pub const SMOLLM_DIR: &str = "crates/attn-smollm";

/// The example of [`SMOLLM`] that `cargo attn chat` talks to.
pub const REPLY: &str = "reply";

/// The demonstration of a chapter in a real language model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnModel {
    /// The example of [`SMOLLM`].
    pub example: String,
    /// The ids of the exercises whose functions it calls itself.
    pub calls: Vec<String>,
}

/// A program that calls a chapter's functions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demonstration<'a> {
    /// The package that it is an example of.
    pub package: &'a str,
    /// The example's name.
    pub example: &'a str,
    /// The ids of the exercises whose functions it calls itself.
    pub calls: &'a [String],
}

/// What a learner's file is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Language {
    /// Compiled into the check program.
    #[default]
    Rust,
    /// Compiled by the check program itself, when it runs.
    Cuda,
}

impl Language {
    fn of(source: &Path) -> Self {
        match source.extension() {
            Some(extension) if extension == "cu" => Language::Cuda,
            _ => Language::Rust,
        }
    }

    fn file(self, stem: &str) -> String {
        match self {
            Language::Rust => format!("{stem}.rs"),
            Language::Cuda => format!("{stem}.cu"),
        }
    }
}

/// An exercise as `chapter.toml` describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// Chapter and number: `3.2`.
    pub id: String,
    /// The function that is written; also the name of its region (`// ANCHOR: …`) in `source`.
    pub item: String,
    /// What it is about, in a few words.
    pub title: String,
    /// The file of the reference, relative to the chapter.
    pub source: PathBuf,
    /// What solving it is worth.
    pub points: u32,
    /// About how long it takes.
    pub minutes: u32,
    /// The heading of the book's section that explains it.
    #[serde(default)]
    pub book: Option<String>,
    /// From the idea over the place to pseudo-code.
    pub hints: Vec<String>,
}

/// The file that says what an assignment asks. Only what students get has one.
pub const ASSIGNMENT: &str = "assignment.toml";

impl Course {
    /// Finds the workspace around the current folder and reads its chapters.
    ///
    /// # Errors
    /// When there is no workspace with a `chapters` folder, or a `chapter.toml` is wrong.
    pub fn find() -> Result<Self> {
        let here = env::current_dir().context("the current folder cannot be read")?;
        let root = here
            .ancestors()
            .find(|dir| dir.join("chapters").is_dir() && dir.join("Cargo.toml").is_file())
            .with_context(|| format!("{} is not inside the course's folder", here.display()))?;
        Self::load(root)
    }

    /// Reads the chapters of the workspace at `root`.
    ///
    /// # Errors
    /// When a `chapter.toml` is wrong: file and reason are named.
    pub fn load(root: &Path) -> Result<Self> {
        let mut chapters = Vec::new();
        for entry in fs::read_dir(root.join("chapters"))? {
            let dir = entry?.path();
            if dir.join("chapter.toml").is_file() {
                chapters.push(Chapter::read(root, &dir)?);
            }
        }
        chapters.sort_by_key(|chapter| chapter.number);
        Ok(Course { root: root.to_path_buf(), chapters })
    }

    /// A file's path as it is said: from the root on, if it is below it.
    pub fn relative<'a>(&self, file: &'a Path) -> &'a Path {
        file.strip_prefix(&self.root).unwrap_or(file)
    }

    /// Makes sure that this is the whole course, not what students get for an assignment.
    ///
    /// # Errors
    /// Says that `what` is not here, and what is.
    pub fn expect_whole(&self, what: &str) -> Result<()> {
        ensure!(
            !self.root.join(ASSIGNMENT).is_file(),
            "{what} is not part of an assignment. The book is in the folder book: open book/index.html. \
             Your answers are checked by `cargo attn check`, and on every save by `cargo attn watch`"
        );
        Ok(())
    }

    /// The chapter with this number.
    ///
    /// # Errors
    /// Names the chapters that exist.
    pub fn chapter(&self, number: u32) -> Result<&Chapter> {
        if let Some(chapter) = self.chapters.iter().find(|c| c.number == number) {
            return Ok(chapter);
        }
        let numbers: Vec<_> = self.chapters.iter().map(|c| c.number.to_string()).collect();
        bail!("there is no chapter {number}; open are {}", numbers.join(", "))
    }

    /// The exercise with this id, and its chapter.
    ///
    /// # Errors
    /// Names the exercises of the chapter.
    pub fn exercise(&self, id: &str) -> Result<(&Chapter, &Exercise)> {
        let number = id.split_once('.').and_then(|(chapter, _)| chapter.parse().ok());
        let Some(number) = number else {
            bail!("“{id}” is not an exercise; they are called 3.1, 3.2 and so on");
        };
        let chapter = self.chapter(number)?;
        match chapter.exercises.iter().find(|e| e.id == id) {
            Some(exercise) => Ok((chapter, exercise)),
            None => {
                let ids: Vec<_> = chapter.exercises.iter().map(|e| e.id.as_str()).collect();
                bail!("there is no exercise {id}; chapter {number} has {}", ids.join(", "))
            }
        }
    }

    /// The chapters that a target names, each with the exercises meant.
    ///
    /// # Errors
    /// When it names something that does not exist.
    pub fn select(&self, target: &Target) -> Result<Vec<(&Chapter, Vec<&Exercise>)>> {
        match target {
            Target::All => Ok(self
                .chapters
                .iter()
                .map(|chapter| (chapter, chapter.exercises.iter().collect()))
                .collect()),
            Target::Chapter(number) => {
                let chapter = self.chapter(*number)?;
                Ok(vec![(chapter, chapter.exercises.iter().collect())])
            }
            Target::Exercise(id) => {
                let (chapter, exercise) = self.exercise(id)?;
                Ok(vec![(chapter, vec![exercise])])
            }
        }
    }
}

impl Chapter {
    fn read(root: &Path, dir: &Path) -> Result<Self> {
        let file = dir.join("chapter.toml");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let mut chapter: Chapter =
            toml::from_str(&text).with_context(|| file.display().to_string())?;
        let prefix = format!("{}.", chapter.number);
        if let Some(first) = chapter.exercises.first() {
            chapter.language = Language::of(&first.source);
        }
        for Exercise { id, source, .. } in &chapter.exercises {
            ensure!(
                id.starts_with(&prefix),
                "{}: exercise {id} does not begin with {prefix}",
                file.display()
            );
            ensure!(
                Language::of(source) == chapter.language,
                "{}: exercise {id} is in another language than the first; a learner has one file",
                file.display()
            );
        }
        for id in chapter.called() {
            ensure!(
                chapter.exercises.iter().any(|exercise| exercise.id == *id),
                "{}: a demonstration calls {id}, which is no exercise",
                file.display()
            );
        }
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        chapter.package = format!("ch{name}");
        chapter.dir = dir.strip_prefix(root).unwrap_or(dir).to_path_buf();
        Ok(chapter)
    }

    /// Makes sure that the chapter's reference is here, which is not so while it is an assignment.
    ///
    /// # Errors
    /// Says that `what` is not here, and when it will be.
    pub fn expect_reference(&self, what: &str) -> Result<()> {
        ensure!(
            !self.is_handed_out(),
            "{what} is not here: chapter {} is an assignment, and its reference comes after the due date, from \
             whoever set it",
            self.number
        );
        Ok(())
    }

    /// Whether only its questions are here, as students get them.
    pub fn is_handed_out(&self) -> bool {
        self.demo.is_empty()
    }

    /// Its demonstration.
    pub fn demonstration(&self) -> Demonstration<'_> {
        Demonstration { package: &self.package, example: &self.demo, calls: &self.demonstrates }
    }

    /// Its check of gradients, which is one more demonstration.
    pub fn gradcheck(&self) -> Demonstration<'_> {
        Demonstration { package: &self.package, example: GRADCHECK, calls: &self.gradients }
    }

    /// Its demonstration in a real language model, if it has one.
    pub fn on_model(&self) -> Option<Demonstration<'_>> {
        let OnModel { example, calls } = self.smollm2.as_ref()?;
        Some(Demonstration { package: SMOLLM, example, calls })
    }

    /// Its part in the conversation with the real language model.
    pub fn in_conversation(&self) -> Demonstration<'_> {
        Demonstration { package: SMOLLM, example: REPLY, calls: &self.chat }
    }

    /// The ids of the exercises whose functions its demonstrations call themselves, some more than
    /// once.
    fn called(&self) -> impl Iterator<Item = &String> {
        let on_model = self.smollm2.iter().flat_map(|on_model| &on_model.calls);
        self.demonstrates.iter().chain(&self.gradients).chain(on_model).chain(&self.chat)
    }

    /// The exercises whose functions its demonstrations call themselves.
    pub fn demonstrated(&self) -> impl Iterator<Item = &Exercise> {
        let called = |exercise: &&Exercise| self.called().any(|id| *id == exercise.id);
        self.exercises.iter().filter(called)
    }

    /// The learner's file, relative to the root.
    pub fn answers(&self) -> PathBuf {
        self.dir.join(self.language.file("exercise"))
    }

    /// The unsolved file, relative to the root.
    pub fn starter(&self) -> PathBuf {
        self.dir.join(self.language.file("starter"))
    }
}

/// What a command is about: everything, a chapter, or one exercise.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// All chapters.
    All,
    /// `3`
    Chapter(u32),
    /// `3.2`
    Exercise(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Target::Chapter(number));
        }
        match text.split_once('.') {
            Some((chapter, exercise))
                if chapter.parse::<u32>().is_ok() && exercise.parse::<u32>().is_ok() =>
            {
                Ok(Target::Exercise(text.to_string()))
            }
            _ => Err("a chapter is a number such as 3, an exercise two such as 3.2".into()),
        }
    }
}
