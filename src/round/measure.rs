//! How good a checkpoint is on a suite, in figures with their intervals.

use std::collections::BTreeMap;

use super::asked::Asked;
use super::statistics::{Interval, mean, share};
use super::suite::{Item, Part};
use crate::base::canonical::write_sized;
use crate::base::id::{ContentHash, Id};
use crate::event::checkpoint::Checkpoint;
use crate::event::evaluation::{Evaluation, GroupScore, Share};
use crate::event::grade::Grade;
use crate::event::run_started::RunStarted;
use crate::grading::Requirement;

/// The suite that a run is measured by.
pub const FROZEN: &str = "frozen";
/// The suite that only `antiks eval --sealed` opens.
pub const SEALED: &str = "sealed";

/// A question of a suite as an event, and what it finds out.
#[derive(Clone, Debug)]
pub struct SuiteItem {
    /// What it finds out.
    pub part: Part,
    /// Whether its phrasing is held out of training.
    pub is_held_out: bool,
}

impl From<&Item> for SuiteItem {
    fn from(item: &Item) -> Self {
        Self {
            part: item.part,
            is_held_out: item.is_held_out,
        }
    }
}

/// A suite.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Its name: `frozen` or `sealed`.
    pub name: &'static str,
    /// What each question finds out.
    pub items: Vec<SuiteItem>,
    /// The questions.
    pub asked: Vec<Asked>,
}

/// Which checkpoint is measured, and where.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// The run.
    pub run_id: Id<RunStarted>,
    /// The checkpoint; none for the base.
    pub checkpoint_id: Option<Id<Checkpoint>>,
    /// The base.
    pub base_hash: ContentHash,
    /// How often the suite was opened before, where that is counted.
    pub opened_before: Option<i64>,
}

/// The hash of a suite's questions, databases and references.
pub fn suite_hash(items: &[Item]) -> ContentHash {
    let mut bytes = Vec::new();
    for item in items {
        let draft = &item.proposal.draft;
        write_sized(draft.question.as_bytes(), &mut bytes);
        write_sized(draft.reference_sql.as_bytes(), &mut bytes);
        for trial in &item.proposal.admitted.task.trials {
            bytes.extend(blake3::hash(trial.script.as_bytes()).as_bytes());
        }
    }
    ContentHash::of(&bytes)
}

/// The figures of grades on a suite, one for each of its questions.
pub fn evaluation(
    suite: &Suite,
    hash: ContentHash,
    grades: &[(Id<Grade>, &Grade)],
    measured: Measured,
) -> Evaluation {
    let scores: Vec<f64> = grades.iter().map(|(_, it)| it.score as f64).collect();
    let score = mean(&scores);
    let share_of = |counts: &dyn Fn(&Asked) -> bool, hits: &dyn Fn(&Grade) -> bool| {
        let among = suite.asked.iter().zip(grades);
        let among: Vec<&Grade> = among
            .filter(|(asked, _)| counts(asked))
            .map(|(_, (_, grade))| *grade)
            .collect();
        let hits = among.iter().filter(|grade| hits(grade)).count();
        (!among.is_empty()).then(|| to_share(share(hits, among.len())))
    };
    let all = |_: &Asked| true;
    let nothing = || to_share(share(0, 0));
    Evaluation {
        run_id: Some(measured.run_id),
        checkpoint_id: measured.checkpoint_id,
        base_hash: measured.base_hash,
        suite: suite.name.to_owned(),
        suite_hash: hash,
        opened_before: measured.opened_before,
        items: grades.len() as i64,
        score: score.value,
        score_low: score.low,
        score_high: score.high,
        equivalent: share_of(&all, &|it| it.equivalent).unwrap_or_else(nothing),
        syntax_pass: share_of(&all, &|it| it.executed).unwrap_or_else(nothing),
        best_practices: share_of(&needs_clean_numeric, &uses_clean_numeric),
        complex: share_of(&is_complex, &|it| it.equivalent),
        false_pass: None,
        groups: groups(suite, grades),
        grade_ids: grades.iter().map(|(id, _)| *id).collect(),
    }
}

fn needs_clean_numeric(asked: &Asked) -> bool {
    let wanted = Requirement::CleanNumeric;
    asked.proposal.draft.requirements.contains(&wanted)
}

fn uses_clean_numeric(grade: &Grade) -> bool {
    let wanted = Requirement::CleanNumeric.name();
    let mut practices = grade.practices.iter();
    practices.any(|it| it.name == wanted && it.points > 0)
}

fn is_complex(asked: &Asked) -> bool {
    let sql = &asked.challenge.reference_sql;
    sql.starts_with("WITH ") || sql.contains(" OVER (")
}

fn groups(suite: &Suite, grades: &[(Id<Grade>, &Grade)]) -> Vec<GroupScore> {
    let mut groups: BTreeMap<(&str, String), Vec<&Grade>> = BTreeMap::new();
    let all = suite.items.iter().zip(&suite.asked).zip(grades);
    for ((item, asked), (_, grade)) in all {
        let phrasing = match item.is_held_out {
            true => "held out",
            false => "trained",
        };
        for (group, name) in [
            ("category", asked.challenge.category.clone()),
            ("difficulty", asked.challenge.difficulty.clone()),
            ("part", item.part.name().to_owned()),
            (
                "part and phrasing",
                format!("{}, {phrasing}", item.part.name()),
            ),
            ("phrasing", phrasing.to_owned()),
        ] {
            groups.entry((group, name)).or_default().push(grade);
        }
    }
    let groups = groups.into_iter().map(|((group, name), grades)| {
        let scores: Vec<f64> = grades.iter().map(|it| it.score as f64).collect();
        let right = grades.iter().filter(|it| it.equivalent).count();
        GroupScore {
            group: group.to_owned(),
            name,
            items: grades.len() as i64,
            score: mean(&scores).value,
            equivalent: to_share(share(right, grades.len())),
        }
    });
    groups.collect()
}

fn to_share(interval: Interval) -> Share {
    Share {
        value: interval.value,
        low: interval.low,
        high: interval.high,
    }
}

/// A short figure line of an evaluation.
pub fn evaluation_line(evaluation: &Evaluation) -> String {
    let percent = |name: &str| {
        let mut groups = evaluation.groups.iter();
        let group = groups.find(|it| it.group == "part" && it.name == name);
        group.map_or(0.0, |it| 100.0 * it.equivalent.value)
    };
    format!(
        "score {:.1} ({:.1} to {:.1}), right {:.0} %: general {:.0}, known {:.0}, withheld {:.0}",
        evaluation.score,
        evaluation.score_low,
        evaluation.score_high,
        100.0 * evaluation.equivalent.value,
        percent("general"),
        percent("known"),
        percent("withheld"),
    )
}
