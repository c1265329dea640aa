//! What stands in `tests/data/chat/club.json`, written by hand as DeepSeek might answer in a loop
//! over the club's file.

use std::fs;

use serde_json::{Value as Json, json};

use crate::chat_server::{Say, Seen};
use crate::support::repository;

/// What DeepSeek Chat costs for a token: 0.27 and 1.1 US dollars for a million.
const PROMPT_USD: f64 = 2.7e-7;
const OUTPUT_USD: f64 = 1.1e-6;

/// What the session says.
pub struct Session(Json);

impl Session {
    pub fn new() -> Self {
        let text = fs::read_to_string(repository("tests/data/chat/club.json")).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    /// What the server lists of its model.
    pub fn models(&self) -> String {
        json!({"data": [{
            "id": self.0["model"],
            "pricing": {"prompt": "0.00000027", "completion": "0.0000011"},
            "supported_parameters": ["max_tokens", "temperature", "structured_outputs"],
        }]})
        .to_string()
    }

    /// The answer to a request: the same one to the same request, however often it comes.
    pub fn answer(&self, seen: &Seen) -> Say {
        let body: Json = serde_json::from_str(&seen.body).unwrap();
        let user = body["messages"][1]["content"].as_str().unwrap();
        let is_again = body["messages"].as_array().unwrap().len() > 2;
        let schema = &body["response_format"]["json_schema"]["name"];
        let content = match schema.as_str().unwrap() {
            "propose" => self.proposals(user),
            "grade" => self.judgement(user, is_again),
            "correct" => self.correction(user),
            other => panic!("{other}"),
        };
        Say::json(self.completion(&content, seen.body.len()))
    }

    /// A completion with this content, at the model's price.
    pub fn completion(&self, content: &str, len_bytes: usize) -> String {
        let (prompt, output) = (len_bytes / 4, content.len() / 4);
        let cost = prompt as f64 * PROMPT_USD + output as f64 * OUTPUT_USD;
        json!({
            "id": "gen-1", "object": "chat.completion", "model": self.0["model"],
            "provider": self.0["provider"], "system_fingerprint": self.0["fingerprint"],
            "choices": [{"index": 0, "finish_reason": "stop", "native_finish_reason": "stop",
                "message": {"role": "assistant", "content": content, "refusal": null}}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": output,
                "total_tokens": prompt + output, "cost": cost},
        })
        .to_string()
    }

    /// As many of a category as were asked for that were not asked before.
    fn proposals(&self, user: &str) -> String {
        let wanted = user.split("Write ").nth(1).unwrap();
        let count: usize = wanted.split(' ').next().unwrap().parse().unwrap();
        let category = wanted.split('"').nth(1).unwrap();
        let pool = self.0["propose"][category].as_array().unwrap();
        let fresh = pool
            .iter()
            .filter(|it| !user.contains(it["question"].as_str().unwrap()))
            .take(count);
        let all: Vec<Json> = fresh
            .map(|it| {
                json!({
                    "question": it["question"], "reference_sql": it["reference_sql"],
                    "ordered": it["ordered"], "requirements": it["requirements"],
                })
            })
            .collect();
        json!({ "challenges": all }).to_string()
    }

    fn judgement(&self, user: &str, is_again: bool) -> String {
        let is_right = user.contains("By execution it is right");
        // Once it forgets what it was asked for, and thinks better of it when asked again.
        if user.contains("each city") && !is_again {
            return self.0["prose"].as_str().unwrap().to_owned();
        }
        let kind = match is_right {
            true if user.contains("How many members of each category") => "right_plain",
            true => "right",
            false => "wrong",
        };
        self.0[kind].to_string()
    }

    fn correction(&self, user: &str) -> String {
        let asked = user.split("The question:\n\n").nth(1).unwrap();
        let pools = self.0["propose"].as_object().unwrap().values();
        let mut all = pools.flat_map(|it| it.as_array().unwrap());
        let found = all.find(|it| asked.starts_with(it["question"].as_str().unwrap()));
        let found = found.unwrap();
        let answer = json!({"sql": found["correction_sql"], "explanation": found["explanation"]});
        format!(
            "```json\n{}\n```",
            serde_json::to_string_pretty(&answer).unwrap()
        )
    }
}
