//! What a model's output means, and when it means nothing.

use crate::calendar::{Date, DateError, YEARS};

/// Why an output is not taken for dates.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoDate {
    /// The model wrote nothing: it was trained to do so where there is no date.
    #[error("the model finds no date in this text")]
    Nothing,
    /// The model did not come to an end.
    #[error("the model finds no date in this text: it wrote “{output}” and did not stop")]
    Endless {
        /// What it had written when it was stopped.
        output: String,
    },
    /// The model wrote something that is no list of days.
    #[error("the model wrote “{output}”, which is no date: {error}")]
    NotIso {
        /// What it wrote.
        output: String,
        /// What is wrong with it.
        error: DateError,
    },
    /// The model wrote a year that it did not read. All known ways to write a date name the year.
    #[error(
        "the model wrote “{output}”, but no {year} stands in the text; it knows the years 1900 to 2099"
    )]
    Invented {
        /// What it wrote.
        output: String,
        /// The year.
        year: u32,
    },
    /// The model wrote fewer dates than there are years in the text.
    #[error(
        "the model wrote “{output}”, but the text names {years} years; it was trained on up to eight \
         dates"
    )]
    Fewer {
        /// What it wrote.
        output: String,
        /// How many years there are.
        years: usize,
    },
    /// The model wrote days, but guessed.
    #[error(
        "the model is not sure that this is a date: it wrote “{output}”, but gave one character a \
         probability of only {lowest:.2}"
    )]
    Unsure {
        /// What it wrote.
        output: String,
        /// The probability it gave to the character it was least sure of.
        lowest: f32,
    },
}

/// A model is believed when it gave each character that it wrote at least this probability: it
/// thought every other choice less likely taken together.
pub const SURE: f32 = 0.5;

/// The days that a model found, from what it read and wrote: the source, the output without the end
/// marker, whether it ended, and the lowest of the probabilities that the model gave to the
/// characters it wrote.
///
/// ```
/// use attn_dates::answer::{NoDate, read};
/// let text = "3 May 1979; Jan 4th 1980";
/// assert_eq!(read(text, "1979-05-03,1980-01-04", true, 0.9).unwrap().len(), 2);
/// assert_eq!(read(text, "", true, 0.9), Err(NoDate::Nothing));
/// assert!(matches!(read(text, "1979-02-31", true, 0.9), Err(NoDate::NotIso { .. })));
/// assert!(matches!(read(text, "1981-05-03", true, 0.9), Err(NoDate::Invented { .. })));
/// assert!(matches!(read(text, "1979-05-03", true, 0.9), Err(NoDate::Fewer { years: 2, .. })));
/// assert!(matches!(read("3 May 1979", "1979-05-03", true, 0.4), Err(NoDate::Unsure { .. })));
/// ```
///
/// # Errors
/// When the output is empty, endless, no list of ISO dates, has a year that the source has not or
/// fewer dates than the source has years, or was guessed (see [`SURE`]).
pub fn read(source: &str, output: &str, ended: bool, lowest: f32) -> Result<Vec<Date>, NoDate> {
    let written = output.to_string();
    if !ended {
        return Err(NoDate::Endless { output: written });
    }
    if output.is_empty() {
        return Err(NoDate::Nothing);
    }
    let dates: Result<Vec<Date>, DateError> = output.split(',').map(str::parse).collect();
    let years = years(source);
    match dates {
        Err(error) => Err(NoDate::NotIso { output: written, error }),
        Ok(dates) => match invented(source, &dates) {
            Some(year) => Err(NoDate::Invented { output: written, year }),
            None if years > dates.len() => Err(NoDate::Fewer { output: written, years }),
            None if lowest >= SURE => Ok(dates),
            // A probability that is not a number comes here too.
            None => Err(NoDate::Unsure { output: written, lowest }),
        },
    }
}

/// How many years the source names, each as often as it stands there.
fn years(source: &str) -> usize {
    let numbers = source.split(|c: char| !c.is_ascii_digit());
    let four = numbers.filter(|number| number.len() == 4);
    let years = four.filter_map(|number| number.parse().ok());
    years.filter(|year| (YEARS.0..=YEARS.1).contains(year)).count()
}

/// The first year that the source does not name.
fn invented(source: &str, dates: &[Date]) -> Option<u32> {
    let mut years = dates.iter().map(Date::year);
    years.find(|year| !source.contains(&year.to_string()))
}
