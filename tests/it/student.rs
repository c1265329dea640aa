//! The student against numbers that PyTorch, transformers and PEFT made
//! (`scripts/goldens/student.py`).

use std::path::PathBuf;

use antiks::ops::Sequences;
use antiks::student::adapter::Adapter;
use antiks::student::base::Base;
use antiks::student::decode::{Answer, Ending, Sampling, Settings, generate, generate_guessed};
use antiks::student::message::{Message, Role};
use antiks::student::model::Model;
use antiks::student::prompt::Prompts;
use candle_core::{DType, Device, Tensor};
use serde_json::Value as Json;

use crate::goldens::{close, floats, goldens, ids, scalars};
use crate::support::repository;

pub fn folder(name: &str) -> PathBuf {
    repository("tests/data/student").join(name)
}

pub fn base(name: &str) -> Base {
    Base::open(&folder(name)).unwrap()
}

fn model(name: &str) -> Model {
    Model::load(&base(name), None, &Device::Cpu).unwrap()
}

fn with_adapter() -> Model {
    let base = base("tiny");
    let adapter = Adapter::read(&folder("adapter"), &base.config().unwrap()).unwrap();
    let model = Model::load(&base, Some(&adapter.config), &Device::Cpu).unwrap();
    model.set_adapter(&adapter).unwrap();
    model
}

/// The logits of each text, all of them packed together.
fn packed_logits(model: &Model, texts: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let lens: Vec<usize> = texts.iter().map(Vec::len).collect();
    let sequences = Sequences::new(&lens, &Device::Cpu).unwrap();
    let tokens = Tensor::new(texts.concat(), &Device::Cpu).unwrap();
    let logits = model.all_logits(&tokens, &sequences).unwrap();
    let part = |pair: &[u32]| {
        let (first, len) = (pair[0] as usize, (pair[1] - pair[0]) as usize);
        logits
            .narrow(0, first, len)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap()
    };
    sequences.starts().windows(2).map(part).collect()
}

fn check_logits(model: &Model, texts: &Json, prefix: &str) {
    let texts: Vec<Vec<u32>> = texts.as_array().unwrap().iter().map(ids).collect();
    let tensors = goldens();
    for (number, logits) in packed_logits(model, &texts).iter().enumerate() {
        let name = format!("{prefix}.logits.{number}");
        close(&name, logits, &floats(&tensors, &name), 1e-4);
    }
}

#[test]
fn logits_are_those_of_transformers() {
    let scalars = scalars();
    for name in ["tiny", "tied"] {
        check_logits(&model(name), &scalars[name]["forward"], name);
    }
}

#[test]
fn logits_with_an_adapter_are_those_of_peft() {
    let golden = &scalars()["tiny"]["forward"];
    check_logits(&with_adapter(), golden, "adapter");
    let merged = with_adapter().merged().unwrap();
    assert!(merged.lora.is_none());
    check_logits(&merged, golden, "adapter");
}

#[test]
fn logits_are_those_of_candle_transformers() {
    use candle_transformers::models::mistral as theirs;
    let base = base("tiny");
    let config = base.config().unwrap();
    let file = folder("tiny").join("model.safetensors");
    let tensors = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    let builder = candle_nn::VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let shape = theirs::Config {
        vocab_size: config.vocab_size,
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        num_hidden_layers: config.num_hidden_layers,
        num_attention_heads: config.num_attention_heads,
        head_dim: Some(config.head_dim),
        num_key_value_heads: config.num_key_value_heads,
        hidden_act: candle_nn::Activation::Silu,
        max_position_embeddings: config.max_position_embeddings,
        rms_norm_eps: config.rms_norm_eps,
        rope_theta: config.rope_theta,
        sliding_window: None,
        use_flash_attn: false,
    };
    let mut their_model = theirs::Model::new(&shape, builder).unwrap();
    let text = ids(&scalars()["tiny"]["forward"][0]);
    let tokens = Tensor::new(text.as_slice(), &Device::Cpu)
        .unwrap()
        .unsqueeze(0)
        .unwrap();
    let last = their_model.forward(&tokens, 0).unwrap();
    let last: Vec<f32> = last.flatten_all().unwrap().to_vec1().unwrap();
    let ours = packed_logits(&model("tiny"), &[text]).remove(0);
    close(
        "the last row",
        &ours[ours.len() - last.len()..],
        &last,
        1e-4,
    );
}

fn settings(model_base: &Base, batch_rows: usize) -> Settings {
    let config = model_base.config().unwrap();
    Settings {
        sampling: Sampling::Greedy,
        max_new_tokens: 20,
        stop_tokens: model_base.eos_ids(&config).unwrap(),
        batch_rows,
        logprobs: true,
    }
}

