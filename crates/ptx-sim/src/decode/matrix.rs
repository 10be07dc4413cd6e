//! Instructions of the tensor cores (PTX ISA 9.2, section 9.7.14.5): all lanes of a warp together.

use super::{
    context::{B32, Context, count},
    memory::address,
    modifiers::Modifiers,
};
use crate::{
    instruction::Action,
    matrix::{Factors, Product},
    operand::Operand,
    types::{Space, Type},
};

/// Decodes one, and gives its floating-point operations a lane.
pub(crate) fn decode(
    cx: &mut Context,
    m: &mut Modifiers,
    operands: &[Operand],
) -> Result<(Action, u64), String> {
    m.need(&[("sync", ())])?;
    m.need(&[("aligned", ())])?;
    if m.opcode == "mma" {
        let product = product(cx, m, operands)?;
        return Ok((Action::Product(product), product.flops()));
    }
    m.need(&[("m8n8", ())])?;
    count(operands, 2)?;
    if m.opcode == "movmatrix" {
        m.need(&[("trans", ())])?;
        m.need(&[("b16", ())])?;
        let into = cx.scope.destination_of(&operands[0], B32)?;
        let from = cx.scope.register(cx.kernel, &operands[1], B32)?;
        return Ok((Action::Transpose { into, from }, 0));
    }
    let matrices = m.need(&[("x1", 1), ("x2", 2), ("x4", 4)])?;
    let transposed = m.take("trans");
    m.need(&[("shared", ()), ("shared::cta", ())])?;
    m.need(&[("b16", ())])?;
    let action = if m.opcode == "ldmatrix" {
        let into = written(cx, &operands[0], matrices)?;
        Action::LoadMatrices {
            transposed,
            into,
            address: address(cx, Space::Shared, &operands[1])?,
        }
    } else {
        let from = read(cx, &operands[1], matrices)?;
        Action::StoreMatrices {
            transposed,
            from,
            address: address(cx, Space::Shared, &operands[0])?,
        }
    };
    Ok((action, 0))
}

/// `mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 d, a, b, c`
fn product(cx: &mut Context, m: &mut Modifiers, operands: &[Operand]) -> Result<Product, String> {
    let depth = m.need(&[("m16n8k16", 16), ("m16n8k8", 8)])?;
    m.need(&[("row", ())])?;
    m.need(&[("col", ())])?;
    let tf32 = m.take("tf32") && m.need(&[("tf32", true)])?;
    let sum = m.kind()?;
    let factors = match tf32 {
        true => Factors::Tf32,
        false => match (m.kind()?, m.kind()?) {
            (Type::F16, Type::F16) => Factors::F16,
            (Type::Bf16, Type::Bf16) => Factors::Bf16,
            (kind, _) => return Err(m.unsupported(kind)),
        },
    };
    let added = m.kind()?;
    if let Some(kind) = [sum, added].into_iter().find(|kind| *kind != Type::F32) {
        return Err(format!("{} as a sum: it has to be f32", m.unsupported(kind)));
    }
    if factors.depth() != depth {
        return Err(format!("`mma` of this shape with {factors:?} is not supported").to_lowercase());
    }
    count(operands, 4)?;
    Ok(Product {
        factors,
        into: array(written(cx, &operands[0], 4)?)?,
        a: array(read(cx, &operands[1], 4)?)?,
        b: array(read(cx, &operands[2], 2)?)?,
        c: array(read(cx, &operands[3], 4)?)?,
    })
}

fn array<const N: usize>(registers: Vec<u32>) -> Result<[u32; N], String> {
    registers.try_into().map_err(|_| format!("{N} registers are needed"))
}

/// The parts of a vector, of which there have to be so many.
fn parts<'o, 'a>(operand: &'o Operand<'a>, wanted: usize) -> Result<&'o [Operand<'a>], String> {
    let parts = match operand {
        Operand::Vector(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    if parts.len() == wanted {
        Ok(parts)
    } else {
        Err(format!("`{operand}` where registers are needed: {wanted}"))
    }
}

fn written(cx: &mut Context, operand: &Operand, wanted: usize) -> Result<Vec<u32>, String> {
    parts(operand, wanted)?.iter().map(|part| cx.scope.destination_of(part, B32)).collect()
}

fn read(cx: &mut Context, operand: &Operand, wanted: usize) -> Result<Vec<u32>, String> {
    parts(operand, wanted)?.iter().map(|part| cx.scope.register(cx.kernel, part, B32)).collect()
}
