//! What Hugging Face adds to Jinja for chat templates: `raise_exception`, `strftime_now`
//! and a `tojson` that writes as Python's `json.dumps` does.

use std::fmt::Write;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use crate::base::calendar;

/// Values nest this deep at most; a template can build no cycle, but a deep list.
const MAX_DEPTH: usize = 64;
const MAX_INDENT: usize = 16;
/// What a unit of fuel pays for, as in minijinja itself.
const BYTES_A_UNIT: u64 = 64;

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// `raise_exception(message)`: ends the rendering.
pub fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// `value|tojson(indent=…, ensure_ascii=…, sort_keys=…)`, without escapes for HTML.
pub fn tojson(state: &State, value: &Value, kwargs: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = kwargs.get("indent")?;
    let ensure_ascii: Option<bool> = kwargs.get("ensure_ascii")?;
    let sort_keys: Option<bool> = kwargs.get("sort_keys")?;
    let separators: Option<Vec<String>> = kwargs.get("separators")?;
    kwargs.assert_all_used()?;
    let (item, key) = match separators.as_deref() {
        Some([item, key]) => (item.clone(), key.clone()),
        Some(_) => return Err(invalid("separators are two texts")),
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
    };
    let mut json = Json {
        consume_fuel: &|units| state.consume_fuel(units),
        paid_bytes: 0,
        out: String::new(),
        indent: indent.map(|width| width.min(MAX_INDENT)),
        ensure_ascii: ensure_ascii.unwrap_or(false),
        sort_keys: sort_keys.unwrap_or(false),
        item,
        key,
    };
    json.value(value, 0)?;
    Ok(Value::from_safe_string(json.out))
}

struct Json<'a> {
    consume_fuel: &'a dyn Fn(u64) -> Result<(), Error>,
    /// How much of `out` was paid for.
    paid_bytes: usize,
    out: String,
    indent: Option<usize>,
    ensure_ascii: bool,
    sort_keys: bool,
    item: String,
    key: String,
}

impl Json<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(invalid("the value nests too deep for tojson"));
        }
        self.pay()?;
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self
                .out
                .push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.number(value),
            ValueKind::String => self.text(value.as_str().unwrap_or_default()),
            ValueKind::Map => self.map(value, depth)?,
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth)?,
            kind => {
                return Err(invalid(&format!(
                    "tojson can't write a value that is {kind}"
                )));
            }
        }
        Ok(())
    }

    /// Pays for a value, and for what was written since the last. A list may hold another
    /// twice, and that one a third twice: few steps of a template make endless text.
    fn pay(&mut self) -> Result<(), Error> {
        let bytes = (self.out.len() - self.paid_bytes) as u64;
        self.paid_bytes = self.out.len();
        (self.consume_fuel)(1 + bytes / BYTES_A_UNIT)
    }

    fn number(&mut self, value: &Value) {
        let text = value.to_string();
        let float: Option<f64> = match value.is_integer() {
            true => None,
            false => text.parse().ok(),
        };
        let written = match float {
            Some(float) if float.is_nan() => "NaN".to_owned(),
            Some(f64::INFINITY) => "Infinity".to_owned(),
            Some(f64::NEG_INFINITY) => "-Infinity".to_owned(),
            // Python writes an exponent of two digits or more, from 1e16 on and below 1e-4.
            Some(float) if float.abs() >= 1e16 || (float.abs() < 1e-4 && float != 0.0) => {
                let scientific = format!("{float:e}");
                let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&text, "0"));
                let exponent: i32 = exponent.parse().unwrap_or(0);
                format!("{mantissa}e{exponent:+03}")
            }
            _ => text,
        };
        self.out.push_str(&written);
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                escaped if escaped < ' ' || (self.ensure_ascii && !escaped.is_ascii()) => {
                    for unit in escaped.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.out, "\\u{unit:04x}");
                    }
                }
                plain => self.out.push(plain),
            }
        }
        self.out.push('"');
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.out.push('[');
        let mut empty = true;
        for item in value.try_iter()? {
            self.separate(empty, depth + 1);
            empty = false;
            self.value(&item, depth + 1)?;
        }
        self.close(empty, depth, ']');
        Ok(())
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut keys: Vec<Value> = value.try_iter()?.collect();
        if self.sort_keys {
            keys.sort();
        }
        self.out.push('{');
        for (number, key) in keys.iter().enumerate() {
            self.separate(number == 0, depth + 1);
            match key.as_str() {
                Some(text) => self.text(text),
                // Python makes texts of numbers, truth and None.
                None => {
                    self.out.push('"');
                    self.value(key, depth + 1)?;
                    self.out.push('"');
                }
            }
            self.out.push_str(&self.key);
            self.value(&value.get_item(key)?, depth + 1)?;
        }
        self.close(keys.is_empty(), depth, '}');
        Ok(())
    }

    fn separate(&mut self, first: bool, depth: usize) {
        if !first {
            self.out.push_str(&self.item);
        }
        self.new_line(depth);
    }

    fn close(&mut self, empty: bool, depth: usize, bracket: char) {
        if !empty {
            self.new_line(depth);
        }
        self.out.push(bracket);
    }

    fn new_line(&mut self, depth: usize) {
        if let Some(width) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', width * depth));
        }
    }
}

