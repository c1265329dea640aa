//! Graphs of the example lake, against its bodies.

use super::*;
use crate::event::answer::Answer;
use crate::event::grade::Grade;
use crate::lake::import::import;
use crate::lake::{Ground, Writer};

const EVENTS: &str = include_str!("../../../lake/example.ndjson");

fn example() -> (tempfile::TempDir, Writer) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(&folder.path().join("lake"), &Ground::system()).unwrap();
    import(&mut writer, EVENTS.as_bytes(), "the example").unwrap();
    (folder, writer)
}

#[test]
fn references_are_those_of_the_bodies() {
    let (_folder, writer) = example();
    let graph = Graph::read(writer.lake()).unwrap();
    assert_eq!(graph.len(), EVENTS.lines().count());
    let mut compared = 0;
    let lake = writer.lake();
    lake.read_events::<Grade>(|seq, id, event| {
        let node = Node(u32::try_from(seq).unwrap());
        assert_eq!(
            (graph.id(node), graph.kind(node).name()),
            (&id.bytes(), "grade")
        );
        assert_eq!(graph.iteration(node), event.iteration);
        let parents: Vec<(&str, [u8; 32])> = graph
            .parents(node)
            .map(|parent| (parent.role, *graph.id(parent.node)))
            .collect();
        let mut expected = vec![
            ("run_id", event.body.run_id.unwrap().bytes()),
            ("challenge_id", event.body.challenge_id.bytes()),
            ("answer_id", event.body.answer_id.bytes()),
        ];
        expected.extend(
            event
                .body
                .judge_call_id
                .map(|id| ("judge_call_id", id.bytes())),
        );
        let corrected = event.body.correction_call_id;
        expected.extend(corrected.map(|id| ("correction_call_id", id.bytes())));
        assert_eq!(parents, expected);
        compared += 1;
    })
    .unwrap();
    assert_eq!(compared, 6);
}

#[test]
fn only_the_events_that_were_asked_for_are_read() {
    let (_folder, writer) = example();
    let graph = Graph::read(writer.lake()).unwrap();
    let mut all: Vec<Node> = graph.of_kind("answer").collect();
    let mut texts = HashMap::new();
    let lake = writer.lake();
    lake.read_events::<Answer>(|seq, _, event| {
        texts.insert(Node(u32::try_from(seq).unwrap()), event.body.text);
    })
    .unwrap();
    // In any order, twice, and among events of other kinds.
    let mut wanted = vec![all.pop().unwrap(), all[0], all[0]];
    wanted.extend(graph.of_kind("grade"));
    let mut read = Vec::new();
    graph
        .read_events::<Answer>(&wanted, |node, event| read.push((node, event.body.text)))
        .unwrap();
    read.sort();
    let mut expected: Vec<Node> = vec![wanted[0], wanted[1]];
    expected.sort();
    let expected = expected
        .into_iter()
        .map(|node| (node, texts[&node].clone()));
    assert_eq!(read, expected.collect::<Vec<_>>());
}

#[test]
fn changed_bytes_are_refused() {
    let (_folder, writer) = example();
    let lake = writer.lake();
    let file = lake.event_files("answer").next().unwrap();
    let path = lake.root().join(file.path());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40] ^= 1;
    std::fs::remove_file(&path).unwrap();
    let mut changed = std::fs::File::create_new(&path).unwrap();
    std::io::Write::write_all(&mut changed, &bytes).unwrap();
    let refused = Graph::read(lake).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("have changed"), "{refused}");
}
