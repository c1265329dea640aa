//! Every byte of a small lake changed in turn, every file cut short and taken away:
//! verification finds each, names the file, and never panics.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use antiks::base::id::ContentHash;
use antiks::lake::report::{Report, Silent};
use antiks::lake::spool::{Body, Intent, Response, request_hash};
use antiks::lake::verify::verify;
use antiks::lake::walk::files_below;
use antiks::lake::{Lake, Writer, layout};

use crate::lakes::{assert_whole, chain, commit_training_set, copy_folder};
use crate::support::{ground, import_text};

const THREADS: usize = 2;
const MAX_CUTS: usize = 200;

/// A lake with every sort of file: seven kinds of events, blobs, a training set, calls.
fn small_lake(root: &Path) {
    let mut writer = Writer::create(root, &ground()).unwrap();
    import_text(&mut writer, &chain(), "a chain");
    commit_training_set(&mut writer).unwrap();
    let request = request_hash("https://example.org", 0, b"hello");
    let intent = |attempt| Intent {
        request,
        attempt,
        at_us: 1,
        endpoint: "https://example.org".to_owned(),
        ordinal: 0,
        body: Body::new(b"hello".to_vec()),
        reserved_microusd: None,
    };
    writer.spool().intend(&intent(0)).unwrap();
    writer.spool().intend(&intent(1)).unwrap();
    let response = Response {
        request,
        attempt: 1,
        at_us: 2,
        http_status: Some(200),
        body: Body::new(vec![0xff, 0]),
        error: None,
    };
    writer.spool().respond(&response).unwrap();
}

/// The files that count, relative to the lake, and their lengths.
fn files(root: &Path) -> Vec<(PathBuf, usize)> {
    files_below(root)
        .unwrap()
        .into_iter()
        .filter(|path| !path.ends_with(layout::LOCK))
        .map(|path| {
            let len = fs::metadata(&path).unwrap().len() as usize;
            (path.strip_prefix(root).unwrap().to_owned(), len)
        })
        .collect()
}

/// Runs `look` on copies of one lake, in so many threads; each takes its share of the
/// places that it is given a number for.
fn on_copies(look: impl Fn(&Path, &dyn Fn(usize) -> bool) + Sync) {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("original");
    small_lake(&original);
    assert_whole(&original, "before any damage");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let copy = folder.path().join(format!("copy {thread}"));
            copy_folder(&original, &copy);
            let look = &look;
            scope.spawn(move || {
                look(&copy, &|place| place % THREADS == thread);
                assert_whole(&copy, "after all damage was mended");
            });
        }
    });
}

/// Verifies a damaged lake; the damage must be found and laid to `file`.
fn is_found(root: &Path, file: &Path, expect: Option<ContentHash>, what: &str) {
    let report = report(root, expect, &format!("{}: {what}", file.display()));
    let named = report
        .findings
        .iter()
        .any(|finding| Path::new(&finding.path) == file);
    assert!(
        !report.ok && named,
        "{}: {what}: ok is {}, and what was found is {:#?}",
        file.display(),
        report.ok,
        report.findings
    );
}

fn report(root: &Path, expect: Option<ContentHash>, what: &str) -> Report {
    let verified = catch_unwind(AssertUnwindSafe(|| verify(root, expect, &mut Silent)));
    verified
        .unwrap_or_else(|_| panic!("{what}: a panic"))
        .unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[test]
fn every_changed_byte_is_found() {
    on_copies(|root, is_mine| {
        let mut total = 0;
        for (file, len) in files(root) {
            let path = root.join(&file);
            let bytes = fs::read(&path).unwrap();
            let handle = OpenOptions::new().write(true).open(&path).unwrap();
            for place in (0..len).filter(|place| is_mine(*place)) {
                let bit = place % 8;
                let offset = place as u64;
                handle
                    .write_all_at(&[bytes[place] ^ 1 << bit], offset)
                    .unwrap();
                is_found(root, &file, None, &format!("bit {bit} of byte {place}"));
                handle.write_all_at(&bytes[place..=place], offset).unwrap();
                total += 1;
            }
        }
        println!("{total} changed bytes");
    });
}

#[test]
fn every_cut_is_found() {
    on_copies(|root, is_mine| {
        let mut total = 0;
        for (file, len) in files(root) {
            let path = root.join(&file);
            let bytes = fs::read(&path).unwrap();
            let handle = OpenOptions::new().write(true).open(&path).unwrap();
            let cuts = len.min(MAX_CUTS);
            for cut in (0..cuts).filter(|cut| is_mine(*cut)) {
                // From nothing left to one byte missing.
                let left = if cut + 1 == cuts {
                    len - 1
                } else {
                    len * cut / cuts
                };
                handle.set_len(left as u64).unwrap();
                is_found(root, &file, None, &format!("cut to {left} bytes"));
                handle.set_len(0).unwrap();
                handle.write_all_at(&bytes, 0).unwrap();
                total += 1;
            }
        }
        println!("{total} cuts");
    });
}

#[test]
fn every_appended_byte_is_found() {
    on_copies(|root, is_mine| {
        for (place, (file, len)) in files(root).into_iter().enumerate() {
            let handle = OpenOptions::new()
                .write(true)
                .open(root.join(&file))
                .unwrap();
            if is_mine(place) {
                handle.write_all_at(b"\n", len as u64).unwrap();
                is_found(root, &file, None, "a byte more");
                handle.set_len(len as u64).unwrap();
            }
        }
    });
}

#[test]
fn every_removed_file_is_found() {
    on_copies(|root, is_mine| {
        let newest = Lake::open(root).unwrap().newest().clone();
        let newest_record = layout::commit(newest.commit.number);
        for (place, (file, _)) in files(root).into_iter().enumerate() {
            if !is_mine(place) {
                continue;
            }
            let path = root.join(&file);
            let bytes = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            if file == newest_record {
                // It could never have been made; only who kept its hash can tell.
                let report = report(root, None, "without its newest commit");
                assert!(report.ok);
                is_found(root, Path::new(layout::LOG), Some(newest.hash), "removed");
            } else if file.to_str().unwrap().ends_with(".response.json") {
                // A call without a response is one that was cut short.
                assert!(report(root, None, "without a response").ok);
            } else {
                is_found(root, &file, None, "removed");
            }
            fs::write(&path, bytes).unwrap();
        }
    });
}

/// Files that nobody put there: one that takes part in the log is found, one that a
/// crash may leave is only noted.
#[test]
fn strange_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    small_lake(&root);
    fs::write(root.join("events/kind=grade/left.parquet"), "PAR1").unwrap();
    let noted = assert_whole(&root, "with an event file that no commit names");
    assert_eq!(noted.notes.len(), 1, "{:?}", noted.notes);
    for strange in [
        "log/readme.txt",
        "log/00000000000000000007.json",
        "calls/00/x",
    ] {
        let path = root.join(strange);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "{}").unwrap();
        is_found(&root, Path::new(strange), None, "strange");
        fs::remove_file(&path).unwrap();
    }
}
