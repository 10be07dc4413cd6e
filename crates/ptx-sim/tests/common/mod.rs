//! A kernel around a single instruction: every row of a table is one lane.

#![allow(dead_code, reason = "each test file uses its own part")]

use ptx_sim::{Kind, Launch, Memory, Module, Report};

/// A register of the instruction: `b16`, `b32`, `b64` or `pred`.
pub type Class = &'static str;

/// Bits of an f32.
pub fn f(x: f32) -> u64 {
    x.to_bits().into()
}

/// Bits of an f64.
pub fn d(x: f64) -> u64 {
    x.to_bits()
}

/// Bits of a negative 32-bit integer.
pub fn i(x: i32) -> u64 {
    (x as u32).into()
}

/// Bits of a negative 64-bit integer.
pub fn l(x: i64) -> u64 {
    x as u64
}

/// The PTX of a module with one kernel.
pub fn kernel(parameters: &str, body: &str) -> String {
    format!(
        ".version 8.4\n.target sm_80\n.address_size 64\n.visible .entry k({parameters})\n{{\n{body}\nret;\n}}\n"
    )
}

/// Runs `op out, in…` on one lane for each row and gives the outputs.
///
/// # Panics
///
/// If the instruction is not understood, or finds anything wrong.
pub fn eval(op: &str, classes: &[Class], rows: &[&[u64]]) -> Vec<u64> {
    let inputs = &classes[1..];
    let mut body = String::from(
        ".reg .b64 %p<8>, %a, %x64; .reg .b32 %i, %x32; .reg .pred %x; mov.u32 %i, %tid.x;\n",
    );
    let mut parameters = vec![".param .u64 p0".to_string()];
    for (n, class) in classes.iter().enumerate() {
        body += &format!(
            ".reg .{class} %v{n};\nld.param.u64 %p{n}, [p{n}]; mul.wide.u32 %a, %i, 8; add.s64 %p{n}, %p{n}, %a;\n"
        );
        if n > 0 {
            parameters.push(format!(".param .u64 p{n}"));
            body += &match *class {
                "pred" => format!("ld.global.b32 %x32, [%p{n}]; setp.ne.b32 %v{n}, %x32, 0;\n"),
                class => format!("ld.global.{class} %v{n}, [%p{n}];\n"),
            };
        }
    }
    let operands: Vec<String> = (0..=inputs.len()).map(|n| format!("%v{n}")).collect();
    body += &format!("{op} {};\n", operands.join(", "));
    body += match classes[0] {
        "pred" => "selp.b64 %x64, 1, 0, %v0;\nst.global.b64 [%p0], %x64;",
        "b64" => "st.global.b64 [%p0], %v0;",
        "b32" => "cvt.u64.u32 %x64, %v0; st.global.b64 [%p0], %x64;",
        _ => "cvt.u64.u16 %x64, %v0; st.global.b64 [%p0], %x64;",
    };
    let ptx = kernel(&parameters.join(", "), &body);
    let module = Module::parse(&ptx).unwrap_or_else(|error| panic!("{op}: {error}"));
    let mut memory = Memory::new();
    let out = memory.alloc_uninit::<u64>("out", rows.len());
    let mut arguments = vec![out.into()];
    for n in 0..inputs.len() {
        let column: Vec<u64> = rows.iter().map(|row| row[n]).collect();
        arguments.push(memory.alloc("in", &column).into());
    }
    let launch = Launch::new([1, 1, 1], [rows.len() as u32, 1, 1]);
    let report = module.kernels()[0].launch(&mut memory, &launch, &arguments).expect("a launch");
    assert_eq!(report.findings, [], "{op}");
    memory.read(out)
}

/// Checks an instruction against a table: each row is its inputs and the output that is wanted. NaN
/// stands for any NaN.
#[track_caller]
pub fn table(op: &str, classes: &[Class], rows: &[(&[u64], u64)]) {
    let inputs: Vec<&[u64]> = rows.iter().map(|row| row.0).collect();
    let got = eval(op, classes, &inputs);
    for ((inputs, want), got) in rows.iter().zip(got) {
        let nan = |bits: u64| match classes[0] {
            "b64" => f64::from_bits(bits).is_nan() && op.contains("f64"),
            "b32" => f32::from_bits(bits as u32).is_nan() && op.contains("f32"),
            _ => false,
        };
        assert!(
            got == *want || nan(*want) && nan(got),
            "{op} of {inputs:x?}: {got:#x}, should be {want:#x}"
        );
    }
}

/// Runs a body with one buffer `%p` of 64 words on a block of `threads`, and gives the words and
/// the report.
pub fn run(threads: u32, blocks: u32, words: &[u32], body: &str) -> (Vec<u32>, Report) {
    let start =
        ".reg .b64 %p, %a, %b; .reg .b32 %i, %x, %y, %z; .reg .pred %t, %u; .reg .f32 %f, %g;
        ld.param.u64 %p, [p]; mov.u32 %i, %tid.x; mul.wide.u32 %a, %i, 4; add.s64 %a, %a, %p;\n";
    let ptx = kernel(".param .u64 p", &(start.to_string() + body));
    let module = Module::parse(&ptx).unwrap_or_else(|error| panic!("{error}"));
    let mut memory = Memory::new();
    let buffer = memory.alloc("x", words);
    let launch =
        Launch::new([blocks, 1, 1], [threads, 1, 1]).step_limit(100_000).array("s", 4, &[64]);
    let report =
        module.kernels()[0].launch(&mut memory, &launch, &[buffer.into()]).expect("a launch");
    (memory.read(buffer), report)
}

/// The kinds of the findings.
pub fn kinds(report: &Report) -> Vec<Kind> {
    report.findings.iter().map(|finding| finding.kind).collect()
}
