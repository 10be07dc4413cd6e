//! What is not known is an error that names the instruction and its line; what does not fit is
//! refused before it runs.

mod common;

use common::kernel;
use ptx_sim::{Launch, LaunchError, Memory, Module};

/// The error of a body, whose declarations are given.
#[track_caller]
fn refused(body: &str) -> String {
    let start = ".reg .b32 %r<4>; .reg .b64 %d<4>; .reg .f32 %f<4>; .reg .pred %t<3>; .reg .b16 %h<2>;\n.loc 1 77 3\n";
    match Module::parse(&kernel(".param .u64 p, .param .u32 n", &(start.to_string() + body))) {
        Ok(_) => panic!("`{body}` was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_error_names_the_instruction_and_both_lines() {
    let error = refused("add.s32 %r0, %r1, %r2;\nadd.foo.u32 %r0, %r1, %r2;");
    assert_eq!(
        error,
        "PTX line 9 (source line 77): modifier `.foo` of `add` is not supported, in `add.foo.u32 %r0 , %r1 , %r2 ;`"
    );
}

/// An `mma` of this shape and these types.
fn mma(shape: &str, types: &str) -> String {
    format!(
        "mma.sync.aligned.{shape}.{types} {{%f0, %f1, %f2, %f3}}, {{%r0, %r1, %r2, %r3}}, {{%r0, %r1}}, {{%f0, %f1, %f2, %f3}};"
    )
}

#[test]
fn opcodes_modifiers_and_types() {
    for (body, wanted) in [
        ("frobnicate.u32 %r0;", "opcode `frobnicate` is not supported"),
        ("cp.async.bulk.shared.global [%d0], [%d1], 16;", "`cp` needs one of `.ca`, `.cg`"),
        ("cp.async.cg.shared.global [%d0], [%d1], 8;", "`cp.async.cg` copies 16 bytes"),
        ("cp.async.ca.shared.global [%d0], [%d1], 2;", "`cp.async.ca` copies 4, 8 or 16 bytes"),
        ("cp.async.ca.shared.global [%d0], [%d1], %r0;", "`cp.async.ca` copies 4, 8 or 16 bytes"),
        ("cp.async.ca.shared.global [%d0], [%d1], 16, %t0;", "`%t0` is a predicate"),
        ("cp.async.ca.global.shared [%d0], [%d1];", "operands needed: 3, given: 2"),
        ("cp.async.mbarrier.arrive.b64 [%d0];", "`cp` needs one of `.ca`, `.cg`"),
        ("cp.async.wait_group %r0;", "`%r0` is no number of groups"),
        ("cp.async.wait_group -1;", "is no number of groups"),
        ("cp.async.commit_group 1;", "operands needed: 0, given: 1"),
        ("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1}, [%r2];", "registers are needed: 4"),
        (
            "ldmatrix.sync.aligned.m8n16.x1.shared.b8 {%r0}, [%r2];",
            "`ldmatrix` needs one of `.m8n8`",
        ),
        ("ldmatrix.aligned.m8n8.x1.shared.b16 {%r0}, [%r2];", "`ldmatrix` needs one of `.sync`"),
        ("ldmatrix.sync.aligned.m8n8.x1.b16 {%r0}, [%d2];", "`ldmatrix` needs one of `.shared`"),
        ("movmatrix.sync.aligned.m8n8.b16 %r0, %r1;", "`movmatrix` needs one of `.trans`"),
        (&mma("m16n8k16", "f32.s8.s8.f32"), "`mma` needs one of"),
        (&mma("m16n8k16.row.col", "f32.u8.u8.f32"), "`mma` of u8"),
        (&mma("m16n8k16.row.col", "f16.f16.f16.f16"), "as a sum: it has to be f32"),
        (&mma("m16n8k8.row.col", "f32.bf16.bf16.f32"), "`mma` of this shape with bf16"),
        (&mma("m16n8k16.row.col", "f32.tf32.tf32.f32"), "`mma` of this shape with tf32"),
        (&mma("m16n8k16.row.col", "f32.bf16.f16.f32"), "`mma` of bf16"),
        (&mma("m16n8k16.row.col.satfinite", "f32.bf16.bf16.f32"), "modifier `.satfinite` of `mma`"),
        (&mma("m16n8k16.col.row", "f32.bf16.bf16.f32.f32"), "modifier `.f32` of `mma`"),
        ("ex2.approx.bf16 %h0, %h1;", "`ex2` needs one of `.ftz`"),
        ("cvt.rn.tf32.f32 %r0, %f0;", "`cvt` needs one of `.rna`"),
        ("call.uni _Z3fooi;", "a call of `foo`, which was not inlined, is not supported"),
        (
            "{ .param .b32 x; call.uni (x), vprintf, (x, x); }",
            "a call of `printf`, which was not inlined, is not supported",
        ),
        ("{ .param .b32 x; }", "a call of a function that was not inlined is not supported"),
        ("add.rn.s32 %r0, %r1, %r2;", "modifier `.rn` of `add`"),
        ("add.foo.f32 %f0, %f1, %f2;", "modifier `.foo` of `add`"),
        ("add %r0, %r1, %r2;", "`add` names no type"),
        ("mul.s32 %r0, %r1, %r2;", "`mul` needs one of `.lo`, `.hi`, `.wide`"),
        ("mul.wide.s64 %d0, %d1, %d2;", "`mul` of s64 is not supported"),
        ("fma.rn.s32 %r0, %r1, %r2, %r3;", "`fma` of s32 is not supported"),
        ("ex2.f32 %f0, %f1;", "`ex2` needs one of `.approx`"),
        ("cvt.f32.s32 %f0, %r0;", "`cvt` needs one of `.rn`"),
        ("cvt.rz.f32.s32 %f0, %r0;", "`cvt` needs one of `.rn`"),
        ("cvt.s32.f32 %r0, %f0;", "`cvt` needs one of `.rni`"),
        ("shfl.up.b32 %r0, %r1, 1, 0;", "without `.sync`"),
        ("bar.sync 1;", "only barrier 0"),
        ("bar.sync 0, 64;", "operands needed: 1, given: 2"),
        ("bar.arrive 0, 64;", "`bar` needs one of `.sync`"),
        ("setp.foo.s32 %t0, %r0, %r1;", "`setp` needs one of"),
        ("setp.num.s32 %t0, %r0, %r1;", "integers compare by"),
        ("setp.lt.b32 %t0, %r0, %r1;", "untyped bits compare by eq and ne"),
        ("atom.global.add.b32 %r0, [%d0], %r1;", "`atom` of b32"),
        ("red.local.add.u32 [%d0], %r1;", "atomics work on global and shared memory"),
        ("st.param.u32 [p], %r1;", "cannot be written"),
        ("ld.global.v4.u64 {%d0, %d1, %d2, %d3}, [%d0];", "`ld` of u64"),
        (".callprototype x;", "directive `.callprototype`"),
    ] {
        let error = refused(body);
        assert!(error.contains(wanted), "{body}: {error}");
    }
}

#[test]
fn operands() {
    for (body, wanted) in [
        ("add.s32 %r0, %r1;", "operands needed: 3, given: 2"),
        (
            "add.s32 %r0, %r1, %d2;",
            "`%d2` is a 64-bit register, a register of at most 32 bits is needed",
        ),
        ("add.s32 %r0, %r1, %nope;", "`%nope` is not declared"),
        ("add.s32 5, %r1, %r2;", "`5` cannot be written"),
        ("add.f32 %f0, %f1, 0d3FF0000000000000;", "where a register of at most 32 bits is needed"),
        ("mov.u32 %r0, %smid;", "`%smid` is not declared, or not supported"),
        ("bra $NOWHERE;", "there is no label `$NOWHERE`"),
        ("$A: $A: ret;", "label `$A` stands twice"),
        ("ld.param.u32 %r0, [q];", "`q` is no parameter"),
        (
            "ld.global.u32 %r0, [%r1];",
            "an address of this space cannot be a register of at most 32 bits",
        ),
        ("ld.global.u64 %r0, [%d1];", "`%r0` is too narrow"),
        ("ld.global.u32 %r0, %d1;", "`%d1` is no address"),
        ("@%r0 bra $A; $A: ret;", "`%r0` is a register of at most 32 bits, a predicate is needed"),
        ("mov.u32 %r0, 0x;", "`0x` is no number"),
        (".reg .b32 %many<70000>;", "more than 65536 registers"),
        (".shared .align 3 .b8 odd[4];", "an alignment of 3 bytes"),
    ] {
        let error = refused(body);
        assert!(error.contains(wanted), "{body}: {error}");
    }
}

#[test]
fn files() {
    for (text, wanted) in [
        ("hello", "directive `hello` is not supported"),
        (".version 8.4 .target sm_80 .address_size 32", "only 64-bit addresses"),
        (".visible .entry k(", "`.param` is needed here"),
        (".entry k() { ret;", "the file ends here"),
        (".global .align 4 .b8 x[999999999999];", "too large"),
        (".global .b8 x[2] = {1, 2, 3};", "3 bytes of initial values in 2"),
    ] {
        let error = Module::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(wanted), "{text}: {error}");
    }
    assert!(Module::parse("").expect("an empty file is a module").kernels().is_empty());
}

#[test]
fn launches() {
    let body = ".reg .b64 %p; .shared .align 16 .b8 s[1024]; ld.param.u64 %p, [p];";
    let module = Module::parse(&kernel(".param .u64 p, .param .u32 n", body)).expect("a module");
    let error = module.kernel("nope").err().expect("there is none");
    assert_eq!(error.to_string(), "no kernel `nope` in the module; it holds k");
    let mangled = Module::parse(".visible .entry _Z4nopePf(.param .u64 p) { ret; }");
    let error = mangled.expect("a module").kernel("nope").err();
    assert!(
        error.is_some_and(|error| error.to_string().contains("write extern \"C\"")),
        "C++ names are explained"
    );
    let k = module.kernel("k").expect("it is there");
    assert_eq!((k.parameter_sizes(), k.shared_bytes()), (vec![8, 4], 1024));
    let mut memory = Memory::new();
    let x = memory.alloc("x", &[1.0f32]);
    let mut launch = |launch: Launch, arguments: &[ptx_sim::Argument]| {
        k.launch(&mut memory, &launch, arguments)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let one = || Launch::new([1; 3], [1; 3]);
    assert_eq!(launch(one(), &[x.into()]), "`k` takes 2 arguments, not 1");
    assert_eq!(
        launch(one(), &[x.into(), 1u64.into()]),
        "argument 1 of `k` is 8 bytes, its parameter 4"
    );
    let fine = [x.into(), 1i32.into()];
    assert_eq!(launch(one(), &fine), "");
    assert_eq!(
        launch(Launch::new([1; 3], [1025, 1, 1]), &fine),
        "a block's x of 1025 is outside 1..=1024"
    );
    assert_eq!(
        launch(Launch::new([1; 3], [512, 4, 1]), &fine),
        "a block of 2048 is outside 1..=1024"
    );
    assert_eq!(
        launch(Launch::new([0, 1, 1], [1; 3]), &fine),
        "a grid's x of 0 is outside 1..=2147483647"
    );
    assert_eq!(
        launch(one().shared(300_000), &fine),
        "301024 bytes of shared memory for a block, at most 232448 in all"
    );
    assert!(matches!(
        Module::parse(&kernel("", ".shared .b8 big[50000];")).expect("a module").kernels()[0]
            .launch(&mut Memory::new(), &one(), &[]),
        Err(LaunchError::SharedMemory { wanted: 50_000, limit: 49_152, .. })
    ));
}

#[test]
fn launch_bounds_are_kept() {
    let text = ".entry k() .maxntid 64, 2, 1 { ret; }";
    let module = Module::parse(text).expect("a module");
    let run = |threads| {
        module.kernels()[0].launch(&mut Memory::new(), &Launch::new([1; 3], [threads, 1, 1]), &[])
    };
    assert!(run(128).is_ok());
    assert!(run(129).is_err());
}

/// A damaged file cannot ask for all memory, nor a launch for a year.
#[test]
fn what_the_simulator_cannot_have() {
    let one = Launch::new([1; 3], [1; 3]);
    let module =
        |text: &str| Module::parse(text).err().map(|error| error.problem).unwrap_or_default();
    let many = |declaration: &str| {
        (0..300).map(|n| declaration.replace('#', &n.to_string())).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(module(&kernel("", &many(".shared .b8 s#[4];"))), "more than 256 shared arrays");
    assert_eq!(module(&many(".const .b8 c#[1024];")), "more variables than fit into the memory");
    assert_eq!(
        module(&many(".global .b8 g#[1000000];")),
        "more variables than fit into the memory"
    );
    let large = Module::parse(&kernel("", ".local .b8 l[1000000];")).expect("a module");
    let launch = |launch: &Launch| {
        large.kernels()[0]
            .launch(&mut Memory::new(), launch, &[])
            .map(|report| report.completed)
            .map_err(|error| error.to_string())
    };
    assert_eq!(launch(&one), Ok(true));
    assert_eq!(
        launch(&Launch::new([1; 3], [512, 1, 1])),
        Err("the threads of a block need 512000000 bytes for registers and local memory, and the simulator has at most 268435456".into())
    );
    assert_eq!(
        launch(&Launch::new([2048, 1024, 1], [1; 3])),
        Err("a grid for the simulator of 2097152 is outside 1..=1048576".into())
    );
    assert_eq!(launch(&one.clone().workers(usize::MAX)), Ok(true));
    assert_eq!(launch(&one.clone().workers(0).step_limit(u64::MAX)), Ok(true));
}
