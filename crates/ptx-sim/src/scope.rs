//! The names of a kernel while it is read: registers, variables, labels, and the constants that
//! become registers.

use std::collections::HashMap;

use crate::{
    module::{Constant, GAP, Kernel, Special, Value, Variable},
    operand::Operand,
    register::Register,
    types::{CONST_WINDOW, Class, Space, Type},
};

/// What a module declares outside its kernels.
#[derive(Default)]
pub(crate) struct ModuleNames {
    /// Arrays of shared memory: alignment and bytes; none for the dynamic array.
    pub(crate) shared: HashMap<String, (usize, Option<usize>)>,
    /// Where a variable of constant or global memory lies in its bank.
    pub(crate) placed: HashMap<String, (Space, u64)>,
}

/// The names that an instruction may use.
pub(crate) struct Scope<'m> {
    module: &'m ModuleNames,
    /// Innermost last: inline PTX opens a block of its own.
    registers: Vec<HashMap<String, Register>>,
    /// Registers of each class so far: predicates, 32 bits, 64 bits.
    counts: [u32; 3],
    locals: HashMap<String, u64>,
    constants: HashMap<(Class, Value), u32>,
    /// The carry flag, once it is used.
    carry: Option<u32>,
}

impl<'m> Scope<'m> {
    pub(crate) fn new(module: &'m ModuleNames) -> Self {
        let registers = vec![HashMap::new()];
        Scope {
            module,
            registers,
            counts: [0; 3],
            locals: HashMap::new(),
            constants: HashMap::new(),
            carry: None,
        }
    }

    pub(crate) fn open(&mut self) {
        self.registers.push(HashMap::new());
    }

    pub(crate) fn close(&mut self) {
        self.registers.pop();
    }

    /// A new register without a name.
    pub(crate) fn fresh(&mut self, class: Class) -> Register {
        let count = &mut self.counts[class as usize];
        *count += 1;
        Register { class, index: *count - 1 }
    }

    pub(crate) fn declare(&mut self, name: String, class: Class) {
        let register = self.fresh(class);
        self.registers.last_mut().expect("the kernel's own scope").insert(name, register);
    }

    /// The predicate that holds the carry.
    pub(crate) fn carry(&mut self) -> u32 {
        let known = self.carry.unwrap_or_else(|| self.fresh(Class::Pred).index);
        *self.carry.insert(known)
    }

    /// Registers of each class: predicates, 32 bits, 64 bits.
    pub(crate) fn counts(&self) -> [u32; 3] {
        self.counts
    }

    /// Lays out an array of local memory, one for each thread.
    pub(crate) fn declare_local(
        &mut self,
        kernel: &mut Kernel,
        name: String,
        align: usize,
        bytes: usize,
    ) {
        kernel.local_bytes = kernel.local_bytes.next_multiple_of(align);
        self.locals.insert(name, kernel.local_bytes as u64);
        kernel.local_bytes += bytes;
    }

    /// Lays out an array of shared memory behind those there are.
    pub(crate) fn declare_shared(kernel: &mut Kernel, name: String, align: usize, bytes: usize) {
        let real = kernel.shared_bytes.next_multiple_of(align);
        kernel.shared_bytes = real + bytes;
        let offset = real + GAP * kernel.shared.len();
        kernel.shared.push(Variable { name, offset, bytes });
    }

    fn named(&self, name: &str) -> Option<Register> {
        self.registers.iter().rev().find_map(|names| names.get(name)).copied()
    }

    /// A register of this class that holds a constant in every lane.
    pub(crate) fn constant(&mut self, kernel: &mut Kernel, class: Class, value: Value) -> u32 {
        if let Some(known) = self.constants.get(&(class, value)) {
            return *known;
        }
        let register = self.fresh(class);
        self.constants.insert((class, value), register.index);
        kernel.constants.push(Constant { register, value });
        register.index
    }

