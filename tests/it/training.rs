//! Training against PyTorch and PEFT, and against itself: threads, packing, stopping.

use antiks::base::id::ContentHash;
use antiks::student::adapter::Adapter;
use antiks::student::model::Model;
use antiks::student::target::Target;
use antiks::train::batch::Step;
use antiks::train::example::TokenExample;
use antiks::train::parameters::Slot;
use antiks::train::recipe::{Method, Recipe};
use antiks::train::run::{StepReport, Training};
use candle_core::{Device, Tensor};
use serde_json::Value as Json;

use crate::goldens::{close, close_in_norm, floats, goldens, ids, scalars};
use crate::student::{base, folder};

fn examples(goldens: &Json) -> Vec<TokenExample> {
    let examples = goldens.as_array().unwrap().iter().enumerate();
    examples
        .map(|(number, it)| {
            let prompt_len = it["prompt_tokens"].as_u64().unwrap() as usize;
            TokenExample::new(
                ContentHash::of(&[number as u8]),
                ids(&it["ids"]),
                prompt_len,
            )
        })
        .collect()
}

/// A recipe with the goldens' settings. All examples are one step, so that there are as
/// many steps as epochs; which examples a step has is said each time.
fn recipe(settings: &Json, method: Method, steps: usize) -> Recipe {
    let number = |name: &str| settings[name].as_f64().unwrap();
    Recipe {
        method,
        lora_rank: 4,
        lora_alpha: 8.0,
        learning_rate: number("lr"),
        warmup_ratio: number("warmup_steps") / steps as f64 - 1e-9,
        adam_beta1: settings["betas"][0].as_f64().unwrap(),
        adam_beta2: settings["betas"][1].as_f64().unwrap(),
        adam_epsilon: number("eps"),
        weight_decay: number("weight_decay"),
        max_grad_norm: number("max_norm"),
        epochs: steps,
        micro_batch: 16,
        ..Recipe::default()
    }
}

fn step_of(golden: &Json, micro_batch: usize) -> Step {
    let numbers: Vec<usize> = ids(&golden["examples"])
        .into_iter()
        .map(|it| it as usize)
        .collect();
    Step {
        epoch: 1,
        micro_batches: numbers.chunks(micro_batch).map(<[_]>::to_vec).collect(),
    }
}

fn lora_training() -> Training {
    let scalars = scalars();
    let base = base("tiny");
    let adapter = Adapter::read(&folder("adapter"), &base.config().unwrap()).unwrap();
    let model = Model::load(&base, Some(&adapter.config), &Device::Cpu).unwrap();
    let recipe = recipe(&scalars["adapter"]["settings"], Method::Lora, 10);
    Training::new(
        model,
        recipe,
        examples(&scalars["tiny"]["examples"]),
        Some(&adapter),
    )
    .unwrap()
}

/// The pairs in a flat vector, under the names that PEFT gives them.
fn named(training: &Training, vector: &Tensor) -> Vec<(String, Vec<f32>)> {
    let adapter = training
        .layout()
        .to_adapter(vector, training.model())
        .unwrap();
    let mut named = Vec::new();
    for ((layer, target), pair) in adapter.pairs {
        let name = |one| {
            let module = target.module();
            format!("base_model.model.model.layers.{layer}.{module}.lora_{one}.weight")
        };
        named.push((name("A"), pair.a));
        named.push((name("B"), pair.b));
    }
    named
}

#[test]
fn every_gradient_of_an_adapter_is_that_of_peft() {
    let (training, scalars, tensors) = (lora_training(), scalars(), goldens());
    // Packed together, and one by one: the same gradients.
    for micro_batch in [3, 1] {
        let step = step_of(&scalars["adapter"]["steps"][0], micro_batch);
        let gradients = training.gradients(&step).unwrap();
        let all = named(&training, &gradients.vector);
        assert_eq!(all.len(), 28);
        for (name, ours) in all {
            let theirs = floats(&tensors, &format!("adapter.grad.{name}"));
            close_in_norm(&name, &ours, &theirs, 1e-4);
            close(&name, &ours, &theirs, 1e-5);
        }
    }
}

#[test]
fn a_packed_batch_has_the_gradients_of_its_examples() {
    let training = lora_training();
    let step = |micro_batch| step_of(&scalars()["adapter"]["steps"][0], micro_batch);
    let values = |step| {
        let gradients = training.gradients(&step).unwrap();
        gradients.vector.to_vec1::<f32>().unwrap()
    };
    close("gradients", &values(step(3)), &values(step(1)), 1e-5);
}

