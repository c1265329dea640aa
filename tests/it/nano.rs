//! The embedded base: what it reads and what is kept from it, and how it is made.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use antiks::base::id::{ContentHash, Id};
use antiks::base::seed::Random;
use antiks::database::generate;
use antiks::database::outline::outline;
use antiks::database::shape::shape_hash;
use antiks::event::words::Purpose;
use antiks::grading::signature::is_for_evaluation;
use antiks::nano::corpus::{Corpus, Ledger};
use antiks::nano::document::{Document, Kind, Turn};
use antiks::nano::embedded::embedded;
use antiks::nano::withheld::is_withheld;
use antiks::round::asked::{Asked, Occasion, proposal_of, schema_of};
use antiks::round::learn::Material;
use antiks::round::practice::{Lesson, Mistake, Policy, Practised, practice};
use antiks::round::pupil::{Manner, Pupil, Question};
use antiks::round::suite::{Item, Part, build};
use antiks::sandbox::Sandbox;
use antiks::teacher::draft::Difficulty;
use antiks::teacher::held_out::{held_out_phrasings, trained_phrasings};
use antiks::teacher::offline::{Grammar, Intent, intents};
use candle_core::Device;
use serde_json::Value as Json;

use crate::support::{antiks, program};

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap().install(work)
}

#[test]
fn a_corpus_is_its_groups_in_their_order_whoever_makes_them() {
    let made = |seed: u64| {
        let mut documents = Vec::new();
        Corpus::new(seed).make(4_000, |document| documents.push(document));
        documents
    };
    let documents = made(5);
    let turns: usize = documents.iter().map(|it| it.turns.len()).sum();
    assert!((4_000..4_006).contains(&turns), "{turns}");
    // One by one, here: what a thread makes, and when, changes nothing.
    let corpus = Corpus::new(5);
    let one_by_one = (0..).flat_map(|number| corpus.group(number));
    assert!(
        one_by_one
            .take(documents.len())
            .eq(documents.iter().cloned())
    );

    let ledger_of = |documents: &[Document]| {
        let mut ledger = Ledger::default();
        documents.iter().for_each(|it| ledger.add(it));
        ledger.finish()
    };
    let (hash, counts) = ledger_of(&documents);
    assert_ne!(hash, ledger_of(&made(6)).0);
    for kind in [
        "question",
        "everyday",
        "cipher",
        "pseudo_question",
        "statement",
    ] {
        assert!(counts.turns[kind] > 100, "{counts:?}");
    }
}

#[test]
fn the_corpus_is_still_the_one_that_the_embedded_base_has_read() {
    // Its first part. The whole has the hash that the receipt names, which takes a minute to
    // see: cargo bench --bench nano -- 5200000
    let mut ledger = Ledger::default();
    Corpus::new(1).make(20_000, |document| ledger.add(&document));
    let (hash, _) = ledger.finish();
    let wanted = "1ae4ff2ba61af1f849b4eb66a8f14722c37ac0ead4b50182c658bd54f0502547";
    assert_eq!(hash.to_string(), wanted);
}

/// The longest text between the slots of a frame; short ones are said elsewhere too.
fn longest_part(frame: &str) -> &str {
    let parts = frame.split(['{', '}']).step_by(2);
    parts.max_by_key(|part| part.len()).unwrap_or_default()
}

