//! A lake like one that the loop makes: two iterations of a run, and a fork of it.

use std::collections::HashMap;
use std::path::Path;

use antiks::base::id::{ContentHash, to_hex};
use antiks::event::run_started::RunStarted;
use antiks::event::{Observed, find_kind};
use antiks::lake::{Draft, Writer};
use antiks::query::Catalogue;
use antiks::query::materialise::TrainingSet;
use serde_json::{Value as Json, json};

use crate::support::{ground, sample_events};

/// A lake, and the ids of its events by the names that they have here.
pub struct LoopLake {
    pub writer: Writer,
    pub ids: HashMap<String, String>,
}

impl LoopLake {
    /// Begins a lake in `folder/lake` with the run `run`.
    pub fn new(folder: &Path) -> Self {
        let writer = Writer::create(&folder.join("lake"), &ground()).unwrap();
        let mut lake = Self {
            writer,
            ids: HashMap::new(),
        };
        lake.commit(|add| add.event("run", "run", 0, json!({"name": "first"})));
        lake
    }

    /// The whole lake: in iteration 1 `mistakes` of them (`q0`, `a0`, `g0`, …, over `hotel`
    /// and `school` in turns) and the adapter `k1` that was trained on them; in iteration 2
    /// `q`, a sibling of `q0`, answered by `k1` and wrong again, and `k2`, trained from `k1`
    /// on all; and the fork `fork` that trains `kf` on the set of iteration 1, and makes the
    /// mistake `gf` over a database `own` of its own.
    pub fn whole(folder: &Path, mistakes: usize) -> Self {
        let mut lake = Self::new(folder);
        lake.commit(|add| {
            add.event("hotel", "hotel", 0, json!({"run_id": {"$ref": "run"}}));
            let school = json!({"run_id": {"$ref": "run"}, "name": "School"});
            add.event("hotel", "school", 0, school);
            for number in 0..mistakes {
                let over = if number % 2 == 0 { "hotel" } else { "school" };
                add.mistake("run", over, &number.to_string(), 1, json!({}), json!({}));
            }
        });
        lake.training_set("s1", 1);
        lake.training("run", "1", 1, "s1", None);
        lake.commit(|add| {
            add.event("c5", "exam", 0, json!({"database_id": {"$ref": "hotel"}}));
            let by = json!({"challenge_id": {"$ref": "exam"}, "checkpoint_id": {"$ref": "k1"}});
            add.event("a5", "exam_answer", 1, by);
            let of =
                json!({"challenge_id": {"$ref": "exam"}, "answer_id": {"$ref": "exam_answer"}});
            add.event("g5", "exam_grade", 1, of);
            let of =
                json!({"checkpoint_id": {"$ref": "k1"}, "grade_ids": [{"$ref": "exam_grade"}]});
            add.event("e1", "exam_result", 1, of);
            let sibling = json!({"sibling_of_challenge_id": {"$ref": "q0"}});
            let by = json!({"checkpoint_id": {"$ref": "k1"}});
            add.mistake("run", "hotel", "", 2, sibling, by);
        });
        lake.training_set("s2", 2);
        lake.training("run", "2", 2, "s2", Some("k1"));
        lake.commit(|add| {
            let of = json!({"parent_run_id": {"$ref": "run"}, "parent_iteration": 1});
            add.event("fork", "fork", 0, of);
        });
        lake.training("fork", "f", 1, "s1", None);
        lake.commit(|add| {
            let own = json!({"run_id": {"$ref": "fork"}, "name": "Own"});
            add.event("hotel", "own", 0, own);
            add.mistake("fork", "own", "f", 2, json!({}), json!({}));
        });
        lake
    }

    /// Commits what `make` adds.
    pub fn commit(&mut self, make: impl FnOnce(&mut Adding<'_, '_>)) {
        let mut adding = Adding {
            draft: self.writer.begin("a step of the loop"),
            ids: &mut self.ids,
            templates: templates(),
        };
        make(&mut adding);
        adding.draft.commit().unwrap();
    }

    /// Selects a training set of everything up to an iteration, as the loop does.
    pub fn training_set(&mut self, name: &str, iteration: u32) {
        let catalogue = Catalogue::load(None).unwrap();
        let query = catalogue.find("training_set").unwrap();
        let given = [("iteration".to_owned(), iteration.to_string())];
        let bindings = query.bind(&given).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let set = runtime
            .block_on(TrainingSet::select(self.writer.lake(), query, &bindings))
            .unwrap();
        let run: antiks::base::id::Id<RunStarted> = self.ids["run"].parse().unwrap();
        let observed = Observed::now(self.writer.world());
        let mut draft = self.writer.begin("a training set");
        let id = set.record(&mut draft, Some(run), iteration, observed);
        self.ids.insert(name.to_owned(), id.unwrap().to_string());
        draft.commit().unwrap();
    }

