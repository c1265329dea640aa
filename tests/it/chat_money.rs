//! What a chat teacher may spend, what replay hears of it, and what is checked before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use antiks::base::id::ContentHash;
use antiks::event::teacher_call::TeacherCall;
use antiks::event::words::{CallOutcome, Request};
use antiks::lake::Lake;
use antiks::round::calls::Calls;
use antiks::round::recollection::Recollection;
use antiks::teacher::chat::call::{Call, Desk, Manner};
use antiks::teacher::chat::ledger::{Conclusion, Ledger};
use antiks::teacher::chat::prices::Listing;
use antiks::teacher::chat::prompts::Rendered;
use antiks::teacher::chat::talk::Said;
use antiks::teacher::chat::transport::Exchange;
use antiks::teacher::chat::{ChatError, ChatTeacher, Endpoint, OpenError, Settings, Stop};
use antiks::teacher::draft::Draft;

use crate::chat_ground::{ask, calls, open, schema, settings, usable, writer};
use crate::chat_server::{Say, Server, completion};
use crate::support::{import_text, sample_events};

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

#[test]
fn as_many_run_at_once_as_the_server_takes() {
    const TAKES: usize = 5;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let server = {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        Server::start(move |_, _| {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(15));
            running.fetch_sub(1, Ordering::SeqCst);
            match now {
                ..=TAKES => Say::answer(&usable()),
                _ => status(429),
            }
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder.path().join("lake"));
    let calls = calls(&writer);
    let mut settings = settings(&server.url());
    settings.pace.max_concurrency = 32;
    settings.patience.max_tries = 30;
    let teacher = open(settings, &calls).unwrap();
    let schema = schema();
    let asks: Vec<_> = (0..150).map(|ordinal| ask(&schema, ordinal)).collect();
    let results = teacher.propose(&asks, |_| {});
    assert!(results.iter().all(Result::is_ok));
    assert!(most.load(Ordering::SeqCst) > TAKES, "it was never too much");
    let refused = server.calls().len() - asks.len();
    assert!(
        refused > 0 && refused < asks.len(),
        "{refused} were refused"
    );
}

#[test]
fn an_interruption_keeps_what_is_answered_and_begins_nothing() {
    let server = Server::start(|_, _| {
        Say::After(Duration::from_millis(20), Box::new(Say::answer(&usable())))
    });
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder.path().join("lake"));
    let calls = calls(&writer);
    let teacher = open(settings(&server.url()), &calls).unwrap();
    let schema = schema();
    let asks: Vec<_> = (0..60).map(|ordinal| ask(&schema, ordinal)).collect();
    let mut done = 0;
    let results = teacher.propose(&asks, |_| {
        done += 1;
        if done == 3 {
            teacher.interrupt();
        }
    });
    assert_eq!(done, asks.len());
    let answered = results.iter().filter(|it| it.is_ok()).count();
    assert!((3..30).contains(&answered), "{answered}");
    assert_eq!(server.calls().len(), answered);
    assert_eq!(teacher.stopped(), Some(&Stop::Interrupted));
}

/// A call that nobody makes.
fn some_call() -> Call {
    let endpoint = Endpoint::parse("http://localhost:1/v1", Some("m")).unwrap();
    let listing = Listing {
        model: "m".to_owned(),
        prices: None,
        parameters: None,
    };
    let rendered = Rendered {
        name: "test 1".to_owned(),
        hash: ContentHash::of(b"test"),
        messages: vec![("user", "hello".to_owned())],
        schema_name: "test",
        schema: serde_json::json!({}),
    };
    let manner = Manner {
        max_tokens: 10,
        temperature: 0.0,
    };
    Desk::new(endpoint, listing).call(Request::Grade, &rendered, manner, 0)
}

/// The outcome and cost of every teacher call of a run in a lake.
fn recorded(lake: &Lake, is_of_run: bool) -> Vec<(i64, CallOutcome, Option<i64>)> {
    let mut all = Vec::new();
    lake.read_events::<TeacherCall>(|_, _, event| {
        if event.body.prompt_name == "test 1" && event.body.run_id.is_some() == is_of_run {
            let body = event.body;
            all.push((body.attempt, body.outcome, event.observed.cost_microusd));
        }
    })
    .unwrap();
    all
}

#[test]
fn a_call_that_a_crash_cut_off_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(&folder.path().join("lake"));
    import_text(&mut writer, &sample_events(), "with runs");
    let call = some_call();
    let crashed = calls(&writer);
    assert_eq!(crashed.attempts(&call).unwrap(), []);
    crashed.intend(&call, 0, Some(700)).unwrap();
    drop(crashed);
    let resumed = calls(&writer);
    let before = resumed.spent_before().unwrap();
    assert_eq!((before.calls, before.possible_microusd), (1, 700));
    assert_eq!(resumed.attempts(&call).unwrap().len(), 1);
    resumed.intend(&call, 1, Some(700)).unwrap();
    let exchange = Exchange {
        status: Some(200),
        retry_after: None,
        body: completion("fine", "stop").into_bytes(),
        trouble: None,
    };
    resumed.respond(&call, 1, &exchange).unwrap();
    resumed.conclude(&call, Conclusion::Used);
    let mut draft = writer.begin("calls");
    let ids = resumed.record(&mut draft, 3).unwrap();
    assert_eq!(ids.len(), 1);
    draft.commit().unwrap();
    // What was lost changes no number of what was answered.
    let expected = [
        (0, CallOutcome::Used, Some(1_000)),
        (1, CallOutcome::Unknown, None),
    ];
    assert_eq!(recorded(writer.lake(), false), expected);
    let before = calls(&writer).spent_before().unwrap();
    assert_eq!(
        (before.known_microusd, before.possible_microusd),
        (1_000, 700)
    );
    // Another run that asks the same has the answer for nothing.
    let mut run_id = None;
    let note_run = |_, id, _| run_id = run_id.or(Some(id));
    writer.lake().read_events(note_run).unwrap();
    let other = Calls::open(&writer, run_id, None).unwrap();
    assert_eq!(other.spent_before().unwrap().calls, 0);
    assert_eq!(other.attempts(&call).unwrap()[1].exchange, Some(exchange));
    other.conclude(&call, Conclusion::Used);
    let mut draft = writer.begin("the same calls");
    other.record(&mut draft, 1).unwrap();
    draft.commit().unwrap();
    let expected = [
        (0, CallOutcome::Used, Some(0)),
        (1, CallOutcome::Unknown, Some(0)),
    ];
    assert_eq!(recorded(writer.lake(), true), expected);
}

#[test]
fn who_asks_the_same_at_once_shares_one_call() {
    let server = Server::start(|_, _| {
        Say::After(Duration::from_millis(30), Box::new(Say::answer(&usable())))
    });
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder.path().join("lake"));
    let calls = calls(&writer);
    let teacher = open(settings(&server.url()), &calls).unwrap();
    let schema = schema();
    let asks: Vec<_> = (0..12).map(|place| ask(&schema, place % 2)).collect();
    let results = teacher.propose(&asks, |_| {});
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(results[0], results[10]);
    assert_eq!(server.calls().len(), 2);
    assert_eq!(teacher.spent().0.calls, 2);
}
