//! Integration tests, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]
#![allow(missing_docs)]

mod ask;
mod challenges;
mod chat;
mod chat_crash;
mod chat_ground;
mod chat_money;
mod chat_server;
mod chat_session;
mod chat_truth;
mod commands;
mod crash;
mod damage;
mod encoding;
mod everyday;
mod failing_disk;
mod faults;
mod forged;
mod format;
mod goldens;
mod lake;
mod lakes;
mod learning;
mod limits;
mod loops;
mod nano;
mod pipes;
mod power;
mod queries;
mod races;
mod random;
mod retract;
mod sandbox;
mod sim_disk;
mod student;
mod support;
mod teach;
mod tidy;
mod training;
mod training_folder;
mod tutored;
mod verdicts;
mod why;
