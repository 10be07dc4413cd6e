//! The body of a kernel: registers, variables, labels and instructions.

use std::collections::HashMap;

use super::{
    cursor::{Parser, is_call},
    declaration::{MAX_BYTES, declaration},
    problem::Problem,
    readable::readable,
};
use crate::{
    decode::{self, Context},
    error::Place,
    instruction::{Action, Instruction},
    lex::Token,
    module::Kernel,
    operand::Operand,
    order::ranks,
    scope::{ModuleNames, Scope, declared_class},
};

/// More than any kernel has, so that a damaged file cannot ask for all memory.
const MAX_REGISTERS: u32 = 1 << 16;
const MAX_SHARED_ARRAYS: usize = 256;

/// A kernel while its body is read.
pub(super) struct Body<'m, 'a> {
    scope: Scope<'m>,
    kernel: Kernel,
    labels: HashMap<&'a str, usize>,
    /// Branches, and the labels they want.
    jumps: Vec<(usize, &'a str)>,
    /// The first instruction that waits for the next line to be named (see [`Parser::moved`]).
    waiting: Option<usize>,
}

impl<'m, 'a> Body<'m, 'a> {
    pub(super) fn new(kernel: Kernel, names: &'m ModuleNames) -> Self {
        let scope = Scope::new(names);
        Body { scope, kernel, labels: HashMap::new(), jumps: Vec::new(), waiting: None }
    }

    pub(super) fn read(mut self, parser: &mut Parser<'a>) -> Result<Kernel, Problem> {
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
                    place: Some(Place { source: parser.source, ptx: place.ptx }),
                })?;
            }
        }
        self.end(parser.place())
    }

    fn statement(&mut self, parser: &mut Parser<'a>) -> Result<(), String> {
        if let Some((Token::Word(word), Token::Sign(':'))) =
            parser.peek().zip(parser.tokens.get(parser.at + 1).map(|token| token.0))
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
                let bytes =
                    found.bytes.ok_or("an array of unknown length is not supported here")?;
                Scope::declare_shared(&mut self.kernel, found.name.into(), found.align, bytes);
                parser.need(';')
            }
            Some(Token::Word(".local")) => {
                parser.at += 1;
                let found = declaration(parser)?;
                let bytes =
                    found.bytes.ok_or("an array of unknown length is not supported here")?;
                self.scope.declare_local(&mut self.kernel, found.name.into(), found.align, bytes);
                if self.kernel.local_bytes > MAX_BYTES {
                    return Err("too much local memory".into());
                }
                parser.need(';')
            }
            Some(Token::Word(".param")) => Err(parser.called()),
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
            if self.scope.counts().iter().sum::<u32>().saturating_add(names) > MAX_REGISTERS {
                return Err(format!("more than {MAX_REGISTERS} registers"));
            }
            for number in 0..names {
                self.scope
                    .declare(if counted { format!("{name}{number}") } else { name.into() }, class);
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
            let operand = if negated { Operand::Not(Box::new(operand)) } else { operand };
            let mut context = Context { kernel: &mut self.kernel, scope: &mut self.scope };
            guard = Some(decode::predicate(&mut context, &operand)?);
        }
        if matches!(parser.peek(), Some(token) if is_call(token)) {
            return Err(parser.called());
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
        let mut context = Context { kernel: &mut self.kernel, scope: &mut self.scope };
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
        if self.kernel.shared.len() > MAX_SHARED_ARRAYS {
            return Err(format!("more than {MAX_SHARED_ARRAYS} shared arrays").into());
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
        self.kernel.ranks = ranks(&self.kernel.code);
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
        return Ok(Operand::Not(Box::new(Operand::word(parser.word()?, false)?)));
    }
    let negative = parser.sign('-');
    Operand::word(parser.word()?, negative)
}
