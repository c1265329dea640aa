//! The catalogue: named queries with parameters, built in or the user's own.
//!
//! A query is a file `NAME.sql` whose first lines are a comment: what it shows, an
//! empty comment line, then a line for each parameter,
//! `-- $name type = default  what it is for` (without `= default` it must be given).
//! Types are `int`, `float`, `text`, `bool` and `hash`; `null` is a default as well.
//!
//! To add a query: one file in `queries/`, and its line in [`BUILT_IN`].

use std::fs;
use std::path::Path;

use datafusion::common::ScalarValue;

use super::session::{Binding, QueryError};
use crate::base::id::from_hex;

/// The queries that come with antiks.
const BUILT_IN: &[(&str, &str)] = &[
    ("cost", include_str!("../../queries/cost.sql")),
    (
        "error_classes",
        include_str!("../../queries/error_classes.sql"),
    ),
    (
        "learning_curve",
        include_str!("../../queries/learning_curve.sql"),
    ),
    (
        "judge_disagreements",
        include_str!("../../queries/judge_disagreements.sql"),
    ),
    ("lineage", include_str!("../../queries/lineage.sql")),
    ("loss_curve", include_str!("../../queries/loss_curve.sql")),
    (
        "score_by_category",
        include_str!("../../queries/score_by_category.sql"),
    ),
    (
        "score_distribution",
        include_str!("../../queries/score_distribution.sql"),
    ),
    ("sentinels", include_str!("../../queries/sentinels.sql")),
    (
        "slowest_answers",
        include_str!("../../queries/slowest_answers.sql"),
    ),
    ("tainted", include_str!("../../queries/tainted.sql")),
    (
        "training_set",
        include_str!("../../queries/training_set.sql"),
    ),
];

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterType {
    /// A signed 64-bit integer.
    Int,
    /// A double.
    Float,
    /// A string.
    Text,
    /// True or false.
    Bool,
    /// 64 hexadecimal digits: an id or a hash.
    Hash,
}

/// A parameter of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, without the `$`.
    pub name: String,
    /// Its type.
    pub kind: ParameterType,
    /// Its value if none is given; `None` if one must be.
    pub default: Option<ScalarValue>,
    /// The default as the file has it.
    pub default_text: Option<String>,
    /// What it is for.
    pub help: String,
}

/// A named query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub shows: String,
    /// Its parameters, in the order of the file.
    pub parameters: Vec<Parameter>,
    /// The whole file.
    pub text: String,
    /// Whether it is the user's own.
    pub own: bool,
}

/// All named queries, sorted by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    queries: Vec<Query>,
    faulty: Vec<(String, String)>,
}

impl Catalogue {
    /// The built-in queries, and those in the user's folder, which take their place
    /// where names are equal.
    pub fn load(folder: Option<&Path>) -> Result<Self, QueryError> {
        let mut queries = Vec::new();
        for (name, text) in BUILT_IN {
            queries.push(Query::parse(name, text, false)?);
        }
        let mut faulty = Vec::new();
        if let Some(folder) = folder {
            for (name, own) in read_folder(folder)? {
                queries.retain(|query| query.name != name);
                match own {
                    Ok(own) => queries.push(own),
                    Err(error) => faulty.push((name, error.to_string())),
                }
            }
        }
        queries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { queries, faulty })
    }

    /// What is wrong with files of the user's folder that can't be used.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.faulty.iter().map(|(_, what)| what.as_str())
    }

    /// All queries, sorted by name.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The query with this name.
    pub fn find(&self, name: &str) -> Result<&Query, QueryError> {
        if let Some((_, what)) = self.faulty.iter().find(|(faulty, _)| faulty == name) {
            return Err(QueryError::Catalogue(what.clone()));
        }
        self.queries
            .iter()
            .find(|query| query.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = self.queries.iter().map(|it| it.name.as_str()).collect();
                let near = nearest(name, names.iter().copied());
                QueryError::Catalogue(format!(
                    "there is no query {name}{near}; there are {}",
                    names.join(", ")
                ))
            })
    }
}

impl Query {
    /// Reads the comment at the head of a query's file.
    pub fn parse(name: &str, text: &str, own: bool) -> Result<Self, QueryError> {
        let mut shows: Vec<&str> = Vec::new();
        let mut parameters = Vec::new();
        let comments = text
            .lines()
            .map_while(|line| line.trim().strip_prefix("--"))
            .map(str::trim);
        for comment in comments {
            match comment.strip_prefix('$') {
                Some(declaration) => parameters.push(
                    parse_parameter(declaration)
                        .map_err(|what| unusable(name, &format!("{comment:?}: {what}")))?,
                ),
                None if parameters.is_empty() => shows.push(comment),
                None => {}
            }
        }
        let shows = shows.join(" ").trim().to_owned();
        if shows.is_empty() {
            let what = "its first line must be a comment that says what it shows";
            return Err(unusable(name, what));
        }
        Ok(Self {
            name: name.to_owned(),
            shows,
            parameters,
            text: text.to_owned(),
            own,
        })
    }