#[test]
fn texts_that_share_their_beginning_have_the_gradients_of_texts_apart() {
    let recipe = Recipe {
        lora_dropout: 0.0,
        ..small_recipe()
    };
    let shared: Vec<u32> = (3..90).map(|it| 3 + it * 7 % 50).collect();
    let text = |number: u32| {
        let own = (0..20 + number).map(|it| 3 + (it + number) * 5 % 53);
        let tokens: Vec<u32> = shared.iter().copied().chain(own).collect();
        TokenExample::new(ContentHash::of(&[number as u8]), tokens, 95)
    };
    let texts: Vec<TokenExample> = (0..4).map(text).collect();
    let joined = TokenExample::joined(ContentHash::of(b"joined"), &texts).unwrap();
    assert!(joined.stem().len() >= shared.len());
    let gradients = |examples: Vec<TokenExample>| {
        let base = base("tiny");
        let adapter = Adapter::read(&folder("adapter"), &base.config().unwrap()).unwrap();
        let model = Model::load(&base, Some(&adapter.config), &Device::Cpu).unwrap();
        let step = Step {
            epoch: 1,
            micro_batches: vec![(0..examples.len()).collect()],
        };
        let recipe = recipe.clone();
        let training = Training::new(model, recipe, examples, Some(&adapter)).unwrap();
        training.gradients(&step).unwrap()
    };
    let apart_tokens: usize = texts.iter().map(|it| it.tokens.len() - 1).sum();
    let (joined, apart) = (gradients(vec![joined]), gradients(texts));
    assert_eq!(joined.loss_tokens, apart.loss_tokens);
    assert_eq!(apart.tokens, apart_tokens);
    assert!(joined.tokens + 3 * shared.len() <= apart.tokens);
    assert!((joined.loss - apart.loss).abs() < 1e-5);
    let values = |it: &Tensor| it.to_vec1::<f32>().unwrap();
    let (ours, theirs) = (values(&joined.vector), values(&apart.vector));
    close_in_norm("gradients", &ours, &theirs, 1e-4);
}

#[test]
fn an_adapter_in_the_weights_has_the_gradients_of_one_beside_them() {
    let gradients = |lora_dropout: f64| {
        let base = base("tiny");
        let adapter = Adapter::read(&folder("adapter"), &base.config().unwrap()).unwrap();
        let model = Model::load(&base, Some(&adapter.config), &Device::Cpu).unwrap();
        let examples = examples(&scalars()["tiny"]["examples"]);
        let recipe = Recipe {
            lora_dropout,
            ..small_recipe()
        };
        let training = Training::new(model, recipe, examples, Some(&adapter)).unwrap();
        let step = step_of(&scalars()["adapter"]["steps"][0], 3);
        training.gradients(&step).unwrap()
    };
    // So small a chance drops nothing, but asks for what the adapter reads.
    let (merged, beside) = (gradients(0.0), gradients(1e-12));
    assert!((merged.loss - beside.loss).abs() < 1e-6);
    let values = |it: &Tensor| it.to_vec1::<f32>().unwrap();
    let (merged, beside) = (values(&merged.vector), values(&beside.vector));
    assert_ne!(merged, beside, "both went the same way");
    close_in_norm("gradients", &merged, &beside, 1e-5);
}

fn check_step(ours: &StepReport, golden: &Json) {
    let near = |name: &str, ours: f64, tolerance: f64| {
        let theirs = golden[name].as_f64().unwrap();
        let error = (ours - theirs).abs();
        assert!(
            error <= tolerance,
            "step {}: {name} {ours} instead of {theirs}",
            golden["step"]
        );
    };
    near("loss", ours.loss, 1e-4);
    near("grad_norm", ours.grad_norm, 1e-3);
    near("lr", ours.learning_rate, 1e-12);
    assert_eq!(golden["loss_tokens"], ours.loss_tokens);
}

#[test]
fn ten_steps_of_an_adapter_are_those_of_peft() {
    let (mut training, scalars, tensors) = (lora_training(), scalars(), goldens());
    for golden in scalars["adapter"]["steps"].as_array().unwrap() {
        let ours = training.take(&step_of(golden, 3)).unwrap();
        check_step(&ours, golden);
    }
    for (name, ours) in named(&training, &training.state().parameters) {
        let theirs = floats(&tensors, &format!("adapter.trained.{name}"));
        close(&name, &ours, &theirs, 2e-5);
    }
}

