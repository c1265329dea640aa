//! Chats as the text that a base was taught them in: Hugging Face's chat templates.
//!
//! A template comes from `chat_template.jinja`, or else from `chat_template` in
//! `tokenizer_config.json`, and is rendered as transformers renders it.
//!
//! **Invariants.** A template is somebody else's program: its steps and what it makes are
//! bounded by fuel, it sees the chat and the special tokens and nothing else, and the
//! time that it is told is an argument.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, Value, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde_json::{Map, Value as Json};

use super::error::{StudentError, json};
use super::message::Message;
use super::template_functions::{raise_exception, strftime, tojson};

/// One unit pays for an instruction, or for 64 bytes: far more than any chat takes.
const FUEL: u64 = 1_000_000;
const NAME: &str = "chat_template";
const SPECIAL_TOKENS: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// A base's chat template, ready to render.
#[derive(Debug)]
pub struct ChatTemplate {
    path: PathBuf,
    environment: Environment<'static>,
    special: BTreeMap<String, String>,
}

impl ChatTemplate {
    /// The template of a base: that of `jinja` (a `chat_template.jinja`) if there is one,
    /// else that of `config` (a `tokenizer_config.json`), else none.
    ///
    /// # Errors
    /// [`StudentError::Json`] or [`StudentError::Key`] for a configuration that is
    /// wrong, [`StudentError::Template`] for a template that is no Jinja.
    pub fn find(
        config: Option<(&Path, &[u8])>,
        jinja: Option<(&Path, &[u8])>,
    ) -> Result<Option<Self>, StudentError> {
        let mut special = BTreeMap::new();
        let mut configured = None;
        if let Some((path, bytes)) = config {
            let map: Map<String, Json> = serde_json::from_slice(bytes).map_err(json(path))?;
            special = special_tokens(path, &map)?;
            configured = template_of(path, &map)?.map(|source| (path, source));
        }
        let found = match jinja {
            Some((path, bytes)) => {
                let source =
                    std::str::from_utf8(bytes).map_err(|error| StudentError::Template {
                        path: path.to_owned(),
                        what: error.to_string(),
                    })?;
                Some((path, source.to_owned()))
            }
            None => configured,
        };
        found
            .map(|(path, source)| Self::new(path, source, special))
            .transpose()
    }

    /// A template from its source; `special` has the tokens by the names that the
    /// template knows, such as `bos_token`.
    ///
    /// # Errors
    /// [`StudentError::Template`] if the source is no Jinja.
    pub fn new(
        path: &Path,
        source: String,
        special: BTreeMap<String, String>,
    ) -> Result<Self, StudentError> {
        let environment = environment(source).map_err(|error| wrong(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            environment,
            special,
        })
    }

    /// The file that the template stands in.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The chat as text; with `add_generation_prompt` also what stands before an answer.
    /// `now_us` (microseconds since 1970, UTC) is the time that the template is told.
    ///
    /// # Errors
    /// [`StudentError::Template`] if the template refuses the chat, fails, or doesn't
    /// come to an end.
    pub fn render(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
        now_us: i64,
    ) -> Result<String, StudentError> {
        let len_bytes: usize = messages.iter().map(|message| message.content.len()).sum();
        let chat = context! {
            messages => messages.iter().map(as_value).collect::<Value>(),
            add_generation_prompt,
            tools => Value::from(()),
            documents => Value::from(()),
            strftime_now => Value::from_function(move |format: String| strftime(&format, now_us)),
            ..Value::from_pairs(&self.special)
        };
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(FUEL.saturating_add(len_bytes as u64)));
        let template = environment.get_template(NAME);
        template
            .and_then(|template| template.render(chat))
            .map_err(|error| wrong(&self.path, &error))
    }
}

fn environment(source: String) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_filter("tojson", tojson);
    environment.add_function("raise_exception", raise_exception);
    environment.add_template_owned(NAME, source)?;
    Ok(environment)
}

/// The keys in the order in which chats have them, which `tojson` shows.
fn as_value(message: &Message) -> Value {
    Value::from_pairs([
        ("role", message.role.name()),
        ("content", message.content.as_str()),
    ])
}

/// `chat_template`: a text, or a list of named ones of which `default` counts.
fn template_of(path: &Path, config: &Map<String, Json>) -> Result<Option<String>, StudentError> {
    const KEY: &str = "chat_template";
    let wrong = |what: &str| StudentError::Key {
        path: path.to_owned(),
        key: KEY.to_owned(),
        what: what.to_owned(),
    };
    match config.get(KEY) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(source)) => Ok(Some(source.clone())),
        Some(Json::Array(named)) => {
            let default = named.iter().find(|one| one["name"] == "default");
            let source = default.and_then(|one| one["template"].as_str());
            match source {
                Some(source) => Ok(Some(source.to_owned())),
                None => Err(wrong("has no template named default")),
            }
        }
        Some(_) => Err(wrong("must be a text or a list of {name, template}")),
    }
}

