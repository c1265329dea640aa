//! Two writers at once: one commits, the other learns that it did not.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::time::Duration;

use antiks::base::disk::{Disk, DiskFile};
use antiks::lake::import::{ImportError, Imported, import};
use antiks::lake::spool::{Body, Intent, request_hash};
use antiks::lake::{Entry, Ground, Lake, LakeError, Wait, Writer};

use crate::lakes::{assert_whole, database_line, import_command, run_line, stderr};
use crate::sim_disk::SimDisk;
use crate::support::{ground, import_text};

const LAKES: u64 = 6;
/// A lake with more commits takes longer to open, and races are what counts.
const RACES_PER_LAKE: u64 = 50;
const RACERS: usize = 2;

#[test]
fn two_writers_race_300_times() {
    let mut wins = [0; RACERS];
    for _ in 0..LAKES {
        races_in_a_lake(&mut wins);
    }
    println!("wins: {wins:?}");
    assert!(wins.iter().all(|wins| *wins > 0), "no races: {wins:?}");
}

fn races_in_a_lake(wins: &mut [u64; RACERS]) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    drop(Writer::create(&root, &ground()).unwrap());
    for race in 1..=RACES_PER_LAKE {
        let results = one_race(&root, race);
        let mut won = Vec::new();
        for (racer, result) in results.into_iter().enumerate() {
            match result {
                Ok(entry) => won.push((racer, entry)),
                Err(LakeError::Raced { number }) => assert_eq!(number, race),
                Err(other) => panic!("race {race}: {other}"),
            }
        }
        let [(racer, entry)] = &won[..] else {
            panic!("race {race} has {} winners", won.len());
        };
        let newest = Lake::open(&root).unwrap().newest().clone();
        assert_eq!(newest, *entry, "race {race}");
        assert_eq!(newest.commit.number, race);
        wins[*racer] += 1;
    }
    let report = assert_whole(&root, "after all races");
    assert_eq!(report.commits, RACES_PER_LAKE + 1);
    // The event that both bring is there once a race, and one of each winner's own.
    assert_eq!(report.events, 3 * RACES_PER_LAKE);
}

/// Two writers at the same version commit at once; the same blob and an event each.
fn one_race(root: &Path, race: u64) -> Vec<Result<Entry, LakeError>> {
    let ground = Ground {
        wait: Wait::Unlocked,
        ..ground()
    };
    let start = Barrier::new(RACERS);
    std::thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let mut writer = Writer::open(root, &ground).unwrap();
                let start = &start;
                scope.spawn(move || {
                    let lines = [
                        run_line(&format!("both {race}")),
                        run_line(&format!("{racer} in {race}")),
                        database_line(&format!("both {race}"), &format!("blob {race}")),
                    ];
                    start.wait();
                    match import(&mut writer, lines.concat().as_bytes(), "a race") {
                        Ok(Imported::Now(entry)) => Ok(*entry),
                        Err(ImportError::Lake(error)) => Err(error),
                        other => panic!("{other:?}"),
                    }
                })
            })
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect()
    })
}

#[test]
fn a_second_process_is_refused_or_waits() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let file = folder.path().join("run.ndjson");
    std::fs::write(&file, run_line("of the other process")).unwrap();
    let mut writer = Writer::create(&root, &ground()).unwrap();

    let refused = import_command(&root).arg(&file).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let holder = format!("is being written to by process {}", std::process::id());
    assert!(stderr(&refused).contains(&holder), "{refused:?}");

    let timed_out = import_command(&root).arg("--wait=0.1").arg(&file).output();
    assert_eq!(timed_out.unwrap().status.code(), Some(1));

    let mut command = import_command(&root);
    command.arg(&file).arg("--wait").stdout(Stdio::piped());
    let waiting = command.spawn().unwrap();
    import_text(&mut writer, &run_line("of the first"), "while one waits");
    std::thread::sleep(Duration::from_millis(200));
    drop(writer);
    let output = waiting.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(assert_whole(&root, "after both").events, 2);
}

/// A disk on which the sync of one folder takes until it is let go.
#[derive(Clone)]
struct SlowDisk {
    inner: SimDisk,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    is_shut: bool,
    someone_waits: bool,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        while state.is_shut {
            state.someone_waits = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap();
        }
    }

    fn shut(&self) {
        self.state.lock().unwrap().is_shut = true;
    }

    fn open(&self) {
        self.state.lock().unwrap().is_shut = false;
        self.changed.notify_all();
    }

    fn await_someone(&self) {
        let mut state = self.state.lock().unwrap();
        while !state.someone_waits {
            state = self.changed.wait(state).unwrap();
        }
    }
}

impl Disk for SlowDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.inner.create(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.make_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // The folder that the lake's folders have their names in.
        if path.ends_with("lake") {
            self.gate.pass();
        }
        self.inner.sync_dir(path)
    }
}

/// Two threads record paid calls. The first has made `calls/` and is about to sync its
/// name when the second comes: that one must not say "on disk" before the first is done.
#[test]
fn a_thread_waits_for_folders_that_another_syncs() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SlowDisk {
        inner: SimDisk::new(folder.path()),
        gate: Arc::default(),
    };
    let gate = Arc::clone(&disk.gate);
    let ground = Ground {
        disk: Arc::new(disk),
        ..ground()
    };
    let writer = Writer::create(&folder.path().join("lake"), &ground).unwrap();
    let (done, is_done) = mpsc::channel();
    gate.shut();
    std::thread::scope(|scope| {
        let spawn = |ordinal| {
            let spool = writer.spool();
            let done = done.clone();
            scope.spawn(move || {
                spool.intend(&intent(ordinal)).unwrap();
                done.send(ordinal).unwrap();
            });
        };
        spawn(0);
        gate.await_someone();
        spawn(1);
        let early = is_done.recv_timeout(Duration::from_millis(300));
        gate.open();
        assert!(early.is_err(), "call {early:?} was recorded too early");
    });
    assert_eq!(is_done.try_iter().count(), 2);
}

fn intent(ordinal: u32) -> Intent {
    Intent {
        request: request_hash("https://example.org", ordinal, b"hello"),
        attempt: 0,
        at_us: 1,
        endpoint: "https://example.org".to_owned(),
        ordinal,
        body: Body::new(b"hello".to_vec()),
        reserved_microusd: None,
    }
}