    /// A training `t…`, its step and its adapter `k…`.
    fn training(&mut self, run: &str, name: &str, iteration: u32, set: &str, from: Option<&str>) {
        self.commit(|add| {
            let mut changes = json!({
                "run_id": {"$ref": run}, "snapshot_id": {"$ref": set}, "file_hash": null,
            });
            if let Some(from) = from {
                changes["start"] = json!("parent");
                changes["parent_checkpoint_id"] = json!({"$ref": from});
            }
            let training = format!("t{name}");
            add.event("t1", &training, iteration, changes);
            let of = json!({"run_id": {"$ref": run}, "training_id": {"$ref": training}});
            add.event("s1", &format!("step{name}"), iteration, of.clone());
            let mut of = of;
            of["adapter_blob"] = json!({"$blob": format!("weights {name}")});
            add.event("k1", &format!("k{name}"), iteration, of);
        });
    }
}

/// A commit that is being made.
pub struct Adding<'d, 'w> {
    draft: Draft<'w>,
    ids: &'d mut HashMap<String, String>,
    templates: HashMap<String, Json>,
}

impl Adding<'_, '_> {
    /// Adds an event like the example's `like`, with some fields changed (null leaves one
    /// out), and names it. References to what the example names and this lake does not are
    /// left out.
    pub fn event(&mut self, like: &str, name: &str, iteration: u32, changes: Json) {
        let line = self.templates[like].clone();
        let mut body = line["body"].clone();
        for (field, value) in changes.as_object().unwrap() {
            body[field] = value.clone();
        }
        self.resolve(&mut body);
        let observed = Observed::now(&antiks::base::world::World::fixed(1, "example machine"));
        let kind = find_kind(line["kind"].as_str().unwrap()).unwrap();
        let event = kind.parse(iteration, body, observed).unwrap();
        let id = self.draft.append_any(event.as_ref()).unwrap();
        self.ids.insert(name.to_owned(), to_hex(&id));
    }

    /// A question `q…` with its answer `a…` and its grade `g…`, wrong and corrected.
    pub fn mistake(
        &mut self,
        run: &str,
        over: &str,
        name: &str,
        iteration: u32,
        challenge: Json,
        answer: Json,
    ) {
        let (q, a, g) = (format!("q{name}"), format!("a{name}"), format!("g{name}"));
        let mut of = challenge;
        of["run_id"] = json!({"$ref": run});
        of["database_id"] = json!({"$ref": over});
        of["question"] = json!(format!("What is asked by {q}?"));
        self.event("c1", &q, iteration, of);
        let mut of = answer;
        of["run_id"] = json!({"$ref": run});
        of["challenge_id"] = json!({"$ref": q});
        self.event("a1", &a, iteration, of);
        let of = json!({
            "run_id": {"$ref": run}, "challenge_id": {"$ref": q}, "answer_id": {"$ref": a},
        });
        self.event("g1", &g, iteration, of);
    }

    fn resolve(&mut self, value: &mut Json) {
        if let Json::Array(values) = value {
            return values.iter_mut().for_each(|value| self.resolve(value));
        }
        let Json::Object(fields) = value else {
            return;
        };
        if let Some(name) = fields.get("$ref") {
            let id = self.ids.get(name.as_str().unwrap());
            *value = id.map_or(Json::Null, |id| json!(id));
        } else if let Some(text) = fields.get("$hash") {
            *value = json!(ContentHash::of(text.as_str().unwrap().as_bytes()).to_string());
        } else if let Some(text) = fields.get("$blob") {
            let blob = self.draft.blob(text.as_str().unwrap().as_bytes());
            *value = json!(blob.unwrap().to_string());
        } else {
            fields.values_mut().for_each(|value| self.resolve(value));
        }
    }
}

/// The example's lines by their labels.
fn templates() -> HashMap<String, Json> {
    let events = sample_events();
    let lines = events.lines().map(|line| {
        let line: Json = serde_json::from_str(line).unwrap();
        (line["label"].as_str().unwrap().to_owned(), line)
    });
    lines.collect()
}
