//! The structure of a PTX file: directives, variables and kernels (PTX ISA, sections 4, 5 and 11).
//! Instructions are decoded as they come; jumps are joined to their labels at the end of each
//! kernel.

use std::{collections::HashMap, sync::Arc};

use crate::{
    decode::{self, Context},
    error::{ParseError, Place},
    instruction::{Action, Instruction},
    lex::{Token, tokens},
    module::{Global, Kernel, Module, Parameter},
    operand::Operand,
    scope::{ModuleNames, Scope, declared_class},
    types::{CONST_WINDOW, Space, Type},
};

/// Where the globals of a module lie: above every buffer (see `memory`).
const GLOBALS: u64 = 1 << 59;

/// Limits that no real kernel reaches, so that a damaged file cannot ask for all memory.
const MAX_REGISTERS: u32 = 1 << 16;
const MAX_BYTES: usize = 1 << 24;

/// Reads a whole file.
pub(crate) fn module(text: &str) -> Result<Module, ParseError> {
    let mut parser = Parser {
        tokens: tokens(text),
        at: 0,
        source: None,
        moved: false,
    };
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

/// What is wrong; and the statement and its place, where they are not the whole that was being
/// read.
struct Problem {
    what: String,
    statement: Option<String>,
    place: Option<Place>,
}

impl From<String> for Problem {
    fn from(what: String) -> Self {
        Problem {
            what,
            statement: None,
            place: None,
        }
    }
}

impl From<&str> for Problem {
    fn from(text: &str) -> Self {
        text.to_string().into()
    }
}

/// A position in the tokens, and the source line that the last `.loc` named.
struct Parser<'a> {
    tokens: Vec<(Token<'a>, u32)>,
    at: usize,
    source: Option<u32>,
    /// The last `.loc` named line 0: the compiler moved what comes here, mostly ahead of the line
    /// that needs it.
    moved: bool,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).map(|token| token.0)
    }

    fn next(&mut self) -> Result<Token<'a>, String> {
        let token = self.peek().ok_or("the file ends here")?;
        self.at += 1;
        Ok(token)
    }

    fn place(&self) -> Place {
        let at = self.at.min(self.tokens.len().saturating_sub(1));
        Place {
            source: self.source,
            ptx: self.tokens.get(at).map_or(1, |token| token.1),
        }
    }

    /// The tokens since `start`, for an error.
    fn text(&self, start: usize) -> String {
        let shown = self.tokens[start..self.at]
            .iter()
            .map(|(token, _)| match token {
                Token::Word(word) => (*word).to_string(),
                Token::Text(text) => format!("{text:?}"),
                Token::Sign(sign) => sign.to_string(),
            });
        shown.take(24).collect::<Vec<_>>().join(" ")
    }

    fn word(&mut self) -> Result<&'a str, String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(format!("a word is needed, not {other:?}")),
        }
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, String> {
        let word = self.word()?;
        word.parse()
            .map_err(|_| format!("`{word}` is no number that fits"))
    }

    /// Whether this sign comes next; it is taken.
    fn sign(&mut self, sign: char) -> bool {
        let there = self.peek() == Some(Token::Sign(sign));
        self.at += usize::from(there);
        there
    }

    fn need(&mut self, sign: char) -> Result<(), String> {
        if self.sign(sign) {
            Ok(())
        } else {
            Err(format!("`{sign}` is needed here"))
        }
    }

    /// Whether this word comes next; it is taken.
    fn keyword(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(Token::Word(word));
        self.at += usize::from(there);
        there
    }

    /// Skips `{ … }`, braces within it included.
    fn skip_braces(&mut self) -> Result<(), String> {
        self.need('{')?;
        let mut depth = 1;
        while depth > 0 {
            match self.next()? {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// `.loc file line column [, function_name name [+ n], inlined_at file line column]`. Only the
    /// first file counts as the kernel's source; for code from a header it is the line that calls
    /// it.
    fn loc(&mut self) -> Result<(), String> {
        let (mut file, mut line, _column): (u32, u32, u32) =
            (self.number()?, self.number()?, self.number()?);
        while self.sign(',') {
            match self.word()? {
                "function_name" => {
                    self.word()?;
                    if self.sign('+') {
                        self.word()?;
                    }
                }
                "inlined_at" => {
                    let at: (u32, u32, u32) = (self.number()?, self.number()?, self.number()?);
                    if file != 1 {
                        (file, line) = (at.0, at.1);
                    }
                }
                other => return Err(format!("`{other}` in `.loc` is not supported")),
            }
        }
        if file == 1 {
            self.moved = line == 0;
            self.source = if line > 0 { Some(line) } else { self.source };
        }
        Ok(())
    }
}

/// A declaration of a variable: `.align 16 .b8 name[64] = { … }`.
struct Declaration<'a> {
    name: &'a str,
    align: usize,
    kind: Type,
    /// None for an array of unknown length: dynamic shared memory.
    bytes: Option<usize>,
    initial: Vec<u8>,
}

fn declaration<'a>(parser: &mut Parser<'a>) -> Result<Declaration<'a>, String> {
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
        let length: Option<usize> = if parser.sign(']') {
            None
        } else {
            Some(parser.number()?)
        };
        if length.is_some() {
            parser.need(']')?;
        }
        bytes = length
            .and_then(|length| bytes?.checked_mul(length))
            .filter(|bytes| *bytes > 0);
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
    Ok(Declaration {
        name,
        align,
        kind,
        bytes,
        initial,
    })
}

