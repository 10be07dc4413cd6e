//! The structure of a PTX file: directives, variables and kernels (PTX ISA, sections 4, 5 and 11).
//! Instructions are decoded as they come; jumps are joined to their labels at the end of each
//! kernel.

mod body;
mod cursor;
mod declaration;
mod problem;
mod readable;

use std::sync::Arc;

use self::{
    body::Body,
    cursor::Parser,
    declaration::{MAX_BYTES, declaration},
    problem::Problem,
    readable::readable,
};
use crate::{
    error::ParseError,
    lex::{Token, tokens},
    module::{Global, Kernel, Module, Parameter},
    scope::ModuleNames,
    types::{CONST_WINDOW, Space, Type},
};

/// Where the globals of a module lie: above every buffer (see `memory`).
const GLOBALS: u64 = 1 << 59;
/// The size of the constant bank.
const MAX_CONSTANTS: usize = 64 * 1024;

impl Module {
    /// Reads PTX as NVRTC and nvcc write it.
    ///
    /// # Errors
    ///
    /// A directive, opcode, modifier or operand that is not known: the error names it and its line.
    /// The limits are listed in the documentation of this crate.
    pub fn parse(ptx: &str) -> Result<Module, ParseError> {
        module(ptx)
    }
}

/// Reads a whole file.
fn module(text: &str) -> Result<Module, ParseError> {
    let mut parser = Parser { tokens: tokens(text), at: 0, source: None, moved: false };
    let mut reader = Reader::default();
    while parser.at < parser.tokens.len() {
        let place = parser.place();
        let start = parser.at;
        let read = reader.top_level(&mut parser);
        read.map_err(|problem| ParseError {
            place: problem.place.unwrap_or(place),
            text: problem.statement.unwrap_or_else(|| parser.text(start)),
            problem: problem.what,
        })?;
    }
    let variables = Arc::new(reader.variables);
    let mut kernels = reader.kernels;
    for kernel in &mut kernels {
        kernel.variables = variables.clone();
    }
    Ok(Module { kernels })
}

/// What a file declares, as it is read.
#[derive(Default)]
struct Reader {
    names: ModuleNames,
    variables: Vec<Global>,
    kernels: Vec<Kernel>,
    /// The end of the constant bank and of the globals.
    ends: [u64; 2],
    /// Bytes of all constants and of all globals.
    bytes: [usize; 2],
}

impl Reader {
    fn top_level(&mut self, parser: &mut Parser) -> Result<(), Problem> {
        let word = match parser.next()? {
            Token::Word(word) => word,
            Token::Sign(';') => return Ok(()),
            other => return Err(format!("{other:?} is out of place").into()),
        };
        match word {
            ".version" => drop(parser.word()?),
            ".target" => {
                parser.word()?;
                while parser.sign(',') {
                    parser.word()?;
                }
            }
            ".address_size" => {
                if parser.word()? != "64" {
                    return Err("only 64-bit addresses are supported".into());
                }
            }
            ".file" => {
                parser.word()?;
                parser.next()?;
                while parser.sign(',') {
                    parser.word()?;
                }
            }
            ".section" => {
                parser.word()?;
                parser.skip_braces()?;
            }
            ".visible" | ".weak" | ".extern" | ".common" => {}
            ".func" => skip_function(parser)?,
            ".global" | ".const" => {
                self.variable(parser, if word == ".const" { Space::Const } else { Space::Global })?
            }
            ".shared" => {
                let found = declaration(parser)?;
                parser.need(';')?;
                self.names.shared.insert(found.name.into(), (found.align, found.bytes));
            }
            ".entry" => {
                let kernel = kernel(parser, &self.names)?;
                self.kernels.push(kernel);
            }
            other => return Err(format!("directive `{other}` is not supported").into()),
        }
        Ok(())
    }

