//! Everything that a run depends on besides its base, its teacher and its seed, as text in
//! the event that begins it, and back.
//!
//! **Invariant.** Two runs with the same [`RunStarted`](crate::event::run_started::RunStarted)
//! do the same: whatever changes a result is a setting.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::practice::Policy;
use super::tutor::Chat;
use crate::event::run_started::Setting;
use crate::event::words::Start;
use crate::train::recipe::Recipe;
use crate::train::schedule::Schedule;

/// The name under which the hash of the selection's text stands beside the settings.
pub const SELECTION: &str = "selection";

/// The settings of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Questions of an iteration.
    pub challenges: usize,
    /// Scores below it are mistakes.
    pub threshold: i64,
    /// The run has reached its goal when the lower end of the suite's interval is here.
    pub until_score: f64,
    /// Items of the frozen suite for each part and way of phrasing; six times as many in all.
    pub suite_items: usize,
    /// Where trainings start from.
    pub start: Start,
    /// The hash of the user's database file; left out if databases are generated.
    pub database: Option<String>,
    /// The hash of the file that was trained on before the first iteration.
    pub initial_train: Option<String>,
    /// What is practised.
    pub practice: Policy,
    /// The last part of a training's steps over which its result is the mean.
    pub average: f64,
    /// The learning rate of a training as a part of the iteration's before it: what comes
    /// late finds much in place that a large step would undo.
    pub decay: f64,
    /// The learning rate of a training without a parent as a part of what it would be: a new
    /// adapter's steps, which begin far from any optimum, carry furthest from the base.
    pub first_rate: f64,
    /// How it is trained.
    pub recipe: Recipe,
    /// The chat teacher, if one asks.
    pub teacher: Option<Chat>,
}

impl Settings {
    /// The settings for the embedded base: ten iterations take about a quarter of an hour on two
    /// cores of 2.4 GHz without AVX-512. `models/nano/LOG.md` says what each was chosen by.
    pub fn nano() -> Self {
        Self {
            challenges: 120,
            threshold: 80,
            until_score: 95.0,
            suite_items: 40,
            start: Start::Parent,
            database: None,
            initial_train: None,
            practice: Policy {
                siblings: 320,
                siblings_each: 8,
                new_percent: 60,
                sibling_turns: 7,
                known_turns: 2,
                shuffled: false,
            },
            average: 0.7,
            decay: 0.92,
            first_rate: 0.3,
            recipe: Recipe {
                lora_rank: 8,
                lora_alpha: 16.0,
                learning_rate: 1.8e-3,
                schedule: Schedule::Linear,
                warmup_ratio: 0.1,
                epochs: 1,
                // Lessons.
                micro_batch: 2,
                accumulation: 1,
                max_tokens: 1024,
                ..Recipe::default()
            },
            teacher: None,
        }
    }

    /// The settings for the embedded base over a user's own file: more is rehearsed, half of it
    /// what people ask in passing, as they will ask it of their file and not of a suite's.
    pub fn nano_over_file() -> Self {
        let mut settings = Self::nano();
        settings.practice.known_turns = 3;
        settings
    }

    /// The settings for a large base, which the recipe's defaults are for.
    pub fn large() -> Self {
        Self {
            challenges: 10,
            start: Start::Base,
            practice: Policy {
                siblings: 120,
                siblings_each: 4,
                new_percent: 60,
                sibling_turns: 1,
                known_turns: 0,
                shuffled: false,
            },
            average: 0.0,
            decay: 1.0,
            first_rate: 1.0,
            recipe: Recipe::default(),
            ..Self::nano()
        }
    }

    /// The settings as text, sorted by name: `recipe.learning_rate` and so on.
    pub fn to_words(&self) -> Vec<Setting> {
        let mut words = BTreeMap::new();
        if let Ok(tree) = serde_json::to_value(self) {
            flatten("", &tree, &mut words);
        }
        let words = words.into_iter();
        words.map(|(name, value)| Setting { name, value }).collect()
    }

    /// The settings that [`Self::to_words`] wrote, and what was added for [`SELECTION`].
    ///
    /// # Errors
    /// A sentence that names the setting which is unknown, missing or of another type.
    pub fn from_words(words: &[Setting]) -> Result<Self, String> {
        let mut tree = Map::new();
        for Setting { name, value } in words.iter().filter(|it| it.name != SELECTION) {
            let value = serde_json::from_str(value).unwrap_or(Json::String(value.clone()));
            plant(&mut tree, name, value);
        }
        serde_path_to_error::deserialize(Json::Object(tree))
            .map_err(|error| format!("{}: {}", error.path(), error.inner()))
    }

    /// These settings with one changed, `name` as [`Self::to_words`] writes it.
    ///
    /// # Errors
    /// As [`Self::from_words`], and that there is no such setting.
    pub fn with(&self, name: &str, value: &str) -> Result<Self, String> {
        let mut words = self.to_words();
        let names: Vec<&str> = words.iter().map(|it| it.name.as_str()).collect();
        let Some(place) = names.iter().position(|it| *it == name) else {
            return Err(format!(
                "there is no setting {name}; there are {}",
                names.join(", ")
            ));
        };
        words[place].value = value.to_owned();
        Self::from_words(&words)
    }

