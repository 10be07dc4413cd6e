use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// What students predict before they write code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// A short name, under which `predictions.toml` answers it.
    pub id: String,
    /// What is asked.
    pub text: String,
    /// What is right.
    pub accepts: Accepts,
    /// What it is worth.
    pub points: f64,
}

/// Which answers are right.
///
/// In the file, it is `accepts = ["row", "the row"]` or `accepts = { number = 0.5, tolerance = 0.01 }`.
#[derive(Clone, Debug, PartialEq)]
pub enum Accepts {
    /// One of these texts. Capitals and the amount of white space make no difference.
    Texts(Vec<String>),
    /// A number not further than this from that.
    Number {
        /// The number.
        number: f64,
        /// How far an answer may be from it.
        tolerance: f64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    number: f64,
    #[serde(default)]
    tolerance: f64,
}

impl Accepts {
    /// Whether this answer is right.
    pub fn is_right(&self, answer: &str) -> bool {
        match self {
            Accepts::Texts(texts) => texts.iter().any(|text| plain(text) == plain(answer)),
            Accepts::Number { number, tolerance } => {
                // NaN is near nothing: the comparison is false for it.
                answer.trim().parse::<f64>().is_ok_and(|x| (x - number).abs() <= *tolerance)
            }
        }
    }
}

/// Without what does not matter.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

impl Serialize for Accepts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Accepts::Texts(texts) => texts.serialize(serializer),
            &Accepts::Number { number, tolerance } => {
                Number { number, tolerance }.serialize(serializer)
            }
        }
    }
}

/// By hand, since what serde says of a value that is neither names no key.
impl<'de> Deserialize<'de> for Accepts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            list @ toml::Value::Array(_) => {
                list.try_into().map(Accepts::Texts).map_err(D::Error::custom)
            }
            table @ toml::Value::Table(_) => {
                let Number { number, tolerance } = table.try_into().map_err(D::Error::custom)?;
                Ok(Accepts::Number { number, tolerance })
            }
            other => Err(D::Error::custom(format!(
                "accepts is {other}; write a list such as [\"row\"], or {{ number = 0.5, tolerance = 0.01 }}"
            ))),
        }
    }
}
