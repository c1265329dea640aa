//! How fast the embedded base's corpus is made: prints JSON.
//!
//! `cargo bench --bench nano -- 300000` makes so many questions and statements, and `--single`
//! puts each into a document of its own.
#![allow(missing_docs)]
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use antiks::base::world::Stopwatch;
use antiks::nano::corpus::{Corpus, Ledger};
use antiks::nano::document::Document;
use clap::Parser;
use serde_json::json;

#[derive(Parser)]
struct Arguments {
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many questions and statements
    #[arg(default_value_t = 20_000)]
    turns: usize,
    /// One question or statement a document, as a student reads them in a loop
    #[arg(long)]
    single: bool,
    /// Print the first documents
    #[arg(long, default_value_t = 0)]
    show: usize,
}

fn main() {
    let Arguments {
        threads,
        seed,
        turns,
        single,
        show,
        ..
    } = Arguments::parse();
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .unwrap();
    let watch = Stopwatch::start();
    let mut ledger = Ledger::default();
    let mut shown = 0;
    Corpus::new(seed).make(turns, |document| {
        if shown < show {
            println!("--- {}", document.outline);
            for turn in &document.turns {
                println!("{}: {}\nA:{}", turn.kind.name(), turn.question, turn.sql);
            }
            shown += 1;
        }
        if single {
            let outline = document.outline;
            for turn in document.turns {
                ledger.add(&Document {
                    outline: outline.clone(),
                    turns: vec![turn],
                });
            }
        } else {
            ledger.add(&document);
        }
    });
    let seconds = watch.elapsed().as_secs_f64();
    let (hash, counts) = ledger.finish();
    let line = json!({
        "turns_per_s": turns as f64 / seconds, "documents_per_s": counts.documents as f64 / seconds,
        "blake3": hash, "documents": counts.documents, "turns": counts.turns,
        "bytes": counts.bytes,
    });
    println!("{line}");
}