    /// A variable of constant or global memory, after those there are.
    fn variable(&mut self, parser: &mut Parser, space: Space) -> Result<(), String> {
        let found = declaration(parser)?;
        parser.need(';')?;
        let size = found.bytes.ok_or("an array of unknown length is not supported here")?;
        let mut bytes = found.initial;
        if bytes.len() > size {
            return Err(format!("{} bytes of initial values in {size}", bytes.len()));
        }
        bytes.resize(size, 0);
        let bank = usize::from(space == Space::Global);
        self.bytes[bank] += size;
        if self.bytes[bank] > [MAX_CONSTANTS, MAX_BYTES][bank] {
            return Err("more variables than fit into the memory".into());
        }
        let end = &mut self.ends[bank];
        // Like a buffer, so that an access that is aligned never crosses a page.
        let start = end.next_multiple_of(found.align.max(256) as u64);
        // Room after each, so that running over an end is seen.
        *end = start + size as u64 + 256;
        let address = start + if space == Space::Const { CONST_WINDOW } else { GLOBALS };
        self.names.placed.insert(found.name.into(), (space, address));
        self.variables.push(Global { name: readable(found.name), address, bytes });
        Ok(())
    }
}

/// A device function: NVRTC inlines them all unless told otherwise. Calling one is an error; to
/// declare it is not.
fn skip_function(parser: &mut Parser) -> Result<(), String> {
    loop {
        match parser.peek() {
            Some(Token::Sign('{')) => return parser.skip_braces(),
            Some(Token::Sign(';')) => return parser.need(';'),
            _ => drop(parser.next()?),
        }
    }
}

fn kernel(parser: &mut Parser, names: &ModuleNames) -> Result<Kernel, Problem> {
    let mut kernel = Kernel { name: parser.word()?.into(), ..Kernel::default() };
    if parser.sign('(') && !parser.sign(')') {
        loop {
            parameter(parser, &mut kernel)?;
            if !parser.sign(',') {
                break;
            }
        }
        parser.need(')')?;
    }
    while !parser.sign('{') {
        let word = parser.word()?;
        let mut extents: Vec<u64> = vec![parser.number()?];
        while parser.sign(',') {
            extents.push(parser.number()?);
        }
        match word {
            ".maxntid" | ".reqntid" => {
                kernel.max_threads = Some(extents.iter().fold(1, |all, n| all.saturating_mul(*n)))
            }
            ".minnctapersm" | ".maxnreg" => {}
            other => return Err(format!("directive `{other}` of a kernel is not supported").into()),
        }
    }
    Body::new(kernel, names).read(parser)
}

fn parameter(parser: &mut Parser, kernel: &mut Kernel) -> Result<(), String> {
    if !parser.keyword(".param") {
        return Err("`.param` is needed here".into());
    }
    let (mut align, mut kind, mut pointer) = (None, None, false);
    let name = loop {
        match parser.word()? {
            ".align" => {
                let given: usize = parser.number()?;
                // The alignment of what a pointer points to says nothing of the parameter.
                align = if pointer { align } else { Some(given) };
            }
            ".ptr" => pointer = true,
            ".global" | ".shared" | ".const" | ".local" if pointer => {}
            word => match word.strip_prefix('.') {
                None => break word,
                Some(attribute) => {
                    let known = Type::parse(attribute).filter(|kind| *kind != Type::Pred);
                    kind = Some(known.ok_or_else(|| {
                        format!("attribute `{word}` of a parameter is not supported")
                    })?);
                }
            },
        }
    };
    let kind = kind.ok_or("a parameter needs a type")?;
    let mut bytes = kind.size();
    if parser.sign('[') {
        let length: usize = parser.number()?;
        parser.need(']')?;
        bytes = bytes
            .checked_mul(length)
            .filter(|bytes| *bytes <= 4096)
            .ok_or("the parameter is too large")?;
    }
    let align = align.unwrap_or(kind.size());
    if !align.is_power_of_two() || align > 1024 {
        return Err(format!("an alignment of {align} bytes is not supported"));
    }
    let end = kernel.parameters.last().map_or(0, |last| last.offset + last.bytes);
    kernel.parameters.push(Parameter {
        name: name.into(),
        offset: end.next_multiple_of(align),
        bytes,
    });
    Ok(())
}
