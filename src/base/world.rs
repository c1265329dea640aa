//! Time, host and environment: what differs from one run to the next.
//!
//! **Invariant.** No other module asks for these (`.clippy.toml` bans the functions),
//! so whatever does not take a [`World`] is a pure function of its arguments and files.
#![allow(clippy::disallowed_methods)]

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The outside world, or a fixed one for tests and worked examples.
#[derive(Clone, Debug)]
pub struct World {
    fixed_us: Option<i64>,
    host: String,
}

impl World {
    /// The machine that this process runs on.
    pub fn system() -> Self {
        Self {
            fixed_us: None,
            host: machine_class(),
        }
    }

    /// A world in which it is always `now_us`, on a machine of class `host`.
    pub fn fixed(now_us: i64, host: &str) -> Self {
        Self {
            fixed_us: Some(now_us),
            host: host.to_owned(),
        }
    }

    /// Microseconds since 1970-01-01 00:00 UTC.
    pub fn now_us(&self) -> i64 {
        self.fixed_us.unwrap_or_else(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|since| i64::try_from(since.as_micros()).ok())
                .unwrap_or(0)
        })
    }

    /// The class of machine: operating system, architecture, processor model. Results
    /// repeat bit for bit within a class. It holds no name of the machine or its user.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A variable of the environment, if set, not empty and valid UTF-8.
    pub fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    /// The user's folder for state that outlives a command, such as history.
    pub fn state_dir(&self) -> Option<PathBuf> {
        let own = self.variable("XDG_STATE_HOME").map(PathBuf::from);
        let base = own.or_else(|| {
            self.variable("HOME")
                .map(|home| PathBuf::from(home).join(".local/state"))
        });
        base.map(|dir| dir.join("antiks"))
    }
}

/// Time since a moment, for progress displays and latencies.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it has run.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The program that runs.
pub fn program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// How many threads this machine runs at a time.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Lets the current thread rest for a while.
pub fn rest(duration: Duration) {
    std::thread::sleep(duration);
}

/// From now on this process holds memory for long work: in large pages where the system has
/// them, and what it frees stays with it, for what it asks for next. Every step of a training
/// asks for the same pieces again: to give them back each time and get them cleared costs an
/// eighth of its speed. Its first steps touch a gigabyte, page by page: in small ones that
/// costs four seconds.
#[allow(unsafe_code)]
pub fn hold_memory() {
    /// `mi_option_purge_delay` of mimalloc, which its bindings don't name, stands before this
    /// one: milliseconds until freed memory goes back, or -1 for never.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = libmimalloc_sys::mi_option_use_numa_nodes - 1;
    // SAFETY: the allocator only notes the number, unless its environment names another.
    unsafe {
        libmimalloc_sys::mi_option_set_default(PURGE_DELAY, -1);
        libmimalloc_sys::mi_option_set_default(libmimalloc_sys::mi_option_large_os_pages, 1);
    }
}

/// Memory of this machine in bytes, all of it and what is free for use; `None` where the
/// system does not tell.
pub fn memory_bytes() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some((kib("MemTotal:")? << 10, kib("MemAvailable:")? << 10))
}

fn machine_class() -> String {
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'));
    match model {
        Some((_, model)) => format!("{system}, {}", model.trim()),
        None => system,
    }
}
