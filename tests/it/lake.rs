//! The lake as its users in the code meet it: commits, versions, refusals, recovery.

use std::fs;

use antiks::base::id::{ContentHash, Id};
use antiks::event::retraction::Retraction;
use antiks::event::run_started::RunStarted;
use antiks::event::training_step::TrainingStep;
use antiks::event::{Event, Observed, Time};
use antiks::lake::report::{Report, Silent};
use antiks::lake::verify::verify;
use antiks::lake::{Lake, LakeError, Writer, layout};

use crate::support::{ground, import_text, sample_events};

fn observed() -> Observed {
    Observed {
        recorded_at: Time(1),
        host: "example machine".to_owned(),
        duration_us: None,
        cost_microusd: None,
    }
}

fn run(name: &str) -> Event<RunStarted> {
    let body = RunStarted {
        name: name.to_owned(),
        parent_run_id: None,
        parent_iteration: None,
        seed: 1,
        teacher: "offline".to_owned(),
        student: "nano".to_owned(),
        base_hash: ContentHash::of(b"base"),
        suite_hash: None,
        settings: Vec::new(),
        code_version: "0".to_owned(),
    };
    Event {
        iteration: 0,
        body,
        observed: observed(),
    }
}

fn retraction(target: Id<RunStarted>, reason: &str) -> Event<Retraction> {
    let body = Retraction {
        target_id: target.any(),
        reason: reason.to_owned(),
    };
    Event {
        iteration: 0,
        body,
        observed: observed(),
    }
}

fn new_lake() -> (tempfile::TempDir, Writer) {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::create(&folder.path().join("lake"), &ground()).unwrap();
    (folder, writer)
}

fn checked(lake: &Lake) -> Report {
    let report = verify(lake.root(), None, &mut Silent).unwrap();
    assert!(report.ok, "{:#?}", report.findings);
    report
}

#[test]
fn what_was_committed_is_read_back_in_order_at_every_version() {
    let (_folder, mut writer) = new_lake();
    for name in ["a", "b", "c"] {
        let mut draft = writer.begin(name);
        draft.append(&run(name)).unwrap();
        draft.commit().unwrap();
    }
    let lake = Lake::open(writer.lake().root()).unwrap();
    let names = |lake: &Lake| {
        let mut names = String::new();
        lake.read_events::<RunStarted>(|seq, id, event| {
            assert_eq!(seq, names.len() as i64);
            assert_eq!(id, event.id());
            names.push_str(&event.body.name);
        })
        .unwrap();
        names
    };
    assert_eq!(names(&lake), "abc");
    assert_eq!(names(&lake.at(2).unwrap()), "ab");
    assert_eq!(names(&Lake::open_at(lake.root(), 0).unwrap()), "");
    assert!(matches!(
        lake.at(4),
        Err(LakeError::NoVersion {
            wanted: 4,
            newest: 3
        })
    ));
    assert_eq!(checked(&lake).events, 3);
}

#[test]
fn kinds_interleave_in_one_commit_over_many_batches() {
    let (_folder, mut writer) = new_lake();
    let mut draft = writer.begin("many");
    for number in 0..20_000 {
        let id = draft.append(&run(&number.to_string())).unwrap();
        if number % 3 == 0 {
            draft.append(&retraction(id, &number.to_string())).unwrap();
        }
    }
    let entry = draft.commit().unwrap();
    assert_eq!(entry.commit.events.len(), 2);
    assert_eq!(entry.commit.rows(), 26_667);
    assert_eq!(checked(writer.lake()).events, 26_667);
}

#[test]
fn nothing_is_recorded_twice_and_nothing_points_nowhere() {
    let (_folder, mut writer) = new_lake();
    let mut draft = writer.begin("first");
    let id = draft.append(&run("a")).unwrap();
    assert!(draft.append(&run("a")).unwrap_err().is_already_recorded());
    let nowhere = retraction(run("b").id(), "it is not there yet");
    let refused = draft.append(&nowhere);
    assert!(
        matches!(refused, Err(LakeError::UnknownReference { .. })),
        "{refused:?}"
    );
    draft.commit().unwrap();

    // The same when the ids have to be read from the files again.
    let root = writer.lake().root().to_owned();
    drop(writer);
    let mut writer = Writer::open(&root, &ground()).unwrap();
    let mut draft = writer.begin("second");
    assert!(draft.append(&run("a")).unwrap_err().is_already_recorded());
    assert!(matches!(
        draft.append(&nowhere),
        Err(LakeError::UnknownReference { .. })
    ));
    draft.append(&retraction(id, "it is there")).unwrap();
    draft.append(&run("b")).unwrap();
    draft.append(&nowhere).unwrap();
    draft.commit().unwrap();
    assert!(writer.contains(id).unwrap());
    assert!(!writer.contains(run("c").id()).unwrap());
    assert_eq!(checked(writer.lake()).events, 4);
}

