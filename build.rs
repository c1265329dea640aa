//! Compiles the CUDA kernels of `src/ops/kernels` to images that the binary holds, if the
//! feature `cuda` is on; without it there is nothing to do.
//!
//! `ANTIKS_CUDA_ARCHS` says which compute capabilities get machine code of their own, by
//! default Ampere, Ada and Hopper. PTX of the highest lets newer GPUs compile the rest.
// Cargo tells a build script everything in its environment, and listens to what it prints.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::thread;

const KERNELS: &str = "src/ops/kernels";
const ARCHS: &str = "80 86 89 90";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return ExitCode::SUCCESS;
    }
    match compile_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn compile_all() -> Result<(), String> {
    println!("cargo::rerun-if-changed={KERNELS}");
    for name in ["ANTIKS_CUDA_ARCHS", "CUDA_HOME", "CUDA_PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let nvcc = nvcc();
    let targets = targets()?;
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .ok_or("OUT_DIR is not set")?;
    let mut sources = sources()?;
    // The longest first, so that none of them runs alone in the end.
    sources.sort_by_key(|path| fs::metadata(path).map_or(0, |it| it.len()));
    let jobs = env::var("NUM_JOBS")
        .ok()
        .and_then(|jobs| jobs.parse().ok())
        .unwrap_or(1);
    let jobs = sources.len().clamp(1, usize::max(jobs, 1));
    let (waiting, failed) = (Mutex::new(sources), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(source) = take(&waiting) {
                    if let Err(error) = compile(&nvcc, &targets, &source, &out) {
                        put(&failed, error);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().map_err(|error| error.to_string())?;
    // A compiler that is missing is missing for all of them.
    failed.sort();
    failed.dedup();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}

/// The next source; the lock is free again before nvcc runs.
fn take(waiting: &Mutex<Vec<PathBuf>>) -> Option<PathBuf> {
    waiting.lock().ok()?.pop()
}

fn put(failed: &Mutex<Vec<String>>, error: String) {
    if let Ok(mut failed) = failed.lock() {
        failed.push(error);
    }
}

/// The compiler of the toolkit that the environment names, or else the first on the path.
fn nvcc() -> PathBuf {
    let homes = ["CUDA_HOME", "CUDA_PATH"].iter().filter_map(env::var_os);
    homes
        .map(|home| Path::new(&home).join("bin/nvcc"))
        .find(|nvcc| nvcc.exists())
        .unwrap_or_else(|| PathBuf::from("nvcc"))
}

/// nvcc's options for the compute capabilities.
fn targets() -> Result<Vec<String>, String> {
    let archs = env::var("ANTIKS_CUDA_ARCHS").unwrap_or_else(|_| ARCHS.to_owned());
    let mut numbers = Vec::new();
    for arch in archs.split([' ', ',', ';']).filter(|arch| !arch.is_empty()) {
        match arch.parse::<u32>() {
            Ok(number) if number >= 80 => numbers.push(number),
            _ => {
                return Err(format!(
                    "ANTIKS_CUDA_ARCHS has {arch:?}; it must be compute capabilities from 80 \
                     on, such as {ARCHS:?}"
                ));
            }
        }
    }
    let Some(highest) = numbers.iter().max() else {
        return Err("ANTIKS_CUDA_ARCHS names no compute capability".to_owned());
    };
    // For the message to those whose GPU is none of them.
    let names: Vec<String> = numbers.iter().map(u32::to_string).collect();
    println!("cargo::rustc-env=ANTIKS_CUDA_ARCHS={}", names.join(" "));
    let code = numbers
        .iter()
        .map(|it| format!("arch=compute_{it},code=sm_{it}"));
    let ptx = format!("arch=compute_{highest},code=compute_{highest}");
    Ok(code
        .chain([ptx])
        .flat_map(|target| ["-gencode".to_owned(), target])
        .collect())
}

fn sources() -> Result<Vec<PathBuf>, String> {
    let folder = fs::read_dir(KERNELS).map_err(|error| format!("{KERNELS}: {error}"))?;
    let mut sources = Vec::new();
    for entry in folder {
        let path = entry.map_err(|error| format!("{KERNELS}: {error}"))?.path();
        if path.extension().is_some_and(|extension| extension == "cu") {
            sources.push(path);
        }
    }
    Ok(sources)
}

fn compile(nvcc: &Path, targets: &[String], source: &Path, out: &Path) -> Result<(), String> {
    let image = out.join(
        source
            .with_extension("fatbin")
            .file_name()
            .unwrap_or_default(),
    );
    let result = Command::new(nvcc)
        .args(["-fatbin", "-O3", "-std=c++17", "-o"])
        .arg(&image)
        .args(targets)
        .arg(source)
        .output();
    match result {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "nvcc could not compile {}\n{}{}",
            source.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => Err(format!(
            "{} does not start ({error}), and the feature cuda needs it: run \
             scripts/cuda-toolchain.sh and source the env.sh that it names, or set CUDA_HOME",
            nvcc.display()
        )),
    }
}
