//! The first difference between events that were recorded and events that were made again.

use serde_json::Value as Json;

use crate::event::Kind;
use crate::event::envelope::event_id;

/// The first of several events that differs, and its first field that does.
pub fn first_difference<K: Kind>(
    iteration: u32,
    recorded: &[K],
    again: &[K],
    what: &str,
) -> Option<String> {
    let mut scratch = Vec::new();
    let mut id = |body: &K| event_id(iteration, body, &mut scratch);
    let pairs = recorded.iter().zip(again).enumerate();
    for (place, (recorded, again)) in pairs {
        if id(recorded) == id(again) {
            continue;
        }
        let json = |body: &K| serde_json::to_value(body).unwrap_or_default();
        let field = differing("", &json(recorded), &json(again)).unwrap_or_default();
        let number = match recorded_is_alone(what) {
            true => String::new(),
            false => format!(" {}", place + 1),
        };
        return Some(format!("{what}{number}: {field}"));
    }
    let (recorded, again) = (recorded.len(), again.len());
    (recorded != again).then(|| format!("{recorded} of kind {what} recorded, {again} made again"))
}

fn recorded_is_alone(what: &str) -> bool {
    matches!(what, "training" | "checkpoint" | "evaluation" | "promotion")
}

/// The path of the first leaf in which two trees differ, and both values.
fn differing(path: &str, recorded: &Json, again: &Json) -> Option<String> {
    match (recorded, again) {
        (Json::Object(a), Json::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            names.into_iter().find_map(|name| {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                let of = |map: &serde_json::Map<String, Json>| {
                    map.get(name).cloned().unwrap_or_default()
                };
                differing(&path, &of(a), &of(b))
            })
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(place, (a, b))| differing(&format!("{path}[{place}]"), a, b)),
        (a, b) if a == b => None,
        (a, b) => Some(format!(
            "{path} is {} in the lake and {} now",
            brief(a),
            brief(b)
        )),
    }
}

fn brief(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_differing_field_is_named() {
        let a = json!({ "a": 1, "b": { "c": [1, 2, 3] }, "d": "x" });
        let mut b = a.clone();
        assert_eq!(differing("", &a, &b), None);
        b["d"] = json!("y");
        b["b"]["c"][1] = json!(9);
        let said = differing("", &a, &b).unwrap();
        assert_eq!(said, "b.c[1] is 2 in the lake and 9 now");
    }
}