/// Special tokens: each a text, or an object with the text under `content`.
fn special_tokens(
    path: &Path,
    config: &Map<String, Json>,
) -> Result<BTreeMap<String, String>, StudentError> {
    let mut special = BTreeMap::new();
    for name in SPECIAL_TOKENS {
        let text = match config.get(name) {
            None | Some(Json::Null) => continue,
            Some(Json::String(text)) => Some(text.as_str()),
            Some(object) => object["content"].as_str(),
        };
        let text = text.ok_or_else(|| StudentError::Key {
            path: path.to_owned(),
            key: name.to_owned(),
            what: "must be a text, or an object with the text under content".to_owned(),
        })?;
        special.insert(name.to_owned(), text.to_owned());
    }
    Ok(special)
}

fn wrong(path: &Path, error: &Error) -> StudentError {
    StudentError::Template {
        path: path.to_owned(),
        what: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Role;
    use super::*;

    /// What transformers makes of chats; scripts/goldens/chat_templates.py wrote it.
    const GOLDENS: &str = include_str!("../../tests/data/chat_templates.json");

    #[derive(serde::Deserialize)]
    struct Goldens {
        now_us: i64,
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        tokenizer_config: Json,
        renderings: Vec<Rendering>,
    }

    #[derive(serde::Deserialize)]
    struct Rendering {
        messages: Vec<Message>,
        add_generation_prompt: bool,
        text: Option<String>,
        error: Option<String>,
    }

    fn template(source: &str) -> Result<ChatTemplate, StudentError> {
        ChatTemplate::new(Path::new("t.jinja"), source.to_owned(), BTreeMap::new())
    }

    fn find(config: &str, jinja: Option<&str>) -> Result<Option<ChatTemplate>, StudentError> {
        ChatTemplate::find(
            Some((Path::new("tokenizer_config.json"), config.as_bytes())),
            jinja.map(|jinja| (Path::new("chat_template.jinja"), jinja.as_bytes())),
        )
    }

    #[test]
    fn chats_are_rendered_as_transformers_renders_them() {
        let goldens: Goldens = serde_json::from_str(GOLDENS).unwrap();
        let mut wrong = Vec::new();
        for case in &goldens.cases {
            let template = find(&case.tokenizer_config.to_string(), None)
                .unwrap()
                .unwrap();
            for golden in &case.renderings {
                let generate = golden.add_generation_prompt;
                let text = template.render(&golden.messages, generate, goldens.now_us);
                let agree = match (&text, &golden.text, &golden.error) {
                    (Ok(text), Some(wanted), _) => text == wanted,
                    (Err(error), None, Some(said)) => error.to_string().contains(said),
                    _ => false,
                };
                if !agree {
                    wrong.push(format!("{}:\n{text:?}\n{:?}", case.name, golden.text));
                }
            }
        }
        assert!(goldens.cases.len() > 9);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn the_template_is_found_where_bases_keep_it() {
        let render = |config: &str, jinja: Option<&str>| {
            let template = find(config, jinja).unwrap().unwrap();
            template.render(&[Message::user("q")], false, 0).unwrap()
        };
        let named = r#"{"chat_template": [{"name": "rag", "template": "r"},
            {"name": "default", "template": "d{{ eos_token }}"}], "eos_token": "</s>"}"#;
        assert_eq!(render(named, None), "d</s>");
        assert_eq!(render(named, Some("file {{ eos_token }}")), "file </s>");
        let object = r#"{"chat_template": "{{ bos_token }}", "bos_token": {"content": "<s>"}}"#;
        assert_eq!(render(object, None), "<s>");
        assert!(find("{}", None).unwrap().is_none());
        assert!(find(r#"{"chat_template": null}"#, None).unwrap().is_none());
        for bad in [
            "",
            "[]",
            r#"{"chat_template": 5}"#,
            r#"{"chat_template": [{"name": "rag", "template": "r"}]}"#,
            r#"{"chat_template": ["default"]}"#,
            r#"{"chat_template": "x", "bos_token": 1}"#,
            r#"{"chat_template": "{% for %}"}"#,
            r#"{"chat_template": "{{ unclosed"}"#,
        ] {
            let error = find(bad, None).unwrap_err().to_string();
            assert!(error.contains("tokenizer_config.json"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_template_without_end_or_with_too_much_to_say_is_an_error() {
        let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
        for endless in [
            "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
            "{% set ns = namespace(t='xxxxxxxx') %}{% for a in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}",
            "{{ 'x' * 9999999999 }}",
            "{{ 'x'.join(range(99999999)) }}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "{{ ('x' * 60000).replace('x', 'y' * 60000) }}",
            "{{ messages | tojson(indent=9999999999) }}{{ 1 / 0 }}",
            "{% set ns = namespace(l=[1]) %}{% for a in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}",
            "{% set ns = namespace(l=['x' * 9999]) %}{% for a in range(16) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}",
            "{{ open('/etc/passwd') }}",
            "{% include 'chat_template' %}",
        ] {
            let template = template(endless).unwrap();
            let error = template.render(&[Message::new(Role::User, "q")], true, 0);
            let error = error.expect_err(endless).to_string();
            assert!(error.contains("t.jinja"), "{error}");
        }
        assert!(template(&format!("{{{{ {deep} }}}}")).is_err());
        assert!(template(&"{% if true %}".repeat(100_000)).is_err());
    }
}
