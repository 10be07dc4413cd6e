//! The calendar: which days there are, which weekday each is, and how ISO 8601 writes them.

use std::{fmt, str::FromStr};

/// A day of the Gregorian calendar from 1900-01-01 to 2099-12-31. Prints as `1979-05-03`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u32,
    month: u32,
    day: u32,
}

/// The first and the last year of the task.
pub const YEARS: (u32, u32) = (1900, 2099);

/// How many days the task has: 200 years, 49 of them leap years.
pub const DAYS: usize = 200 * 365 + 49;

/// The names of the months, January first.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The names of the days of the week, Monday first.
pub const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Why a text is not an ISO date of the task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// It does not look like `1979-05-03`.
    #[error("“{0}” does not have the form 1979-05-03")]
    Form(String),
    /// The year is outside the task.
    #[error("{0} is not from {first} to {last}", first = YEARS.0, last = YEARS.1)]
    Year(u32),
    /// There is no such month.
    #[error("there is no month {0}")]
    Month(u32),
    /// The month has fewer days.
    #[error(
        "{month} {0} has {days} days, not {2}",
        month = MONTHS[*.1 as usize - 1],
        days = days_in_month(*.0, *.1)
    )]
    Day(u32, u32, u32),
}

impl Date {
    /// The day with these numbers.
    ///
    /// ```
    /// use attn_dates::calendar::Date;
    /// assert!(Date::new(2000, 2, 29).is_ok());
    /// let error = Date::new(1900, 2, 29).unwrap_err();
    /// assert_eq!(error.to_string(), "February 1900 has 28 days, not 29");
    /// ```
    ///
    /// # Errors
    /// When the calendar of the task has no such day.
    pub fn new(year: u32, month: u32, day: u32) -> Result<Self, DateError> {
        if !(YEARS.0..=YEARS.1).contains(&year) {
            return Err(DateError::Year(year));
        }
        if !(1..=12).contains(&month) {
            return Err(DateError::Month(month));
        }
        if !(1..=days_in_month(year, month)).contains(&day) {
            return Err(DateError::Day(year, month, day));
        }
        Ok(Date { year, month, day })
    }

    /// The day with this number; 1900-01-01 has the number 0.
    ///
    /// # Panics
    /// If the number is not below [`DAYS`].
    #[track_caller]
    pub fn from_number(number: usize) -> Self {
        assert!(number < DAYS, "day {number} is not below {DAYS}");
        let mut rest = number as u32;
        let mut year = YEARS.0;
        while rest >= days_in_year(year) {
            rest -= days_in_year(year);
            year += 1;
        }
        let mut month = 1;
        while rest >= days_in_month(year, month) {
            rest -= days_in_month(year, month);
            month += 1;
        }
        Date { year, month, day: rest + 1 }
    }

    /// Days since 1900-01-01.
    ///
    /// ```
    /// use attn_dates::calendar::Date;
    /// let date = Date::new(1979, 5, 3).unwrap();
    /// assert_eq!(date.number(), 28_976);
    /// assert_eq!(Date::from_number(28_976), date);
    /// ```
    pub fn number(&self) -> usize {
        let years: u32 = (YEARS.0..self.year).map(days_in_year).sum();
        let months: u32 = (1..self.month).map(|m| days_in_month(self.year, m)).sum();
        (years + months + self.day - 1) as usize
    }

    /// The year.
    pub fn year(&self) -> u32 {
        self.year
    }

    /// The month, from 1.
    pub fn month(&self) -> u32 {
        self.month
    }

    /// The day of the month, from 1.
    pub fn day(&self) -> u32 {
        self.day
    }

    /// The name of the day of the week. 1900-01-01 was a Monday.
    ///
    /// ```
    /// use attn_dates::calendar::Date;
    /// assert_eq!(Date::new(1979, 5, 3).unwrap().weekday(), "Thursday");
    /// ```
    pub fn weekday(&self) -> &'static str {
        WEEKDAYS[self.number() % 7]
    }

    /// Whether the day is kept from training: every tenth one is, those whose number ends in 6
    /// (3 May 1979 among them).
    pub fn is_held_out(&self) -> bool {
        self.number() % 10 == 6
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let form = || DateError::Form(text.into());
        let bytes = text.as_bytes();
        let shape = |(i, b): (usize, &u8)| match i {
            4 | 7 => *b == b'-',
            _ => b.is_ascii_digit(),
        };
        if bytes.len() != 10 || !bytes.iter().enumerate().all(shape) {
            return Err(form());
        }
        let number = |part: std::ops::Range<usize>| text[part].parse().map_err(|_| form());
        Date::new(number(0..4)?, number(5..7)?, number(8..10)?)
    }
}

/// Every fourth year, but of the full centuries only every fourth.
pub fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_year(year: u32) -> u32 {
    if is_leap(year) { 366 } else { 365 }
}

/// How many days a month has.
pub fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_days_are_the_same_thing() {
        let mut before = None;
        for number in 0..DAYS {
            let date = Date::from_number(number);
            assert_eq!(date.number(), number);
            assert_eq!(date.to_string().parse(), Ok(date));
            assert!(before < Some(date));
            before = Some(date);
        }
        assert_eq!(before, Some(Date::new(2099, 12, 31).unwrap()));
    }

    #[test]
    fn weekdays_are_true() {
        for (text, weekday) in [
            ("1900-01-01", "Monday"),
            ("1969-07-20", "Sunday"),
            ("1989-11-09", "Thursday"),
            ("2000-02-29", "Tuesday"),
            ("2026-11-22", "Sunday"),
            ("2099-12-31", "Thursday"),
        ] {
            assert_eq!(text.parse::<Date>().unwrap().weekday(), weekday, "{text}");
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        let refusals = [
            ("1979-5-03", "“1979-5-03” does not have the form 1979-05-03"),
            ("", "“” does not have the form 1979-05-03"),
            ("+979-05-03", "“+979-05-03” does not have the form 1979-05-03"),
            ("197é-05-3", "“197é-05-3” does not have the form 1979-05-03"),
            ("1815-06-18", "1815 is not from 1900 to 2099"),
            ("1979-00-03", "there is no month 0"),
            ("1979-13-03", "there is no month 13"),
            ("1979-04-31", "April 1979 has 30 days, not 31"),
            ("1979-04-00", "April 1979 has 30 days, not 0"),
            ("2100-02-29", "2100 is not from 1900 to 2099"),
        ];
        for (text, message) in refusals {
            assert_eq!(text.parse::<Date>().unwrap_err().to_string(), message);
        }
    }
}
