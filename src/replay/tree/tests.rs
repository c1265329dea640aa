//! Trees of small lineages, line by line.

use super::*;
use crate::lake::graph::fake::{self, FakeEvent};

/// A run, a database, `mistakes` challenges with their answers and grades, a training set
/// of them, a training, its adapter, and an adapter that was trained on from it.
fn loop_of(mistakes: u32) -> (Graph, Vec<Node>) {
    let mut events: Vec<FakeEvent<'_>> = vec![
        ("run_started", 0, vec![]),
        ("database", 0, vec![("run_id", 0)]),
    ];
    let mut grades = vec![("run_id", 0)];
    for _ in 0..mistakes {
        let next = events.len() as u32;
        events.push(("challenge", 1, vec![("run_id", 0), ("database_id", 1)]));
        events.push(("answer", 1, vec![("run_id", 0), ("challenge_id", next)]));
        let of_grade = vec![
            ("run_id", 0),
            ("challenge_id", next),
            ("answer_id", next + 1),
        ];
        events.push(("grade", 1, of_grade));
        grades.push(("grade_ids", next + 2));
    }
    let set = events.len() as u32;
    events.push(("snapshot", 1, grades));
    events.push(("training_started", 1, vec![("snapshot_id", set)]));
    events.push((
        "checkpoint",
        1,
        vec![("run_id", 0), ("training_id", set + 1)],
    ));
    let again = vec![("snapshot_id", set), ("parent_checkpoint_id", set + 2)];
    events.push(("training_started", 2, again));
    events.push((
        "checkpoint",
        2,
        vec![("run_id", 0), ("training_id", set + 3)],
    ));
    fake::graph(&events)
}

/// A tree with a letter for the sort of each line, a kind's first three letters, and the
/// event's number.
fn drawn(graph: &Graph, trees: &Trees) -> String {
    fn draw(graph: &Graph, branch: &Branch, depth: usize, text: &mut String) {
        let (mark, node) = match branch.line {
            Line::Event(node) => ("".to_owned(), node),
            Line::Above(node) => ("above ".to_owned(), node),
            Line::Below(node) => ("below ".to_owned(), node),
            Line::Deeper(node) => ("deeper ".to_owned(), node),
            Line::Beyond(node, more) => (format!("beyond+{more} "), node),
            Line::More(more) => (format!("more+{} ", more.events), more.example),
        };
        let kind = &graph.kind(node).name()[..3];
        let indent = " ".repeat(depth);
        text.push_str(&format!("{indent}{mark}{kind}{}\n", node.seq()));
        for child in &branch.children {
            draw(graph, child, depth + 1, text);
        }
    }
    let mut text = String::new();
    for tree in &trees.trees {
        draw(graph, tree, 0, &mut text);
    }
    text
}

fn drawing<'a>(graph: &'a Graph, taint: &'a Taint, all: bool) -> Drawing<'a> {
    Drawing { graph, taint, all }
}

#[test]
fn downwards_each_event_stands_once_and_older_adapters_by_themselves() {
    let (graph, nodes) = loop_of(2);
    let newest = *nodes.last().unwrap();
    let lineage = Lineage::of(&graph, newest);
    let taint = Taint::default();
    let trees = drawing(&graph, &taint, false).down(&lineage);
    let expected = "\
che12
 tra11
  below che10
  sna8
   gra4
    ans3
     cha2
      dat1
   gra7
    ans6
     cha5
      above dat1
 run0
che10
 tra9
  above sna8
";
    assert_eq!(drawn(&graph, &trees), expected);
    assert_eq!(trees.left_out, 0);
}

#[test]
fn the_oldest_of_many_adapters_have_no_tree() {
    let mut events: Vec<FakeEvent<'_>> = vec![("training_started", 1, vec![])];
    for iteration in 1..=8 {
        let next = events.len() as u32;
        events.push(("checkpoint", iteration, vec![("training_id", next - 1)]));
        let from = vec![("parent_checkpoint_id", next)];
        events.push(("training_started", iteration + 1, from));
    }
    let (graph, nodes) = fake::graph(&events);
    let lineage = Lineage::of(&graph, *nodes.last().unwrap());
    let taint = Taint::default();
    let trees = drawing(&graph, &taint, false).down(&lineage);
    let expected = "\
tra16
 below che15
che15
 tra14
  below che13
che13
 tra12
  below che11
che11
 tra10
  che9
";
    assert_eq!(drawn(&graph, &trees), expected);
    assert_eq!(trees.left_out, 5);
    let all = drawing(&graph, &taint, true).down(&lineage);
    assert_eq!((all.trees.len(), all.left_out), (9, 0));
}

#[test]
fn upwards_each_event_stands_below_the_newest_that_it_rests_on() {
    let (graph, nodes) = loop_of(2);
    let lineage = Lineage::of(&graph, nodes[2]);
    let taint = Taint::default();
    let trees = drawing(&graph, &taint, false).up(&lineage);
    let expected = "\
cha2
 ans3
  gra4
   sna8
    tra9
     beyond+2 che10
";
    assert_eq!(drawn(&graph, &trees), expected);
    let trees = drawing(&graph, &taint, true).up(&lineage);
    let expected = "\
cha2
 ans3
  gra4
   sna8
    tra9
     below che10
che10
 tra11
  che12
";
    assert_eq!(drawn(&graph, &trees), expected);
}

#[test]
fn a_long_list_is_folded_unless_one_would_be_left() {
    let taint = Taint::default();
    for (mistakes, folded) in [(4, 0), (5, 2), (60, 57)] {
        let (graph, nodes) = loop_of(mistakes);
        let set = nodes[2 + 3 * mistakes as usize];
        let lineage = Lineage::of(&graph, set);
        let text = drawn(&graph, &drawing(&graph, &taint, false).down(&lineage));
        match folded {
            0 => assert!(!text.contains("more"), "{text}"),
            _ => assert!(text.contains(&format!("more+{folded} gra")), "{text}"),
        }
        let whole = drawn(&graph, &drawing(&graph, &taint, true).down(&lineage));
        assert_eq!(whole.matches("gra").count(), mistakes as usize);
        // Of a database, its challenges.
        let lineage = Lineage::of(&graph, nodes[1]);
        let text = drawn(&graph, &drawing(&graph, &taint, false).up(&lineage));
        assert_eq!(
            text.contains(&format!("more+{folded} cha")),
            folded > 0,
            "{text}"
        );
    }
}

#[test]
fn a_chain_as_long_as_the_lake_is_cut_off() {
    let mut events: Vec<FakeEvent<'_>> = vec![("challenge", 1, vec![])];
    for place in 0..10_000 {
        events.push(("challenge", 1, vec![("sibling_of_challenge_id", place)]));
    }
    let (graph, nodes) = fake::graph(&events);
    let taint = Taint::default();
    let all = drawing(&graph, &taint, true);
    let newest = Lineage::of(&graph, nodes[10_000]);
    assert_eq!(newest.came_from.len(), 10_000);
    let text = drawn(&graph, &all.down(&newest));
    assert_eq!(text.lines().count(), MAX_DEPTH + 1);
    assert!(text.trim_end().ends_with("deeper cha9960"), "{text}");
    let oldest = Lineage::of(&graph, nodes[0]);
    let text = drawn(&graph, &all.up(&oldest));
    assert_eq!(text.lines().count(), MAX_DEPTH + 1);
}