/// `strftime_now(format)`: the moment `now_us` (microseconds since 1970, UTC) as Python's
/// `strftime` writes it in English.
pub fn strftime(format: &str, now_us: i64) -> Result<String, Error> {
    let seconds = now_us.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = calendar::parts(days);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let hour_of_12 = (hour + 11) % 12 + 1;
    let month_name = calendar::MONTHS
        .get(month as usize - 1)
        .copied()
        .unwrap_or("");
    let weekday = (days + 4).rem_euclid(7);
    let weekday_name = WEEKDAYS.get(weekday as usize).copied().unwrap_or("");
    let day_of_year = days - calendar::number_of(year, 1, 1) + 1;
    let mut out = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut code = characters.next();
        // %-d is glibc's %d without the zero in front.
        let bare = code == Some('-');
        if bare {
            code = characters.next();
        }
        let number = |value: i64, width: usize| match bare {
            true => value.to_string(),
            false => format!("{value:0width$}"),
        };
        let piece = match code {
            Some('Y') => year.to_string(),
            Some('y') => number(year.rem_euclid(100), 2),
            Some('m') => number(month, 2),
            Some('d') => number(day, 2),
            Some('e') => format!("{day:2}"),
            Some('j') => number(day_of_year, 3),
            Some('H') => number(hour, 2),
            Some('I') => number(hour_of_12, 2),
            Some('M') => number(minute, 2),
            Some('S') => number(second % 60, 2),
            Some('p') => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            Some('B') => month_name.to_owned(),
            Some('b' | 'h') => month_name.chars().take(3).collect(),
            Some('A') => weekday_name.to_owned(),
            Some('a') => weekday_name.chars().take(3).collect(),
            Some('w') => weekday.to_string(),
            Some('F') => format!("{year}-{month:02}-{day:02}"),
            Some('T') => format!("{hour:02}:{minute:02}:{:02}", second % 60),
            Some('Z') => "UTC".to_owned(),
            Some('z') => "+0000".to_owned(),
            Some('%') => "%".to_owned(),
            _ => return Err(invalid(&format!("strftime_now doesn't know {format:?}"))),
        };
        out.push_str(&piece);
    }
    Ok(out)
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 86_400_000_000;

    #[test]
    fn moments_are_written_as_python_writes_them() {
        // 2024-02-29 13:04:05 UTC, a Thursday.
        let now = 1_709_211_845_000_000;
        for (format, wanted) in [
            ("%d %b %Y", "29 Feb 2024"),
            ("%Y-%m-%d %H:%M:%S", "2024-02-29 13:04:05"),
            (
                "%A, %B %-d at %I:%M %p",
                "Thursday, February 29 at 01:04 PM",
            ),
            (
                "%j %y %w %a %F %T 100%%",
                "060 24 4 Thu 2024-02-29 13:04:05 100%",
            ),
        ] {
            assert_eq!(strftime(format, now).unwrap(), wanted);
        }
        assert_eq!(strftime("%F %j %a", 0).unwrap(), "1970-01-01 001 Thu");
        assert_eq!(strftime("%F %j", -DAY_US).unwrap(), "1969-12-31 365");
        assert_eq!(
            strftime("%F %j", 11_016 * DAY_US).unwrap(),
            "2000-02-29 060"
        );
        for moment in [i64::MIN, i64::MAX] {
            assert!(strftime("%F %j %A", moment).is_ok());
        }
        for bad in ["%", "%Q", "%-"] {
            assert!(strftime(bad, 0).is_err(), "{bad}");
        }
    }
}
