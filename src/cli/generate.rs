//! `antiks generate`: what a student answers to prompts.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value as Json, json};

use super::compute::{self, Compute};
use super::desk;
use super::error::CliError;
use crate::base::world::Stopwatch;
use crate::student::adapter::Adapter;
use crate::student::decode::{Answer, Ending, Sampling, Settings, generate};
use crate::student::error::StudentError;
use crate::student::message::Message;
use crate::student::model::Model;
use crate::student::prompt::Prompts;
use crate::train::data;

/// Let a student answer prompts.
///
/// A prompt is put through the base's chat template as a user's message, unless --raw
/// gives it as it is. Answers are the likeliest ones, unless --temperature lets chance in.
#[derive(Args)]
pub struct Generate {
    /// nano, a folder in Hugging Face layout, or an id in its cache such as
    /// mistralai/Mistral-7B-Instruct-v0.2
    #[arg(long, value_name = "BASE")]
    base: String,
    /// An adapter in PEFT's format
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// The prompt
    #[arg(long, value_name = "TEXT", required_unless_present = "file")]
    prompt: Option<String>,
    /// Prompts, one JSON object a line: prompt, or messages
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    file: Option<PathBuf>,
    /// Give prompts to the model as they are, without the chat template
    #[arg(long)]
    raw: bool,
    /// The most tokens of an answer
    #[arg(long, default_value_t = 256, value_name = "TOKENS")]
    max_new_tokens: usize,
    /// Divide logits by this and choose by chance; 0 takes the likeliest token
    #[arg(long, default_value_t = 0.0, value_name = "NUMBER")]
    temperature: f64,
    /// Choose among the likeliest tokens that together have this probability
    #[arg(long, value_name = "PROBABILITY", requires = "temperature")]
    top_p: Option<f64>,
    /// Choose among so many of the likeliest tokens
    #[arg(long, value_name = "NUMBER", requires = "temperature")]
    top_k: Option<usize>,
    /// Where chance comes from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Prompts that are answered together
    #[arg(long, default_value_t = 32, value_name = "NUMBER")]
    batch: usize,
    #[command(flatten)]
    compute: Compute,
    /// Print a JSON object for each answer: {prompt, text, tokens[], logprobs[], ending}
    #[arg(long)]
    json: bool,
}

/// What is asked.
enum Line {
    Prompt { prompt: String },
    Chat { messages: Vec<Message> },
}

impl Generate {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let settings = self.settings()?;
        let base = desk::base(&self.base)?;
        let config = base.config()?;
        let prompts = Prompts::of(&base, &config)?;
        let asked = self.prompts()?;
        let encoded = asked.iter().map(|line| self.encode(line, &prompts));
        let encoded = encoded.collect::<Result<Vec<_>, _>>()?;
        let device = self.compute.open()?;
        let adapter = self
            .adapter
            .as_ref()
            .map(|path| Adapter::read(path, &config));
        let adapter = adapter.transpose()?;
        let lora = adapter.as_ref().map(|adapter| &adapter.config);
        let model = Model::load(&base, lora, &device)?;
        if let Some(adapter) = &adapter {
            model.set_adapter(adapter)?;
        }
        let settings = Settings {
            stop_tokens: prompts.eos_ids().to_vec(),
            ..settings
        };
        let streams = self.prompt.is_some() && !self.json && io::stdout().is_terminal();
        if streams {
            return stream(&model, &encoded, &settings, &prompts);
        }
        let template = "{bar:30} {pos} tokens  {msg}";
        let most_tokens = encoded.len().saturating_mul(self.max_new_tokens);
        let bar = compute::progress_bar(most_tokens as u64, template);
        let watch = Stopwatch::start();
        let answers = generate(&model, &encoded, &settings, &mut |_, _| bar.inc(1))?;
        bar.finish_and_clear();
        let tokens: usize = answers.iter().map(|answer| answer.tokens.len()).sum();
        let seconds = watch.elapsed().as_secs_f64();
        let mut out = io::stdout().lock();
        for (line, answer) in asked.iter().zip(&answers) {
            let text = prompts.tokenizer().decode(&answer.tokens, true)?;
            self.print(&mut out, line, answer, &text, answers.len() > 1)?;
        }
        if answers.len() > 1 {
            eprintln!(
                "{tokens} tokens in {seconds:.1} s: {:.0} a second",
                tokens as f64 / seconds
            );
        }
        Ok(ExitCode::SUCCESS)
    }

    fn settings(&self) -> Result<Settings, CliError> {
        let wrong = |what: &str| Err(CliError::Usage(what.to_owned()));
        if !(0.0..=100.0).contains(&self.temperature) {
            return wrong("--temperature must be 0 to 100");
        }
        if self.top_p.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
            return wrong("--top-p must be above 0 and at most 1");
        }
        if self.top_k == Some(0) || self.max_new_tokens == 0 || self.batch == 0 {
            return wrong("--top-k, --max-new-tokens and --batch must be 1 or more");
        }
        Ok(Settings {
            sampling: match self.temperature > 0.0 {
                false => Sampling::Greedy,
                true => Sampling::Random {
                    temperature: self.temperature,
                    top_p: self.top_p,
                    top_k: self.top_k,
                    seed: self.seed,
                },
            },
            max_new_tokens: self.max_new_tokens,
            stop_tokens: Vec::new(),
            batch_rows: self.batch,
            logprobs: self.json,
        })
    }

    fn prompts(&self) -> Result<Vec<Line>, CliError> {
        match (&self.prompt, &self.file) {
            (Some(prompt), _) => Ok(vec![Line::Prompt {
                prompt: prompt.clone(),
            }]),
            (None, Some(path)) => read_lines(path),
            (None, None) => Err(CliError::Usage("give --prompt or --file".to_owned())),
        }
    }

    fn encode(&self, line: &Line, prompts: &Prompts) -> Result<Vec<u32>, StudentError> {
        match line {
            Line::Prompt { prompt } if self.raw || !prompts.takes_chats() => prompts.text(prompt),
            Line::Prompt { prompt } => prompts.chat(&[Message::user(prompt.as_str())]),
            Line::Chat { messages } => prompts.chat(messages),
        }
    }

    fn print(
        &self,
        out: &mut impl Write,
        line: &Line,
        answer: &Answer,
        text: &str,
        is_one_of_many: bool,
    ) -> io::Result<()> {
        let asked = match line {
            Line::Prompt { prompt } => prompt.as_str(),
            Line::Chat { messages } => messages.last().map_or("", |it| it.content.as_str()),
        };
        if self.json {
            let ending = match answer.ending {
                Ending::Stop => "stop",
                Ending::Length => "length",
            };
            let line = json!({
                "prompt": asked, "text": text, "tokens": answer.tokens,
                "logprobs": answer.logprobs, "ending": ending,
            });
            return writeln!(out, "{line}");
        }
        if is_one_of_many {
            writeln!(out, "> {asked}")?;
        }
        writeln!(out, "{text}")
    }
}

