//! The kernel's means: Landlock, seccomp and resource limits.

use super::Place;
use anyhow::{Context, Result};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};
use std::{collections::BTreeMap, env::consts::ARCH, path::Path};

/// The newest rules that are asked for. A kernel that does not know all of them takes those that it knows.
const RULES: ABI = ABI::V6;

pub fn enter(place: &Place) -> Result<()> {
    limit(place)?;
    keep_files(place).context("Landlock")?;
    keep_calls(place).context("seccomp")
}

fn limit(place: &Place) -> Result<()> {
    let limits = [
        (Resource::As, place.memory),
        (Resource::Cpu, place.processor_seconds),
        (Resource::Fsize, place.file_bytes),
        (Resource::Nofile, 1024),
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        // Whoever starts the grader may have set less, which cannot be raised.
        let most = getrlimit(resource).maximum.map_or(most, |there| there.min(most));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).with_context(|| format!("the limit {resource:?} of {most}"))?;
    }
    Ok(())
}

/// Landlock: files that are not listed, and signals to processes that are not its own.
fn keep_files(place: &Place) -> Result<()> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RULES))?
        .scope(Scope::Signal)?
        .scope(Scope::AbstractUnixSocket)?
        .create()?;
    let read = AccessFs::from_read(RULES);
    // A worker makes no file, so it cannot fill the disk with them; those that are there have a limit each.
    let written = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::WriteFile | AccessFs::Truncate;
    // A compiler makes folders, links and programs.
    let built = AccessFs::from_all(RULES) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    let write = if place.starts_processes { built } else { written };
    let read = place.reads.iter().map(|path| (path, read));
    for (path, access) in read.chain(place.writes.iter().map(|path| (path, write))) {
        let Ok(there) = PathFd::new(path) else { continue };
        let access = if Path::is_dir(path) { access } else { access & AccessFs::from_file(RULES) };
        rules = rules.add_rule(PathBeneath::new(there, access))?;
    }
    rules.restrict_self()?;
    Ok(())
}

/// Seccomp: calls that a confined process is refused.
fn keep_calls(place: &Place) -> Result<()> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    refused.extend(NEVER.iter().map(|call| (*call, Vec::new())));
    let unix = when(0, SeccompCmpOp::Ne, libc::AF_UNIX as u64)?;
    if place.starts_processes {
        refused.insert(libc::SYS_socket, vec![unix]);
    } else {
        refused.extend(NOT_BY_A_WORKER.iter().map(|call| (*call, Vec::new())));
        let own = u64::from(std::process::id());
        // Threads only; a new process has not this flag.
        let process = SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64);
        refused.insert(libc::SYS_clone, vec![when(0, process, 0)?]);
        // What it is, it stays when it becomes the worker.
        refused.insert(libc::SYS_tgkill, vec![when(0, SeccompCmpOp::Ne, own)?]);
        let others = [when_one(0, SeccompCmpOp::Ne, own)?, when_one(0, SeccompCmpOp::Ne, 0)?];
        refused.insert(libc::SYS_kill, vec![SeccompRule::new(others.to_vec())?]);
        // Asking for a limit is allowed, setting one is not.
        refused.insert(libc::SYS_prlimit64, vec![when(2, SeccompCmpOp::Ne, 0)?]);
        // A file without a name needs no right to make one.
        let nameless = SeccompCmpOp::MaskedEq(NAMELESS);
        refused.insert(libc::SYS_openat, vec![when(2, nameless.clone(), NAMELESS)?]);
        #[cfg(target_arch = "x86_64")]
        refused.insert(libc::SYS_open, vec![when(1, nameless, NAMELESS)?]);
        // Whom the kernel signals when a file is ready.
        let owners = [libc::F_SETOWN, F_SETSIG, F_SETOWN_EX];
        let owners = owners.map(|command| when(1, SeccompCmpOp::Eq, command as u64));
        refused.insert(libc::SYS_fcntl, owners.into_iter().collect::<Result<_>>()?);
        refused.insert(libc::SYS_ioctl, vec![when(1, SeccompCmpOp::Eq, FIOSETOWN)?]);
    }
    apply(refused, libc::EPERM)?;
    if !place.starts_processes {
        // Their flags are in memory, where no filter sees them. The C library then takes the older call, as it does
        // for what is newer than this list.
        let newer =
            [libc::SYS_clone3, libc::SYS_openat2].into_iter().chain(libc::SYS_fchmodat2..600);
        apply(newer.map(|call| (call, Vec::new())).collect(), libc::ENOSYS)?;
    }
    Ok(())
}

fn when_one(argument: u8, compare: SeccompCmpOp, value: u64) -> Result<SeccompCondition> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Qword, compare, value)?)
}

fn when(argument: u8, compare: SeccompCmpOp, value: u64) -> Result<SeccompRule> {
    Ok(SeccompRule::new(vec![when_one(argument, compare, value)?])?)
}

/// `O_TMPFILE` without the flag for folders that is part of it.
const NAMELESS: u64 = 0o20_000_000;
const F_SETSIG: i32 = 10;
const F_SETOWN_EX: i32 = 15;
const FIOSETOWN: u64 = 0x8901;

fn apply(mut refused: BTreeMap<i64, Vec<SeccompRule>>, error: i32) -> Result<()> {
    // The same calls by the numbers of the x32 interface, where a kernel has it.
    #[cfg(target_arch = "x86_64")]
    for (call, rules) in refused.clone() {
        refused.insert(call | 0x4000_0000, rules);
    }
    let refuse = SeccompAction::Errno(error as u32);
    let filter = SeccompFilter::new(refused, SeccompAction::Allow, refuse, ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program).context("the filter")
}

/// What neither a compiler nor a worker needs: other processes' memory, the kernel's own parts, and what
/// outlives a process.
const NEVER: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_shmget,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
];

/// What a worker does not need besides.
const NOT_BY_A_WORKER: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_setpgid,
    libc::SYS_setsid,
    libc::SYS_setrlimit,
    libc::SYS_tkill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
    libc::SYS_ioprio_set,
    libc::SYS_setpriority,
    // Memory that no limit counts.
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    // Landlock knows this only from Linux 6.2 on.
    libc::SYS_truncate,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    libc::SYS_fchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
];
