//! What the tests of the chat teacher stand on: a lake, a schema, and a teacher that asks a
//! scripted server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use antiks::database::schema::Schema;
use antiks::database::{domains, generate};
use antiks::lake::{Ground, Wait, Writer};
use antiks::round::calls::Calls;
use antiks::teacher::chat::endpoint::Service;
use antiks::teacher::chat::pacing::Pace;
use antiks::teacher::chat::proposal::Ask;
use antiks::teacher::chat::transport::Limits;
use antiks::teacher::chat::{ChatTeacher, Endpoint, Key, OpenError, Patience, Settings};
use antiks::teacher::draft::{Category, Difficulty};

/// What may be found nowhere.
pub const CANARY: &str = "sk-or-v1-canary-b7f3c9d2e1a84650";

/// Quick ones, for a server on loopback.
pub fn settings(url: &str) -> Settings {
    let url = url.parse().unwrap();
    let endpoint = Endpoint::new(Service::OpenRouter, url, Some("test/model"));
    Settings {
        key: Some(Key::new(CANARY, "a test").unwrap()),
        limits: Limits {
            connect: Duration::from_secs(5),
            idle: Duration::from_millis(400),
            total: Duration::from_millis(900),
            max_body_bytes: 1 << 20,
        },
        patience: Patience {
            first_wait: Duration::from_millis(2),
            max_wait: Duration::from_millis(10),
            max_tries: 4,
        },
        pace: Pace {
            max_concurrency: 8,
            max_per_minute: None,
        },
        use_proxy: false,
        ..Settings::new(endpoint, None)
    }
}

/// A lake in a folder, made if it is not there.
pub fn writer(root: &Path) -> Writer {
    let ground = Ground {
        wait: Wait::No,
        ..Ground::system()
    };
    Writer::open_or_create(root, &ground).unwrap()
}

/// The ledger of a lake.
pub fn calls(writer: &Writer) -> Arc<Calls> {
    Arc::new(Calls::open(writer, None, None).unwrap())
}

/// A teacher whose calls are written into `calls`.
pub fn open(settings: Settings, calls: &Arc<Calls>) -> Result<ChatTeacher, OpenError> {
    ChatTeacher::open(settings, Arc::clone(calls) as _)
}

/// A database to ask about.
pub fn schema() -> Schema {
    generate(domains()[0], 5).unwrap()
}

/// A wish for one challenge, told apart from others by its number.
pub fn ask(schema: &Schema, ordinal: u32) -> Ask<'_> {
    Ask {
        schema,
        shows_rows: true,
        category: Category::Revenue,
        difficulty: Difficulty::Easy,
        count: 1,
        weaknesses: vec![format!(
            "joins that lose rows without a partner ({ordinal})"
        )],
        earlier: Vec::new(),
        ordinal,
    }
}

/// The answer to it.
pub fn proposal(question: &str, reference_sql: &str) -> String {
    let challenge = serde_json::json!({
        "question": question, "reference_sql": reference_sql, "ordered": false, "requirements": [],
    });
    serde_json::json!({ "challenges": [challenge] }).to_string()
}

/// An answer that is taken.
pub fn usable() -> String {
    proposal(
        "How many are there?",
        "SELECT COUNT(*) AS n FROM sqlite_master",
    )
}
