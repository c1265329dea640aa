//! Who asks: the arguments and settings of a chat teacher.

use std::path::Path;

use clap::Args;

use super::config::TeacherConfig;
use super::error::CliError;
use crate::base::world::World;
use crate::lake::Lake;
use crate::round::asked::OwnFile;
use crate::round::history::runs;
use crate::round::settings::Settings as RunSettings;
use crate::round::tutor::{Chat, Means, estimated};
use crate::sandbox::Sandbox;
use crate::teacher::chat::budget::{Spent, usd};
use crate::teacher::chat::endpoint::Service;
use crate::teacher::chat::estimate::Estimate;
use crate::teacher::chat::{Endpoint, Key, Settings, list};

/// The teacher that needs no network.
pub const OFFLINE: &str = "offline";

/// Who asks, and what it may cost.
#[derive(Args)]
pub struct TeacherArguments {
    /// Who asks: offline, openrouter, openrouter:MODEL, or the URL of an OpenAI-compatible
    /// server such as http://localhost:11434/v1 [default: the configuration's, else offline]
    #[arg(long, value_name = "TEACHER")]
    teacher: Option<String>,
    /// The most that the run may cost in US dollars, from its beginning on
    #[arg(long, value_name = "USD")]
    max_cost: Option<f64>,
}

/// A chat teacher that was found.
pub struct Chosen {
    /// How it is asked.
    pub chat: Chat,
    /// What the run calls it.
    pub name: String,
    /// What this process asks it with.
    pub means: Means,
}

impl TeacherArguments {
    /// The chat teacher of a run, or none for the offline one. A run that the lake holds
    /// goes on with the prices that it began with; for another one the server is asked.
    pub fn choose(
        &self,
        config: &TeacherConfig,
        (lake, run): (&Path, &str),
        is_dry: bool,
    ) -> Result<Option<Chosen>, CliError> {
        let given = self.teacher.as_deref().or(config.name.as_deref());
        let text = given.unwrap_or(OFFLINE);
        let max_cost = self.max_cost.or(config.max_cost_usd);
        if text == OFFLINE {
            return match self.max_cost {
                None => Ok(None),
                Some(_) => Err(CliError::Usage(
                    "the offline teacher costs nothing; --max-cost is for another --teacher"
                        .to_owned(),
                )),
            };
        }
        let usage = |error: &dyn std::fmt::Display| CliError::Usage(error.to_string());
        let endpoint =
            Endpoint::parse(text, config.model.as_deref()).map_err(|error| usage(&error))?;
        let key = Key::find(
            &World::system(),
            endpoint.service(),
            config.key_file.as_deref(),
        )
        .map_err(|error| usage(&error))?;
        if key.is_some() {
            endpoint.check_key().map_err(|error| usage(&error))?;
        } else if endpoint.service() == Service::OpenRouter && !is_dry {
            return Err(CliError::Usage(
                "openrouter needs a key: set OPENROUTER_API_KEY, or let key_file in [teacher] of \
                 antiks.toml name a file that holds it"
                    .to_owned(),
            ));
        }
        let means = Means {
            key,
            max_cost_microusd: max_cost.map(microusd).transpose()?,
            pace: config.pace(),
            limits: config.limits(endpoint.service()),
        };
        let listing = match recorded(lake, run, &endpoint) {
            Some(chat) => chat.listing(),
            None => {
                let settings = Settings {
                    use_proxy: !endpoint.is_near(),
                    ..Settings::new(endpoint.clone(), means.key.clone())
                };
                list(&settings)
                    .map_err(|error| CliError::failure(format!("{}: {error}", endpoint.origin())))?
            }
        };
        if means.max_cost_microusd.is_some() && listing.prices.is_none() {
            return Err(CliError::Usage(
                "the server lists no prices, so --max-cost can't be kept; leave it out to go on \
                 without a cap"
                    .to_owned(),
            ));
        }
        let endpoint = endpoint.with_model(&listing.model);
        let mut chat = Chat::new(&endpoint, &listing);
        chat.shows_rows = config.show_rows;
        Ok(Some(Chosen {
            chat,
            name: endpoint.name(),
            means,
        }))
    }
}