fn check_greedy(model: &Model, base: &Base, goldens: &Json) {
    let goldens = goldens.as_array().unwrap();
    let prompts: Vec<Vec<u32>> = goldens.iter().map(|it| ids(&it["prompt_tokens"])).collect();
    for batch_rows in [1, 2, 3] {
        let answers = generate(model, &prompts, &settings(base, batch_rows), &mut |_, _| {});
        for (answer, golden) in answers.unwrap().iter().zip(goldens) {
            assert_eq!(
                answer.tokens,
                ids(&golden["tokens"]),
                "{}",
                golden["prompt"]
            );
            let ended = golden["ended"] == true;
            assert_eq!(answer.ending == Ending::Stop, ended, "{}", golden["prompt"]);
            let logprobs = golden["logprobs"].as_array().unwrap();
            let logprobs: Vec<f32> = logprobs
                .iter()
                .map(|it| it.as_f64().unwrap() as f32)
                .collect();
            close("logprobs", &answer.logprobs, &logprobs, 1e-4);
        }
    }
}

#[test]
fn greedy_answers_are_those_of_transformers() {
    let scalars = scalars();
    for name in ["tiny", "tied"] {
        check_greedy(&model(name), &base(name), &scalars[name]["greedy"]);
    }
    check_greedy(
        &with_adapter(),
        &base("tiny"),
        &scalars["adapter"]["greedy"],
    );
}

#[test]
fn tokens_and_chats_are_those_of_transformers() {
    let scalars = scalars();
    for name in ["tiny", "tied"] {
        let base = base(name);
        let config = base.config().unwrap();
        let tokenizer = base.tokenizer(&config).unwrap();
        for golden in scalars[name]["tokenizer"].as_array().unwrap() {
            let text = golden["text"].as_str().unwrap();
            assert_eq!(
                tokenizer.encode(text, false).unwrap(),
                ids(&golden["ids"]),
                "{text}"
            );
            assert_eq!(
                tokenizer.encode(text, true).unwrap(),
                ids(&golden["ids_with_special"]),
                "{text}"
            );
            let decoded = tokenizer.decode(&ids(&golden["ids"]), false).unwrap();
            assert_eq!(decoded, golden["decoded"].as_str().unwrap());
        }
        let prompts = Prompts::of(&base, &config).unwrap();
        for golden in scalars[name]["chat"].as_array().unwrap() {
            if golden["add_generation_prompt"] == true {
                let messages: Vec<Message> =
                    serde_json::from_value(golden["messages"].clone()).unwrap();
                if messages.last().map(|it| it.role) == Some(Role::User) {
                    assert_eq!(prompts.chat(&messages).unwrap(), ids(&golden["ids"]));
                }
            }
        }
    }
}

#[test]
fn chance_repeats_with_its_seed_and_differs_with_another() {
    let (base, model) = (base("tiny"), model("tiny"));
    let prompts: Vec<Vec<u32>> = (3..9).map(|token| vec![token, token + 1]).collect();
    let run = |seed: u64, batch_rows: usize| -> Vec<Answer> {
        let settings = Settings {
            sampling: Sampling::Random {
                temperature: 1.5,
                top_p: Some(0.95),
                top_k: Some(50),
                seed,
            },
            ..settings(&base, batch_rows)
        };
        generate(&model, &prompts, &settings, &mut |_, _| {}).unwrap()
    };
    let tokens = |answers: Vec<Answer>| answers.into_iter().map(|it| it.tokens).collect::<Vec<_>>();
    assert_eq!(tokens(run(1, 3)), tokens(run(1, 3)));
    assert_ne!(tokens(run(1, 3)), tokens(run(2, 3)));
    assert_eq!(
        tokens(run(1, 3)),
        tokens(run(1, 2)),
        "each answer has chance of its own"
    );
}

#[test]
fn prompts_that_begin_alike_are_answered_as_each_alone() {
    let (base, model) = (base("tiny"), with_adapter());
    let shared: Vec<u32> = (0..60).map(|place| 3 + place * 7 % 50).collect();
    let prompt = |number: u32| {
        let own = (0..number % 5).map(|place| 3 + (number + place) * 11 % 60);
        shared.iter().copied().chain(own).collect()
    };
    let prompts: Vec<Vec<u32>> = (0..20).map(prompt).collect();
    let said = |prompts: &[Vec<u32>]| {
        generate(&model, prompts, &settings(&base, 32), &mut |_, _| {}).unwrap()
    };
    let together = said(&prompts);
    for (prompt, answer) in prompts.iter().zip(together) {
        let alone = said(std::slice::from_ref(prompt)).remove(0);
        assert_eq!(answer.tokens, alone.tokens, "{prompt:?}");
        close("logprobs", &answer.logprobs, &alone.logprobs, 1e-4);
    }
}