/// What a file declares, as it is read.
#[derive(Default)]
struct Reader {
    names: ModuleNames,
    variables: Vec<Global>,
    kernels: Vec<Kernel>,
    /// The end of the constant bank and of the globals.
    ends: [u64; 2],
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
            ".global" | ".const" => self.variable(
                parser,
                if word == ".const" {
                    Space::Const
                } else {
                    Space::Global
                },
            )?,
            ".shared" => {
                let found = declaration(parser)?;
                parser.need(';')?;
                self.names
                    .shared
                    .insert(found.name.into(), (found.align, found.bytes));
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
        let size = found
            .bytes
            .ok_or("an array of unknown length is not supported here")?;
        let mut bytes = found.initial;
        if bytes.len() > size {
            return Err(format!("{} bytes of initial values in {size}", bytes.len()));
        }
        bytes.resize(size, 0);
        let end = &mut self.ends[usize::from(space == Space::Global)];
        let start = end.next_multiple_of(found.align.max(found.kind.size()) as u64);
        // Room after each, so that running over an end is seen.
        *end = start + size as u64 + 256;
        let address = start
            + if space == Space::Const {
                CONST_WINDOW
            } else {
                GLOBALS
            };
        self.names
            .placed
            .insert(found.name.into(), (space, address));
        self.variables.push(Global {
            name: readable(found.name),
            address,
            bytes,
        });
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

/// `ks` of `_ZZ9flash_fwdE2ks`: the C++ name of a variable within a function.
pub(crate) fn readable(name: &str) -> String {
    let within = |name: &str| -> Option<String> {
        let rest = name.strip_prefix("_ZZ")?;
        let after = rest.rsplit_once('E')?.1;
        let digits = after.find(|c: char| !c.is_ascii_digit())?;
        let length: usize = after[..digits].parse().ok()?;
        after[digits..].get(..length).map(String::from)
    };
    within(name).unwrap_or_else(|| name.into())
}

fn kernel(parser: &mut Parser, names: &ModuleNames) -> Result<Kernel, Problem> {
    let mut kernel = Kernel {
        name: parser.word()?.into(),
        ..Kernel::default()
    };
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
    Body {
        scope: Scope::new(names),
        kernel,
        labels: HashMap::new(),
        jumps: Vec::new(),
        waiting: None,
    }
    .read(parser)
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
    let end = kernel
        .parameters
        .last()
        .map_or(0, |last| last.offset + last.bytes);
    kernel.parameters.push(Parameter {
        name: name.into(),
        offset: end.next_multiple_of(align),
        bytes,
    });
    Ok(())
}

/// A kernel while its body is read.
struct Body<'m, 'a> {
    scope: Scope<'m>,
    kernel: Kernel,
    labels: HashMap<&'a str, usize>,
    /// Branches, and the labels they want.
    jumps: Vec<(usize, &'a str)>,
    /// The first instruction that waits for the next line to be named (see [`Parser::moved`]).
    waiting: Option<usize>,
}

impl<'m, 'a> Body<'m, 'a> {
    fn read(mut self, parser: &mut Parser<'a>) -> Result<Kernel, Problem> {
        let mut depth = 1;
        while depth > 0 {
            let place = parser.place();
            if parser.sign('{') {
                self.scope.open();
                depth += 1;
            } else if parser.sign('}') {
                self.scope.close();
                depth -= 1;
            } else {
                let start = parser.at;
                self.statement(parser).map_err(|what| Problem {
                    what,
                    statement: Some(parser.text(start)),
                    place: Some(Place {
                        source: parser.source,
                        ptx: place.ptx,
                    }),
                })?;
            }
        }
        self.end(parser.place())
    }

    fn statement(&mut self, parser: &mut Parser<'a>) -> Result<(), String> {
        if let Some((Token::Word(word), Token::Sign(':'))) = parser
            .peek()
            .zip(parser.tokens.get(parser.at + 1).map(|token| token.0))
        {
            parser.at += 2;
            let known = self.labels.insert(word, self.kernel.code.len());
            return if known.is_some() {
                Err(format!("label `{word}` stands twice"))
            } else {
                Ok(())
            };
        }
        match parser.peek() {
            Some(Token::Word(".loc")) => {
                parser.at += 1;
                parser.loc()?;
                self.name_lines(parser);
                Ok(())
            }
            Some(Token::Word(".pragma")) => {
                parser.at += 1;
                parser.next()?;
                parser.need(';')
            }
            Some(Token::Word(".reg")) => {
                parser.at += 1;
                self.registers(parser)
            }
            Some(Token::Word(".shared")) => {
                parser.at += 1;
                let found = declaration(parser)?;
                let bytes = found
                    .bytes
                    .ok_or("an array of unknown length is not supported here")?;
                Scope::declare_shared(&mut self.kernel, found.name.into(), found.align, bytes);
                parser.need(';')
            }
            Some(Token::Word(".local")) => {
                parser.at += 1;
                let found = declaration(parser)?;
                let bytes = found
                    .bytes
                    .ok_or("an array of unknown length is not supported here")?;
                self.scope
                    .declare_local(&mut self.kernel, found.name.into(), found.align, bytes);
                if self.kernel.local_bytes > MAX_BYTES {
                    return Err("too much local memory".into());
                }
                parser.need(';')
            }
            Some(Token::Word(".param")) => {
                Err("a call of a function that was not inlined is not supported".into())
            }
            Some(Token::Word(word)) if word.starts_with('.') => {
                Err(format!("directive `{word}` in a kernel is not supported"))
            }
            Some(Token::Sign(';')) => parser.need(';'),
            _ => self.instruction(parser),
        }
    }

    /// A line was named: what the compiler moved ahead of it belongs to it.
    fn name_lines(&mut self, parser: &Parser) {
        if !parser.moved
            && let Some(first) = self.waiting.take()
        {
            let moved = self.kernel.code[first..].iter_mut();
            moved.for_each(|instruction| instruction.place.source = parser.source);
        }
    }

    /// `.reg .f32 %f<3>, %x;` declares `%f0`, `%f1`, `%f2` and `%x`.
    fn registers(&mut self, parser: &mut Parser<'a>) -> Result<(), String> {
        let word = parser.word()?;
        let class = word.strip_prefix('.').and_then(declared_class);
        let class = class.ok_or_else(|| format!("registers of type `{word}` are not supported"))?;
        loop {
            let name = parser.word()?;
            let mut names = 1;
            let counted = parser.sign('<');
            if counted {
                names = parser.number()?;
                parser.need('>')?;
            }
            if self
                .scope
                .counts()
                .iter()
                .sum::<u32>()
                .saturating_add(names)
                > MAX_REGISTERS
            {
                return Err(format!("more than {MAX_REGISTERS} registers"));
            }
            for number in 0..names {
                self.scope.declare(
                    if counted {
                        format!("{name}{number}")
                    } else {
                        name.into()
                    },
                    class,
                );
            }
            if !parser.sign(',') {
                return parser.need(';');
            }
        }
    }

    fn instruction(&mut self, parser: &mut Parser<'a>) -> Result<(), String> {
        let place = parser.place();
        let mut text = String::new();
        let mut guard = None;
        if parser.sign('@') {
            let negated = parser.sign('!');
            let name = parser.word()?;
            text = format!("@{}{name} ", if negated { "!" } else { "" });
            let operand = Operand::Name(name);
            let operand = if negated {
                Operand::Not(Box::new(operand))
            } else {
                operand
            };
            let mut context = Context {
                kernel: &mut self.kernel,
                scope: &mut self.scope,
            };
            guard = Some(decode::predicate(&mut context, &operand)?);
        }
        let word = parser.word()?;
        let mut operands = Vec::new();
        if !parser.sign(';') {
            loop {
                operands.push(operand(parser)?);
                if !parser.sign(',') {
                    parser.need(';')?;
                    break;
                }
            }
        }
        let listed: Vec<String> = operands.iter().map(Operand::to_string).collect();
        text += &[word, &listed.join(", ")].join(" ");
        let mut context = Context {
            kernel: &mut self.kernel,
            scope: &mut self.scope,
        };
        let decoded = decode::instruction(&mut context, word, &operands)?;
        if let Some(label) = decoded.target {
            self.jumps.push((self.kernel.code.len(), label));
        }
        if parser.moved && self.waiting.is_none() {
            self.waiting = Some(self.kernel.code.len());
        }
        let text = text.trim_end().to_string();
        self.kernel.code.push(Instruction {
            guard,
            action: decoded.action,
            place,
            text,
            flops: decoded.flops,
        });
        Ok(())
    }

    /// Joins the jumps to their labels. A kernel that runs over its end is done, like one that
    /// returns.
    fn end(mut self, place: Place) -> Result<Kernel, Problem> {
        for (from, label) in &self.jumps {
            let place = self.kernel.code[*from].place;
            let target = *self.labels.get(label).ok_or_else(|| Problem {
                what: format!("there is no label `{label}`"),
                statement: Some(self.kernel.code[*from].text.clone()),
                place: Some(place),
            })?;
            self.kernel.code[*from].action = Action::Branch { target };
        }
        self.kernel.registers = self.scope.counts();
        let text = "the end of the kernel".to_string();
        self.kernel.code.push(Instruction {
            guard: None,
            action: Action::Exit,
            place,
            text,
            flops: 0,
        });
        for variable in &mut self.kernel.shared {
            variable.name = readable(&variable.name);
        }
        Ok(self.kernel)
    }
}

fn operand<'a>(parser: &mut Parser<'a>) -> Result<Operand<'a>, String> {
    if parser.sign('{') {
        let mut parts = vec![simple(parser)?];
        while parser.sign(',') {
            parts.push(simple(parser)?);
        }
        parser.need('}')?;
        return Ok(Operand::Vector(parts));
    }
    if parser.sign('[') {
        let base = simple(parser)?;
        let mut offset = 0i64;
        let plus = parser.sign('+');
        let minus = parser.sign('-');
        if plus || minus {
            let Operand::Integer(value) = Operand::word(parser.word()?, minus)? else {
                return Err("the offset of an address is a number".into());
            };
            offset = value as i64;
        }
        parser.need(']')?;
        return Ok(Operand::Address(Box::new(base), offset));
    }
    let first = simple(parser)?;
    if parser.sign('|') {
        return Ok(Operand::Pair(Box::new(first), Box::new(simple(parser)?)));
    }
    Ok(first)
}

fn simple<'a>(parser: &mut Parser<'a>) -> Result<Operand<'a>, String> {
    if parser.sign('!') {
        return Ok(Operand::Not(Box::new(Operand::word(
            parser.word()?,
            false,
        )?)));
    }
    let negative = parser.sign('-');
    Operand::word(parser.word()?, negative)
}
