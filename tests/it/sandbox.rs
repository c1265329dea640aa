//! The sandbox under attack, by the real worker process.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use antiks::sandbox::{
    Ending, Job, Layer, MAX_STEPS, Outcome, Program, Sandbox, SandboxError, Value,
};

use crate::support::{program, repository};

/// The table that hostile statements meet: `t(a INTEGER, b TEXT, c REAL)` with 50 rows.
pub fn script() -> String {
    let rows: Vec<String> = (1..=50)
        .map(|a| format!("({a}, 'text {}', {a}.5)", a % 7))
        .collect();
    let rows = rows.join(", ");
    format!("CREATE TABLE t (a INTEGER, b TEXT, c REAL); INSERT INTO t VALUES {rows};")
}

fn run_one(sandbox: &Sandbox, sql: &str) -> Result<Outcome, SandboxError> {
    let job = Job {
        scripts: vec![script()],
        statements: vec![sql.to_owned()],
        max_steps: MAX_STEPS,
    };
    let mut outcomes = sandbox.run(&job)?;
    Ok(outcomes.remove(0).remove(0))
}

fn weakened(program: Program, layers: &[Layer]) -> Sandbox {
    Sandbox::weakened(program, 1, layers.iter().copied().collect())
}

/// The statements of a file of attacks, without its first line, which says what it is.
pub fn attacks(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let (_, body) = text.split_once('\n').unwrap();
    let is_escaped = path.extension().is_some_and(|it| it == "escaped");
    let statements: Vec<String> = match body.lines().any(|line| line == "---") {
        true => body.split("---\n").map(str::to_owned).collect(),
        false => body.lines().map(str::to_owned).collect(),
    };
    match is_escaped {
        true => statements.iter().map(|it| unescaped(it)).collect(),
        false => statements,
    }
}

