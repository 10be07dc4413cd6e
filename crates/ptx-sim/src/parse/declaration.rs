//! Variables of any memory: their names, sizes and initial values.

use super::cursor::Parser;
use crate::{operand::Operand, types::Type};

/// More than any kernel has, so that a damaged file cannot ask for all memory.
pub(super) const MAX_BYTES: usize = 1 << 24;

/// A declaration of a variable: `.align 16 .b8 name[64] = { … }`.
pub(super) struct Declaration<'a> {
    pub(super) name: &'a str,
    pub(super) align: usize,
    /// None for an array of unknown length: dynamic shared memory.
    pub(super) bytes: Option<usize>,
    pub(super) initial: Vec<u8>,
}

pub(super) fn declaration<'a>(parser: &mut Parser<'a>) -> Result<Declaration<'a>, String> {
    let (mut align, mut kind) = (None, None);
    let name = loop {
        match parser.word()? {
            ".align" => align = Some(parser.number()?),
            word => match word.strip_prefix('.') {
                None => break word,
                Some(attribute) => {
                    let known = Type::parse(attribute).filter(|kind| *kind != Type::Pred);
                    kind = Some(known.ok_or_else(|| {
                        format!("attribute `{word}` of a variable is not supported")
                    })?);
                }
            },
        }
    };
    let kind = kind.ok_or("a variable needs a type")?;
    let align: usize = align.unwrap_or(kind.size());
    if !align.is_power_of_two() || align > 1024 {
        return Err(format!("an alignment of {align} bytes is not supported"));
    }
    let mut bytes = Some(kind.size());
    while parser.sign('[') {
        let length: Option<usize> = if parser.sign(']') { None } else { Some(parser.number()?) };
        if length.is_some() {
            parser.need(']')?;
        }
        bytes = length.and_then(|length| bytes?.checked_mul(length)).filter(|bytes| *bytes > 0);
    }
    if bytes.is_some_and(|bytes| bytes > MAX_BYTES) {
        return Err("the variable is too large".into());
    }
    let mut initial = Vec::new();
    if parser.sign('=') {
        let listed = parser.sign('{');
        loop {
            let negative = parser.sign('-');
            let value = match Operand::word(parser.word()?, negative)? {
                Operand::Integer(value) | Operand::Double(value) => value,
                Operand::Single(value) => value.into(),
                other => return Err(format!("`{other}` as an initial value is not supported")),
            };
            initial.extend_from_slice(&value.to_le_bytes()[..kind.size()]);
            if !parser.sign(',') {
                break;
            }
        }
        if listed {
            parser.need('}')?;
        }
    }
    Ok(Declaration { name, align, bytes, initial })
}