    /// The address of a variable of any space, in that space.
    fn variable(&mut self, kernel: &mut Kernel, name: &str) -> Option<Value> {
        if let Some(at) = self.locals.get(name) {
            return Some(Value::Variable(Space::Local, *at));
        }
        if let Some(variable) = kernel.shared.iter().find(|variable| variable.name == name) {
            return Some(Value::Variable(Space::Shared, variable.offset as u64));
        }
        if let Some((space, at)) = self.module.placed.get(name) {
            let at = match space {
                Space::Const => at - CONST_WINDOW,
                _ => *at,
            };
            return Some(Value::Variable(*space, at));
        }
        let (align, bytes) = *self.module.shared.get(name)?;
        match bytes {
            Some(bytes) => {
                Self::declare_shared(kernel, name.into(), align, bytes);
                self.variable(kernel, name)
            }
            None => {
                kernel.dynamic = Some(name.into());
                Some(Value::DynamicShared)
            }
        }
    }

    /// The register that an operand of this class is read from, or written to.
    pub(crate) fn register(
        &mut self,
        kernel: &mut Kernel,
        operand: &Operand,
        class: Class,
    ) -> Result<u32, String> {
        let found = self.any(kernel, operand, class)?;
        if found.class == class {
            Ok(found.index)
        } else {
            Err(format!("`{operand}` is {}, {} is needed", found.class.words(), class.words()))
        }
    }

    /// The register of an operand; one that is no register becomes a constant of the wanted class.
    pub(crate) fn any(
        &mut self,
        kernel: &mut Kernel,
        operand: &Operand,
        wanted: Class,
    ) -> Result<Register, String> {
        let constant = |scope: &mut Self, kernel: &mut Kernel, value| Register {
            class: wanted,
            index: scope.constant(kernel, wanted, value),
        };
        match operand {
            Operand::Integer(bits) => {
                let bits = if wanted == Class::B32 { bits & 0xffff_ffff } else { *bits };
                Ok(constant(self, kernel, Value::Bits(bits)))
            }
            Operand::Single(bits) if wanted == Class::B32 => {
                Ok(constant(self, kernel, Value::Bits((*bits).into())))
            }
            Operand::Double(bits) if wanted == Class::B64 => {
                Ok(constant(self, kernel, Value::Bits(*bits)))
            }
            Operand::Name(name) => {
                if let Some(register) = self.named(name) {
                    Ok(register)
                } else if *name == "WARP_SZ" {
                    Ok(constant(self, kernel, Value::Bits(32)))
                } else if let Some(special) = Special::parse(name) {
                    let index = self.constant(kernel, Class::B32, Value::Special(special));
                    Ok(Register { class: Class::B32, index })
                } else if let Some(value) = self.variable(kernel, name) {
                    Ok(constant(self, kernel, value))
                } else {
                    Err(format!("`{name}` is not declared, or not supported"))
                }
            }
            operand => Err(format!("`{operand}` where {} is needed", wanted.words())),
        }
    }

    /// A destination: a register, never a constant. `_` is a register that nobody reads.
    pub(crate) fn destination(&mut self, operand: &Operand) -> Result<Option<Register>, String> {
        match operand {
            Operand::Name("_") => Ok(None),
            Operand::Name(name) => self
                .named(name)
                .map(Some)
                .ok_or_else(|| format!("`{name}` is no register that can be written")),
            operand => Err(format!("`{operand}` cannot be written")),
        }
    }

    /// The type's register class, checked against what is declared.
    pub(crate) fn destination_of(
        &mut self,
        operand: &Operand,
        class: Class,
    ) -> Result<u32, String> {
        match self.destination(operand)? {
            None => Ok(self.fresh(class).index),
            Some(register) if register.class == class => Ok(register.index),
            Some(register) => Err(format!(
                "`{operand}` is {}, {} is needed",
                register.class.words(),
                class.words()
            )),
        }
    }
}

/// The register file of a declared register (`.reg .f32 %f<3>`).
pub(crate) fn declared_class(kind: &str) -> Option<Class> {
    Type::parse(kind).map(Type::class)
}
