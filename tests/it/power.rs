//! The power fails after any operation of a lake's writer: whatever was acknowledged is
//! there, and everything is whole. And the proof that this test sees a missing sync.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use antiks::base::disk::Disk;
use antiks::base::id::ContentHash;
use antiks::lake::import::{ImportError, import};
use antiks::lake::report::Silent;
use antiks::lake::spool::{Body, CallState, Intent, Response, Spool, request_hash};
use antiks::lake::verify::verify;
use antiks::lake::{Ground, LakeError, Writer};

use crate::lakes::{chain, commit_training_set, database_line, run_line};
use crate::random::Random;
use crate::sim_disk::{Ignored, Loss, Model, Op, SimDisk};
use crate::support;

const LAKE: &str = "lake";
const ENDPOINT: &str = "https://example.org/v1/chat";
/// How many mixes of what was not synced are tried after each operation.
const MIXES: u64 = 4;

/// Something that a caller may rely on.
#[derive(Clone, Debug)]
enum Said {
    /// The lake's newest commit.
    Commit(u64, ContentHash),
    /// A call may be made.
    Intent(Intent),
    /// A call need not be made again.
    Response(Response),
}

/// What was said, and after which operation of the disk.
struct Told {
    disk: SimDisk,
    said: Vec<(usize, Said)>,
}

impl Told {
    fn new(disk: SimDisk) -> Self {
        Self {
            disk,
            said: Vec::new(),
        }
    }

    fn say(&mut self, said: Said) {
        self.said.push((self.disk.len(), said));
    }

    fn say_newest(&mut self, writer: &Writer) {
        let newest = writer.lake().newest();
        self.say(Said::Commit(newest.commit.number, newest.hash));
    }

    /// What was said when so many operations were done.
    fn by(&self, operations: usize) -> Vec<Said> {
        let said = self.said.iter().filter(|(when, _)| *when <= operations);
        said.map(|(_, said)| said.clone()).collect()
    }
}

fn ground(disk: &SimDisk) -> Ground {
    Ground {
        disk: Arc::new(disk.clone()),
        ..support::ground()
    }
}

/// Makes a lake, three commits with blobs and a training set, and two paid calls; or
/// whatever of that is not there yet, as a command does that is started again.
fn work(base: &Path, told: &mut Told) -> Result<(), LakeError> {
    let ground = ground(&told.disk);
    let mut writer = Writer::open_or_create(&base.join(LAKE), &ground)?;
    told.say_newest(&writer);
    import_again(&mut writer, &chain())?;
    told.say_newest(&writer);
    for ordinal in 0..2 {
        call(&writer.spool(), ordinal, told)?;
    }
    let more = format!(
        "{}{}",
        run_line("more"),
        database_line("more", "a longer blob")
    );
    import_again(&mut writer, &more)?;
    told.say_newest(&writer);
    if writer.lake().event_files("snapshot").next().is_none() {
        commit_training_set(&mut writer)?;
    }
    told.say_newest(&writer);
    call(&writer.spool(), 2, told)
}

