//! The chat teacher against a scripted server: each fault has its result, and is paid for at
//! most once.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiks::event::teacher_call::TeacherCall;
use antiks::event::words::CallOutcome;
use antiks::lake::report::Silent;
use antiks::lake::verify::verify;
use antiks::teacher::chat::talk::Said;
use antiks::teacher::chat::{ChatError, Endpoint, Settings, Stop};
use antiks::teacher::draft::Draft;

use crate::chat_ground::{CANARY, ask, calls, open, schema, settings, usable, writer};
use crate::chat_server::{Say, Seen, Server, completion};

/// What asking for one challenge came to.
struct Asked {
    result: Result<Said<Vec<Draft>>, ChatError>,
    /// How often the server was called for it.
    calls: Vec<Seen>,
    took: Duration,
    outcomes: Vec<CallOutcome>,
}

/// Asks a server with this script once, records the calls, and looks for the canary.
fn asked(script: impl Fn(&Seen, usize) -> Say + Send + Sync + 'static) -> Asked {
    asked_with(|it| it, script)
}

fn asked_with(
    change: impl FnOnce(Settings) -> Settings,
    script: impl Fn(&Seen, usize) -> Say + Send + Sync + 'static,
) -> Asked {
    let server = Server::start(script);
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let mut writer = writer(&root);
    let calls = calls(&writer);
    let teacher = open(change(settings(&server.url())), &calls).unwrap();
    let schema = schema();
    let begun = Instant::now();
    let result = teacher.propose(&[ask(&schema, 0)], |_| {}).remove(0);
    let took = begun.elapsed();
    let mut draft = writer.begin("calls");
    calls.record(&mut draft, 1).unwrap();
    draft.commit().unwrap();
    let mut outcomes = Vec::new();
    let mut events = String::new();
    writer
        .lake()
        .read_events::<TeacherCall>(|_, _, event| {
            events += &format!("{event:?}");
            outcomes.push((event.body.attempt, event.body.outcome));
        })
        .unwrap();
    assert!(
        verify(&root, None, &mut Silent)
            .unwrap()
            .findings
            .is_empty()
    );
    let shown = format!("{result:?} {:?} {events}", teacher.stopped());
    assert!(!shown.contains(CANARY), "{shown}");
    if let Err(error) = &result {
        assert!(!error.to_string().contains(CANARY), "{error}");
    }
    nowhere(&root);
    Asked {
        result,
        calls: server.calls(),
        took,
        outcomes: outcomes.into_iter().map(|(_, outcome)| outcome).collect(),
    }
}

