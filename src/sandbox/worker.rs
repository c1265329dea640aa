//! The worker process: reads jobs from standard input, answers on standard output.
//!
//! **Invariants.**
//! - It confines itself before it reads the first job, and knows nothing but the jobs: no
//!   arguments, no environment, no files but the one that it may have been set up with.
//! - That file is opened before, since it can't be opened after, and looked into after: what
//!   its bytes do to SQLite, they do behind all layers.

use std::collections::VecDeque;
use std::io::{self, BufReader};

use super::allowance::Setup;
use super::confine::confine;
use super::connection::Instance;
use super::file::OpenFile;
use super::frame::{read_frame, write_frame};
use super::functions::Plain;
use super::value::{Ending, Job, Outcome, Reply};

/// Instances that a worker keeps open, since the next job often asks for the same.
const KEPT_INSTANCES: usize = 12;

/// Works until the parent closes the pipe. The first message says what it is set up with.
pub fn work() -> io::Result<()> {
    let mut source = BufReader::new(io::stdin().lock());
    let mut sink = io::stdout().lock();
    let setup: Setup = read_frame(&mut source)?.unwrap_or_default();
    // SQLite reads what it wants to know of the system when it is first used.
    let plain = Plain::open().map_err(io::Error::other)?;
    let opened = setup.file().map(|path| OpenFile::open(&path));
    let descriptors = match &opened {
        Some(Ok(open)) => open.descriptors.as_slice(),
        _ => &[],
    };
    confine(&setup, descriptors)?;
    let file = opened.map(|opened| {
        let instance = Instance::of_file(opened?.connection, &plain, &setup);
        instance.map_err(|error| error.to_string())
    });
    let mut kept = Kept {
        plain,
        setup,
        file,
        instances: VecDeque::new(),
    };
    while let Some(job) = read_frame::<Job>(&mut source)? {
        write_frame(&mut sink, &kept.carry_out(&job))?;
    }
    Ok(())
}

struct Kept {
    plain: Plain,
    setup: Setup,
    file: Option<Result<Instance, String>>,
    instances: VecDeque<(String, Instance)>,
}

impl Kept {
    fn carry_out(&mut self, job: &Job) -> Reply {
        let mut reply = Vec::with_capacity(job.scripts.len());
        for script in &job.scripts {
            let mut outcomes = Vec::with_capacity(job.statements.len());
            for sql in &job.statements {
                outcomes.push(self.run(script, sql, job.max_steps)?);
            }
            reply.push(outcomes);
        }
        Ok(reply)
    }

    fn run(&mut self, script: &str, sql: &str, max_steps: i64) -> Result<Outcome, String> {
        let outcome = self.instance(script)?.run(sql, max_steps);
        if outcome.ending != Ending::Limit("memory".to_owned()) || self.instances.is_empty() {
            return Ok(outcome);
        }
        // The heap is the process's: what else lies in it must not decide.
        self.instances.clear();
        Ok(self.instance(script)?.run(sql, max_steps))
    }

    fn instance(&mut self, script: &str) -> Result<&Instance, String> {
        if let (true, Some(file)) = (script.is_empty(), &self.file) {
            return file.as_ref().map_err(Clone::clone);
        }
        let found = self.instances.iter().position(|(kept, _)| kept == script);
        if let Some(place) = found {
            return Ok(&self.instances[place].1);
        }
        let opened = Instance::open(script, &self.plain, &self.setup);
        let opened = opened.map_err(|error| error.to_string())?;
        if self.instances.len() == KEPT_INSTANCES {
            self.instances.pop_front();
        }
        self.instances.push_back((script.to_owned(), opened));
        match self.instances.back() {
            Some((_, instance)) => Ok(instance),
            None => Err("no instance".to_owned()),
        }
    }
}
