//! The modifiers of an opcode, taken one by one: what nobody takes is an error, so nothing is
//! ignored in silence.

use crate::types::Type;

/// `fma.rn.ftz.f32` is the opcode `fma` with three modifiers.
pub(crate) struct Modifiers<'a> {
    pub(crate) opcode: &'a str,
    left: Vec<&'a str>,
}

impl<'a> Modifiers<'a> {
    pub(crate) fn split(word: &'a str) -> Self {
        let mut parts = word.split('.');
        let opcode = parts.next().unwrap_or("");
        Modifiers { opcode, left: parts.collect() }
    }

    /// Whether the modifier is there; it is taken.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        let at = self.left.iter().position(|modifier| *modifier == name);
        at.map(|at| self.left.remove(at)).is_some()
    }

    /// What the first modifier found in the table stands for; it is taken.
    pub(crate) fn choose<T: Copy>(&mut self, table: &[(&str, T)]) -> Option<T> {
        table.iter().find(|(name, _)| self.take(name)).map(|(_, value)| *value)
    }

    /// The same, where one of the table has to be there.
    pub(crate) fn need<T: Copy>(&mut self, table: &[(&str, T)]) -> Result<T, String> {
        self.choose(table).ok_or_else(|| {
            let known: Vec<String> = table.iter().map(|(name, _)| format!("`.{name}`")).collect();
            format!("`{}` needs one of {}", self.opcode, known.join(", "))
        })
    }

    /// The first type among the modifiers; it is taken.
    pub(crate) fn kind(&mut self) -> Result<Type, String> {
        let at = self.left.iter().position(|modifier| Type::parse(modifier).is_some());
        let at = at.ok_or_else(|| format!("`{}` names no type", self.opcode))?;
        Ok(Type::parse(self.left.remove(at)).expect("it was found by parsing"))
    }

    /// An error for a type that the opcode does not take here.
    pub(crate) fn unsupported(&self, kind: Type) -> String {
        format!("`{}` of {} is not supported", self.opcode, format!("{kind:?}").to_lowercase())
    }

    /// An error if anything is left.
    pub(crate) fn finish(self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some(modifier) => {
                Err(format!("modifier `.{modifier}` of `{}` is not supported", self.opcode))
            }
        }
    }
}
