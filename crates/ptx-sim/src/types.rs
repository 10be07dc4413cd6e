//! PTX types, and the register file each of them lives in (PTX ISA 8.4, section 5.2).

/// A fundamental type of PTX. Packed halves (`f16x2`, `bf16x2`) are types of their own, of 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[rustfmt::skip]
pub(crate) enum Type {
    Pred, B8, U8, S8, B16, U16, S16, F16, Bf16, B32, U32, S32, F32, F16x2, Bf16x2, B64, U64, S64, F64,
}

/// The register files: predicates are one bit a lane; 8- and 16-bit values live in 32-bit
/// registers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Class {
    Pred,
    B32,
    B64,
}

impl Class {
    /// The words an error message uses for a register of this class.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Class::Pred => "a predicate",
            Class::B32 => "a register of at most 32 bits",
            Class::B64 => "a 64-bit register",
        }
    }
}

impl Type {
    /// The type that a modifier such as `f32` names.
    pub(crate) fn parse(name: &str) -> Option<Type> {
        use Type::*;
        Some(match name {
            "pred" => Pred,
            "b8" => B8,
            "u8" => U8,
            "s8" => S8,
            "b16" => B16,
            "u16" => U16,
            "s16" => S16,
            "f16" => F16,
            "bf16" => Bf16,
            "b32" => B32,
            "u32" => U32,
            "s32" => S32,
            "f32" => F32,
            "f16x2" => F16x2,
            "bf16x2" => Bf16x2,
            "b64" => B64,
            "u64" => U64,
            "s64" => S64,
            "f64" => F64,
            _ => return None,
        })
    }

    /// Bytes in memory.
    pub(crate) fn size(self) -> usize {
        use Type::*;
        match self {
            Pred | B8 | U8 | S8 => 1,
            B16 | U16 | S16 | F16 | Bf16 => 2,
            B32 | U32 | S32 | F32 | F16x2 | Bf16x2 => 4,
            B64 | U64 | S64 | F64 => 8,
        }
    }

    /// The register file of a value of this type.
    pub(crate) fn class(self) -> Class {
        match self {
            Type::Pred => Class::Pred,
            _ if self.size() == 8 => Class::B64,
            _ => Class::B32,
        }
    }

    pub(crate) fn is_signed(self) -> bool {
        matches!(self, Type::S8 | Type::S16 | Type::S32 | Type::S64)
    }

    pub(crate) fn is_float(self) -> bool {
        use Type::*;
        matches!(self, F16 | Bf16 | F32 | F16x2 | Bf16x2 | F64)
    }
}

/// A state space: which memory an address means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Space {
    Generic,
    Global,
    Shared,
    Local,
    Param,
    Const,
}

/// Where the windows of shared, local and constant memory lie in the generic address space. Buffers
/// of global memory lie below (see `memory`).
pub(crate) const SHARED_WINDOW: u64 = 1 << 60;
pub(crate) const LOCAL_WINDOW: u64 = 2 << 60;
pub(crate) const CONST_WINDOW: u64 = 3 << 60;