/// A parameter of the base in a flat vector, under the name that Hugging Face gives it.
fn parameter(training: &Training, vector: &Tensor, name: &str) -> Vec<f32> {
    let (layout, model) = (training.layout(), training.model());
    let view = |slot| layout.view(vector, slot).unwrap();
    let layer = name
        .split('.')
        .nth(2)
        .and_then(|layer| layer.parse().ok())
        .unwrap_or(0);
    let tensor = match name {
        "model.embed_tokens.weight" => view(Slot::Embedding),
        "lm_head.weight" => view(Slot::Head),
        "model.norm.weight" => view(Slot::Norm),
        _ if name.contains("input_layernorm") => view(Slot::AttentionNorm(layer)),
        _ if name.contains("post_attention_layernorm") => view(Slot::MlpNorm(layer)),
        _ => {
            let is_it = |target: &Target| name.contains(target.module());
            let target = Target::ALL.into_iter().find(is_it).unwrap();
            let groups = model.layers[layer].groups();
            let (number, part) = groups
                .iter()
                .enumerate()
                .find_map(|(number, group)| {
                    let part = group.parts().iter().find(|part| part.target == target);
                    part.map(|part| (number, *part))
                })
                .unwrap();
            view(Slot::Weight(layer, number))
                .narrow(0, part.first_row, part.rows)
                .unwrap()
        }
    };
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn training_all_weights_is_that_of_pytorch() {
    let (scalars, tensors) = (scalars(), goldens());
    for name in ["tiny", "tied"] {
        let goldens = &scalars[name]["full"];
        let model = Model::load(&base(name), None, &Device::Cpu).unwrap();
        let recipe = recipe(&goldens["settings"], Method::Full, 5);
        let mut training =
            Training::new(model, recipe, examples(&scalars[name]["examples"]), None).unwrap();
        let steps = goldens["steps"].as_array().unwrap();
        let gradients = training.gradients(&step_of(&steps[0], 3)).unwrap();
        let prefix = format!("{name}.grad.");
        let names: Vec<&str> = tensors
            .keys()
            .filter_map(|key| key.strip_prefix(prefix.as_str()))
            .collect();
        assert!(names.len() >= 20);
        for parameter_name in &names {
            let ours = parameter(&training, &gradients.vector, parameter_name);
            let theirs = floats(&tensors, &format!("{prefix}{parameter_name}"));
            close_in_norm(parameter_name, &ours, &theirs, 1e-4);
        }
        for golden in steps {
            check_step(&training.take(&step_of(golden, 3)).unwrap(), golden);
        }
        for parameter_name in &names {
            let ours = parameter(&training, &training.state().parameters, parameter_name);
            let theirs = floats(&tensors, &format!("{name}.trained.{parameter_name}"));
            // Adam blows up a gradient of nearly nothing: single numbers may differ more.
            close_in_norm(parameter_name, &ours, &theirs, 1e-3);
            close(parameter_name, &ours, &theirs, 1e-3);
        }
    }
}

fn small_recipe() -> Recipe {
    Recipe {
        lora_rank: 4,
        lora_alpha: 8.0,
        learning_rate: 5e-3,
        epochs: 2,
        micro_batch: 3,
        accumulation: 2,
        lora_dropout: 0.1,
        seed: 3,
        ..Recipe::default()
    }
}

/// It, and one that drops nothing, whose steps are made with the adapter in the weights.
fn small_recipes() -> [Recipe; 2] {
    let merged = Recipe {
        lora_dropout: 0.0,
        ..small_recipe()
    };
    [small_recipe(), merged]
}

fn begun(recipe: Recipe) -> Training {
    let base = base("tiny");
    let model = Model::load(&base, recipe.adapter("tiny").as_ref(), &Device::Cpu).unwrap();
    Training::new(
        model,
        recipe,
        examples(&scalars()["tiny"]["examples"]),
        None,
    )
    .unwrap()
}

fn hash(training: &Training) -> ContentHash {
    let config = training.model().config.clone();
    ContentHash::of(
        &training
            .adapter()
            .unwrap()
            .to_bytes(&config)
            .unwrap()
            .weights,
    )
}

fn finished(mut training: Training) -> (ContentHash, Vec<StepReport>) {
    let mut steps = Vec::new();
    while let Some(step) = training.step().unwrap() {
        steps.push(step);
    }
    (hash(&training), steps)
}

#[test]
fn the_same_training_has_the_same_bits_on_any_number_of_threads() {
    for recipe in small_recipes() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| finished(begun(recipe.clone())))
        };
        let first = run(1);
        assert_eq!(first.1.len(), 6);
        assert!(first.1[5].loss < first.1[0].loss, "it learns");
        for threads in [1, 2, 3] {
            assert_eq!(run(threads), first, "{threads} threads");
        }
        let other = finished(begun(Recipe { seed: 4, ..recipe }));
        assert_ne!(other.0, first.0, "another seed gives another adapter");
    }
}