fn import_again(writer: &mut Writer, lines: &str) -> Result<(), LakeError> {
    match import(writer, lines.as_bytes(), "events") {
        Ok(_) => Ok(()),
        Err(ImportError::Lake(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

/// Makes a paid call, unless its response is there.
fn call(spool: &Spool, ordinal: u32, told: &mut Told) -> Result<(), LakeError> {
    let request = request_hash(ENDPOINT, ordinal, b"hello");
    let attempt = match spool.state(request)? {
        CallState::New => 0,
        CallState::Unanswered { attempts } => attempts.len() as u32,
        CallState::Answered(response) => {
            told.say(Said::Response(response));
            return Ok(());
        }
    };
    let intent = Intent {
        request,
        attempt,
        at_us: 1,
        endpoint: ENDPOINT.to_owned(),
        ordinal,
        body: Body::new(b"hello".to_vec()),
        reserved_microusd: Some(10),
    };
    spool.intend(&intent)?;
    told.say(Said::Intent(intent));
    let response = Response {
        request,
        attempt,
        at_us: 2,
        http_status: Some(200),
        body: Body::new(format!("answer {ordinal}").into_bytes()),
        error: None,
    };
    spool.respond(&response)?;
    told.say(Said::Response(response));
    Ok(())
}

/// Opens what is left in `base` as the next process does; gives what is wrong.
fn recover(base: &Path, said: &[Said]) -> Result<(), String> {
    let root = base.join(LAKE);
    let ground = ground(&SimDisk::new(base));
    let text = |error: LakeError| error.to_string();
    let mut writer = match said.is_empty() {
        true => Writer::open_or_create(&root, &ground),
        false => {
            verified(&root, "before it is opened")?;
            Writer::open(&root, &ground)
        }
    }
    .map_err(text)?;
    for said in said {
        holds(&writer, said)?;
    }
    import_again(&mut writer, &run_line("after")).map_err(text)?;
    verified(&root, "after another commit")
}

fn verified(root: &Path, when: &str) -> Result<(), String> {
    let report = verify(root, None, &mut Silent).map_err(|error| format!("{when}: {error}"))?;
    match report.ok {
        true => Ok(()),
        false => Err(format!("{when}: {:?}", report.findings)),
    }
}

fn holds(writer: &Writer, said: &Said) -> Result<(), String> {
    let state = |request| {
        writer
            .spool()
            .state(request)
            .map_err(|error| error.to_string())
    };
    let is_there = match said {
        Said::Commit(number, hash) => {
            let entry = writer.lake().entries().get(*number as usize);
            entry.is_some_and(|entry| entry.hash == *hash)
        }
        Said::Intent(intent) => match state(intent.request)? {
            CallState::New => false,
            CallState::Unanswered { attempts } => attempts.contains(intent),
            CallState::Answered(_) => true,
        },
        Said::Response(response) => {
            state(response.request)? == CallState::Answered(response.clone())
        }
    };
    is_there
        .then_some(())
        .ok_or_else(|| format!("gone: {said:?}"))
}

/// Lays out one loss in a fresh folder and recovers from it.
fn survives(model: &Model, loss: Loss, said: &[Said]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    model.lay_out(folder.path(), loss);
    recover(folder.path(), said)
}

#[test]
fn power_fails_after_every_operation() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Told::new(SimDisk::new(folder.path()));
    work(folder.path(), &mut told).unwrap();
    let journal = told.disk.journal();
    let mut model = Model::default();
    let mut images = 0;
    for done in 0..=journal.len() {
        let said = told.by(done);
        let mixes = (0..MIXES).map(|mix| Loss::Some(done as u64 * MIXES + mix));
        for loss in [Loss::Most, Loss::Nothing].into_iter().chain(mixes) {
            images += 1;
            survives(&model, loss, &said)
                .unwrap_or_else(|what| panic!("{loss:?} after {done} operations: {what}"));
        }
        if let Some(op) = journal.get(done) {
            model.apply(op);
        }
    }
    println!("{} operations, {images} images", journal.len());
}

/// The names that were given since the running process began.
type NewNames = Arc<Mutex<BTreeSet<PathBuf>>>;

/// A process dies at any operation, the next one soon after its start, and a third does
/// what is left; then the power fails. Gives what is lost although the third has said,
/// or found, that it is there.
fn lost_after_deaths(new: &NewNames, lie: impl Fn() -> Ignored) -> Option<String> {
    let mut random = Random::new(0x5eed_0002);
    for operations in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let disk = SimDisk::lying(folder.path(), lie());
        let mut told = Told::new(disk.clone());
        let mut live = |operations: Option<u64>| {
            new.lock().unwrap().clear();
            disk.die_after(operations.map(|it| it as usize));
            work(folder.path(), &mut told)
        };
        let done = live(Some(operations));
        if !disk.is_dead() {
            done.unwrap();
            println!("{operations} deaths");
            return None;
        }
        let _ = live(Some(random.below(8)));
        live(None).unwrap();
        let mut model = Model::default();
        disk.journal().iter().for_each(|op| model.apply(op));
        if let Err(what) = survives(&model, Loss::Most, &told.by(disk.len())) {
            return Some(format!("death after {operations} operations: {what}"));
        }
    }
    None
}

#[test]
fn power_fails_after_processes_died() {
    let lost = lost_after_deaths(&NewNames::default(), || Box::new(|_| false));
    assert_eq!(lost, None);
}

/// A process that syncs a folder only if it has itself given a name in it relies on
/// names that a dead one gave and never synced. The test above would see that.
#[test]
fn names_of_dead_processes_are_not_trusted() {
    for folder in ["lake/log", "lake/blobs", "lake/calls"] {
        let new = NewNames::default();
        let lost = lost_after_deaths(&new, || syncs_only_new(folder, Arc::clone(&new)));
        assert!(lost.is_some(), "{folder} need not be synced again");
    }
}

/// Ignores syncs of this folder, and of those in it, if they hold no new name.
fn syncs_only_new(folder: &'static str, new: NewNames) -> Ignored {
    Box::new(move |op| match op {
        Op::Link { to: path, .. } | Op::MakeDir { path } => {
            new.lock()
                .unwrap()
                .extend(path.parent().map(Path::to_owned));
            false
        }
        Op::SyncDir { path } => path.starts_with(folder) && !new.lock().unwrap().contains(path),
        _ => false,
    })
}

/// Whether recovery fails somewhere if the disk lies about some syncs.
fn is_caught(ignored: Ignored) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Told::new(SimDisk::lying(folder.path(), ignored));
    work(folder.path(), &mut told).unwrap();
    let journal = told.disk.journal();
    let mut model = Model::default();
    (0..=journal.len()).any(|done| {
        let caught = survives(&model, Loss::Most, &told.by(done)).is_err();
        if let Some(op) = journal.get(done) {
            model.apply(op);
        }
        caught
    })
}

/// Tells syncs of files by their first bytes.
fn files(is_one: impl Fn(&[u8]) -> bool + Send + 'static) -> Ignored {
    Box::new(move |op| matches!(op, Op::SyncFile { head, .. } if is_one(head)))
}

/// Tells syncs of folders by their paths below the disk's folder.
fn folders(is_one: impl Fn(&str) -> bool + Send + 'static) -> Ignored {
    Box::new(move |op| matches!(op, Op::SyncDir { path } if is_one(path.to_str().unwrap())))
}

#[test]
fn a_missing_sync_is_seen() {
    let leaf = |of: &'static str| folders(move |path| path.starts_with(&format!("lake/{of}")));
    let exactly = |folder: &'static str| folders(move |path| path == folder);
    let lies: Vec<(&str, Ignored)> = vec![
        ("all files", files(|_| true)),
        ("records", files(|head| head.starts_with(b"{\"commit\""))),
        ("tables", files(|head| head.starts_with(b"PAR1"))),
        ("blobs", files(|head| head.starts_with(b"{\"messages\""))),
        ("intents", files(|head| head.starts_with(b"{\"intent\""))),
        (
            "responses",
            files(|head| head.starts_with(b"{\"response\"")),
        ),
        ("all folders", folders(|_| true)),
        ("log/", leaf("log")),
        ("events/*/*/", leaf("events/kind=grade/iteration=")),
        ("snapshots/", leaf("snapshots")),
        ("blobs/*/", leaf("blobs/")),
        ("calls/*/", leaf("calls/")),
        ("the folder that the lake is in", exactly("")),
        ("the lake's folder", exactly("lake")),
        ("events/", exactly("lake/events")),
        ("events/*/", exactly("lake/events/kind=grade")),
        ("blobs/", exactly("lake/blobs")),
        ("calls/", exactly("lake/calls")),
    ];
    let unseen: Vec<&str> = lies
        .into_iter()
        .filter_map(|(name, ignored)| (!is_caught(ignored)).then_some(name))
        .collect();
    assert!(
        unseen.is_empty(),
        "nobody would miss the syncs of {unseen:?}"
    );
}

/// The simulated disk itself: it loses what was not synced, and only that.
#[test]
fn the_disk_loses_what_was_not_synced() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(folder.path());
    let here = |name: &str| folder.path().join(name);
    write_half_synced(&disk, &here("a"));
    write_half_synced(&disk, &here("b"));
    disk.link(&here("a"), &here("c")).unwrap();
    disk.sync_dir(folder.path()).unwrap();
    disk.remove(&here("b")).unwrap();
    disk.make_dir(&here("d")).unwrap();
    write_half_synced(&disk, &here("d/e"));
    disk.sync_dir(&here("d")).unwrap();
    let mut model = Model::default();
    disk.journal().iter().for_each(|op| model.apply(op));
    let left = tempfile::tempdir().unwrap();
    model.lay_out(left.path(), Loss::Most);
    let read = |name: &str| fs::read_to_string(left.path().join(name)).ok();
    assert_eq!(read("a").as_deref(), Some("kept "));
    assert_eq!(read("b").as_deref(), Some("kept "));
    assert_eq!(read("c").as_deref(), Some("kept "));
    assert_eq!(read("d/e"), None);
}

fn write_half_synced(disk: &SimDisk, path: &Path) {
    let mut file = disk.create(path).unwrap();
    file.write_all(b"kept ").unwrap();
    file.sync().unwrap();
    file.write_all(b"lost").unwrap();
}
