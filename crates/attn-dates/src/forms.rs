//! The ways in which people write a day.
//!
//! A numeric month is taken only where everybody reads it alike: the year first, or dots, which
//! mean day.month.year. `5/3/1979`, the third of May to some and the fifth of March to others, is
//! no form of the task.

use crate::calendar::{Date, MONTHS};

/// A way to write a day: a template whose parts in braces are filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form(pub &'static str);

/// The forms that the models are trained on.
pub const TRAINED: [Form; 24] = [
    Form("{day} {month} {year}"),
    Form("{nth} {month} {year}"),
    Form("{nth} of {month} {year}"),
    Form("the {nth} of {month} {year}"),
    Form("the {nth} of {month}, {year}"),
    Form("{day}. {month} {year}"),
    Form("{month} {day} {year}"),
    Form("{month} {day}, {year}"),
    Form("{month} {nth} {year}"),
    Form("{month} {nth}, {year}"),
    Form("{mon} {day}, {year}"),
    Form("{mon} {nth} {year}"),
    Form("{day} {mon} {year}"),
    Form("{day}-{mon}-{year}"),
    Form("{day}.{m}.{year}"),
    Form("{dd}.{mm}.{year}"),
    Form("{year}-{mm}-{dd}"),
    Form("{year}/{m}/{day}"),
    Form("{year}/{mm}/{dd}"),
    Form("{year} {month} {day}"),
    Form("{weekday} {day} {month} {year}"),
    Form("{weekday}, {month} {day}, {year}"),
    Form("{wkd} {day}.{m}.{year}"),
    Form("{wkd} {nth} {mon} {year}"),
];

/// Forms that are kept from training: new ways to put known parts together.
pub const HELD_OUT: [Form; 6] = [
    Form("{weekday} the {nth} of {month}, {year}"),
    Form("{nth} of {mon}, {year}"),
    Form("{wkd} {year}/{m}/{day}"),
    Form("{year} {mon} {nth}"),
    Form("{dd} {mon}, {year}"),
    Form("{wkd}, {month} {nth} {year}"),
];

impl Form {
    /// A day written so.
    ///
    /// ```
    /// use attn_dates::{calendar::Date, forms::Form};
    /// let date = Date::new(1979, 5, 3).unwrap();
    /// assert_eq!(Form("the {nth} of {month}, {year}").write(&date), "the 3rd of May, 1979");
    /// assert_eq!(Form("{wkd} {day}.{m}.{year}").write(&date), "Thu 3.5.1979");
    /// ```
    pub fn write(&self, date: &Date) -> String {
        let month = MONTHS[date.month() as usize - 1];
        let weekday = date.weekday();
        let parts = [
            ("{day}", date.day().to_string()),
            ("{dd}", format!("{:02}", date.day())),
            ("{nth}", ordinal(date.day())),
            ("{month}", month.to_string()),
            ("{mon}", month[..3].to_string()),
            ("{m}", date.month().to_string()),
            ("{mm}", format!("{:02}", date.month())),
            ("{year}", date.year().to_string()),
            ("{weekday}", weekday.to_string()),
            ("{wkd}", weekday[..3].to_string()),
        ];
        let fill = |text: String, (part, with): &(&str, String)| text.replace(part, with);
        parts.iter().fold(self.0.to_string(), fill)
    }
}

/// `1st`, `2nd`, `3rd`, `4th`, … `11th`, `12th`, `13th`, … `21st`.
fn ordinal(day: u32) -> String {
    let ending = match (day, day % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{day}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_form_writes_a_day_in_its_own_way() {
        let date = Date::new(2008, 9, 22).unwrap();
        let forms = TRAINED.iter().chain(&HELD_OUT);
        let texts: HashSet<String> = forms
            .map(|form| {
                let text = form.write(&date);
                assert!(!text.contains(['{', '}']), "{text}");
                assert!(text.contains("2008") && text.contains("22"), "{text}");
                text
            })
            .collect();
        // "{day}.{m}." and "{dd}.{mm}." differ only in days and months below 10, as here.
        assert!(texts.contains("22.9.2008") && texts.contains("22.09.2008"));
        assert!(texts.contains("Monday, September 22, 2008"));
    }

    #[test]
    fn no_form_is_both_trained_and_held_out() {
        assert!(HELD_OUT.iter().all(|form| !TRAINED.contains(form)));
    }

    #[test]
    fn ordinals() {
        let days = [1, 2, 3, 4, 11, 12, 13, 20, 21, 22, 23, 30, 31];
        let texts = days.map(ordinal).join(" ");
        assert_eq!(texts, "1st 2nd 3rd 4th 11th 12th 13th 20th 21st 22nd 23rd 30th 31st");
    }
}
