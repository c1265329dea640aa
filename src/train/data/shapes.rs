//! The shapes that a line of data may have.

use serde_json::{Map, Value};

use super::Content;
use crate::student::message::{Message, Role};

/// What a line says there is to learn, or why it says nothing.
pub fn content(line: &str) -> Result<Content, String> {
    let map = object(line)?;
    let has = |key: &str| map.get(key).is_some_and(|value| !value.is_null());
    if has("messages") {
        let turns = turns(&map, "messages", "role", "content")?;
        return chat(turns);
    }
    if has("conversations") {
        return chat(turns(&map, "conversations", "from", "value")?);
    }
    if has("instruction") && has("output") {
        return alpaca(&map);
    }
    if has("prompt") && has("completion") {
        return prompt_and_completion(&map);
    }
    Err(
        "it has none of messages, conversations, instruction with output, and prompt with \
         completion"
            .to_owned(),
    )
}

/// The JSON object that a line is.
pub fn object(line: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(line) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("it is no JSON object; a file has one object a line".to_owned()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

fn alpaca(map: &Map<String, Value>) -> Result<Content, String> {
    let instruction = text(map, "instruction")?;
    let output = text(map, "output")?;
    let input = match map.get("input") {
        None | Some(Value::Null) => "",
        Some(_) => text(map, "input")?,
    };
    let asked = match input.is_empty() {
        true => instruction.to_owned(),
        false => format!("{instruction}\n\n{input}"),
    };
    chat(vec![Message::user(asked), Message::assistant(output)])
}

fn prompt_and_completion(map: &Map<String, Value>) -> Result<Content, String> {
    let is_list = |key: &str| map.get(key).is_some_and(Value::is_array);
    if is_list("prompt") && is_list("completion") {
        let mut messages = turns(map, "prompt", "role", "content")?;
        messages.extend(turns(map, "completion", "role", "content")?);
        return chat(messages);
    }
    let prompt = text(map, "prompt")?.to_owned();
    let completion = text(map, "completion")?.to_owned();
    match completion.is_empty() {
        true => Err("its completion is empty".to_owned()),
        false => Ok(Content::Text { prompt, completion }),
    }
}

/// Turns that make a chat to learn from.
fn chat(messages: Vec<Message>) -> Result<Content, String> {
    let Some((last, asked)) = messages.split_last() else {
        return Err("its chat has no turns".to_owned());
    };
    if last.role != Role::Assistant {
        let who = last.role;
        return Err(format!(
            "its chat ends with the {who}; the last turn must be the assistant's"
        ));
    }
    if last.content.trim().is_empty() {
        return Err("the assistant's last turn is empty".to_owned());
    }
    if !asked.iter().any(|message| message.role == Role::User) {
        return Err("its chat has no turn of the user before the answer".to_owned());
    }
    let late = messages
        .iter()
        .skip(1)
        .any(|message| message.role == Role::System);
    match late {
        true => Err("its chat has a system turn that is not the first".to_owned()),
        false => Ok(Content::Chat(messages)),
    }
}

/// The turns in the list under `list`, each with its role under `who` and its text under
/// `what`.
pub fn turns(
    map: &Map<String, Value>,
    list: &str,
    who: &str,
    what: &str,
) -> Result<Vec<Message>, String> {
    let turns = map.get(list).and_then(Value::as_array);
    let turns = turns.ok_or_else(|| format!("{list} is no list of turns"))?;
    let turn = |(number, turn): (usize, &Value)| {
        let place = |key: &str| format!("{list}[{number}].{key}");
        let turn = turn
            .as_object()
            .ok_or_else(|| format!("{list}[{number}] is no object"))?;
        let name = turn.get(who).and_then(Value::as_str);
        let name = name.ok_or_else(|| format!("{} is no text", place(who)))?;
        let role = role(name).ok_or_else(|| {
            format!(
                "{} is {name:?}; system, user and assistant are known",
                place(who)
            )
        })?;
        let content = turn.get(what).and_then(spoken);
        let content = content.ok_or_else(|| format!("{} is no text", place(what)))?;
        Ok(Message::new(role, content))
    };
    turns.iter().enumerate().map(turn).collect()
}

/// Roles by the names of all shapes.
fn role(name: &str) -> Option<Role> {
    match name {
        "system" => Some(Role::System),
        "user" | "human" => Some(Role::User),
        "assistant" | "gpt" => Some(Role::Assistant),
        _ => None,
    }
}

/// A text, or a list of parts that are all texts: [{"type": "text", "text": …}, …].
fn spoken(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let part = |part: &Value| match part["type"] == "text" {
                true => part["text"].as_str().map(str::to_owned),
                false => None,
            };
            parts.iter().map(part).collect()
        }
        _ => None,
    }
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    let text = map.get(key).and_then(Value::as_str);
    text.ok_or_else(|| format!("{key} is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_become_contents() {
        let alpaca = r#"{"instruction": "Sum up.", "input": "1, 2", "output": "3"}"#;
        let wanted = vec![Message::user("Sum up.\n\n1, 2"), Message::assistant("3")];
        assert_eq!(content(alpaca), Ok(Content::Chat(wanted)));
        let text = r#"{"prompt": "", "completion": " SELECT 1"}"#;
        let wanted = Content::Text {
            prompt: String::new(),
            completion: " SELECT 1".to_owned(),
        };
        assert_eq!(content(text), Ok(wanted));
        let parts = r#"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content":
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": "c"}, {"role": "user", "content": "d"},
            {"role": "assistant", "content": "e"}]}"#;
        let wanted = vec![
            Message::system("s"),
            Message::user("ab"),
            Message::assistant("c"),
            Message::user("d"),
            Message::assistant("e"),
        ];
        assert_eq!(content(parts), Ok(Content::Chat(wanted)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, wanted) in [
            ("nothing", "no JSON"),
            ("[1]", "no JSON object"),
            ("{}", "none of messages"),
            (r#"{"messages": null}"#, "none of messages"),
            (r#"{"messages": []}"#, "no turns"),
            (r#"{"messages": {}}"#, "no list"),
            (r#"{"messages": ["hello"]}"#, "messages[0] is no object"),
            (
                r#"{"messages": [{"role": "tool", "content": "x"}]}"#,
                "messages[0].role is \"tool\"",
            ),
            (
                r#"{"messages": [{"content": "x"}]}"#,
                "messages[0].role is no text",
            ),
            (
                r#"{"messages": [{"role": "user"}]}"#,
                "messages[0].content is no text",
            ),
            (
                r#"{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#,
                "messages[0].content",
            ),
            (
                r#"{"messages": [{"role": "user", "content": "x"}]}"#,
                "ends with the user",
            ),
            (
                r#"{"messages": [{"role": "assistant", "content": "x"}]}"#,
                "no turn of the user",
            ),
            (
                r#"{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": " "}]}"#,
                "is empty",
            ),
            (
                r#"{"conversations": [{"from": "human", "value": "x"}, {"from": "system", "value": "x"},
                    {"from": "gpt", "value": "x"}]}"#,
                "not the first",
            ),
            (
                r#"{"instruction": 5, "output": "x"}"#,
                "instruction is no text",
            ),
            (
                r#"{"prompt": "x", "completion": ""}"#,
                "completion is empty",
            ),
            (
                r#"{"prompt": "x", "completion": ["y"]}"#,
                "completion is no text",
            ),
            (r#"{"prompt": "\ud800", "completion": "y"}"#, "no JSON"),
        ] {
            let why = content(line).unwrap_err();
            assert!(why.contains(wanted), "{line}: {why}");
        }
        let deep = "[".repeat(1_000_000);
        assert!(content(&deep).is_err());
    }
}
