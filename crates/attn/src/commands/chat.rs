//! `cargo attn chat`: a conversation with the real language model.
//!
//! Three processes take part. This command compiles the program that reads what is typed, and becomes
//! it. That program has a [`Partner`], which compiles the second one and starts it: the model, its
//! cache and the functions that it answers by, in the isolation of every demonstration. So whatever a
//! learner's function does, it ends a reply, and neither the terminal nor the conversation.

use super::run::{Part, limits, say_whose, what_happened, yours};
use crate::{
    Chapter, Course, Demonstration, Language, answers, compile,
    compile::Speaker,
    course::SMOLLM,
    output::{complain, println},
    program, smollm,
};
use anyhow::{Context, Result};
use attn_exercise::{Conversation, Demonstrated, Heard};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Write},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

/// The program that reads what is typed.
const TYPED: Demonstration = Demonstration { package: SMOLLM, example: "chat", calls: &[] };

/// Becomes the program that talks.
///
/// # Errors
/// When the model is not there, or the program does not compile or cannot be started.
pub fn chat(course: &Course, arguments: &[String]) -> Result<bool> {
    smollm::expect(course)?;
    let program = compile::example(course, TYPED, "the conversation")?;
    program::become_it(Command::new(program).args(arguments))
}

/// What is said to the model's program, in one line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// The questions that were asked before, each with its reply.
    Before(Vec<(String, String)>),
    /// A question, which waits for a reply.
    Ask(String),
    /// That the reply is long enough.
    Stop,
}

/// Whom a conversation is with.
pub struct Partner<'a> {
    course: &'a Course,
    /// Whether it answers by the learner's functions.
    mine: bool,
    /// What the model's program is told.
    arguments: Vec<String>,
    parts: Vec<Part<'a>>,
    /// What is compiled from the parts. It goes before another is compiled, which would wait for it.
    speaker: Option<Speaker>,
    /// Each question with what was said to it.
    spoken: Vec<(String, String)>,
    conversation: Option<Conversation>,
}

/// How often the reader has asked for silence since a question.
pub type Silence = AtomicU32;

impl<'a> Partner<'a> {
    /// Compiles the model's program, which will be told the `arguments`, and says whose its functions
    /// are.
    ///
    /// # Errors
    /// When a learner's file cannot be read, or the course itself does not compile.
    pub fn new(course: &'a Course, mine: bool, arguments: Vec<String>) -> Result<Self> {
        let mut partner = Partner {
            course,
            mine,
            arguments,
            parts: Vec::new(),
            speaker: None,
            spoken: Vec::new(),
            conversation: None,
        };
        partner.compile()?;
        Ok(partner)
    }

    /// Compiles what has not been compiled or is not what the learner's files say now.
    fn compile(&mut self) -> Result<()> {
        let parts = if self.mine { parts(self.course)? } else { Vec::new() };
        let same = parts.iter().map(|it| &it.text).eq(self.parts.iter().map(|it| &it.text));
        if !same {
            self.speaker = None;
        }
        if self.speaker.is_none() {
            let files: Vec<_> = parts.iter().map(|it| (it.chapter, it.text.clone())).collect();
            let speaker = compile::speaker(self.course, &files)?;
            if self.mine {
                say_whose(self.course, &parts, &speaker.refused)?;
            }
            (self.parts, self.speaker) = (parts, Some(speaker));
        }
        Ok(())
    }

    /// Prints the answer as it comes. What ends it too early is said, and then the question counts as
    /// not asked. `silence` ends a reply, and counted twice, at once.
    ///
    /// # Errors
    /// When the model's program cannot be started.
    pub fn answer(&mut self, question: &str, silence: &Silence) -> Result<()> {
        silence.store(0, Ordering::Relaxed);
        self.listen()?;
        let conversation = self.conversation.as_mut().context("it has just been begun")?;
        let (mut reply, mut told) = (Vec::new(), false);
        // If it has ended meanwhile, what is heard says so.
        let _ = say(conversation, &Said::Ask(question.into()));
        let ended = loop {
            match silence.load(Ordering::Relaxed) {
                0 => {}
                1 => {
                    if !std::mem::replace(&mut told, true) {
                        let _ = say(conversation, &Said::Stop);
                    }
                }
                _ => break None,
            }
            match conversation.hear()? {
                Heard::Piece(piece) => show(&piece, &mut reply),
                Heard::Last(piece) => {
                    show(&piece, &mut reply);
                    let reply = String::from_utf8_lossy(&reply).trim_end().to_string();
                    self.spoken.push((question.into(), reply));
                    return Ok(());
                }
                Heard::Ended(ended) => break Some(ended),
            }
        };
        self.conversation = None;
        println!();
        match ended {
            None => complain(format_args!("The reply was stopped.")),
            // It has said why.
            Some(Demonstrated::Ended { .. }) => {}
            Some(ended) => {
                let Speaker { refused, .. } =
                    self.speaker.as_ref().context("it has been compiled")?;
                let what = what_happened(self.course, &self.parts, refused, ended);
                complain(format_args!("{what}"));
                if self.mine {
                    let on =
                        "The conversation goes on without this question: mend it, and ask again.";
                    complain(format_args!("{on}"));
                }
            }
        }
        Ok(())
    }

    /// Begins, or begins again after the end of the model's program: it is compiled anew if the
    /// learner has changed something, and told what was said before.
    fn listen(&mut self) -> Result<()> {
        if self.conversation.is_some() {
            return Ok(());
        }
        self.compile()?;
        let Speaker { program, refused } = self.speaker.as_ref().context("it has been compiled")?;
        let yours = yours(&self.parts, refused);
        let mut conversation = program.converse(&self.arguments, yours, &limits())?;
        let _ = say(&mut conversation, &Said::Before(self.spoken.clone()));
        self.conversation = Some(conversation);
        Ok(())
    }
}

/// What the chapters have in a conversation.
fn parts(course: &Course) -> Result<Vec<Part<'_>>> {
    let is_in = |chapter: &&Chapter| !chapter.chat.is_empty() && chapter.language == Language::Rust;
    let chapters = course.chapters.iter().filter(is_in);
    let parts = chapters.map(|chapter| {
        Ok(Part { chapter, calls: &chapter.chat, text: answers::text(course, chapter)? })
    });
    parts.collect()
}

fn say(conversation: &mut Conversation, what: &Said) -> Result<()> {
    Ok(conversation.say(&serde_json::to_string(what)?)?)
}

/// Prints a piece of a reply, and keeps it.
fn show(piece: &[u8], reply: &mut Vec<u8>) {
    // Whoever reads this may stop early, as `head` does.
    let _ = io::stdout().write_all(piece).and_then(|()| io::stdout().flush());
    reply.extend(piece);
}
