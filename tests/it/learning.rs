//! `antiks train`, `generate` and `doctor`, by the real binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::student::folder;
use crate::support::{Ran, antiks, repository};

/// A folder with a file of `lines` examples, `data.jsonl`.
fn with_examples(lines: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let line = |number: usize| {
        let (question, answer) = (format!("How many of {number}?"), format!("SELECT {number}"));
        let chat = [
            json!({"role": "user", "content": question}),
            json!({"role": "assistant", "content": answer}),
        ];
        json!({ "messages": chat }).to_string()
    };
    let lines: Vec<String> = (0..lines).map(line).collect();
    fs::write(folder.path().join("data.jsonl"), lines.join("\n")).unwrap();
    folder
}

/// The arguments of a short training; `more` are flags, or options that override.
fn arguments<'a>(base: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "train",
        "--base",
        base,
        "--data",
        "data.jsonl",
        "--out",
        out,
        "--lora-rank",
        "4",
        "--learning-rate",
        "0.01",
        "--epochs",
        "4",
        "--seed",
        "5",
        "--device",
        "cpu",
    ];
    let mut more = more.iter();
    while let Some(name) = more.next() {
        match arguments.iter().position(|it| it == name) {
            Some(place) => arguments[place + 1] = more.next().unwrap(),
            None => arguments.push(name),
        }
    }
    arguments
}

fn tiny() -> String {
    folder("tiny").to_str().unwrap().to_owned()
}

fn weights(folder: &Path, out: &str) -> Vec<u8> {
    fs::read(folder.join(out).join("adapter_model.safetensors")).unwrap()
}

fn trained(folder: &Path, out: &str, more: &[&str]) -> Ran {
    let ran = antiks(folder, &arguments(&tiny(), out, more));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran
}

#[test]
fn a_training_repeats_and_says_how_it_was_made() {
    let folder = with_examples(20);
    trained(folder.path(), "first", &[]);
    trained(folder.path(), "second", &["--threads", "1"]);
    assert_eq!(
        weights(folder.path(), "first"),
        weights(folder.path(), "second")
    );
    trained(folder.path(), "recomputed", &["--recompute"]);
    assert_eq!(
        weights(folder.path(), "first"),
        weights(folder.path(), "recomputed")
    );

    let receipt = fs::read_to_string(folder.path().join("first/training.json")).unwrap();
    let receipt: Json = serde_json::from_str(&receipt).unwrap();
    let hash = blake3::hash(&weights(folder.path(), "first"))
        .to_hex()
        .to_string();
    assert_eq!(receipt["weights"], hash.as_str());
    assert_eq!(receipt["steps"].as_array().unwrap().len(), 12);
    assert_eq!(receipt["origin"]["recipe"]["seed"], 5);
    let left = fs::read_dir(folder.path().join("first")).unwrap();
    assert_eq!(left.count(), 3, "the adapter's two files and the receipt");

    let again = antiks(folder.path(), &arguments(&tiny(), "first", &[]));
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("is not empty"), "{}", again.stderr);
    let ended = antiks(folder.path(), &arguments(&tiny(), "first", &["--resume"]));
    assert!(ended.stderr.contains("has ended"), "{}", ended.stderr);

    // Starting from an adapter is another training, which begins where that one ended.
    let first = folder.path().join("first");
    let started = trained(
        folder.path(),
        "further",
        &["--adapter", first.to_str().unwrap(), "--json"],
    );
    let step: Json = serde_json::from_str(started.stdout.lines().next().unwrap()).unwrap();
    let losses = |place: usize| receipt["steps"][place]["loss"].as_f64().unwrap();
    assert!(step["step"]["loss"].as_f64().unwrap() < losses(0) / 2.0);
}

/// A training of 400 epochs that keeps a state after every step.
fn long_training(folder: &Path, out: &str, more: &[&str]) -> Command {
    let long = [&["--save-seconds", "0", "--epochs", "400"], more].concat();
    let mut command = Command::new(env!("CARGO_BIN_EXE_antiks"));
    command
        .args(arguments(&tiny(), out, &long))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Starts a training, and ends it by `signal` once it has kept a state of some steps;
/// `meanwhile` is called before.
fn stopped(
    folder: &Path,
    out: &str,
    signal: &str,
    meanwhile: impl FnOnce(),
) -> (Option<i32>, String) {
    let mut child = long_training(folder, out, &[]).spawn().unwrap();
    let state = folder.join(out).join("state");
    let begun = Instant::now();
    let kept = || -> usize {
        let names = fs::read_dir(&state).into_iter().flatten().flatten();
        let steps =
            names.filter_map(|it| it.file_name().to_str()?.strip_suffix(".json")?.parse().ok());
        steps.max().unwrap_or(0)
    };
    while kept() < 3 {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it takes no steps"
        );
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(2));
    }
    meanwhile();
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_training_that_was_stopped_goes_on_to_the_same_bytes() {
    let folder = with_examples(12);
    let more = ["--epochs", "400"];
    trained(folder.path(), "whole", &more);
    for signal in ["-INT", "-KILL"] {
        let out = signal.trim_start_matches('-');
        let (code, stderr) = stopped(folder.path(), out, signal, || {});
        if signal == "-INT" {
            assert_eq!(code, Some(1), "{stderr}");
            assert!(stderr.contains("--resume goes on"), "{stderr}");
        }
        let other = antiks(
            folder.path(),
            &arguments(&tiny(), out, &["--epochs", "3", "--resume"]),
        );
        assert_eq!(other.code, 1);
        assert!(
            other.stderr.contains("--epochs was 400 and is 3"),
            "{}",
            other.stderr
        );
        let mut resume = more.to_vec();
        resume.push("--resume");
        trained(folder.path(), out, &resume);
        assert_eq!(
            weights(folder.path(), "whole"),
            weights(folder.path(), out),
            "{signal}"
        );
    }
}