/// Prints a single answer while it is made.
fn stream(
    model: &Model,
    encoded: &[Vec<u32>],
    settings: &Settings,
    prompts: &Prompts,
) -> Result<ExitCode, CliError> {
    let mut text = prompts.tokenizer().stream(true);
    let mut failed = None;
    generate(model, encoded, settings, &mut |_, token| {
        let shown = match text.push(token) {
            Ok(Some(more)) => {
                let mut out = io::stdout().lock();
                let shown = write!(out, "{more}").and_then(|()| out.flush());
                shown.map_err(CliError::from)
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        failed = failed.take().or(shown.err());
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    writeln!(io::stdout().lock(), "{}", text.finish()?)?;
    Ok(ExitCode::SUCCESS)
}

fn read_lines(path: &Path) -> Result<Vec<Line>, CliError> {
    let place = path.display();
    let failed = |error: io::Error| CliError::failure(format!("reading {place}: {error}"));
    let mut file = data::Lines::new(BufReader::new(File::open(path).map_err(failed)?));
    let mut lines = Vec::new();
    while let Some((number, text)) = file.next_line().map_err(failed)? {
        let line = text.and_then(|text| read_line(&text));
        lines.push(line.map_err(|why| CliError::failure(format!("{place}:{number}: {why}")))?);
    }
    match lines.is_empty() {
        false => Ok(lines),
        true => Err(CliError::failure(format!("{place} has no prompts"))),
    }
}

const NEITHER: &str = "it has neither prompt, a text, nor messages, a list of {role, content}";

/// A line of --file.
fn read_line(text: &str) -> Result<Line, String> {
    let map = data::object(text)?;
    if let Some(Json::String(prompt)) = map.get("prompt") {
        return Ok(Line::Prompt {
            prompt: prompt.clone(),
        });
    }
    let messages = match map.contains_key("messages") {
        true => data::turns(&map, "messages", "role", "content")?,
        false => Vec::new(),
    };
    match messages.is_empty() {
        false => Ok(Line::Chat { messages }),
        true => Err(NEITHER.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_prompt_or_a_chat_and_what_is_wrong_with_it_is_said() {
        let asked = |text: &str| match read_line(text) {
            Ok(Line::Prompt { prompt }) => prompt,
            Ok(Line::Chat { messages }) => format!("{} turns", messages.len()),
            Err(why) => why,
        };
        for (text, wanted) in [
            (r#"{"prompt": "q", "messages": 5}"#, "q"),
            (
                r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}]}"#,
                "1 turns",
            ),
            (r#"{"prompt": "q" "x"}"#, "no JSON: expected"),
            ("[]", "no JSON object"),
            (r#"{"prompt": 5}"#, "neither prompt"),
            (r#"{"messages": []}"#, "neither prompt"),
            (
                r#"{"messages": [{"role": "tool", "content": "x"}]}"#,
                "messages[0].role is \"tool\"",
            ),
        ] {
            let said = asked(text);
            assert!(said.contains(wanted), "{text}: {said}");
        }
    }
}