    /// These settings with some changed, each as `name=value`.
    ///
    /// # Errors
    /// As [`Self::with`], and a change that is not written so.
    pub fn with_all(&self, changes: &[String]) -> Result<Self, String> {
        changes.iter().try_fold(self.clone(), |settings, change| {
            let (name, value) = change
                .split_once('=')
                .ok_or_else(|| format!("--set wants NAME=VALUE, not {change:?}"))?;
            settings
                .with(name.trim(), value.trim())
                .map_err(|what| format!("--set {change}: {what}"))
        })
    }

    /// Refuses numbers with which no run could be made.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn check(&self) -> Result<(), String> {
        let counts = [
            ("challenges", self.challenges, 1),
            ("suite_items", self.suite_items, 1),
            ("practice.siblings", self.practice.siblings, 1),
            ("practice.siblings_each", self.practice.siblings_each, 1),
            ("practice.sibling_turns", self.practice.sibling_turns, 1),
            ("practice.known_turns", self.practice.known_turns, 0),
        ];
        for (name, count, least) in counts {
            if !(least..=100_000).contains(&count) {
                return Err(format!("{name} must be {least} to 100000, not {count}"));
            }
        }
        let in_100 = |score: f64| (0.0..=100.0).contains(&score);
        if !in_100(self.until_score) || !in_100(self.threshold as f64) {
            return Err("until_score and threshold must be 0 to 100".to_owned());
        }
        if !(0.0..=1.0).contains(&self.average) {
            return Err("average must be 0 to 1".to_owned());
        }
        if !(0.0..=1.0).contains(&self.decay) {
            return Err("decay must be 0 to 1".to_owned());
        }
        if !(self.first_rate > 0.0 && self.first_rate <= 1.0) {
            return Err("first_rate must be above 0, and 1 at most".to_owned());
        }
        if self.practice.new_percent > 100 {
            return Err("practice.new_percent must be 0 to 100".to_owned());
        }
        // The recipe names itself as the arguments of `antiks train` do.
        self.recipe.check().map_err(|error| {
            let said = error.to_string();
            let named = said.strip_prefix("--").and_then(|it| it.split_once(' '));
            named.map_or(said.clone(), |(name, rest)| {
                format!("recipe.{} {rest}", name.replace('-', "_"))
            })
        })?;
        self.teacher.as_ref().map_or(Ok(()), Chat::check)
    }

    /// What differs between these settings and others: name, here, there.
    pub fn differences(&self, other: &Self) -> Vec<(String, String, String)> {
        let (ours, theirs) = (self.to_words(), other.to_words());
        let of = |words: &[Setting], name: &str| {
            let found = words.iter().find(|it| it.name == name);
            found.map_or_else(|| "nothing".to_owned(), |it| it.value.clone())
        };
        let mut names: Vec<&String> = ours.iter().chain(&theirs).map(|it| &it.name).collect();
        names.sort();
        names.dedup();
        let differing = names.into_iter().filter_map(|name| {
            let (here, there) = (of(&ours, name), of(&theirs, name));
            (here != there).then(|| (name.clone(), here, there))
        });
        differing.collect()
    }
}

/// Leaves of a tree by their path; what is left out has none.
fn flatten(path: &str, tree: &Json, words: &mut BTreeMap<String, String>) {
    match tree {
        Json::Object(map) => {
            for (name, value) in map {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                flatten(&path, value, words);
            }
        }
        Json::Null => {}
        // A text that would be read as something else keeps its quotes.
        Json::String(text) if serde_json::from_str::<Json>(text).is_err() => {
            words.insert(path.to_owned(), text.clone());
        }
        other => {
            words.insert(path.to_owned(), other.to_string());
        }
    }
}

fn plant(tree: &mut Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.') {
        None => {
            tree.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let branch = tree
                .entry(first)
                .or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(branch) = branch {
                plant(branch, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_from_their_words() {
        for settings in [Settings::nano(), Settings::large()] {
            let words = settings.to_words();
            assert!(words.is_sorted_by(|a, b| a.name < b.name));
            assert_eq!(Settings::from_words(&words).unwrap(), settings);
        }
        let digits = Settings {
            database: Some("12345678".repeat(8)),
            ..Settings::nano()
        };
        assert_eq!(Settings::from_words(&digits.to_words()).unwrap(), digits);
    }

    #[test]
    fn one_setting_is_changed_and_seen() {
        let nano = Settings::nano();
        let other = nano.with("recipe.learning_rate", "0.25").unwrap();
        assert_eq!(other.recipe.learning_rate, 0.25);
        let differences = nano.differences(&other);
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].0, "recipe.learning_rate");
        let message = nano.with("recipe.rate", "1").unwrap_err();
        assert!(message.contains("recipe.learning_rate"), "{message}");
        let message = nano.with("challenges", "many").unwrap_err();
        assert!(message.contains("challenges"), "{message}");
        let backwards = nano.with("recipe.learning_rate", "-1").unwrap();
        let message = backwards.check().unwrap_err();
        assert_eq!(message, "recipe.learning_rate must be above 0");
        assert_eq!(nano.check(), Ok(()));
    }
}
