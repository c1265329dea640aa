//! Every operation of a commit fails, once and for good: a typed error, no more writing
//! after a failed sync, and every earlier commit whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use antiks::base::disk::WriteError;
use antiks::lake::import::{ImportError, Imported, import};
use antiks::lake::spool::{Body, Intent, request_hash};
use antiks::lake::{Entry, Ground, Lake, LakeError, Writer, layout};

use crate::failing_disk::{EIO, ENOSPC, FailingDisk, Fault, Sort};
use crate::lakes::{assert_whole, database_line, run_line};
use crate::sim_disk::SimDisk;
use crate::support;

const SYNCS: &[Sort] = &[Sort::SyncFile, Sort::SyncDir];
const REST: [&[Sort]; 4] = [
    &[Sort::Create],
    &[Sort::Write],
    &[Sort::Link],
    &[Sort::MakeDir],
];

/// A lake of two commits on a disk that can be told to fail.
struct Scene {
    folder: tempfile::TempDir,
    disk: FailingDisk,
    before: Vec<Entry>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = FailingDisk::new(Arc::new(SimDisk::new(folder.path())));
        let mut scene = Self {
            folder,
            disk,
            before: Vec::new(),
        };
        let mut writer = Writer::create(&scene.root(), &scene.ground()).unwrap();
        for name in ["first", "second"] {
            add(&mut writer, name).unwrap();
        }
        scene.before = writer.lake().entries().to_vec();
        scene
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    fn ground(&self) -> Ground {
        Ground {
            disk: Arc::new(self.disk.clone()),
            ..support::ground()
        }
    }

    fn writer(&self) -> Writer {
        Writer::open(&self.root(), &self.ground()).unwrap()
    }

    /// A new process finds the earlier commits, finds the failed one whole or not at
    /// all, and does what could not be done.
    fn goes_on(&self, failed: &str, when: &str) {
        assert_whole(&self.root(), when);
        let mut writer = self.writer();
        let entries = writer.lake().entries();
        assert_eq!(entries[..self.before.len()], self.before[..], "{when}");
        add(&mut writer, failed).unwrap_or_else(|error| panic!("{when}: {error}"));
        add(&mut writer, "after all").unwrap_or_else(|error| panic!("{when}: {error}"));
        drop(writer);
        let report = assert_whole(&self.root(), when);
        let lake = Lake::open(&self.root()).unwrap();
        assert_eq!(report.events, lake.newest().commit.tree.size);
    }
}

/// Commits two events and a blob.
fn add(writer: &mut Writer, name: &str) -> Result<(), LakeError> {
    let text = format!("{}{}", run_line(name), database_line(name, name));
    match import(writer, text.as_bytes(), name) {
        Ok(Imported::Now(_) | Imported::Before { .. }) => Ok(()),
        Ok(Imported::Empty) => panic!("there are events"),
        Err(ImportError::Lake(error)) => Err(error),
        Err(other) => panic!("not an error of the lake: {other}"),
    }
}

fn is_write_error(result: &Result<(), LakeError>) -> bool {
    matches!(result, Err(LakeError::Write(WriteError::Io { .. })))
}

fn is_poisoned(result: &Result<(), LakeError>) -> bool {
    matches!(result, Err(LakeError::Write(WriteError::Poisoned)))
}

#[test]
fn after_a_failed_sync_nothing_is_written() {
    for forever in [false, true] {
        for at in 0.. {
            let when = format!("sync {at} fails, forever: {forever}");
            let scene = Scene::new();
            let mut writer = scene.writer();
            scene.disk.arm(Fault {
                sorts: SYNCS,
                at,
                forever,
                errno: EIO,
            });
            let result = add(&mut writer, "third");
            if scene.disk.disarm() == 0 {
                result.unwrap();
                println!("{at} syncs in a commit");
                assert!(at >= 8, "there are more syncs than {at} in a commit");
                break;
            }
            assert!(is_write_error(&result), "{when}: {result:?}");
            let files = staged_and_named(&scene.root());
            assert!(is_poisoned(&add(&mut writer, "fourth")), "{when}");
            assert!(is_poisoned(&intend(&writer)), "{when}");
            assert_eq!(staged_and_named(&scene.root()), files, "{when}");
            drop(writer);
            scene.goes_on("third", &when);
        }
    }
}

fn staged_and_named(root: &Path) -> Vec<PathBuf> {
    antiks::lake::walk::files_below(root).unwrap()
}

fn intend(writer: &Writer) -> Result<(), LakeError> {
    writer.spool().intend(&Intent {
        request: request_hash("https://example.org", 0, b"hello"),
        attempt: 0,
        at_us: 1,
        endpoint: "https://example.org".to_owned(),
        ordinal: 0,
        body: Body::new(b"hello".to_vec()),
        reserved_microusd: None,
    })
}