    /// The values of all parameters: those given as `name=value`, else the defaults.
    pub fn bind(&self, given: &[(String, String)]) -> Result<Vec<Binding>, QueryError> {
        for (name, _) in given {
            if !self.parameters.iter().any(|it| it.name == *name) {
                return Err(QueryError::Parameter(self.no_parameter(name)));
            }
        }
        let bind_one = |parameter: &Parameter| {
            let last = given.iter().rev().find(|(name, _)| *name == parameter.name);
            let value = match (last, &parameter.default) {
                (Some((_, text)), _) => parse_value(parameter.kind, text).map_err(|what| {
                    QueryError::Parameter(format!("parameter {}: {what}", parameter.name))
                })?,
                (None, Some(default)) => default.clone(),
                (None, None) => {
                    return Err(QueryError::Parameter(format!(
                        "the query {} wants --param {}=…: {}",
                        self.name, parameter.name, parameter.help
                    )));
                }
            };
            Ok((parameter.name.clone(), value))
        };
        self.parameters.iter().map(bind_one).collect()
    }

    fn no_parameter(&self, name: &str) -> String {
        let names: Vec<&str> = self.parameters.iter().map(|it| it.name.as_str()).collect();
        match names.is_empty() {
            true => format!("the query {} takes no parameters", self.name),
            false => format!(
                "the query {} has no parameter {name}{}; it takes {}",
                self.name,
                nearest(name, names.iter().copied()),
                names.join(", ")
            ),
        }
    }
}

/// `, did you mean …?` if one of `names` is near to `name`.
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min();
    near.map_or_else(String::new, |(_, near)| format!(" (did you mean {near}?)"))
}

fn unusable(name: &str, what: &str) -> QueryError {
    QueryError::Catalogue(format!("the query {name} can't be used: {what}"))
}

/// A file's name, and the query in it or why it can't be used.
type Own = (String, Result<Query, QueryError>);

fn read_folder(folder: &Path) -> Result<Vec<Own>, QueryError> {
    let failed = |error: std::io::Error| {
        QueryError::Catalogue(format!(
            "reading the folder of your own queries, {} (`queries` in antiks.toml): {error}",
            folder.display()
        ))
    };
    let mut queries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_sql = path.extension().is_some_and(|extension| extension == "sql");
        let (true, Some(name)) = (is_sql, path.file_stem().and_then(|name| name.to_str())) else {
            continue;
        };
        let query = fs::read_to_string(&path)
            .map_err(|error| unusable(name, &format!("reading {}: {error}", path.display())))
            .and_then(|text| Query::parse(name, text.trim_start_matches('\u{feff}'), true));
        queries.push((name.to_owned(), query));
    }
    Ok(queries)
}

/// Reads `name type = default  help`, or without the default.
fn parse_parameter(declaration: &str) -> Result<Parameter, String> {
    let (name, rest) = split_word(declaration);
    let (kind, rest) = split_word(rest);
    let kind = match kind {
        "int" => ParameterType::Int,
        "float" => ParameterType::Float,
        "text" => ParameterType::Text,
        "bool" => ParameterType::Bool,
        "hash" => ParameterType::Hash,
        other => return Err(format!("{other:?} is not int, float, text, bool or hash")),
    };
    let (default_text, help) = match rest.strip_prefix('=') {
        Some(rest) => {
            let (default, help) = split_word(rest.trim_start());
            (Some(default), help)
        }
        None => (None, rest),
    };
    let default = default_text.map(|text| match text {
        "null" => Ok(null(kind)),
        text => parse_value(kind, text),
    });
    Ok(Parameter {
        name: name.to_owned(),
        kind,
        default: default.transpose()?,
        default_text: default_text.map(str::to_owned),
        help: help.to_owned(),
    })
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start())
}

fn parse_value(kind: ParameterType, text: &str) -> Result<ScalarValue, String> {
    if text == "null" {
        return Ok(null(kind));
    }
    let value = match kind {
        ParameterType::Int => text.parse().ok().map(|it| ScalarValue::Int64(Some(it))),
        ParameterType::Float => text.parse().ok().map(|it| ScalarValue::Float64(Some(it))),
        ParameterType::Text => Some(ScalarValue::Utf8(Some(text.to_owned()))),
        ParameterType::Bool => text.parse().ok().map(|it| ScalarValue::Boolean(Some(it))),
        ParameterType::Hash => from_hex(text)
            .ok()
            .map(|it| ScalarValue::FixedSizeBinary(32, Some(it.to_vec()))),
    };
    value.ok_or_else(|| {
        let wanted = match kind {
            ParameterType::Int => "a whole number",
            ParameterType::Float => "a number",
            ParameterType::Text => "text",
            ParameterType::Bool => "true or false",
            ParameterType::Hash => "64 hexadecimal digits",
        };
        format!("{text:?} is not {wanted}")
    })
}

fn null(kind: ParameterType) -> ScalarValue {
    match kind {
        ParameterType::Int => ScalarValue::Int64(None),
        ParameterType::Float => ScalarValue::Float64(None),
        ParameterType::Text => ScalarValue::Utf8(None),
        ParameterType::Bool => ScalarValue::Boolean(None),
        ParameterType::Hash => ScalarValue::FixedSizeBinary(32, None),
    }
}

/// A parameter's value as text; `None` for NULL. The inverse of what `--param` reads.
pub fn value_text(value: &ScalarValue) -> Option<String> {
    match value {
        value if value.is_null() => None,
        ScalarValue::FixedSizeBinary(_, Some(bytes)) => {
            let bytes = <[u8; 32]>::try_from(bytes.as_slice()).ok()?;
            Some(crate::base::id::to_hex(&bytes))
        }
        value => Some(value.to_string()),
    }
}