/// How the run of this name was begun, if the lake holds it and it asks the same server.
fn recorded(lake: &Path, run: &str, endpoint: &Endpoint) -> Option<Chat> {
    let lake = Lake::open(lake).ok()?;
    let started = runs(&lake).ok()?.into_iter().rev();
    let (_, started) = started.into_iter().find(|(_, it)| it.name == run)?;
    let chat = RunSettings::from_words(&started.settings).ok()?.teacher?;
    let is_model =
        |named: &str| chat.model == named || chat.model.strip_suffix(":latest") == Some(named);
    let is_same = chat.service == endpoint.service()
        && chat.url == endpoint.url()
        && endpoint.model().is_none_or(is_model);
    is_same.then_some(chat)
}

fn microusd(usd: f64) -> Result<u64, CliError> {
    match (0.0..1e9).contains(&usd) {
        true => Ok((usd * 1e6).floor() as u64),
        false => Err(CliError::Usage(format!(
            "--max-cost is an amount of US dollars, not {usd}"
        ))),
    }
}

/// Who asks in a run, and what that may cost.
pub struct Asking {
    /// What the run calls its teacher.
    pub name: String,
    /// What a chat teacher is asked with.
    pub means: Option<Means>,
    /// What a chat teacher may cost.
    pub estimate: Option<Estimate>,
}

impl Asking {
    /// Estimates what the chosen teacher costs in a run of so many iterations.
    pub fn of(
        chosen: Option<Chosen>,
        settings: &RunSettings,
        sandbox: &Sandbox,
        own: Option<&OwnFile>,
        iterations: u32,
    ) -> Result<Self, CliError> {
        let (Some(chosen), Some(chat)) = (chosen, &settings.teacher) else {
            return Ok(Self {
                name: OFFLINE.to_owned(),
                means: None,
                estimate: None,
            });
        };
        let size = (iterations, settings.challenges);
        let estimate = estimated(chat, sandbox, own, size)?;
        Ok(Self {
            name: chosen.name,
            means: Some(chosen.means),
            estimate: Some(estimate),
        })
    }

    /// Says what it may cost, before the first call.
    pub fn tell(&self, spent: Option<(Spent, Spent)>) {
        let (Some(estimate), Some(means), Some((_, all))) = (&self.estimate, &self.means, spent)
        else {
            return;
        };
        let cap = match means.max_cost_microusd {
            Some(cap) => format!("${} at most", usd(cap)),
            None => "no cap (--max-cost USD)".to_owned(),
        };
        let before = match all.calls {
            0 => String::new(),
            calls => format!("; {calls} calls were made before"),
        };
        eprintln!(
            "teacher {}; cost of the whole run: {estimate}; {cap}{before}",
            self.name
        );
    }
}

/// What a run cost.
pub struct Cost(Option<(Spent, Spent)>);

impl Cost {
    /// What a run spent, by its own account.
    pub fn of(spent: Option<(Spent, Spent)>) -> Self {
        Self(spent)
    }

    /// What the run cost from its beginning on; nothing if that is not known.
    pub fn run_usd(&self) -> Option<f64> {
        self.0.map_or(Some(0.0), |(_, all)| known_usd(&all))
    }

    /// What this process spent.
    pub fn now_usd(&self) -> Option<f64> {
        self.0.map_or(Some(0.0), |(here, _)| known_usd(&here))
    }

    /// The same for people, behind `this`.
    pub fn words(&self) -> String {
        let Some((here, all)) = &self.0 else {
            return "cost nothing".to_owned();
        };
        let unknown = match all.calls_of_unknown_cost {
            0 => String::new(),
            calls => format!(", and {calls} calls whose cost is unknown"),
        };
        format!(
            "cost ${} in {} calls; the run as a whole ${} in {} calls{unknown}",
            usd(here.known_microusd),
            here.calls,
            usd(all.known_microusd),
            all.calls
        )
    }
}

fn known_usd(spent: &Spent) -> Option<f64> {
    (spent.calls_of_unknown_cost == 0).then_some(spent.known_microusd as f64 / 1e6)
}
