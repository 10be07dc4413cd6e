use crate::Moment;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const DAY: i128 = 24 * 60 * 60 * 1_000_000_000;

/// What becomes of a submission after the due date.
///
/// In the file, it is `late = "none"` or `late = { per_day = 10, at_most_days = 3 }`.
#[derive(Clone, Debug, PartialEq)]
pub enum Late {
    /// It counts for nothing.
    None,
    /// It counts for less.
    Accepted {
        /// How many percent each day costs that has begun.
        per_day: f64,
        /// After how many days it counts for nothing.
        at_most_days: u32,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    per_day: f64,
    at_most_days: u32,
}

impl Late {
    /// The share of the points that is left, between 0 and 1.
    pub(super) fn factor(&self, due: &Moment, submitted: &Moment) -> f64 {
        let late = submitted.nanoseconds_after(due);
        if late <= 0 {
            return 1.0;
        }
        // A day that has begun counts.
        let days = (late + DAY - 1) / DAY;
        match *self {
            Late::Accepted { per_day, at_most_days } if days <= at_most_days.into() => {
                // Percent before the division: 1 − 3·0.1 is not 0.7, but (100 − 30)/100 is.
                ((100.0 - per_day * days as f64) / 100.0).max(0.0)
            }
            _ => 0.0,
        }
    }
}

impl Serialize for Late {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Late::None => serializer.serialize_str("none"),
            Late::Accepted { per_day, at_most_days } => {
                Accepted { per_day, at_most_days }.serialize(serializer)
            }
        }
    }
}

/// By hand, since what serde says of a value that is neither names no key.
impl<'de> Deserialize<'de> for Late {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) if text == "none" => Ok(Late::None),
            table @ toml::Value::Table(_) => {
                let Accepted { per_day, at_most_days } =
                    table.try_into().map_err(D::Error::custom)?;
                Ok(Late::Accepted { per_day, at_most_days })
            }
            other => Err(D::Error::custom(format!(
                "late is {other}; write \"none\", or {{ per_day = 10, at_most_days = 3 }}"
            ))),
        }
    }
}
