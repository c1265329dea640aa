//! `antiks query`: the catalogue of named queries.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use comfy_table::ContentArrangement;
use serde::Serialize;

use super::config::Format;
use super::error::CliError;
use super::output::{Output, OutputOptions};
use super::place::Place;
use super::statement::{run_one, runtime};
use super::table::{new_table, terminal_chars};
use crate::query::catalogue::ParameterType;
use crate::query::{Catalogue, Query, Session};

/// List the catalogue of queries, or run one of them.
///
/// Files NAME.sql in your own folder (`queries` in antiks.toml) are added to the
/// catalogue, and take the place of built-in ones of the same name.
#[derive(Args)]
pub struct RunQuery {
    /// The query's name; without one, the catalogue is listed
    name: Option<String>,
    /// A parameter's value; `antiks query` lists what each query takes
    #[arg(long = "param", short, value_name = "NAME=VALUE", value_parser = parse_param)]
    params: Vec<(String, String)>,
    /// Print the query's text and don't run it
    #[arg(long, requires = "name")]
    show: bool,
    /// Ask the lake as it was after this commit
    #[arg(long, value_name = "COMMIT")]
    at: Option<u64>,
    #[command(flatten)]
    output: OutputOptions,
}

fn parse_param(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.trim_start_matches('$').to_owned(), value.to_owned())),
        None => Err("write it as NAME=VALUE".to_owned()),
    }
}

impl RunQuery {
    /// Runs the command.
    pub fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let settled = place.settle()?;
        let output = self.output.settle(&settled.config);
        let catalogue = Catalogue::load(settled.config.queries.as_deref())?;
        let Some(name) = &self.name else {
            list(&catalogue, &output)?;
            for fault in catalogue.faults() {
                eprintln!("warning: {fault}");
            }
            return Ok(ExitCode::SUCCESS);
        };
        let query = catalogue.find(name)?;
        if self.show {
            io::stdout().write_all(query.text.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        let bindings = query.bind(&self.params)?;
        let lake = settled.open(self.at)?;
        let runtime = runtime()?;
        runtime.block_on(async {
            let session = Session::new(&lake).await?;
            run_one(&session, &query.text, &bindings, &output).await
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Serialize)]
struct ListedParameter<'a> {
    name: &'a str,
    r#type: &'static str,
    default: Option<&'a str>,
    help: &'a str,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    shows: &'a str,
    own: bool,
    parameters: Vec<ListedParameter<'a>>,
}

/// How wide the catalogue is where there is no terminal to ask.
const DEFAULT_CHARS: usize = 100;

fn list(catalogue: &Catalogue, output: &Output) -> Result<(), CliError> {
    let listed: Vec<Listed<'_>> = catalogue.queries().iter().map(describe).collect();
    let mut out = io::stdout().lock();
    match output.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&listed).map_err(io::Error::from)?;
            writeln!(out, "{text}")?;
        }
        Format::Ndjson => {
            for query in listed {
                let text = serde_json::to_string(&query).map_err(io::Error::from)?;
                writeln!(out, "{text}")?;
            }
        }
        Format::Table => {
            let mut table = new_table();
            let chars = terminal_chars().unwrap_or(DEFAULT_CHARS);
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(u16::try_from(chars).unwrap_or(u16::MAX));
            table.set_header(["query", "shows", "parameters"]);
            for query in &listed {
                let parameters: Vec<String> = query
                    .parameters
                    .iter()
                    .map(|it| match it.default {
                        Some(default) => format!("{}={default}", it.name),
                        None => format!("{} (must be given)", it.name),
                    })
                    .collect();
                table.add_row([query.name, query.shows, &parameters.join("\n")]);
            }
            writeln!(out, "{table}")?;
            writeln!(
                out,
                "Run one with `antiks query NAME --param NAME=VALUE`; see its text with --show."
            )?;
        }
        Format::Csv | Format::Parquet => {
            let message = "the catalogue is listed as table, json or ndjson";
            return Err(CliError::Usage(message.to_owned()));
        }
    }
    Ok(())
}

fn describe(query: &Query) -> Listed<'_> {
    let parameters = query.parameters.iter().map(|it| ListedParameter {
        name: &it.name,
        r#type: match it.kind {
            ParameterType::Int => "int",
            ParameterType::Float => "float",
            ParameterType::Text => "text",
            ParameterType::Bool => "bool",
            ParameterType::Hash => "hash",
        },
        default: it.default_text.as_deref(),
        help: &it.help,
    });
    Listed {
        name: &query.name,
        shows: &query.shows,
        own: query.own,
        parameters: parameters.collect(),
    }
}