fn unescaped(line: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = line.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        match (first, more) {
            (b'\\', [b'x', high, low, more @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = more;
            }
            (b'\\', [b'\\', more @ ..]) => {
                bytes.push(b'\\');
                rest = more;
            }
            (byte, more) => {
                bytes.push(*byte);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_attack_escapes_lingers_or_spoils_the_next_verdict() {
    let sandbox = Sandbox::new(program(), 2);
    let right = run_one(&sandbox, "SELECT count(*), sum(a), max(b) FROM t").unwrap();
    let folder = repository("tests/data/hostile");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    paths.sort();
    let (mut count, mut slowest, mut killed) = (0, Duration::ZERO, Vec::new());
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        for sql in attacks(&path) {
            count += 1;
            let start = Instant::now();
            let outcome = run_one(&sandbox, &sql);
            let took = start.elapsed();
            slowest = slowest.max(took);
            let shown: String = sql.chars().take(200).collect();
            assert!(took < Duration::from_secs(4), "{name}: {took:?}: {shown}");
            match outcome {
                Ok(outcome) => check(&name, &shown, &outcome),
                Err(SandboxError::Late(_) | SandboxError::Died(_)) => killed.push(shown),
                Err(error) => panic!("{name}: {error}: {shown}"),
            }
            let next = run_one(&sandbox, "SELECT count(*), sum(a), max(b) FROM t").unwrap();
            assert_eq!(next, right, "{name}: after {sql}");
        }
    }
    assert!(count >= 700, "{count} statements");
    assert!(
        killed.is_empty(),
        "ended by the deadline, not by a limit: {killed:#?}"
    );
    for file in ["/tmp/antiks-hostile.db", "/stolen.db", "stolen.db"] {
        assert!(!Path::new(file).exists(), "{file} was made");
    }
    println!("{count} hostile statements, the slowest took {slowest:?}");
}

fn check(file: &str, sql: &str, outcome: &Outcome) {
    let ran = matches!(outcome.ending, Ending::Rows { .. });
    match file {
        "harmless.sql" => assert!(ran, "{sql}: {:?}", outcome.ending),
        "files.sql" | "environment.sql" => {
            assert!(!ran, "{file}: {sql} ran: {:?}", outcome.ending);
        }
        _ => {}
    }
}

#[test]
fn a_worker_has_no_environment_little_memory_and_a_filter() {
    let sandbox = Sandbox::new(program(), 1);
    let greedy = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 200000) \
                  SELECT group_concat(hex(zeroblob(10000))) FROM r ORDER BY 1";
    let _ = run_one(&sandbox, greedy);
    run_one(&sandbox, "SELECT 1").unwrap();
    let workers = workers_of_this_process("sandbox-worker");
    assert!(!workers.is_empty());
    for pid in workers {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}"));
        // Other tests' workers come and go.
        let (Ok(environment), Ok(status)) = (read("environ"), read("status")) else {
            continue;
        };
        if environment.is_empty() {
            continue;
        }
        assert_eq!(environment, "TZ=UTC\0");
        let field = |name: &str| {
            let line = status
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or("x: 0");
            line.split_whitespace()
                .nth(1)
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        assert!(field("VmHWM:") < 300 << 10, "{} KiB", field("VmHWM:"));
    }
}

fn workers_of_this_process(command_part: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let children = task.unwrap().path().join("children");
        let children = fs::read_to_string(children).unwrap_or_default();
        for pid in children.split_whitespace() {
            let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if command.contains(command_part) {
                found.push(pid.parse().unwrap());
            }
        }
    }
    found
}

/// What stands behind a layer when it alone is missing.
enum Behind {
    /// Some other layer catches the attack.
    Caught,
    /// Nothing does: the attack succeeds, so this layer is the only one.
    Only,
}

#[test]
fn behind_every_layer_stands_another_or_it_is_known_to_be_alone() {
    use Behind::{Caught, Only};
    const ENDLESS: &str =
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r";
    const MANY_ROWS: &str = "SELECT a.a FROM t a, t b, t c";
    const HUGE: &str = "SELECT length(printf('%.*c', 300000000, 'x'))";
    for (layer, sql, behind) in [
        (
            Layer::Authorizer,
            "ATTACH '/tmp/antiks-hostile.db' AS x",
            Caught,
        ),
        (Layer::Authorizer, "SELECT random()", Only),
        (Layer::Authorizer, "SELECT name FROM sqlite_schema", Only),
        (Layer::ReadOnly, "DELETE FROM t RETURNING a", Caught),
        (Layer::ReadOnly, "EXPLAIN SELECT 1", Only),
        (Layer::SqliteLimits, HUGE, Caught),
        (Layer::Heap, HUGE, Caught),
        (Layer::Steps, ENDLESS, Caught),
        (Layer::ResultCaps, MANY_ROWS, Only),
        (Layer::ProcessLimits, HUGE, Caught),
        (
            Layer::Landlock,
            "VACUUM INTO '/tmp/antiks-hostile.db'",
            Caught,
        ),
        (
            Layer::Seccomp,
            "VACUUM INTO '/tmp/antiks-hostile.db'",
            Caught,
        ),
        (Layer::Deadline, ENDLESS, Caught),
    ] {
        let outcome = run_one(&weakened(program(), &[layer]), sql);
        let ran = outcome
            .as_ref()
            .is_ok_and(|it| matches!(it.ending, Ending::Rows { .. }));
        let expected = matches!(behind, Only);
        assert_eq!(ran, expected, "without {layer:?}: {sql}: {outcome:?}");
        // With all layers in place, nothing of it gets through.
        let whole = run_one(&Sandbox::new(program(), 1), sql).unwrap();
        assert!(
            !matches!(whole.ending, Ending::Rows { .. }),
            "{sql}: {whole:?}"
        );
    }
}

#[test]
fn the_system_s_layers_stop_a_statement_that_got_past_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let past = [Layer::Authorizer, Layer::ReadOnly, Layer::SqliteLimits];
    let outer = [Layer::ProcessLimits, Layer::Landlock, Layer::Seccomp];
    for (place, left) in outer.into_iter().enumerate() {
        let file = folder.path().join(format!("{place}.db"));
        let sql = format!("VACUUM INTO '{}'", file.display());
        let off: Vec<Layer> = past
            .into_iter()
            .chain(outer.into_iter().filter(|it| *it != left))
            .collect();
        let outcome = run_one(&weakened(program(), &off), &sql);
        let len = fs::metadata(&file).map_or(0, |it| it.len());
        assert_eq!(len, 0, "only {left:?} was left: {outcome:?}");
    }
    // Without any of them the attack is a real one.
    let file = folder.path().join("made.db");
    let off: Vec<Layer> = past.into_iter().chain(outer).collect();
    let _ = run_one(
        &weakened(program(), &off),
        &format!("VACUUM INTO '{}'", file.display()),
    );
    assert!(
        fs::metadata(&file).is_ok_and(|it| it.len() > 0),
        "the attack did not work at all"
    );
}

#[test]
fn a_worker_that_dies_costs_nobody_a_verdict() {
    // Under a name of its own, so that no other test's workers are met.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("antiks-to-be-killed");
    std::os::unix::fs::symlink(program().path, &path).unwrap();
    let sandbox = Sandbox::new(
        Program {
            path: path.clone(),
            ..program()
        },
        1,
    );
    for _ in 0..3 {
        run_one(&sandbox, "SELECT 1").unwrap();
        let workers = workers_of_this_process(path.to_str().unwrap());
        assert_eq!(workers.len(), 1);
        for pid in workers {
            let _ = std::process::Command::new("kill")
                .args(["-9", &pid.to_string()])
                .status();
        }
        let outcome = run_one(&sandbox, "SELECT a FROM t WHERE a = 7").unwrap();
        let Ending::Rows { rows, .. } = outcome.ending else {
            panic!("{outcome:?}");
        };
        assert_eq!(rows, [[Value::Integer(7)]]);
    }
}

#[test]
fn a_program_that_is_no_worker_is_an_error() {
    for path in ["/bin/true", "/bin/cat", "/no/such/program"] {
        let program = Program {
            path: path.into(),
            arguments: Vec::new(),
        };
        assert!(
            run_one(&Sandbox::new(program, 1), "SELECT 1").is_err(),
            "{path}"
        );
    }
}
