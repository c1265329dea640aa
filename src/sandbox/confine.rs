//! What a worker gives up before it meets the first statement: it can't get it back.
//!
//! Linux only: resource limits, Landlock (no file, no port), seccomp (a short list of
//! system calls, with arguments where they matter). A file that was opened before may still
//! be read, by its descriptor's number and no other way. Elsewhere the resource limits that
//! the system knows are set, and the rest is SQLite's own limits and the authorizer.
//!
//! **Invariant.** A layer that the system should have and does not is an error, not a
//! silence; [`strength`] says what holds here.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::allowance::Setup;
use super::value::Layer;

/// The address space of a worker beyond what is mapped when it begins: with NVIDIA's
/// libraries the program alone takes gigabytes.
const ADDRESS_SPACE_BYTES: u64 = 768 << 20;
/// What the program takes where the system doesn't say.
const PROGRAM_BYTES: u64 = 256 << 20;

/// Confines this process for the rest of its life. It may go on to read from `descriptors`.
pub fn confine(setup: &Setup, descriptors: &[i32]) -> io::Result<()> {
    let without = &setup.without;
    if !without.contains(&Layer::ProcessLimits) {
        limit_resources(setup.allowance.cpu_seconds);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = descriptors;
    #[cfg(target_os = "linux")]
    {
        if !without.contains(&Layer::Landlock) {
            linux::close_files()?;
        }
        if !without.contains(&Layer::Seccomp) {
            linux::filter_calls(descriptors)?;
        }
    }
    Ok(())
}

/// The layers of the operating system that hold on this machine, in words.
pub fn strength() -> &'static str {
    match cfg!(target_os = "linux") {
        true => "resource limits, Landlock, seccomp",
        false => "resource limits",
    }
}

/// The address space that this process takes now.
fn mapped_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))?;
    let kib: u64 = size.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

fn limit_resources(cpu_seconds: u64) {
    let mapped = mapped_bytes().unwrap_or(PROGRAM_BYTES);
    let limits = [
        (Resource::As, mapped.saturating_add(ADDRESS_SPACE_BYTES)),
        (Resource::Cpu, cpu_seconds),
        (Resource::Fsize, 0),
        (Resource::Nofile, 16),
        (Resource::Core, 0),
        (Resource::Nproc, 0),
    ];
    for (resource, most) in limits {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        // Refused only if it is lower already.
        let _ = setrlimit(resource, limit);
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::io;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
        RulesetStatus, Scope,
    };
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch,
    };

    /// Handles every access that the kernel's Landlock knows and grants none.
    pub fn close_files() -> io::Result<()> {
        let newest = ABI::V6;
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(newest))
            .and_then(|rules| rules.handle_access(AccessNet::from_all(newest)))
            .and_then(|rules| rules.scope(Scope::from_all(newest)))
            .and_then(|rules| rules.create())
            .and_then(|rules| rules.restrict_self())
            .map_err(io::Error::other)?;
        match status.ruleset {
            RulesetStatus::NotEnforced => Err(io::Error::other(
                "this kernel has no Landlock; Linux 5.13 or newer has",
            )),
            _ => Ok(()),
        }
    }

    /// Lets only those system calls through that a query over memory needs, and reading from
    /// `descriptors`; all others fail with EPERM.
    pub fn filter_calls(descriptors: &[i32]) -> io::Result<()> {
        let filter = SeccompFilter::new(
            rules(descriptors).map_err(io::Error::other)?,
            SeccompAction::Errno(libc::EPERM as u32),
            SeccompAction::Allow,
            target(),
        )
        .map_err(io::Error::other)?;
        let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
        seccompiler::apply_filter(&program).map_err(io::Error::other)
    }

    fn target() -> TargetArch {
        match cfg!(target_arch = "aarch64") {
            true => TargetArch::aarch64,
            false => TargetArch::x86_64,
        }
    }

    fn rules(
        descriptors: &[i32],
    ) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
        let anonymous = libc::MAP_ANONYMOUS as u64;
        let executable = libc::PROT_EXEC as u64;
        let no_code = condition(2, SeccompCmpOp::MaskedEq(executable), 0)?;
        let of_memory = condition(3, SeccompCmpOp::MaskedEq(anonymous), anonymous)?;
        let mut rules = BTreeMap::from([
            // Standard input, output and error; nothing else that was left open.
            (
                libc::SYS_read,
                vec![rule(condition(0, SeccompCmpOp::Eq, 0)?)?],
            ),
            (
                libc::SYS_write,
                vec![
                    rule(condition(0, SeccompCmpOp::Eq, 1)?)?,
                    rule(condition(0, SeccompCmpOp::Eq, 2)?)?,
                ],
            ),
            (
                libc::SYS_mmap,
                vec![SeccompRule::new(vec![no_code.clone(), of_memory])?],
            ),
            (libc::SYS_mprotect, vec![rule(no_code)?]),
        ]);
        for call in [
            libc::SYS_munmap,
            libc::SYS_mremap,
            libc::SYS_madvise,
            libc::SYS_brk,
            libc::SYS_futex,
            libc::SYS_sched_yield,
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_sigaltstack,
            libc::SYS_clock_gettime,
            libc::SYS_getrandom,
            libc::SYS_getpid,
            libc::SYS_gettid,
            libc::SYS_exit,
            libc::SYS_exit_group,
        ] {
            rules.insert(call, Vec::new());
        }
        // All that SQLite needs of an immutable file that is open. Closing it is refused, and
        // the length that it asks for then; the end of the process closes it.
        for descriptor in descriptors {
            let of_file = condition(0, SeccompCmpOp::Eq, u64::from(descriptor.unsigned_abs()))?;
            let reads = rules.entry(libc::SYS_pread64).or_default();
            reads.push(rule(of_file)?);
        }
        Ok(rules)
    }

    fn condition(
        argument: u8,
        operator: SeccompCmpOp,
        value: u64,
    ) -> Result<SeccompCondition, seccompiler::BackendError> {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
    }

    fn rule(condition: SeccompCondition) -> Result<SeccompRule, seccompiler::BackendError> {
        SeccompRule::new(vec![condition])
    }
}