#[test]
fn a_draft_that_is_dropped_was_never_there() {
    let (_folder, mut writer) = new_lake();
    let mut draft = writer.begin("dropped");
    draft.append(&run("a")).unwrap();
    draft.blob(&b"content"[..]).unwrap();
    drop(draft);
    let staged = fs::read_dir(writer.lake().root().join(layout::STAGING)).unwrap();
    assert_eq!(staged.count(), 0);
    let mut draft = writer.begin("kept");
    draft.append(&run("a")).unwrap();
    draft.commit().unwrap();
    assert_eq!(checked(writer.lake()).commits, 2);
}

#[test]
fn every_bit_of_a_float_survives() {
    let (_folder, mut writer) = new_lake();
    import_text(&mut writer, &sample_events(), "samples");
    let mut steps = Vec::new();
    let lake = writer.lake().clone();
    lake.read_events::<TrainingStep>(|_, _, event| steps.push(event))
        .unwrap();
    let losses = [
        0.0,
        -0.0,
        f64::NAN,
        f64::from_bits(0x7ff8_0000_0000_0001),
        f64::from_bits(0xfff0_0000_0000_0001),
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE / 2.0,
        0.1 + 0.2,
    ];
    let mut draft = writer.begin("floats");
    for (number, loss) in losses.iter().cycle().take(90).enumerate() {
        let mut step = steps[0].clone();
        step.body.step = 100 + number as i64;
        step.body.loss = *loss;
        draft.append(&step).unwrap();
    }
    draft.commit().unwrap();
    checked(writer.lake());
    let mut read = Vec::new();
    let lake = writer.lake();
    lake.read_events::<TrainingStep>(|_, _, event| read.push(event.body.loss.to_bits()))
        .unwrap();
    let bits: Vec<u64> = losses
        .iter()
        .cycle()
        .take(90)
        .map(|loss| loss.to_bits())
        .collect();
    assert_eq!(read[steps.len()..], bits);
}

