//! Who asks: the arguments and settings of a chat teacher.

use std::path::Path;

use clap::Args;

use super::config::TeacherConfig;
use super::error::CliError;
use crate::base::world::World;
use crate::lake::Lake;
use crate::round::history::runs;
use crate::round::settings::Settings as RunSettings;
use crate::round::tutor::{Chat, Means};
use crate::teacher::chat::endpoint::Service;
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