#[test]
fn no_frame_of_a_withheld_intent_is_read() {
    let mut random = Random::new(1, &["test"]);
    let mut seen = 0;
    for number in 0..40 {
        let schema = generate("retail", number).unwrap();
        let (grammar, shape) = (Grammar::new(&schema), shape_hash(&schema));
        for intent in intents().into_iter().filter(|it| is_withheld(it.name)) {
            let Some(turn) = Turn::of(intent, &grammar, (&schema, shape), &mut random) else {
                continue;
            };
            assert_ne!(turn.kind, Kind::Question, "{}", intent.name);
            for frame in intent.frames {
                let part = longest_part(frame);
                let is_said = part.len() > 14 && turn.question.contains(part);
                assert!(!is_said, "{}: {part:?} in {}", intent.name, turn.question);
            }
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn held_out_phrasings_are_of_no_question_that_is_trained() {
    for intent in intents() {
        let (trained, held_out) = (trained_phrasings(intent), held_out_phrasings(intent));
        assert!(trained.iter().all(|it| !held_out.contains(it)));
        assert_eq!(trained.len() + held_out.len(), intent.phrasings());
    }
}

fn mistake(intent: &Intent, iteration: u32) -> Option<Mistake> {
    (0..40).find_map(|seed| {
        let schema = generate("retail", seed)?;
        let grammar = Grammar::new(&schema);
        let draft = grammar.draft(intent, Difficulty::Medium, &[], seed)?;
        Some(Mistake {
            iteration,
            draft,
            need: 1.0,
        })
    })
}

#[test]
fn practice_repeats_and_has_as_much_of_everything_as_its_policy_says() {
    let all = intents();
    let mistakes: Vec<Mistake> = all
        .iter()
        .filter(|it| is_withheld(it.name))
        .take(12)
        .enumerate()
        .filter_map(|(place, intent)| mistake(intent, 1 + place as u32 % 2))
        .collect();
    assert_eq!(mistakes.len(), 12);
    let policy = Policy {
        siblings: 60,
        siblings_each: 8,
        new_percent: 60,
        sibling_turns: 2,
        known_turns: 1,
        shuffled: false,
    };
    let corpus = Corpus::new(3);
    let practised = Practised {
        policy,
        corpus: &corpus,
        own: None,
        seed: 9,
    };
    let made = |threads| on_threads(threads, || practice(&mistakes, 2, practised));
    let lessons = made(1);
    assert_eq!(lessons, made(3));
    assert!(lessons.len() <= 30 && lessons.len() > 25);
    let turns: Vec<_> = lessons.iter().flat_map(|it| &it.turns).collect();
    assert!((60..=90).contains(&turns.len()), "{}", turns.len());
    for (turn, place) in &turns {
        let is_rehearsed = place.is_none() && turn.kind == Kind::Everyday;
        assert!(is_rehearsed || turn.kind == Kind::Question, "{turn:?}");
    }
    assert!(practice(&[], 1, practised).is_empty());

    let control = Practised {
        policy: Policy {
            shuffled: true,
            ..policy
        },
        ..practised
    };
    let shuffled = practice(&mistakes, 2, control);
    let siblings = |lessons: &[Lesson]| -> Vec<Turn> {
        let turns = lessons.iter().flat_map(|it| it.turns.clone());
        let siblings = turns.filter(|(_, place)| place.is_some());
        siblings.map(|(turn, _)| turn).collect()
    };
    let (told, dealt) = (
        siblings(&practice(&mistakes, 2, practised)),
        siblings(&shuffled),
    );
    let sorted = |turns: &[Turn], part: fn(&Turn) -> &String| {
        let mut texts: Vec<String> = turns.iter().map(|it| part(it).clone()).collect();
        texts.sort();
        texts
    };
    assert_eq!(sorted(&told, |it| &it.sql), sorted(&dealt, |it| &it.sql));
    assert_eq!(
        sorted(&told, |it| &it.question),
        sorted(&dealt, |it| &it.question)
    );
    let same = told
        .iter()
        .zip(&dealt)
        .filter(|(a, b)| a.sql == b.sql)
        .count();
    assert!(same < told.len() / 4, "{same} of {}", told.len());
}

#[test]
fn every_answer_of_a_lesson_is_learned_over_one_outline() {
    let mistakes: Vec<Mistake> = intents()
        .iter()
        .filter(|it| is_withheld(it.name))
        .take(12)
        .filter_map(|intent| mistake(intent, 1))
        .collect();
    let corpus = Corpus::new(3);
    let practised = Practised {
        policy: Policy {
            siblings: 40,
            siblings_each: 8,
            new_percent: 60,
            sibling_turns: 10,
            known_turns: 2,
            shuffled: false,
        },
        corpus: &corpus,
        own: None,
        seed: 9,
    };
    let lessons = practice(&mistakes, 1, practised);
    let statements = |lines: &str| -> Vec<String> {
        let examples = lines
            .lines()
            .map(|it| serde_json::from_str::<Json>(it).unwrap());
        let answers = examples.flat_map(|example| {
            let messages = example["messages"].as_array().unwrap();
            let answers = messages.iter().filter(|it| it["role"] == "assistant");
            let answers: Vec<Json> = answers.map(|it| it["content"].clone()).collect();
            assert_eq!(
                example["grade_ids"].as_array().unwrap().len(),
                answers.len()
            );
            answers
        });
        answers.map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let turns: Vec<&Turn> = lessons
        .iter()
        .flat_map(|it| it.turns.iter().map(|(turn, _)| turn))
        .collect();
    let grades: Vec<_> = (0..12).map(|it| Id::new([it; 32])).collect();
    let pupil = Pupil::new(embedded().unwrap(), Device::Cpu, Manner::Outline).unwrap();
    let all = Material::of(&lessons, &grades, &pupil, 1024).unwrap();
    assert_eq!(all.examples.len(), lessons.len());
    for (example, lesson) in all.examples.iter().zip(&lessons) {
        assert_eq!(example.texts().count(), lesson.turns.len());
        let outline = pupil
            .prompts()
            .tokenizer()
            .encode(&outline(&lesson.schema), false);
        // All but the end of it, where the tokenizer may merge it with what follows.
        assert!(example.stem().len() + 2 > outline.unwrap().len());
        assert!(example.longest() <= 1024);
    }
    assert_eq!((all.answers(), all.too_long), (turns.len(), 0));
    let told: Vec<&String> = turns.iter().map(|it| &it.sql).collect();
    let text = String::from_utf8(all.text).unwrap();
    assert_eq!(statements(&text).iter().collect::<Vec<_>>(), told);
    let ids: BTreeSet<_> = all.examples.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), all.examples.len());

    let longest = all.examples.iter().map(|it| it.longest()).max().unwrap();
    let few = Material::of(&lessons, &grades, &pupil, longest - 1).unwrap();
    assert!(few.too_long > 0 && few.answers() > 0);
    assert_eq!(few.answers() + few.too_long, turns.len());
}

#[test]
fn a_suite_is_the_same_on_any_number_of_workers_and_of_kept_families() {
    let made = |workers| -> Vec<Item> {
        let sandbox = Sandbox::new(program(), workers);
        build(&sandbox, 4, None, |_, _| 3, || {}).unwrap()
    };
    let items = made(1);
    let questions = |items: &[Item]| -> Vec<String> {
        let drafts = items.iter().map(|it| &it.proposal.draft);
        drafts.map(|it| it.question.clone()).collect()
    };
    assert_eq!(questions(&items), questions(&made(3)));
    assert_eq!(items.len(), 18);
    for item in &items {
        assert!(is_for_evaluation(item.proposal.admitted.family));
        let draft = &item.proposal.draft;
        assert_eq!(
            item.part == Part::Withheld,
            is_withheld(draft.intent.as_deref().unwrap())
        );
        let all = intents();
        let intent = all
            .iter()
            .find(|it| draft.intent.as_deref() == Some(it.name))
            .unwrap();
        let held_out = held_out_phrasings(intent);
        let phrasing: usize = draft
            .phrasing
            .as_deref()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(item.is_held_out, held_out.contains(&phrasing));
    }
}

#[test]
fn nano_says_the_same_with_a_reference_beside_the_question() {
    let sandbox = Sandbox::new(program(), 2);
    let items = build(&sandbox, 4, None, |_, _| 3, || {}).unwrap();
    let pupil = Pupil::new(embedded().unwrap(), Device::Cpu, Manner::Outline).unwrap();
    let model = pupil.model(None).unwrap();
    let answers = |guess: &dyn Fn(usize) -> Option<usize>| -> Vec<String> {
        let questions: Vec<Question<'_>> = items
            .iter()
            .enumerate()
            .map(|(place, item)| Question {
                schema: &item.proposal.schema,
                text: &item.proposal.draft.question,
                guess: guess(place).map(|of| items[of].proposal.draft.reference_sql.as_str()),
            })
            .collect();
        let said = pupil.answer(&model, &questions, || {}).unwrap();
        said.into_iter().map(|it| it.text).collect()
    };
    let alone = answers(&|_| None);
    assert_eq!(answers(&Some), alone);
    assert_eq!(answers(&|place| Some(items.len() - 1 - place)), alone);
    let references = items.iter().map(|it| &it.proposal.draft.reference_sql);
    assert!(alone.iter().zip(references).any(|(a, b)| a == b));
}

#[test]
fn a_recorded_suite_is_made_again_without_its_proofs() {
    let sandbox = Sandbox::new(program(), 2);
    let items = build(&sandbox, 4, None, |_, _| 3, || {}).unwrap();
    let proposals = items.iter().map(|it| it.proposal.clone()).collect();
    let occasion = Occasion {
        run_id: Id::new([1; 32]),
        iteration: 0,
        purpose: Purpose::Eval,
        teacher: "offline",
        own: None,
    };
    let recorded = Asked::all(proposals, occasion, 0);
    for (item, recorded) in items.iter().zip(&recorded) {
        let (challenge, database) = (&recorded.challenge, &recorded.database);
        let schema = Arc::new(schema_of(database, |_| None).unwrap());
        let again = proposal_of(challenge, database, Arc::clone(&schema)).unwrap();
        assert_eq!(again.draft, item.proposal.draft);
        assert_eq!(again.admitted, item.proposal.admitted);
        let again = Item::of(again).unwrap();
        assert_eq!(
            (again.part, again.is_held_out),
            (item.part, item.is_held_out)
        );
        // What would be asked or graded otherwise is not taken for it.
        let mut another = challenge.clone();
        another.question.push('?');
        assert_eq!(proposal_of(&another, database, Arc::clone(&schema)), None);
        let mut another = challenge.clone();
        another.instances[0].script_hash = ContentHash::of(b"");
        assert_eq!(proposal_of(&another, database, Arc::clone(&schema)), None);
        let mut another = challenge.clone();
        another.instances[0].seed ^= 1;
        assert_eq!(proposal_of(&another, database, schema), None);
    }
}

#[test]
fn a_base_is_made_with_its_receipt_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str| {
        let arguments = [
            "pretrain", "--out", name, "--turns", "40", "--device", "cpu",
        ];
        let ran = antiks(folder.path(), &arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        fs::read(folder.path().join(name).join("model.safetensors")).unwrap()
    };
    assert_eq!(made("a"), made("b"));
    let receipt = fs::read(folder.path().join("a/receipt.json")).unwrap();
    let receipt: Json = serde_json::from_slice(&receipt).unwrap();
    for (name, hash) in receipt["files"].as_object().unwrap() {
        let bytes = fs::read(folder.path().join("a").join(name)).unwrap();
        let own = blake3::hash(&bytes).to_hex().to_string();
        assert!(hash.as_str().unwrap().ends_with(&own), "{name}");
    }
    assert!(receipt["withheld"].as_array().unwrap().len() > 40);
    assert!(!folder.path().join("a/state").exists());
    let ran = antiks(
        folder.path(),
        &[
            "generate",
            "--base",
            "a",
            "--prompt",
            "t(id key)\nQ: How many t?",
            "--max-new-tokens",
            "4",
        ],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let again = antiks(folder.path(), &["pretrain", "--out", "a", "--turns", "40"]);
    assert_eq!(again.code, 1);
}
