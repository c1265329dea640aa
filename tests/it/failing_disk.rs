//! A disk of which the k-th operation of some sorts fails, once or from then on.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use antiks::base::disk::{Disk, DiskFile};

/// A sort of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Create,
    Write,
    SyncFile,
    Link,
    Remove,
    MakeDir,
    SyncDir,
}

/// What fails.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Operations of these sorts are counted.
    pub sorts: &'static [Sort],
    /// The first one that fails, counted from 0.
    pub at: usize,
    /// Whether all later ones fail as well.
    pub forever: bool,
    /// What the system says.
    pub errno: i32,
}

/// No space left on the device.
pub const ENOSPC: i32 = 28;
/// Input/output error.
pub const EIO: i32 = 5;

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    seen: usize,
    failed: usize,
}

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct FailingDisk {
    inner: Arc<dyn Disk>,
    state: Arc<Mutex<State>>,
}

impl FailingDisk {
    /// A disk on `inner` that does not fail yet.
    pub fn new(inner: Arc<dyn Disk>) -> Self {
        let state = Arc::default();
        Self { inner, state }
    }

    /// From now on this fails.
    pub fn arm(&self, fault: Fault) {
        *self.state.lock().unwrap() = State {
            fault: Some(fault),
            ..State::default()
        };
    }

    /// From now on nothing fails; gives how often something has.
    pub fn disarm(&self) -> usize {
        let mut state = self.state.lock().unwrap();
        state.fault = None;
        state.failed
    }

    fn meet(&self, sort: Sort) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        let Some(fault) = state.fault.filter(|fault| fault.sorts.contains(&sort)) else {
            return Ok(());
        };
        let place = state.seen;
        state.seen += 1;
        if place == fault.at || (fault.forever && place > fault.at) {
            state.failed += 1;
            return Err(io::Error::from_raw_os_error(fault.errno));
        }
        Ok(())
    }
}

struct FailingFile {
    inner: Box<dyn DiskFile>,
    disk: FailingDisk,
}

impl Disk for FailingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.meet(Sort::Create)?;
        let inner = self.inner.create(path)?;
        let disk = self.clone();
        Ok(Box::new(FailingFile { inner, disk }))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.meet(Sort::Link)?;
        self.inner.link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.meet(Sort::Remove)?;
        self.inner.remove(path)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.meet(Sort::MakeDir)?;
        self.inner.make_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.meet(Sort::SyncDir)?;
        self.inner.sync_dir(path)
    }
}

impl Write for FailingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.disk.meet(Sort::Write) {
            // A full disk takes what still fits.
            let _ = self.inner.write(&bytes[..bytes.len() / 2]);
            return Err(error);
        }
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl DiskFile for FailingFile {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.meet(Sort::SyncFile)?;
        self.inner.sync()
    }
}
