//! The parent's side: a pool of worker processes that jobs are given to.
//!
//! **Invariants.**
//! - A worker that was killed, died or sent nonsense is never used again, and what it
//!   was doing is an error of the sandbox, not a verdict on the statement: the job is
//!   tried again in a fresh worker, as often as the allowance says, before that error is
//!   given.
//! - A worker is replaced after a number of jobs, so that its limits on processor time
//!   never meet a job that is not to blame.

use std::io::{self, BufReader, BufWriter};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::allowance::Setup;
use super::frame::{read_frame, write_frame};
use super::value::{Job, Layer, Outcome, Reply, Without};

/// The jobs that a worker does before it is replaced.
const JOBS_A_WORKER: u32 = 1_000;

/// Why a job was not done. None of this says anything about its statements.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A worker could not be started.
    #[error("starting a sandbox worker: {0}")]
    Start(io::Error),
    /// No worker finished in time, which is so long.
    #[error("a sandbox worker did not answer within {} ms and was killed", .0.as_millis())]
    Late(Duration),
    /// Every worker that tried ended, or said what is not an answer.
    #[error("a sandbox worker ended without an answer: {0}")]
    Died(String),
    /// The script of an instance does not run.
    #[error("an instance of the database can't be made: {0}")]
    Instance(String),
}

/// How workers are started.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program: antiks itself.
    pub path: PathBuf,
    /// The arguments that make it a worker.
    pub arguments: Vec<String>,
}

/// A pool of workers. It may be shared between threads; each job has a worker of its own.
pub struct Sandbox {
    program: Program,
    setup: Setup,
    most: usize,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Worker>,
    running: usize,
}

impl Sandbox {
    /// A pool of at most `workers` processes, which start when they are needed.
    pub fn new(program: Program, workers: usize) -> Self {
        Self::set_up(program, workers, Setup::default())
    }

    /// A pool whose workers lack some layers, to show what the others catch.
    pub fn weakened(program: Program, workers: usize, without: Without) -> Self {
        let setup = Setup {
            without,
            ..Setup::default()
        };
        Self::set_up(program, workers, setup)
    }

    /// A pool of workers that are set up like this.
    pub fn set_up(program: Program, workers: usize, setup: Setup) -> Self {
        Self {
            program,
            setup,
            most: workers.max(1),
            state: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    /// How many jobs can run at a time.
    pub fn workers(&self) -> usize {
        self.most
    }

    /// Does work on each item, on as many threads as there are workers; gives the results
    /// in the items' order, whoever was first.
    ///
    /// # Errors
    /// An error of the work.
    pub fn each<T: Sync, R: Send, E: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T) -> Result<R, E> + Sync,
    ) -> Result<Vec<R>, E> {
        let next = AtomicUsize::new(0);
        let take = || {
            let mut done = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(place) else {
                    return Ok::<_, E>(done);
                };
                done.push((place, work(item)?));
            }
        };
        let threads = self.workers().min(items.len());
        let mut all = thread::scope(|scope| {
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
            let mut all = Vec::with_capacity(items.len());
            for handle in handles {
                match handle.join() {
                    Ok(done) => all.extend(done?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok::<_, E>(all)
        })?;
        all.sort_by_key(|(place, _)| *place);
        Ok(all.into_iter().map(|(_, result)| result).collect())
    }

    /// Runs every statement on every instance: outcomes by instance, then by statement.
    pub fn run(&self, job: &Job) -> Result<Vec<Vec<Outcome>>, SandboxError> {
        let mut tries = 1;
        loop {
            let result = self.attempt(job);
            let may_help = matches!(result, Err(SandboxError::Late(_) | SandboxError::Died(_)));
            if !may_help || tries >= self.setup.allowance.tries {
                return result;
            }
            tries += 1;
        }
    }

    fn attempt(&self, job: &Job) -> Result<Vec<Vec<Outcome>>, SandboxError> {
        let mut worker = self.borrow_worker()?;
        let result = worker.carry_out(job);
        let is_sound = matches!(result, Ok(Ok(_)));
        self.give_back((is_sound && worker.jobs < JOBS_A_WORKER).then_some(worker));
        let outcomes = result?.map_err(SandboxError::Instance)?;
        let is_complete = outcomes.len() == job.scripts.len()
            && outcomes.iter().all(|it| it.len() == job.statements.len());
        match is_complete {
            true => Ok(outcomes),
            false => Err(SandboxError::Died("its answer is not complete".to_owned())),
        }
    }

    fn borrow_worker(&self) -> Result<Worker, SandboxError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(worker) = state.idle.pop() {
                state.running += 1;
                return Ok(worker);
            }
            if state.running < self.most {
                state.running += 1;
                break;
            }
            let waited = self.returned.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        let started = Worker::start(&self.program, &self.setup);
        if started.is_err() {
            self.give_back(None);
        }
        started.map_err(SandboxError::Start)
    }

    fn give_back(&self, worker: Option<Worker>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running -= 1;
        state.idle.extend(worker);
        self.returned.notify_one();
    }
}

/// A worker process and the thread that kills it at its deadline.
struct Worker {
    child: Arc<Mutex<Child>>,
    jobs: u32,
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
    /// `true` when a job begins, `false` when it has ended.
    timer: Sender<bool>,
    /// Says so when the deadline has passed.
    late: Receiver<()>,
    deadline: Duration,
}

impl Worker {
    fn start(program: &Program, setup: &Setup) -> io::Result<Self> {
        let mut child = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("no pipes to the worker"))?;
        let child = Arc::new(Mutex::new(child));
        let (timer, ticks) = channel();
        let (tell, late) = channel();
        let deadline = setup.allowance.deadline;
        if !setup.without.contains(&Layer::Deadline) {
            let doomed = Arc::clone(&child);
            thread::Builder::new()
                .name("deadline".to_owned())
                .spawn(move || watch(deadline, &ticks, &tell, &doomed))?;
        }
        let mut to = BufWriter::new(stdin);
        write_frame(&mut to, setup)?;
        Ok(Self {
            child,
            jobs: 0,
            to,
            from: BufReader::new(stdout),
            timer,
            late,
            deadline,
        })
    }

    fn carry_out(&mut self, job: &Job) -> Result<Reply, SandboxError> {
        self.jobs += 1;
        // Fails only without a deadline.
        let _ = self.timer.send(true);
        let answer = write_frame(&mut self.to, job).and_then(|()| read_frame(&mut self.from));
        let _ = self.timer.send(false);
        match answer {
            Ok(Some(reply)) => Ok(reply),
            _ if self.late.try_recv().is_ok() => Err(SandboxError::Late(self.deadline)),
            Ok(None) => Err(SandboxError::Died("it closed its pipe".to_owned())),
            Err(error) => Err(SandboxError::Died(error.to_string())),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It has ended, or is to end: either is what is wanted.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Kills the worker when a job has not ended in time; ends when the worker is dropped.
fn watch(deadline: Duration, ticks: &Receiver<bool>, late: &Sender<()>, doomed: &Mutex<Child>) {
    while let Ok(begins) = ticks.recv() {
        if !begins {
            continue;
        }
        match ticks.recv_timeout(deadline) {
            Err(RecvTimeoutError::Timeout) => {
                let _ = late.send(());
                let mut child = doomed.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = child.kill();
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(_) => {}
        }
    }
}
