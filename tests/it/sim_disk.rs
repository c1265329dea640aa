//! A disk that knows what a loss of power would leave of it.
//!
//! It works on a real folder, so that whatever is written can be read, and keeps a
//! journal. [`Model`] replays a journal and lays out what could be found afterwards:
//! what was synced for certain, all else perhaps.
//!
//! It is as forgetful as POSIX allows: a file's bytes last from its own sync on, a name
//! from the sync of the folder that holds it on, and a folder is such a name as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use antiks::base::disk::{Disk, DiskFile};

use crate::random::Random;

/// One thing that was done to the disk. Paths are relative to its folder.
#[derive(Clone, Debug)]
pub enum Op {
    Create { path: PathBuf, file: usize },
    Write { file: usize, bytes: Vec<u8> },
    SyncFile { file: usize, head: Vec<u8> },
    Link { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    MakeDir { path: PathBuf },
    SyncDir { path: PathBuf },
}

/// Tells which operations the disk answers with a lie: done, though nothing happened.
pub type Ignored = Box<dyn Fn(&Op) -> bool + Send>;

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

struct State {
    base: PathBuf,
    journal: Vec<Op>,
    /// The first bytes of each file, by which a lie can tell files apart.
    heads: Vec<Vec<u8>>,
    ignored: Ignored,
    /// How many operations are done before the process is as good as dead.
    dies_after: Option<usize>,
}

const HEAD_BYTES: usize = 16;

impl SimDisk {
    /// A disk whose files lie in `base`.
    pub fn new(base: &Path) -> Self {
        Self::lying(base, Box::new(|_| false))
    }

    /// One that does not do what `ignored` picks.
    pub fn lying(base: &Path, ignored: Ignored) -> Self {
        Self(Arc::new(Mutex::new(State {
            base: base.to_owned(),
            journal: Vec::new(),
            heads: Vec::new(),
            ignored,
            dies_after: None,
        })))
    }

    /// Fails everything after so many more operations; with `None`, nothing any more.
    pub fn die_after(&self, operations: Option<usize>) {
        let mut state = self.0.lock().unwrap();
        state.dies_after = operations;
    }

    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        self.0.lock().unwrap().dies_after == Some(0)
    }

    /// How many operations were done.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().journal.len()
    }

    /// All that was done.
    pub fn journal(&self) -> Vec<Op> {
        self.0.lock().unwrap().journal.clone()
    }
}

impl State {
    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.base).unwrap().to_owned()
    }

    /// Does something for real and notes it, unless the process is dead.
    fn perform<T>(&mut self, op: Op, really: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self.dies_after == Some(0) {
            return Err(io::Error::other("the process is dead"));
        }
        let done = really()?;
        if let Some(left) = &mut self.dies_after {
            *left -= 1;
        }
        if !(self.ignored)(&op) {
            self.journal.push(op);
        }
        Ok(done)
    }
}

