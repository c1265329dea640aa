//! The few file operations that durability rests on.
//!
//! A file is written once: staged outside of its folder, synced, linked to its name
//! (never renamed: a rename overwrites), and its folder synced. [`WriteOnce`] keeps
//! that order; [`Disk`] is what it stands on, so that a test can put a file system
//! beneath it that forgets everything which was not synced.
//!
//! **Invariants.**
//! - Nothing that has a name is ever opened for writing.
//! - A link is made only after the file's bytes were synced.
//! - After a failed sync nothing is written any more: the kernel has marked the lost
//!   pages clean, and a second sync would lie ([`WriteError::Poisoned`]).
//! - A folder that this process has not yet synced into its parent counts as new, even
//!   if it exists: whoever made it may have died before the sync.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, getrlimit};

/// A file that is being written.
pub trait DiskFile: Write + Send {
    /// Returns once the file's bytes would survive a loss of power.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file system, as far as writing goes.
pub trait Disk: Send + Sync {
    /// Makes a new file; an existing one is an error.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file a second name; an existing name is an error.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a file's name away.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder whose parent exists; an existing one is an error.
    fn make_dir(&self, path: &Path) -> io::Result<()>;
    /// Returns once the names in a folder would survive a loss of power.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

/// The length of file that this process may write, if that is limited (`ulimit -f`).
pub fn max_file_bytes() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// A file in a process that may not write large ones: the system would end the
/// process with a signal, so that nobody learned why.
struct Limited {
    file: File,
    left: u64,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let len = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let written = self.file.write(&bytes[..len])?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DiskFile for Limited {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Disk for OsDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        match max_file_bytes() {
            None => Ok(Box::new(file)),
            Some(left) => Ok(Box::new(Limited { file, left })),
        }
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file system refused; nothing that was written before is harmed.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// An earlier sync failed; this process must not write any more.
    #[error(
        "an earlier write could not be brought to disk; \
         nothing more is written until the command is started again"
    )]
    Poisoned,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError::Io {
        doing,
        path,
        source,
    }
}

/// Whether a link made a new file or found its name taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// The name is ours.
    New,
    /// The name was taken already; nothing changed.
    Taken,
}

/// A file that has bytes but no name yet. Dropping it throws it away.
pub struct Staged {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// None once the bytes are on disk.
    file: Option<Box<dyn DiskFile>>,
}

impl Staged {
    /// Where the file lies until it has its name.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::Error::other("the file is sealed")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.flush())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // What stays behind lies in the staging folder, which is swept at the next start.
        let _ = self.disk.remove(&self.path);
    }
}

/// Writes files that are never changed again, below one folder.
pub struct WriteOnce {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    staging: PathBuf,
    serial: AtomicU64,
    poisoned: AtomicBool,
    folders: Mutex<Folders>,
    /// Held by whoever brings names to disk.
    syncing: Mutex<()>,
}

/// What is known of the folders below the root.
#[derive(Default)]
struct Folders {
    /// Those whose name this process knows to be on disk.
    durable: HashSet<PathBuf>,
    /// Those that hold names which are not.
    unsynced: BTreeSet<PathBuf>,
    /// Those whose names from before this process are.
    settled: HashSet<PathBuf>,
}

impl WriteOnce {
    /// A writer below `root`, which stages its files in `staging`, a folder below it.
    pub fn new(disk: Arc<dyn Disk>, root: &Path, staging: &Path) -> Self {
        Self {
            disk,
            root: root.to_owned(),
            staging: staging.to_owned(),
            serial: AtomicU64::new(0),
            poisoned: AtomicBool::new(false),
            folders: Mutex::default(),
            syncing: Mutex::default(),
        }
    }

