//! What a run has learned, as a few lines of blocks: the suite's score by iteration.
//!
//! **Invariant.** The scale is 0 to 100 whatever the scores are, so that two pictures can be
//! laid side by side.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::table::{MAX_CELL_CHARS, shorten};
use crate::base::id::Id;
use crate::event::evaluation::Evaluation;
use crate::event::run_started::RunStarted;
use crate::lake::{Lake, LakeError};
use crate::round::measure::FROZEN;

/// The suite whose scores are drawn.
const LINES: usize = 5;
/// Blocks of one to eight eighths.
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// What stands left of the bars.
const MARGIN: usize = 6;
/// The widest picture where there is no terminal to ask.
const DEFAULT_CHARS: usize = 80;

/// The scores of a run by iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    run: String,
    scores: BTreeMap<u32, f64>,
}

impl Curve {
    /// The curve of the newest run that was measured; none if no run was. Of several scores
    /// of one iteration the last counts: that of what was trained in it.
    pub fn of_newest_run(lake: &Lake) -> Result<Option<Self>, LakeError> {
        let mut measured: Vec<(Id<RunStarted>, u32, f64)> = Vec::new();
        lake.read_events::<Evaluation>(|_, _, event| {
            let body = event.body;
            if let (Some(run), FROZEN) = (body.run_id, body.suite.as_str()) {
                measured.push((run, event.iteration, body.score));
            }
        })?;
        let mut newest = None;
        lake.read_events::<RunStarted>(|_, id, event| {
            if measured.iter().any(|(run, _, _)| *run == id) {
                newest = Some((id, event.body.name));
            }
        })?;
        Ok(newest.map(|(id, run)| {
            let of_run = measured.iter().filter(|(run, _, _)| *run == id);
            let scores = of_run.map(|(_, iteration, score)| (*iteration, *score));
            Self {
                run,
                scores: scores.collect(),
            }
        }))
    }

    /// The picture, at most so many characters wide: two a bar and a gap, or fewer where
    /// there are many; what does not fit is left out at the beginning.
    pub fn draw(&self, max_chars: Option<usize>) -> String {
        let room = max_chars.unwrap_or(DEFAULT_CHARS).saturating_sub(MARGIN);
        let (width, gap) = match self.scores.len() {
            bars if bars * 4 <= room => (2, 2),
            bars if bars * 2 <= room => (1, 1),
            _ => (1, 0),
        };
        let most = (room / (width + gap)).max(1);
        let skipped = self.scores.len().saturating_sub(most);
        let shown: Vec<(u32, f64)> = self.scores.iter().skip(skipped).map(pair).collect();
        // Writing to a string does not fail.
        let mut text = String::new();
        let ends = self
            .scores
            .first_key_value()
            .zip(self.scores.last_key_value());
        if let Some(((first, before), (last, after))) = ends {
            let run = shorten(&self.run, MAX_CELL_CHARS);
            let _ = write!(text, "Score of run {run} on its suite: {before:.1}");
            let _ = match first == last {
                true => writeln!(text, " in iteration {first}"),
                false => writeln!(
                    text,
                    " in iteration {first}, {after:.1} in iteration {last}"
                ),
            };
        }
        for line in (0..LINES).rev() {
            let label = match line {
                _ if line == LINES - 1 => "100 ┤",
                0 => "  0 ┤",
                _ => "    │",
            };
            let _ = write!(text, "{label} ");
            for (_, score) in &shown {
                let bar = block(*score, line).to_string().repeat(width);
                let _ = write!(text, "{bar}{}", " ".repeat(gap));
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text.push_str(&axis(&shown, width + gap));
        text
    }
}

fn pair((iteration, score): (&u32, &f64)) -> (u32, f64) {
    (*iteration, *score)
}

/// What a bar shows in a line, which are counted from below.
fn block(score: f64, line: usize) -> char {
    let all = LINES * EIGHTHS.len();
    let eighths = (score.clamp(0.0, 100.0) / 100.0 * all as f64).round() as usize;
    // A bar of nothing would look like an iteration that was not measured.
    let eighths = eighths.max(1);
    match eighths.saturating_sub(line * EIGHTHS.len()) {
        0 => ' ',
        here => EIGHTHS[here.min(EIGHTHS.len()) - 1],
    }
}

/// The numbers below the bars, as many as have room.
fn axis(shown: &[(u32, f64)], pitch: usize) -> String {
    let mut line = " ".repeat(MARGIN);
    for (place, (iteration, _)) in shown.iter().enumerate() {
        let number = iteration.to_string();
        let start = MARGIN + place * pitch;
        // Every number but the first wants a space before it.
        let is_free = place == 0 || line.len() < start;
        if is_free {
            line.push_str(&" ".repeat(start.saturating_sub(line.len())));
            line.push_str(&number);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(scores: &[f64]) -> Curve {
        let numbered = scores.iter().enumerate();
        Curve {
            run: "main".to_owned(),
            scores: numbered.map(|(at, score)| (at as u32, *score)).collect(),
        }
    }

    #[test]
    fn scores_are_bars() {
        let drawn = curve(&[0.0, 20.0, 50.0, 97.5, 100.0]).draw(Some(80));
        let wanted = "\
Score of run main on its suite: 0.0 in iteration 0, 100.0 in iteration 4
100 ┤             ▇▇  ██
    │             ██  ██
    │         ▄▄  ██  ██
    │         ██  ██  ██
  0 ┤ ▁▁  ██  ██  ██  ██
      0   1   2   3   4
";
        assert_eq!(drawn, wanted, "\n{drawn}");
    }

    #[test]
    fn a_long_run_fits_and_shows_its_end() {
        let scores: Vec<f64> = (0..500).map(|at| f64::from(at) / 5.0).collect();
        for chars in [7, 10, 40, 80, 200] {
            let drawn = curve(&scores).draw(Some(chars));
            for line in drawn.lines().skip(1).take(LINES) {
                assert!(line.chars().count() <= chars, "{chars}: {line}");
            }
            let top = drawn.lines().nth(1).unwrap();
            assert!(top.ends_with('█'), "{chars}: {top}");
        }
        assert!(curve(&[12.0]).draw(None).contains("12.0 in iteration 0\n"));
    }
}
