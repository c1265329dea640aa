//! House rules as code: who may import whom, and how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repository;

/// Each layer, and the layers that it may import. A layer that is not here fails.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("event", &["base"]),
    ("lake", &["base", "event"]),
    ("query", &["base", "event", "lake"]),
    ("sandbox", &["base"]),
    ("database", &["base", "event", "sandbox"]),
    ("grading", &["base", "event", "sandbox", "database"]),
    (
        "teacher",
        &["base", "event", "sandbox", "database", "grading"],
    ),
    ("ops", &["base"]),
    ("student", &["base", "ops"]),
    ("train", &["base", "ops", "student"]),
    (
        "nano",
        &["base", "database", "grading", "teacher", "student", "train"],
    ),
    (
        "round",
        &[
            "base", "event", "lake", "query", "sandbox", "database", "grading", "teacher",
            "student", "train", "nano",
        ],
    ),
    (
        "replay",
        &[
            "base", "event", "lake", "query", "teacher", "student", "round",
        ],
    ),
    (
        "cli",
        &[
            "base", "event", "lake", "query", "sandbox", "database", "grading", "teacher", "ops",
            "student", "train", "nano", "round", "replay",
        ],
    ),
];

/// Crates that shape what uses them, and the layers that may.
const CRATES: &[(&str, &[&str])] = &[
    ("arrow", &["event", "lake", "query", "round", "cli"]),
    (
        "candle_core",
        &["ops", "student", "train", "nano", "round", "cli"],
    ),
    ("clap", &["cli"]),
    ("comfy_table", &["cli"]),
    ("datafusion", &["query", "cli"]),
    ("gemm", &["ops"]),
    ("hf_hub", &["student"]),
    ("indicatif", &["cli"]),
    ("minijinja", &["teacher", "student"]),
    ("parquet", &["lake", "cli"]),
    ("reqwest", &["teacher"]),
    ("rusqlite", &["sandbox", "database", "teacher"]),
    ("rustyline", &["cli"]),
    ("sqlparser", &["grading"]),
    ("tokenizers", &["student", "nano"]),
    ("tokio", &["query", "teacher", "cli"]),
];

/// Layers whose files may import each other in a circle: kinds of events refer to each
/// other by typed ids, as the events do.
const CIRCLES: &[&str] = &["event"];

const MAX_LINES: usize = 500;

#[test]
fn layers_import_only_those_above_them() {
    let mut wrong = Vec::new();
    for (layer, path, text) in sources() {
        let allowed = allowed(&layer);
        for import in imports(&text, "crate::") {
            if import != layer && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn crates_stay_in_their_layers() {
    let mut wrong = Vec::new();
    for (layer, path, text) in sources() {
        for (name, layers) in CRATES {
            let uses = code(&text).any(|line| line.contains(&format!("{name}::")));
            if uses && !layers.contains(&layer.as_str()) {
                wrong.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_of_a_layer_import_each_other_one_way_only() {
    let mut uses: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (layer, path, text) in sources() {
        let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if file != "mod" && !CIRCLES.contains(&layer.as_str()) {
            let siblings = imports(&text, "super::").into_iter().collect();
            uses.insert((layer, file), siblings);
        }
    }
    for (layer, file) in uses.keys() {
        let mut seen = BTreeSet::new();
        let mut next: Vec<String> = uses[&(layer.clone(), file.clone())]
            .iter()
            .cloned()
            .collect();
        while let Some(sibling) = next.pop() {
            assert_ne!(
                &sibling, file,
                "{layer}/{file}.rs imports itself by way of others"
            );
            if seen.insert(sibling.clone())
                && let Some(more) = uses.get(&(layer.clone(), sibling))
            {
                next.extend(more.iter().cloned());
            }
        }
    }
}

#[test]
fn every_folder_of_src_is_a_layer() {
    for entry in fs::read_dir(repository("src")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            allowed(entry.file_name().to_str().unwrap());
        }
    }
}

#[test]
fn files_are_short() {
    let long: Vec<String> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| rust_files(&repository(folder)))
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > MAX_LINES).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_test_file_runs() {
    let main = fs::read_to_string(repository("tests/it/main.rs")).unwrap();
    for path in rust_files(&repository("tests/it")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            name == "main" || main.contains(&format!("mod {name};")),
            "tests/it/{name}.rs is not in main.rs"
        );
    }
}

fn allowed(layer: &str) -> &'static [&'static str] {
    let found = LAYERS.iter().find(|(name, _)| *name == layer);
    found
        .unwrap_or_else(|| panic!("src/{layer} is not in the table"))
        .1
}

/// Every file of every layer: layer, path, text.
fn sources() -> Vec<(String, PathBuf, String)> {
    let src = repository("src");
    let of_layer = |path: PathBuf| {
        let inner = path.strip_prefix(&src).unwrap();
        let layer = inner.components().next().unwrap().as_os_str();
        let layer = layer.to_str().unwrap().to_owned();
        (!layer.ends_with(".rs")).then(|| {
            let text = fs::read_to_string(&path).unwrap();
            (layer, path, text)
        })
    };
    let sources: Vec<_> = rust_files(&src).into_iter().filter_map(of_layer).collect();
    assert!(sources.len() > 20, "the sources were found");
    sources
}

/// Lines that are no comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// The first names behind `prefix`, also in `use crate::{a, b}`.
fn imports(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in code(text) {
        for (place, _) in line.match_indices(prefix) {
            let rest = &line[place + prefix.len()..];
            let names = match rest.strip_prefix('{') {
                Some(list) => list.split(',').collect(),
                None => vec![rest],
            };
            for name in names {
                let is_part = |character: &char| character.is_alphanumeric() || *character == '_';
                let name: String = name.trim().chars().take_while(is_part).collect();
                if name.chars().next().is_some_and(char::is_lowercase) {
                    found.insert(name);
                }
            }
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