struct SimFile {
    disk: SimDisk,
    file: usize,
    real: File,
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock().unwrap();
        let file = state.heads.len();
        let op = Op::Create {
            path: state.relative(path),
            file,
        };
        let real = state.perform(op, || {
            OpenOptions::new().write(true).create_new(true).open(path)
        })?;
        state.heads.push(Vec::new());
        let disk = self.clone();
        Ok(Box::new(SimFile { disk, file, real }))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let op = Op::Link {
            from: state.relative(from),
            to: state.relative(to),
        };
        state.perform(op, || fs::hard_link(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let op = Op::Remove {
            path: state.relative(path),
        };
        state.perform(op, || fs::remove_file(path))
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let op = Op::MakeDir {
            path: state.relative(path),
        };
        state.perform(op, || fs::create_dir(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let op = Op::SyncDir {
            path: state.relative(path),
        };
        state.perform(op, || {
            path.is_dir()
                .then_some(())
                .ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }
}

impl Write for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.0.lock().unwrap();
        let op = Op::Write {
            file: self.file,
            bytes: bytes.to_vec(),
        };
        state.perform(op, || self.real.write_all(bytes))?;
        let head = &mut state.heads[self.file];
        head.extend(bytes.iter().take(HEAD_BYTES.saturating_sub(head.len())));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        let op = Op::SyncFile {
            file: self.file,
            head: state.heads[self.file].clone(),
        };
        state.perform(op, || Ok(()))
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

#[derive(Clone, Debug, Default)]
struct Bytes {
    now: Vec<u8>,
    lasting: Vec<u8>,
}

/// What a loss of power leaves.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// Only what was synced.
    Most,
    /// All: the process died, and the disk went on.
    Nothing,
    /// Some of what was not synced, by this seed.
    Some(u64),
}

/// The state of a disk: what the processes see, and what would last.
#[derive(Clone, Debug, Default)]
pub struct Model {
    now: BTreeMap<PathBuf, Node>,
    lasting: BTreeMap<PathBuf, Node>,
    files: Vec<Bytes>,
}

impl Model {
    /// Does one operation of a journal again.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { path, file } => {
                assert_eq!(*file, self.files.len());
                self.files.push(Bytes::default());
                self.now.insert(path.clone(), Node::File(*file));
            }
            Op::Write { file, bytes } => self.files[*file].now.extend_from_slice(bytes),
            Op::SyncFile { file, .. } => {
                let bytes = &mut self.files[*file];
                bytes.lasting = bytes.now.clone();
            }
            Op::Link { from, to } => {
                let node = self.now[from];
                self.now.insert(to.clone(), node);
            }
            Op::Remove { path } => {
                self.now.remove(path).unwrap();
            }
            Op::MakeDir { path } => {
                self.now.insert(path.clone(), Node::Folder);
            }
            Op::SyncDir { path } => {
                let here = |name: &Path| name.parent() == Some(path);
                self.lasting.retain(|name, _| !here(name));
                let names = self.now.iter().filter(|(name, _)| here(name));
                self.lasting
                    .extend(names.map(|(name, node)| (name.clone(), *node)));
            }
        }
    }

    /// Lays out in the empty folder `base` what is found after a loss of power.
    pub fn lay_out(&self, base: &Path, loss: Loss) {
        let mut random = match loss {
            Loss::Some(seed) => Random::new(seed),
            Loss::Most | Loss::Nothing => Random::new(0),
        };
        let names: BTreeSet<&PathBuf> = self.now.keys().chain(self.lasting.keys()).collect();
        // Sorted, so a folder comes before what is in it.
        for name in names {
            let (now, lasting) = (self.now.get(name), self.lasting.get(name));
            let node = match loss {
                Loss::Most => lasting,
                Loss::Nothing => now,
                Loss::Some(_) if random.coin() => now,
                Loss::Some(_) => lasting,
            };
            let path = base.join(name);
            // What lies in a folder that is lost is lost.
            let Some(node) = node.filter(|_| path.parent().unwrap().is_dir()) else {
                continue;
            };
            match node {
                Node::Folder => fs::create_dir(&path).unwrap(),
                Node::File(file) => {
                    let bytes = self.files[*file].after(loss, &mut random);
                    fs::write(&path, bytes).unwrap();
                }
            }
        }
    }
}

impl Bytes {
    fn after(&self, loss: Loss, random: &mut Random) -> Vec<u8> {
        match loss {
            Loss::Most => self.lasting.clone(),
            Loss::Nothing => self.now.clone(),
            Loss::Some(_) => {
                let unsynced = (self.now.len() - self.lasting.len()) as u64;
                let cut = self.lasting.len() + random.below(unsynced + 1) as usize;
                let mut zeroed = self.lasting.clone();
                zeroed.resize(self.now.len(), 0);
                match random.below(4) {
                    0 => self.now.clone(),
                    1 => self.lasting.clone(),
                    2 => self.now[..cut].to_vec(),
                    _ => zeroed,
                }
            }
        }
    }
}
