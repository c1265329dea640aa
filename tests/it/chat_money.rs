//! What a chat teacher may spend, what replay hears of it, and what is checked before.

use std::sync::Arc;

use antiks::round::recollection::Recollection;
use antiks::teacher::chat::talk::Said;
use antiks::teacher::chat::{ChatError, ChatTeacher, Endpoint, OpenError, Settings, Stop};
use antiks::teacher::draft::Draft;

use crate::chat_ground::{ask, calls, open, schema, settings, usable, writer};
use crate::chat_server::{Say, Server, completion};

fn status(status: u16) -> Say {
    Say::Whole(status, Vec::new(), Vec::new())
}

#[test]
fn the_cap_holds_and_counts_what_earlier_processes_spent() {
    let server = Server::start(|_, _| Say::answer(&usable()));
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let schema = schema();
    let asks: Vec<_> = (0..40).map(|ordinal| ask(&schema, ordinal)).collect();
    let mut reported = Vec::new();
    // A call costs 1,000 millionths, and is feared to cost some 14,000.
    for _ in 0..2 {
        let writer = writer(&root);
        let calls = calls(&writer);
        let mut settings = settings(&server.url());
        settings.max_cost_microusd = Some(25_000);
        let teacher = open(settings, &calls).unwrap();
        let results = teacher.propose(&asks, |_| {});
        assert!(matches!(teacher.stopped(), Some(Stop::Budget(_))));
        let answered = results.iter().filter(|it| it.is_ok()).count() as u64;
        let (here, all) = teacher.spent();
        assert_eq!(all.known_microusd, answered * 1_000);
        reported.push((here, all));
    }
    let charged = server.calls().len() as u64 * 1_000;
    let (first, resumed) = (reported[0], reported[1]);
    assert_eq!(first.0, first.1);
    assert_eq!(resumed.1.known_microusd, charged);
    assert!(charged > 5_000 && charged <= 25_000, "{charged}");
    // What was answered before costs nothing again.
    assert_eq!(resumed.0.calls, 0);
}

#[test]
fn a_dearer_call_than_listed_stops_everything() {
    let mut dear: serde_json::Value = serde_json::from_str(&completion(&usable(), "stop")).unwrap();
    dear["usage"]["cost"] = 2.into();
    let dear = dear.to_string();
    let server = Server::start(move |_, _| Say::json(dear.clone()));
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder.path().join("lake"));
    let calls = calls(&writer);
    let teacher = open(settings(&server.url()), &calls).unwrap();
    let schema = schema();
    let results = teacher.propose(&[ask(&schema, 0)], |_| {});
    assert!(results[0].is_ok(), "it was paid for, so it is used");
    let stop = teacher.stopped().map(ToString::to_string);
    assert!(stop.is_some_and(|it| it.contains("cost $2.00")));
    let later = teacher.propose(&[ask(&schema, 1)], |_| {});
    assert!(matches!(later[0], Err(ChatError::Stopped(_))));
    assert_eq!(server.calls().len(), 1);
}

#[test]
fn replay_asks_nobody_and_hears_the_same() {
    let server = Server::start(|_, before| match before {
        0 => status(503),
        1 => Say::answer("not JSON"),
        2 => status(400),
        _ => Say::answer(&usable()),
    });
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let mut writer = writer(&root);
    let calls = calls(&writer);
    let mut settings = settings(&server.url());
    settings.pace.max_concurrency = 1;
    let teacher = open(settings.clone(), &calls).unwrap();
    let schema = schema();
    let asks: Vec<_> = (0..5).map(|ordinal| ask(&schema, ordinal)).collect();
    let results = teacher.propose(&asks, |_| {});
    let mut draft = writer.begin("calls");
    let ids = calls.record(&mut draft, 1).unwrap();
    draft.commit().unwrap();
    for said in results.iter().flatten() {
        assert!(ids.contains_key(&said.request));
    }
    // Recording once more adds nothing.
    let again = teacher.propose(&asks, |_| {});
    assert_eq!(again, results);
    let mut draft = writer.begin("the same calls");
    assert_eq!(calls.record(&mut draft, 1).unwrap(), ids);
    assert_eq!(draft.len_events(), 0);
    drop(draft);
    let asked_before = server.seen().len();
    let listing = teacher.listing().clone();
    settings.listing = Some(listing);
    settings.key = None;
    let ledger = Recollection::of(writer.lake(), None).unwrap();
    let replayed = ChatTeacher::open(settings, Arc::new(ledger)).unwrap();
    let heard = replayed.propose(&asks, |_| {});
    let values = |results: &[Result<Said<Vec<Draft>>, ChatError>]| -> Vec<Option<Vec<Draft>>> {
        results
            .iter()
            .map(|it| it.as_ref().ok().map(|said| said.value.clone()))
            .collect()
    };
    assert_eq!(values(&heard), values(&results));
    assert!(results.iter().any(Result::is_err), "one of them failed");
    assert!(replayed.stopped().is_none());
    // What the lake does not hold is an error, and not a call.
    let unknown = replayed.propose(&[ask(&schema, 99)], |_| {});
    let error = unknown[0].as_ref().unwrap_err().to_string();
    assert!(error.contains("not among those"), "{error}");
    assert_eq!(server.seen().len(), asked_before);
}

#[test]
fn a_teacher_is_checked_before_the_first_call() {
    let server = Server::start(|_, _| Say::answer(&usable()));
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder.path().join("lake"));
    let calls = calls(&writer);
    let open = |settings: Settings| open(settings, &calls).err().unwrap();
    let mut other = settings(&server.url());
    other.endpoint = other.endpoint.clone().with_model("test/modle");
    let missing = open(other).to_string();
    assert!(
        missing.contains("test/modle") && missing.contains("test/model"),
        "{missing}"
    );
    let mut keyless = settings(&server.url());
    keyless.key = None;
    assert!(matches!(open(keyless), OpenError::NoKey));
    let mut clear = settings(&server.url());
    clear.endpoint = Endpoint::parse("http://example.org/v1", Some("m")).unwrap();
    assert!(matches!(open(clear), OpenError::Endpoint(_)));
    assert!(server.calls().is_empty());
}
