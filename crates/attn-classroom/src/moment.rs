use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr};

/// A date and a time of day that mean the same everywhere: RFC 3339 with its time zone.
///
/// It keeps how it was written, since a teacher recognises the time of the own time zone.
///
/// ```
/// use attn_classroom::Moment;
/// let due: Moment = "2027-03-01T23:59:00+01:00".parse()?;
/// assert!(due < "2027-03-01T23:00:00Z".parse()?);
/// assert_eq!(due.to_string(), "2027-03-01T23:59:00+01:00");
/// # Ok::<(), attn_classroom::assignment::TimeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Moment {
    at: Timestamp,
    written: String,
}

/// A text that is no moment.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "“{0}” is not a date and time with a time zone. \
     Write for example 2027-03-01T23:59:00+01:00, or 2027-03-01T22:59:00Z."
)]
pub struct TimeError(pub String);

impl Moment {
    /// It in universal time, to the second: `2027-03-01T22:59:00Z`.
    pub(crate) fn in_utc(&self) -> String {
        self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// How many nanoseconds it is after `other`; negative where it is before.
    pub(crate) fn nanoseconds_after(&self, other: &Moment) -> i128 {
        self.at.as_nanosecond() - other.at.as_nanosecond()
    }
}

impl FromStr for Moment {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let written = text.trim().to_string();
        let at = written.parse().map_err(|_| TimeError(written.clone()))?;
        Ok(Moment { at, written })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Two ways to write one moment are equal.
impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.at.partial_cmp(&other.at)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

/// From a string, and from TOML's own date without quotes.
impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        text.parse().map_err(D::Error::custom)
    }
}