/// Guesses that are right, wrong somewhere, cut, too long, end in the middle, or are none.
fn guesses(truth: &[(Vec<u32>, Ending)], stop: u32) -> Vec<Vec<Vec<u32>>> {
    let right: Vec<Vec<u32>> = truth.iter().map(|(tokens, _)| tokens.clone()).collect();
    let changed = |change: &dyn Fn(usize, &mut Vec<u32>)| {
        let mut guesses = right.clone();
        for (place, tokens) in guesses.iter_mut().enumerate() {
            change(place, tokens);
        }
        guesses
    };
    let mut kinds = vec![
        changed(&|_, tokens| tokens.extend([9; 200])),
        changed(&|place, tokens| tokens.truncate(place % 7 * 4)),
        changed(&|_, tokens| tokens[0] = stop),
        right[..right.len() / 2].to_vec(),
    ];
    for at in [0, 1, 5, 18] {
        kinds.push(changed(&|_, tokens| {
            let at = at.min(tokens.len() - 1);
            tokens[at] = (tokens[at] + 1) % 300;
        }));
    }
    kinds.push(right);
    kinds
}

#[test]
fn answers_are_the_models_own_whatever_is_guessed() {
    for (model, base) in [
        (model("tiny"), base("tiny")),
        (model("tied"), base("tied")),
        (with_adapter(), base("tiny")),
    ] {
        // Some of them leave next to no room for an answer.
        let mut prompts: Vec<Vec<u32>> = (3..40).map(|token| vec![token, token + 1, 7]).collect();
        prompts.extend((100..128).map(|len| (0..len).map(|place| 3 + place % 50).collect()));
        let asked = |max_new_tokens, batch_rows, stop: &[u32]| Settings {
            logprobs: false,
            max_new_tokens,
            stop_tokens: stop.to_vec(),
            ..settings(&base, batch_rows)
        };
        let none = generate(&model, &prompts, &asked(20, 4, &[]), &mut |_, _| {}).unwrap();
        let stop = none[0].tokens[9];
        for max_new_tokens in [1, 2, 20] {
            let settings = |batch_rows| asked(max_new_tokens, batch_rows, &[stop]);
            let spoken = |answers: Vec<Answer>| -> Vec<(Vec<u32>, Ending)> {
                let spoken = answers.into_iter().map(|it| (it.tokens, it.ending));
                spoken.collect()
            };
            let plain = generate(&model, &prompts, &settings(4), &mut |_, _| {});
            let truth = spoken(plain.unwrap());
            let ended = |ending| truth.iter().any(|(_, it)| *it == ending);
            assert!(ended(Ending::Length) && (max_new_tokens < 20 || ended(Ending::Stop)));
            for guesses in guesses(&truth, stop) {
                for batch_rows in [1, 4, 32] {
                    let mut told = vec![Vec::new(); prompts.len()];
                    let tell = &mut |number: usize, token| told[number].push(token);
                    let settings = settings(batch_rows);
                    let answers = generate_guessed(&model, &prompts, &guesses, &settings, tell);
                    assert_eq!(spoken(answers.unwrap()), truth);
                    assert!(told.iter().eq(truth.iter().map(|(tokens, _)| tokens)));
                }
            }
        }
    }
}

#[test]
fn a_right_guess_is_read_and_not_said_token_by_token() {
    let (base, model) = (base("tiny"), model("tiny"));
    let prompts: Vec<Vec<u32>> = (3..23).map(|token| vec![token, token + 1, 7]).collect();
    let settings = Settings {
        logprobs: false,
        stop_tokens: Vec::new(),
        ..settings(&base, 20)
    };
    // Rows that go on together take turns; what was guessed comes in one piece.
    let turns = |guesses: &[Vec<u32>]| {
        let (mut turns, mut last) = (0, None);
        let tell = &mut |number: usize, _| {
            turns += usize::from(last != Some(number));
            last = Some(number);
        };
        let answers = generate_guessed(&model, &prompts, guesses, &settings, tell).unwrap();
        (answers, turns)
    };
    let (answers, plain) = turns(&[]);
    let right: Vec<Vec<u32>> = answers.into_iter().map(|it| it.tokens).collect();
    let (_, guessed) = turns(&right);
    assert!(plain >= 20 * 19, "{plain}");
    assert!(guessed <= 20 * 4, "{guessed}");
}

#[test]
fn prompts_that_can_not_be_answered_are_refused() {
    let (base, model) = (base("tiny"), model("tiny"));
    for prompt in [vec![], vec![1; 128]] {
        let refused = generate(&model, &[prompt], &settings(&base, 1), &mut |_, _| {});
        assert!(refused.unwrap_err().to_string().contains("prompt 1 has"));
    }
    let outside = generate(&model, &[vec![320]], &settings(&base, 1), &mut |_, _| {});
    assert!(outside.is_err(), "no token has this number");
    let nearly_full = generate(&model, &[vec![5; 126]], &settings(&base, 1), &mut |_, _| {});
    let answer = nearly_full.unwrap().remove(0);
    match answer.ending {
        Ending::Length => assert_eq!(answer.tokens.len(), 2, "positions end"),
        Ending::Stop => assert!((1..=2).contains(&answer.tokens.len())),
    }
}