#[test]
fn blobs_are_stored_once_and_checked_when_read() {
    let (_folder, mut writer) = new_lake();
    let mut hashes = Vec::new();
    for note in ["first", "second"] {
        let mut draft = writer.begin(note);
        hashes.push(draft.blob(&b"the same"[..]).unwrap());
        hashes.push(draft.blob(&b"the same"[..]).unwrap());
        draft.commit().unwrap();
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
    let lake = writer.lake();
    assert_eq!(lake.entries()[1].commit.blobs.len(), 1);
    assert_eq!(lake.entries()[2].commit.blobs.len(), 0);
    assert_eq!(lake.read_blob(hashes[0]).unwrap(), b"the same");
    fs::write(lake.root().join(layout::blob(hashes[0])), b"the sane").unwrap();
    assert!(matches!(
        lake.read_blob(hashes[0]),
        Err(LakeError::Damaged { .. })
    ));
}

#[test]
fn one_writer_at_a_time_and_readers_at_any() {
    let (_folder, mut writer) = new_lake();
    let root = writer.lake().root().to_owned();
    let second = Writer::open(&root, &ground());
    assert!(matches!(second, Err(LakeError::Locked { holder }) if holder.contains("process")));
    let before = Lake::open(&root).unwrap();
    let mut draft = writer.begin("a");
    draft.append(&run("a")).unwrap();
    assert_eq!(Lake::open(&root).unwrap().version(), 0);
    draft.commit().unwrap();
    assert_eq!(
        (before.version(), Lake::open(&root).unwrap().version()),
        (0, 1)
    );
    drop(writer);
    Writer::open(&root, &ground()).unwrap();
    assert!(matches!(
        Writer::create(&root, &ground()),
        Err(LakeError::Exists(_))
    ));
}

#[test]
fn what_a_crash_left_behind_is_put_away() {
    let (_folder, mut writer) = new_lake();
    let mut draft = writer.begin("a");
    draft.append(&run("a")).unwrap();
    let entry = draft.commit().unwrap();
    let root = writer.lake().root().to_owned();
    drop(writer);
    let named = root.join(entry.commit.events[0].path());
    let hash = "00".repeat(32);
    let orphan = named.with_file_name(format!("{hash}.parquet"));
    let foreign = root.join("events/notes.csv");
    fs::write(&foreign, "somebody else's").unwrap();
    fs::write(root.join(layout::STAGING).join("session.db"), "precious").unwrap();
    fs::copy(&named, &orphan).unwrap();
    fs::write(root.join(layout::STAGING).join("77-1"), b"half a file").unwrap();
    let report = checked(&Lake::open(&root).unwrap());
    assert_eq!(report.notes.len(), 1, "verify only notes it");
    assert!(orphan.exists(), "readers change nothing");

    Writer::open(&root, &ground()).unwrap();
    assert!(named.exists() && !orphan.exists());
    let aside = format!("orphans/kind=run_started/iteration=0/{hash}.parquet");
    assert!(root.join(aside).exists());
    assert!(foreign.exists(), "what is not ours stays");
    let staged = fs::read_dir(root.join(layout::STAGING)).unwrap();
    let staged: Vec<_> = staged.map(|it| it.unwrap().file_name()).collect();
    assert_eq!(staged, ["session.db"]);

    // Had a record named the file after all, it would be brought back.
    let aside = root
        .join(layout::ORPHANS)
        .join("kind=run_started/iteration=0");
    fs::rename(&named, aside.join(named.file_name().unwrap())).unwrap();
    Writer::open(&root, &ground()).unwrap();
    assert!(named.exists());
    checked(&Lake::open(&root).unwrap());
}

#[test]
fn a_log_with_a_gap_is_not_opened() {
    let (_folder, mut writer) = new_lake();
    for name in ["a", "b"] {
        let mut draft = writer.begin(name);
        draft.append(&run(name)).unwrap();
        draft.commit().unwrap();
    }
    let root = writer.lake().root().to_owned();
    drop(writer);
    fs::remove_file(root.join(layout::commit(1))).unwrap();
    for opened in [
        Lake::open(&root),
        Writer::open(&root, &ground()).map(|it| it.lake().clone()),
    ] {
        assert!(matches!(opened, Err(LakeError::Damaged { .. })));
    }
    let report = verify(&root, None, &mut Silent).unwrap();
    assert_eq!(report.findings[0].path, "log/00000000000000000001.json");
}

#[test]
fn a_lake_of_a_newer_format_is_named() {
    let (_folder, writer) = new_lake();
    let root = writer.lake().root().to_owned();
    drop(writer);
    let mut commit = Lake::open(&root).unwrap().newest().commit.clone();
    commit.format = 2;
    fs::remove_file(root.join(layout::commit(0))).unwrap();
    let (bytes, _) = antiks::base::framed::seal("commit", &commit).unwrap();
    fs::write(root.join(layout::commit(0)), bytes).unwrap();
    let error = Lake::open(&root).unwrap_err().to_string();
    assert!(error.contains("format 2"), "{error}");
}

#[test]
fn a_folder_of_somebody_else_is_not_made_a_lake() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "tmp/session.db",
        "log/production.log",
        "events/2024.csv",
        "blobs",
    ] {
        let root = folder.path().join(name.replace('/', "-"));
        let file = root.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "precious").unwrap();
        let refused = Writer::open_or_create(&root, &ground()).err().unwrap();
        assert!(
            matches!(refused, LakeError::Occupied { .. }),
            "{name}: {refused}"
        );
        assert_eq!(fs::read(&file).unwrap(), b"precious");
    }
    let root = folder.path().join("with-a-page");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("README.md"), "about the lake").unwrap();
    Writer::open_or_create(&root, &ground()).unwrap();
}

#[test]
fn a_commit_may_hold_more_files_than_a_process_may_open() {
    let (_folder, mut writer) = new_lake();
    let mut draft = writer.begin("many files");
    for number in 0..1500 {
        draft.blob(number.to_string().as_bytes()).unwrap();
        let mut event = run(&number.to_string());
        event.iteration = number;
        draft.append(&event).unwrap();
    }
    assert_eq!(draft.commit().unwrap().commit.events.len(), 1500);
    assert_eq!(checked(writer.lake()).files, 3000);
}
