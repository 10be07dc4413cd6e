//! Examples of the task from a seed: single dates, lists of them, and texts that are no dates.

use crate::{
    LONGEST_SOURCE,
    calendar::{DAYS, Date, MONTHS, WEEKDAYS},
    forms::{self, Form},
};
use attn_core::random::Random;

/// The longest list, in dates.
pub const LONGEST_LIST: usize = 8;

/// A text and what a model should make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// As people write it: `3 May 1979 and Thu 4.1.1980`.
    pub source: String,
    /// In ISO dates, separated by commas: `1979-05-03,1980-01-04`. Empty if the source is no date.
    pub target: String,
}

/// Which days and forms examples are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// What the models are trained on: nine days of ten, in the trained forms.
    Train,
    /// The tenth days, in the trained forms.
    HeldOutDays,
    /// The tenth days, in the forms that training never shows.
    HeldOutForms,
}

/// A stream of examples that its seed and split determine.
pub struct Generator {
    random: Random,
    split: Split,
}

/// A fingerprint of what a seed's training examples are made of: FNV-1a, 64 bits, over 1,024 of
/// them. Weights carry it, so that a change of the task that would need new weights is noticed.
pub fn fingerprint(seed: u64) -> String {
    let mut generator = Generator::new(seed, Split::Train);
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for i in 0..1024 {
        let example = match i % (LONGEST_LIST + 1) {
            0 => generator.nonsense(),
            n => generator.list(n),
        };
        for byte in format!("{}\t{}\n", example.source, example.target).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// Words of everyday letters, none of them a month or a day.
const WORDS: [&str; 32] = [
    "hello", "thank", "you", "please", "invoice", "number", "meeting", "room", "apple", "bread",
    "coffee", "street", "house", "train", "ticket", "paid", "total", "from", "until", "about",
    "never", "always", "some", "where", "letter", "reply", "green", "winter", "garden", "the",
    "of", "and",
];

impl Generator {
    /// The stream of a seed.
    pub fn new(seed: u64, split: Split) -> Self {
        Generator { random: Random::new(seed), split }
    }

    /// A list of `n` dates; each is written in a form of its own. It fits into the models: a list
    /// that comes out longer is drawn again.
    ///
    /// The separators are those that people use: `; ` always, `, ` where no date holds a comma,
    /// and ` and ` before the last, one time in three.
    ///
    /// # Panics
    /// If `n` is not from 1 to 8.
    #[track_caller]
    pub fn list(&mut self, n: usize) -> Example {
        assert!(
            (1..=LONGEST_LIST).contains(&n),
            "a list has from 1 to {LONGEST_LIST} dates, not {n}"
        );
        loop {
            let example = self.any_list(n);
            if example.source.chars().count() <= LONGEST_SOURCE {
                return example;
            }
        }
    }

    fn any_list(&mut self, n: usize) -> Example {
        let (mut texts, mut dates) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let date = self.date();
            texts.push(self.form().write(&date));
            dates.push(date.to_string());
        }
        let comma = texts.iter().any(|text| text.contains(','));
        let between = if comma || self.random.below(2) == 0 { "; " } else { ", " };
        let before_last = if self.random.below(3) == 0 { " and " } else { between };
        let last = texts.pop().expect("at least one date");
        let source =
            if texts.is_empty() { last } else { texts.join(between) + before_last + &last };
        Example { source, target: dates.join(",") }
    }

    /// A text that is no date: words, letters, numbers, or a date with parts missing.
    pub fn nonsense(&mut self) -> Example {
        let source = match self.random.below(4) {
            0 => self.words(),
            1 => self.letters(),
            2 => self.digits(),
            _ => self.part_of_a_date(),
        };
        Example { source, target: String::new() }
    }

    fn date(&mut self) -> Date {
        loop {
            let date = Date::from_number(self.random.below(DAYS));
            if date.is_held_out() != (self.split == Split::Train) {
                return date;
            }
        }
    }

    fn form(&mut self) -> Form {
        match self.split {
            Split::HeldOutForms => self.pick(&forms::HELD_OUT),
            _ => self.pick(&forms::TRAINED),
        }
    }

    fn words(&mut self) -> String {
        let count = 1 + self.random.below(5);
        let words: Vec<&str> = (0..count).map(|_| self.pick(&WORDS)).collect();
        words.join(" ")
    }

    fn letters(&mut self) -> String {
        let count = 1 + self.random.below(20);
        (0..count).map(|_| (b'a' + self.random.below(26) as u8) as char).collect()
    }

    /// Not in groups that could be a date.
    fn digits(&mut self) -> String {
        let count = [1, 2, 3, 5, 6, 7, 10][self.random.below(7)];
        (0..count).map(|_| (b'0' + self.random.below(10) as u8) as char).collect()
    }

    fn part_of_a_date(&mut self) -> String {
        let date = self.date();
        let parts = [
            "{day} {month}",
            "{nth} of {month}",
            "{month} {year}",
            "{month} {day}",
            "{day}.{m}.",
            "{year}",
            "{weekday} {year}",
            "the {nth}",
        ];
        match self.random.below(parts.len() + 2) {
            0 => self.pick(&MONTHS).to_string(),
            1 => self.pick(&WEEKDAYS).to_string(),
            part => Form(parts[part - 2]).write(&date),
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.below(from.len())]
    }
}