#[test]
fn stopped_at_every_step_and_resumed_it_has_the_same_bits() {
    for recipe in small_recipes() {
        let whole = finished(begun(recipe.clone()));
        for stop in 0..=6 {
            let mut training = begun(recipe.clone());
            for _ in 0..stop {
                training.step().unwrap();
            }
            let state = training.state().clone();
            let fresh = begun(recipe.clone());
            let resumed = Training::resume(
                fresh.model().clone(),
                recipe.clone(),
                examples(&scalars()["tiny"]["examples"]),
                state,
            );
            let (hash, steps) = finished(resumed.unwrap());
            assert_eq!(hash, whole.0, "stopped after step {stop}");
            assert_eq!(steps, whole.1[stop..]);
        }
    }
}

#[test]
fn making_activations_again_changes_no_bit() {
    for recipe in small_recipes() {
        let kept = finished(begun(recipe.clone()));
        let again = finished(begun(Recipe {
            recompute: true,
            ..recipe
        }));
        assert_eq!(kept, again);
    }
}

#[test]
fn every_matrix_of_an_adapter_learns() {
    let mut training = begun(Recipe {
        lora_dropout: 0.0,
        ..small_recipe()
    });
    let before = training.adapter().unwrap();
    // B is 0 at first, and so is A's gradient then; from the second step on both move.
    training.step().unwrap();
    training.step().unwrap();
    let after = training.adapter().unwrap();
    for (key, pair) in &before.pairs {
        assert_ne!(pair.a, after.pairs[key].a, "A of {key:?}");
        assert_ne!(pair.b, after.pairs[key].b, "B of {key:?}");
    }
}

#[test]
fn only_chosen_layers_are_adapted() {
    let targets = [Target::Value, Target::Down].into();
    let training = begun(Recipe {
        lora_targets: targets,
        ..small_recipe()
    });
    let before = training.parameters();
    let (_, steps) = finished(training);
    assert!(steps[5].loss < steps[0].loss);
    // (rank · (inputs + outputs)) of both, in two layers.
    assert_eq!(before, 2 * 4 * ((32 + 16) + (48 + 32)));
}

#[test]
fn an_adapter_of_another_shape_is_not_started_from() {
    let parent = begun(Recipe {
        lora_targets: [Target::Query, Target::Value].into(),
        ..small_recipe()
    });
    let parent = parent.adapter().unwrap();
    let start = |recipe: Recipe| {
        let examples = examples(&scalars()["tiny"]["examples"]);
        let model = begun(recipe.clone()).model().clone();
        Training::new(model, recipe, examples, Some(&parent)).err()
    };
    let alike = Recipe {
        lora_targets: parent.config.targets.clone(),
        lora_dropout: 0.0,
        ..small_recipe()
    };
    assert!(start(alike.clone()).is_none(), "dropping may differ");
    for other in [
        small_recipe(),
        Recipe {
            lora_alpha: 9.0,
            ..alike.clone()
        },
        Recipe {
            lora_rank: 8,
            ..alike
        },
    ] {
        let error = start(other).unwrap().to_string();
        let theirs = "made with --lora-rank 4 --lora-alpha 8 --lora-targets q_proj,v_proj and";
        assert!(error.contains(theirs), "{error}");
        assert_eq!(error.matches("--lora-rank").count(), 2, "{error}");
    }
}

#[test]
fn a_training_that_explodes_is_an_error() {
    let mut training = begun(Recipe {
        learning_rate: 1e30,
        ..small_recipe()
    });
    let error = loop {
        match training.step() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a rate of 1e30 can't be survived"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("lower the learning rate"), "{error}");
}