/// No file below a folder holds the canary.
fn nowhere(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            nowhere(&path);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let found = bytes
            .windows(CANARY.len())
            .any(|it| it == CANARY.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

fn failed(asked: &Asked, tries: usize, why: &str) {
    assert_eq!(asked.calls.len(), tries, "{:?}", asked.result);
    match &asked.result {
        Err(error @ ChatError::Failed { tries: said, .. }) => {
            assert_eq!(*said as usize, tries);
            assert!(error.to_string().contains(why), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert!(asked.outcomes.iter().all(|it| *it == CallOutcome::Failed));
}

fn stopped(asked: &Asked, why: &str) {
    assert_eq!(asked.calls.len(), 1);
    match &asked.result {
        Err(error @ ChatError::Stopped(Stop::Server(_))) => {
            assert!(error.to_string().contains(why), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

/// Something first, and a usable answer after it.
fn first(say: impl Fn() -> Say + Send + Sync + 'static) -> Asked {
    asked(move |_, before| match before {
        0 => say(),
        _ => Say::answer(&usable()),
    })
}

fn status(status: u16, body: &str) -> Say {
    Say::Whole(status, Vec::new(), body.as_bytes().to_vec())
}

fn recovers(asked: &Asked) {
    assert!(asked.result.is_ok(), "{:?}", asked.result);
    assert_eq!(asked.calls.len(), 2);
    assert_eq!(asked.outcomes.len(), 2);
}

#[test]
fn a_good_answer_is_used_and_recorded() {
    let asked = asked(|_, _| Say::answer(&usable()));
    let said = asked.result.unwrap();
    assert_eq!(said.value[0].question, "How many are there?");
    assert_eq!(
        (&said.value[0].intent, &said.value[0].phrasing),
        (&None, &None)
    );
    assert_eq!(asked.outcomes, [CallOutcome::Used]);
    let call = &asked.calls[0];
    assert!(call.headers.contains(&format!("Bearer {CANARY}")));
    assert!(!call.headers.to_lowercase().contains("accept-encoding"));
    let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
    assert_eq!(body["model"], "test/model");
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    assert_eq!(body["provider"]["enforce_distillable_text"], true);
    assert_eq!(body["provider"]["max_price"]["completion"], 4.0);
    assert!(body["max_tokens"].as_u64().unwrap() > 0);
    let user = body["messages"][1]["content"].as_str().unwrap();
    for part in [
        "CREATE TABLE",
        "Revenue/Finance",
        "easy",
        "without a partner",
        "Some of its rows",
    ] {
        assert!(user.contains(part), "{part}: {user}");
    }
}

#[test]
fn a_busy_server_is_waited_for_as_long_as_it_says() {
    let wait = || vec![("Retry-After", "0.3".to_owned())];
    for code in [429, 503, 402] {
        let asked = first(move || Say::Whole(code, wait(), Vec::new()));
        recovers(&asked);
        assert!(
            asked.took >= Duration::from_millis(300),
            "{code}: {:?}",
            asked.took
        );
    }
    let always = asked(|_, _| status(429, r#"{"error":{"code":429,"message":"slow down"}}"#));
    failed(&always, 4, "429: slow down");
}

#[test]
fn without_credit_or_leave_everything_stops_and_is_kept() {
    for (code, hint) in [
        (401, "key"),
        (402, "credits"),
        (403, "limit"),
        (404, "model"),
    ] {
        let body = format!(r#"{{"error":{{"code":{code},"message":"no"}}}}"#);
        stopped(&asked(move |_, _| status(code, &body)), hint);
    }
    // Those that were answered stay, and nothing is asked after the stop.
    let server = Server::start(|_, before| match before {
        0..4 => Say::answer(&usable()),
        _ => status(402, ""),
    });
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder.path().join("lake"));
    let calls = calls(&writer);
    let mut settings = settings(&server.url());
    settings.pace.max_concurrency = 1;
    let teacher = open(settings, &calls).unwrap();
    let schema = schema();
    let asks: Vec<_> = (0..20).map(|ordinal| ask(&schema, ordinal)).collect();
    let results = teacher.propose(&asks, |_| {});
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 4);
    assert_eq!(server.calls().len(), 5);
    assert!(matches!(teacher.stopped(), Some(Stop::Server(_))));
}

#[test]
fn an_error_under_200_is_an_error() {
    recovers(&first(|| {
        Say::json(r#"{"error":{"code":502,"message":"upstream"}}"#)
    }));
    recovers(&first(|| {
        Say::json(r#"{"error":{"code":429,"message":"slow down"}}"#)
    }));
    recovers(&first(|| {
        Say::json(r#"{"choices":[{"error":{"code":500,"message":"x"}}]}"#)
    }));
    stopped(
        &asked(|_, _| Say::json(r#"{"error":{"code":402,"message":"no"}}"#)),
        "credits",
    );
    let bad = asked(|_, _| Say::json(r#"{"error":{"code":400,"message":"no such thing"}}"#));
    failed(&bad, 1, "no such thing");
    failed(&asked(|_, _| status(500, "<html>oops</html>")), 4, "500");
}

#[test]
fn what_is_no_completion_is_asked_for_once_more() {
    let whole = completion(&usable(), "stop");
    let cut = whole[..whole.len() - 40].to_owned();
    let garbled: Vec<(Vec<u8>, &str)> = vec![
        (cut.into_bytes(), "no completion"),
        (
            b"{\"choices\":[{\"message\":{\"content\":\"\xff\xfe\"}}]}".to_vec(),
            "UTF-8",
        ),
        (
            b"data: {\"choices\":[]}\n\ndata: [DONE]\n\n".to_vec(),
            "event stream",
        ),
        (b"{\"choices\":[]}".to_vec(), "no choices"),
        (b"[[[[[[[[".repeat(4_000), "no completion"),
    ];
    for (body, why) in garbled {
        let again = body.clone();
        recovers(&first(move || Say::Whole(200, Vec::new(), again.clone())));
        let always = asked(move |_, _| Say::Whole(200, Vec::new(), body.clone()));
        failed(&always, 2, why);
    }
    // Comments keep the connection of a slow answer open.
    let body = format!(": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n{whole}");
    assert!(asked(move |_, _| Say::json(body.clone())).result.is_ok());
}

#[test]
fn a_body_without_end_is_not_read() {
    for in_chunks in [true, false] {
        let flood = asked(move |_, _| Say::Flood {
            bytes: 64 << 20,
            in_chunks,
        });
        failed(&flood, 1, "larger than 1048576 bytes");
    }
}

#[test]
fn a_compressed_body_is_not_unpacked() {
    let bomb = || {
        Say::Whole(
            200,
            vec![("Content-Encoding", "gzip".to_owned())],
            vec![0x1f; 64],
        )
    };
    failed(&asked(move |_, _| bomb()), 1, "compressed (gzip)");
}

#[test]
fn a_deadline_holds_whatever_the_server_does() {
    // A byte every 50 ms is never silent for long: the total deadline ends it.
    let drip = asked(|_, _| Say::Drip(Duration::from_millis(50)));
    failed(&drip, 2, "not whole after 0.9 s");
    assert!(drip.took >= Duration::from_millis(1_800) && drip.took < Duration::from_secs(6));
    let silence = asked(|_, _| Say::Silence);
    failed(&silence, 2, "silent for 0.4 s");
    assert!(silence.took < Duration::from_secs(5), "{:?}", silence.took);
}

#[test]
fn a_broken_connection_is_tried_again() {
    recovers(&first(|| Say::Raw(Vec::new())));
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"choices\"";
    recovers(&first(move || Say::Raw(head.into())));
    recovers(&first(|| Say::Raw(b"SMTP ready\r\n".to_vec())));
    let gone = asked_with(
        |mut it| {
            // Nobody listens there.
            let endpoint = Endpoint::parse("http://127.0.0.1:9/v1", Some("m")).unwrap();
            it.listing = Some(antiks::teacher::chat::prices::Listing {
                model: "m".to_owned(),
                prices: None,
                parameters: None,
            });
            it.endpoint = endpoint;
            it
        },
        |_, _| Say::Silence,
    );
    assert!(gone.calls.is_empty());
    let error = gone.result.unwrap_err().to_string();
    assert!(
        error.contains("4 tries") && error.contains("no connection"),
        "{error}"
    );
}

#[test]
fn a_redirect_is_not_followed_and_the_key_stays_here() {
    let other = Arc::new(Server::start(|_, _| Say::answer(&usable())));
    let location = format!("{}/chat/completions", other.url());
    for code in [301, 302, 307, 308] {
        let location = location.clone();
        let asked =
            asked(move |_, _| Say::Whole(code, vec![("Location", location.clone())], Vec::new()));
        stopped(&asked, "sends elsewhere");
    }
    assert!(other.seen().is_empty(), "{:?}", other.seen());
}

#[test]
fn an_answer_that_reasoning_ate_is_asked_for_with_more_room() {
    let eaten = || {
        let mut body: serde_json::Value = serde_json::from_str(&completion("", "length")).unwrap();
        body["usage"]["completion_tokens_details"]["reasoning_tokens"] = 900.into();
        body["choices"][0]["message"]["content"] = serde_json::Value::Null;
        Say::json(body.to_string())
    };
    let asked_once_more = first(eaten);
    recovers(&asked_once_more);
    let tokens = |call: &Seen| {
        let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
        body["max_tokens"].as_u64().unwrap()
    };
    let [before, after] = &asked_once_more.calls[..] else {
        panic!("{:?}", asked_once_more.calls);
    };
    assert_eq!(tokens(after), 4 * tokens(before));
    let always = asked(move |_, _| eaten());
    assert_eq!(always.calls.len(), 2);
    let error = always.result.unwrap_err();
    assert!(
        matches!(&error, ChatError::Refused(why) if why.contains("900 tokens")),
        "{error}"
    );
}

#[test]
fn wrong_json_is_asked_for_once_more_and_then_refused() {
    let wrong = [
        ("Sure! Here it is.", "not the JSON"),
        ("{\"challenges\":[{\"question\":\"a\"}]}", "missing field"),
        ("{\"challenges\":[]}", "no challenges"),
        (
            "{\"challenges\":[{\"question\":\"a\",\"reference_sql\":\"DROP TABLE t\",\
          \"ordered\":false,\"requirements\":[]}]}",
            "one SELECT",
        ),
    ];
    for (content, why) in wrong {
        let repaired = first(move || Say::answer(content));
        recovers(&repaired);
        assert!(repaired.calls[1].body.contains("can't be used"));
        assert!(repaired.outcomes.contains(&CallOutcome::Refused));
        assert!(repaired.outcomes.contains(&CallOutcome::Used));
        let always = asked(move |_, _| Say::answer(content));
        assert_eq!(always.calls.len(), 2);
        let error = always.result.unwrap_err();
        assert!(
            matches!(&error, ChatError::Refused(it) if it.contains(why)),
            "{error}"
        );
        assert_eq!(always.outcomes, [CallOutcome::Refused; 2]);
    }
}

#[test]
fn a_server_that_quotes_the_key_spreads_it_nowhere() {
    // `asked` looks through the lake, the events, the error and its Debug.
    let quote = format!("your header was Bearer {CANARY}");
    let error = serde_json::json!({"error": {"code": 400, "message": quote}}).to_string();
    let said = asked(move |_, _| status(400, &error));
    failed(&said, 1, "your header was Bearer [key]");
    let quote = format!("{CANARY} {CANARY}");
    asked(move |_, _| Say::answer(&quote)).result.unwrap_err();
    asked(|_, _| Say::Raw(format!("HTTP/1.1 {CANARY}\r\n\r\n").into_bytes()))
        .result
        .unwrap_err();
    asked(|_, _| {
        Say::Whole(
            200,
            vec![("Content-Encoding", CANARY.to_owned())],
            Vec::new(),
        )
    })
    .result
    .unwrap_err();
    let shown = format!("{:?}", settings("http://127.0.0.1:9/v1"));
    assert!(!shown.contains(CANARY), "{shown}");
}