    /// A new file without a name.
    pub fn stage(&self) -> Result<Staged, WriteError> {
        self.check()?;
        self.make_dirs(&self.staging)?;
        loop {
            let serial = self.serial.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}-{serial}", std::process::id());
            let path = self.staging.join(name);
            match self.disk.create(&path) {
                Ok(file) => {
                    return Ok(Staged {
                        disk: Arc::clone(&self.disk),
                        path,
                        file: Some(file),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("making", &path)(error)),
            }
        }
    }

    /// Brings a staged file's bytes to disk and closes it: a commit may hold more files
    /// than a process may have open.
    pub fn seal(&self, staged: &mut Staged) -> Result<(), WriteError> {
        self.check()?;
        let Some(mut file) = staged.file.take() else {
            return Ok(());
        };
        file.flush().and_then(|()| file.sync()).map_err(|error| {
            self.poison();
            failed("syncing", &staged.path)(error)
        })
    }

    /// Brings a staged file's bytes to disk and gives it its name. The name itself
    /// is on disk after the next [`WriteOnce::sync_names`].
    pub fn link(&self, mut staged: Staged, to: &Path) -> Result<Linked, WriteError> {
        self.check()?;
        self.seal(&mut staged)?;
        let folder = to.parent().unwrap_or(&self.root);
        self.make_dirs(folder)?;
        let linked = match self.disk.link(&staged.path, to) {
            Ok(()) => Linked::New,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Linked::Taken,
            Err(error) => return Err(failed("naming", to)(error)),
        };
        // A taken name may be a dead process's that never synced it.
        self.distrust(folder);
        Ok(linked)
    }

    /// Brings every name that was given since the last call to disk.
    pub fn sync_names(&self) -> Result<(), WriteError> {
        // Another thread may be amid syncing a folder that our names lie below: it has
        // taken it off the list, but only when it is done are our names on disk.
        let _alone = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        let unsynced = std::mem::take(&mut self.folders().unsynced);
        for folder in unsynced {
            if let Err(error) = self.disk.sync_dir(&folder) {
                self.poison();
                return Err(failed("syncing", &folder)(error));
            }
        }
        Ok(())
    }

    /// Writes `bytes` to the file `to`, name and all.
    pub fn write(&self, to: &Path, bytes: &[u8]) -> Result<Linked, WriteError> {
        let mut staged = self.stage()?;
        staged.write_all(bytes).map_err(failed("writing", to))?;
        let linked = self.link(staged, to)?;
        self.sync_names()?;
        Ok(linked)
    }

    /// Gives the file `from` the name `to` and takes its old name away, without ever
    /// overwriting: a file that nobody names is set aside this way.
    pub fn set_aside(&self, from: &Path, to: &Path) -> Result<(), WriteError> {
        self.check()?;
        if let Some(folder) = to.parent() {
            self.make_dirs(folder)?;
        }
        match self.disk.link(from, to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let is_same = fs::read(from)
                    .ok()
                    .is_some_and(|bytes| fs::read(to).is_ok_and(|it| it == bytes));
                if !is_same {
                    return Err(failed("naming", to)(error));
                }
            }
            Err(error) => return Err(failed("naming", to)(error)),
            Ok(()) => {}
        }
        // The old name must not go from the disk before the new one is there.
        self.distrust(to.parent().unwrap_or(&self.root));
        self.sync_names()?;
        self.disk.remove(from).map_err(failed("removing", from))
    }

    /// Gives a file that has a name another one, on disk after the next
    /// [`WriteOnce::sync_names`].
    pub fn link_existing(&self, from: &Path, to: &Path) -> Result<(), WriteError> {
        self.check()?;
        let folder = to.parent().unwrap_or(&self.root);
        self.make_dirs(folder)?;
        match self.disk.link(from, to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("naming", to)(error));
            }
            _ => self.distrust(folder),
        }
        Ok(())
    }

    /// Brings the names in `folder` to disk, which a process may have given that died
    /// before it could. Once is enough: our own are synced as they are given.
    pub fn settle(&self, folder: &Path) -> Result<(), WriteError> {
        if self.folders().settled.contains(folder) {
            return Ok(());
        }
        self.make_dirs(folder)?;
        self.distrust(folder);
        self.sync_names()?;
        self.folders().settled.insert(folder.to_owned());
        Ok(())
    }

    /// Takes every file away that a dead process has staged; others stay.
    pub fn sweep(&self) -> Result<(), WriteError> {
        let entries = match fs::read_dir(&self.staging) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("reading", &self.staging)(error)),
        };
        for entry in entries {
            let path = entry.map_err(failed("reading", &self.staging))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if !name.is_some_and(is_staged_name) {
                continue;
            }
            self.disk.remove(&path).map_err(failed("removing", &path))?;
        }
        Ok(())
    }

    /// Makes a folder below the root, and those above it, so that the next
    /// [`WriteOnce::sync_names`] brings their names to disk.
    pub fn make_dirs(&self, folder: &Path) -> Result<(), WriteError> {
        let mut folders = self.folders();
        if folders.durable.contains(folder) {
            return Ok(());
        }
        let ancestors: Vec<&Path> = folder
            .ancestors()
            .take_while(|ancestor| ancestor.starts_with(&self.root))
            .collect();
        for ancestor in ancestors.into_iter().rev() {
            if folders.durable.contains(ancestor) {
                continue;
            }
            match self.disk.make_dir(ancestor) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed("making", ancestor)(error));
                }
                _ => {}
            }
            if let Some(parent) = ancestor.parent() {
                folders.unsynced.insert(parent_or_here(parent));
            }
            folders.durable.insert(ancestor.to_owned());
        }
        Ok(())
    }

    /// Stops all further writing; for a caller that can no longer tell what is on disk.
    pub fn poison(&self) {
        self.poisoned.store(true, Ordering::SeqCst);
    }

    /// Has the next [`WriteOnce::sync_names`] sync `folder`.
    fn distrust(&self, folder: &Path) {
        self.folders().unsynced.insert(folder.to_owned());
    }

    fn check(&self) -> Result<(), WriteError> {
        if self.poisoned.load(Ordering::SeqCst) {
            return Err(WriteError::Poisoned);
        }
        Ok(())
    }

    fn folders(&self) -> std::sync::MutexGuard<'_, Folders> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a name is of the form that staged files have: two numbers and a dash.
pub fn is_staged_name(name: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    name.split_once('-')
        .is_some_and(|(process, serial)| is_number(process) && is_number(serial))
}

/// The parent of a relative path of one part is the current folder.
fn parent_or_here(parent: &Path) -> PathBuf {
    if parent.as_os_str().is_empty() {
        return PathBuf::from(".");
    }
    parent.to_owned()
}