#[test]
fn two_at_once_do_not_train_in_one_folder() {
    let folder = with_examples(12);
    stopped(folder.path(), "out", "-INT", || {
        let more = ["--epochs", "400", "--resume"];
        let ran = antiks(folder.path(), &arguments(&tiny(), "out", &more));
        assert_eq!(ran.code, 1);
        assert!(
            ran.stderr.contains("another training runs in out"),
            "{}",
            ran.stderr
        );
    });
}

#[test]
fn a_training_that_nobody_listens_to_keeps_its_state() {
    let folder = with_examples(12);
    // No state is kept in between.
    let mut command = long_training(folder.path(), "out", &["--json", "--save-seconds", "9999"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut first).unwrap();
    assert!(first.contains("tokens_per_s"), "{first}");
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    let states = fs::read_dir(folder.path().join("out/state")).unwrap();
    let names: Vec<String> = states
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.len() == 2 && !names.contains(&"0.json".to_owned()),
        "{names:?}"
    );
    let more = ["--epochs", "400"];
    trained(folder.path(), "whole", &more);
    trained(folder.path(), "out", &[&more[..], &["--resume"]].concat());
    assert_eq!(
        weights(folder.path(), "whole"),
        weights(folder.path(), "out")
    );
}

/// A process that writes beyond its limit is ended by a signal. Ours says why.
#[test]
fn a_limited_file_size_is_an_error() {
    let folder = with_examples(3);
    for blocks in ["0", "1", "30"] {
        let out = format!("out-{blocks}");
        let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_antiks")]);
        command.args(arguments(&tiny(), &out, &[]));
        let output = command.current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{blocks} blocks: {said}");
        assert!(said.contains("file too large"), "{blocks} blocks: {said}");
    }
}

#[test]
fn a_damaged_state_is_not_gone_on_with() {
    let folder = with_examples(12);
    stopped(folder.path(), "out", "-INT", || {});
    let state = folder.path().join("out/state");
    for entry in fs::read_dir(state).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "safetensors") {
            let mut bytes = fs::read(&path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    let more = ["--epochs", "400", "--resume"];
    let ran = antiks(folder.path(), &arguments(&tiny(), "out", &more));
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("no whole state"), "{}", ran.stderr);
}

#[test]
fn what_is_wrong_with_examples_and_numbers_is_said() {
    let folder = with_examples(2);
    let data = folder.path().join("data.jsonl");
    let good = fs::read_to_string(&data).unwrap();
    fs::write(&data, format!("{good}\n{{\"messages\": 3}}\nnonsense\n")).unwrap();
    let ran = antiks(folder.path(), &arguments(&tiny(), "out", &[]));
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("data.jsonl:3") && ran.stderr.contains("data.jsonl:4"),
        "{}",
        ran.stderr
    );
    let ran = trained(folder.path(), "out", &["--skip-bad-lines"]);
    assert!(
        ran.stderr.contains("2 lines are no examples"),
        "{}",
        ran.stderr
    );
    // This base's template refuses a system's turn.
    let turn = |role: &str| json!({"role": role, "content": "x"});
    let chat = json!({"messages": [turn("system"), turn("user"), turn("assistant")]});
    fs::write(&data, format!("{good}\n{chat}\n{chat}\n")).unwrap();
    let ran = antiks(folder.path(), &arguments(&tiny(), "out2", &[]));
    assert_eq!(ran.code, 1);
    for wanted in ["2 of the lines", "data.jsonl:3: ", "data.jsonl:4: "] {
        assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
    }
    let ran = trained(folder.path(), "out2", &["--skip-bad-lines"]);
    assert!(
        ran.stderr.contains("2 lines are no examples for this base"),
        "{}",
        ran.stderr
    );

    fs::write(&data, good).unwrap();
    for (more, code, said) in [
        (["--epochs", "0"], 2, "--epochs must be 1 to"),
        (["--batch", "0"], 2, "--batch must be 1 to"),
        (["--threads", "0"], 2, "--threads must be 1 to"),
        (
            ["--learning-rate", "-1"],
            2,
            "--learning-rate must be above 0",
        ),
        (["--lora-targets", "q_proj,x"], 2, "\"x\" is none of"),
        (["--max-tokens", "3"], 1, "raise --max-tokens"),
        (["--device", "cuda"], 1, "--device cpu"),
        (["--base", "/nowhere"], 1, "/nowhere"),
        (["--data", "none.jsonl"], 1, "none.jsonl"),
    ] {
        let ran = antiks(folder.path(), &arguments(&tiny(), "new", &more));
        if more[0] == "--device" && ran.code == 0 {
            continue; // a binary with CUDA on a machine with a GPU
        }
        assert_eq!(ran.code, code, "{more:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{more:?}: {}", ran.stderr);
        assert!(!folder.path().join("new/training.json").exists());
        let _ = fs::remove_dir_all(folder.path().join("new"));
    }
}