#[test]
fn after_a_full_disk_the_same_writer_goes_on() {
    for sorts in REST {
        for forever in [false, true] {
            let mut poisoned = 0;
            for at in 0.. {
                let when = format!("{sorts:?} {at} fails, forever: {forever}");
                let scene = Scene::new();
                let mut writer = scene.writer();
                scene.disk.arm(Fault {
                    sorts,
                    at,
                    forever,
                    errno: ENOSPC,
                });
                let result = add(&mut writer, "third");
                if scene.disk.disarm() == 0 {
                    result.unwrap();
                    println!("{at} operations {sorts:?} in a commit");
                    break;
                }
                assert!(is_write_error(&result), "{when}: {result:?}");
                assert_whole(&scene.root(), &when);
                let next = add(&mut writer, "fourth");
                match is_poisoned(&next) {
                    true => poisoned += 1,
                    false => next.unwrap_or_else(|error| panic!("{when}: {error}")),
                }
                drop(writer);
                scene.goes_on("third", &when);
            }
            // Only when the record could not be given its number, for then nobody can
            // tell whether it has it.
            let expected = usize::from(sorts == [Sort::Link]);
            assert_eq!(poisoned, expected, "{sorts:?}, forever: {forever}");
        }
    }
}

/// What can't be tidied up does no harm to what is committed.
#[test]
fn files_that_can_not_be_removed_do_no_harm() {
    let scene = Scene::new();
    let mut writer = scene.writer();
    scene.disk.arm(Fault {
        sorts: &[Sort::Remove],
        at: 0,
        forever: true,
        errno: EIO,
    });
    add(&mut writer, "third").unwrap();
    drop(writer);
    let Err(error) = Writer::open(&scene.root(), &scene.ground()) else {
        panic!("the staging folder could not be swept");
    };
    assert!(matches!(error, LakeError::Write(WriteError::Io { .. })));
    assert!(scene.disk.disarm() > 0);
    scene.goes_on("third", "nothing can be removed");
}

/// A crash left files; each operation of tidying them up fails once.
#[test]
fn every_fault_while_opening() {
    let any: &[Sort] = &[
        Sort::Create,
        Sort::Write,
        Sort::SyncFile,
        Sort::Link,
        Sort::Remove,
        Sort::MakeDir,
        Sort::SyncDir,
    ];
    for at in 0.. {
        let when = format!("operation {at} of opening fails");
        let scene = Scene::new();
        leave_files(&scene);
        scene.disk.arm(Fault {
            sorts: any,
            at,
            forever: false,
            errno: EIO,
        });
        let opened = Writer::open(&scene.root(), &scene.ground());
        if scene.disk.disarm() == 0 {
            println!("{at} operations in opening");
            assert!(opened.is_ok());
            let orphans = staged_and_named(&scene.root().join(layout::ORPHANS));
            assert_eq!(orphans.len(), 1, "the orphan is kept: {orphans:?}");
            return;
        }
        let error = opened.err().unwrap_or_else(|| panic!("{when}: no error"));
        assert!(matches!(error, LakeError::Write(_)), "{when}: {error}");
        scene.goes_on("third", &when);
        let orphans = staged_and_named(&scene.root().join(layout::ORPHANS));
        assert_eq!(orphans.len(), 1, "{when}: the orphan is kept: {orphans:?}");
    }
}

fn leave_files(scene: &Scene) {
    let orphan = &format!("events/kind=grade/iteration=9/{}.parquet", "ab".repeat(32));
    for left in [orphan, "tmp/1-1"] {
        let path = scene.root().join(left);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "left behind").unwrap();
    }
}

/// Each operation of making a lake fails once, or for good; then it can be made.
#[test]
fn every_fault_while_creating() {
    for sorts in [REST[0], REST[1], REST[2], REST[3], SYNCS] {
        for at in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("lake");
            let disk = FailingDisk::new(Arc::new(SimDisk::new(folder.path())));
            disk.arm(Fault {
                sorts,
                at,
                forever: true,
                errno: ENOSPC,
            });
            let ground = Ground {
                disk: Arc::new(disk.clone()),
                ..support::ground()
            };
            let created = Writer::create(&root, &ground);
            if disk.disarm() == 0 {
                assert!(created.is_ok());
                break;
            }
            let error = created.err().unwrap();
            let when = format!("{sorts:?} {at} of creating fails");
            assert!(matches!(error, LakeError::Write(_)), "{when}: {error}");
            let mut writer = Writer::open_or_create(&root, &ground).unwrap();
            add(&mut writer, "first").unwrap();
            assert_whole(&root, &when);
        }
    }
}