#[test]
fn all_weights_can_be_trained_and_the_result_is_a_base() {
    let folder = with_examples(10);
    trained(
        folder.path(),
        "model",
        &["--method", "full", "--learning-rate", "0.001"],
    );
    let model = folder.path().join("model");
    let started = ["--method", "full", "--adapter", "model"];
    let refused = antiks(folder.path(), &arguments(&tiny(), "other", &started));
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("--adapter is for --method lora"),
        "{}",
        refused.stderr
    );
    let asked = [
        "generate",
        "--base",
        model.to_str().unwrap(),
        "--prompt",
        "How many of 3?",
        "--json",
    ];
    let ran = antiks(folder.path(), &asked);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let before: PathBuf = self::folder("tiny");
    let asked_before = [
        "generate",
        "--base",
        before.to_str().unwrap(),
        "--prompt",
        "How many of 3?",
        "--json",
    ];
    assert_ne!(ran.stdout, antiks(folder.path(), &asked_before).stdout);
}

#[test]
fn prompts_of_a_file_are_answered_in_their_order() {
    let folder = with_examples(30);
    trained(folder.path(), "out", &["--epochs", "60"]);
    let lines = [
        json!({"prompt": "How many of 3?"}),
        json!({"messages": [{"role": "user", "content": "How many of 17?"}]}),
    ];
    fs::write(
        folder.path().join("asked.jsonl"),
        format!("{}\n\n{}\n", lines[0], lines[1]),
    )
    .unwrap();
    let tiny = tiny();
    let asked = [
        "generate",
        "--base",
        &tiny,
        "--adapter",
        "out",
        "--file",
        "asked.jsonl",
        "--json",
        "--max-new-tokens",
        "12",
    ];
    let ran = antiks(folder.path(), &asked);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let answers: Vec<Json> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0]["prompt"], "How many of 3?");
    assert!(
        answers[0]["text"].as_str().unwrap().starts_with("SELECT"),
        "{}",
        answers[0]
    );
    let tokens = answers[1]["tokens"].as_array().unwrap().len();
    assert_eq!(answers[1]["logprobs"].as_array().unwrap().len(), tokens);

    fs::write(folder.path().join("asked.jsonl"), "{\"question\": 1}\n").unwrap();
    let ran = antiks(folder.path(), &asked);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("asked.jsonl:1"), "{}", ran.stderr);
    fs::write(folder.path().join("asked.jsonl"), "\n{\"prompt\": }\n").unwrap();
    let ran = antiks(folder.path(), &asked);
    assert!(
        ran.stderr
            .contains("asked.jsonl:2: it is no JSON: expected value"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_doctor_says_what_fits() {
    let folder = tempfile::tempdir().unwrap();
    let base = repository("tests/data/student/tiny");
    let ran = antiks(
        folder.path(),
        &["doctor", "--base", base.to_str().unwrap(), "--json"],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let said: Json = serde_json::from_str(&ran.stdout).unwrap();
    assert!(
        said["LoRA_training"].as_str().unwrap().contains("fits"),
        "{said}"
    );
    assert_eq!(said["base_id"].as_str().unwrap().len(), 64);
    assert!(said["cores"].as_u64().unwrap() > 0);
    let wrong = antiks(folder.path(), &["doctor", "--threads", "0"]);
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    let absent = antiks(folder.path(), &["doctor", "--base", "nobody/nothing"]);
    assert!(
        absent.stdout.contains("not in the Hugging Face cache"),
        "{}",
        absent.stdout
    );
    let text = antiks(folder.path(), &["doctor"]).stdout;
    assert!(
        text.contains("machine") && text.contains("sqlite"),
        "{text}"
    );
}
