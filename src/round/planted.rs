//! Answers that are planted in an iteration to test its judge, and what that showed, as an
//! evaluation of the suite `sentinels`.
//!
//! **Invariant.** What is planted depends on the run's seed, the iteration and its questions.

use super::asked::Asked;
use super::calls::CallIds;
use super::mark::{Marked, grade_of};
use super::opinions::{Opinion, shown};
use super::report::{RoundError, Show};
use super::statistics::{Interval, mean, share};
use super::tutor::{after_each, check_stopped};
use crate::base::canonical::write_sized;
use crate::base::id::{ContentHash, Id};
use crate::base::seed::Random;
use crate::event::answer::Answer;
use crate::event::envelope::event_id;
use crate::event::evaluation::{Evaluation, Share};
use crate::event::grade::Grade;
use crate::event::run_started::RunStarted;
use crate::event::words::{Purpose, Request};
use crate::sandbox::Sandbox;
use crate::teacher::chat::ChatTeacher;
use crate::teacher::chat::evidence::Evidence;
use crate::teacher::chat::sentinel::{Sentinel, Tally, sentinels};

/// The suite's name.
pub const SENTINELS: &str = "sentinels";

/// A planted answer to one of the questions, and what the judge says of it.
#[derive(Clone, Debug)]
pub struct Planted {
    /// The place of the question.
    pub place: usize,
    /// The answer.
    pub sentinel: Sentinel,
    /// What the judge says; nothing if it gave no usable answer.
    pub opinion: Opinion,
}

/// Where answers are planted.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Where they are executed.
    pub sandbox: &'a Sandbox,
    /// The run.
    pub run_id: Id<RunStarted>,
    /// The hash over the base's files.
    pub base_hash: ContentHash,
    /// The run's seed.
    pub seed: u64,
    /// The iteration.
    pub iteration: u32,
    /// Questions that are chosen.
    pub count: usize,
    /// Whether values that a statement gave may be shown.
    pub shows_values: bool,
}

/// Plants answers to some of the questions, and has the teacher judge them.
///
/// # Errors
/// The teacher stopped, or the sandbox can't run.
pub fn plant(
    teacher: &ChatTeacher,
    ground: Ground<'_>,
    asked: &[Asked],
    show: &mut dyn Show,
) -> Result<Vec<Planted>, RoundError> {
    let mut random = Random::new(ground.seed, &["sentinels", &ground.iteration.to_string()]);
    let mut places: Vec<usize> = (0..asked.len()).collect();
    random.shuffle(&mut places);
    places.truncate(ground.count);
    let seeds: Vec<(usize, u64)> = places.into_iter().map(|it| (it, random.seed())).collect();
    let made = ground.sandbox.each(&seeds, |(place, seed)| {
        sentinels(ground.sandbox, &asked[*place].proposal.admitted.task, *seed)
    })?;
    let mut planted: Vec<Planted> = Vec::new();
    for ((place, _), sentinels) in seeds.into_iter().zip(made) {
        planted.extend(sentinels.into_iter().map(|sentinel| Planted {
            place,
            sentinel,
            opinion: Opinion::default(),
        }));
    }
    let verdicts: Vec<_> = planted
        .iter()
        .map(|it| shown(&it.sentinel.verdict, ground.shows_values))
        .collect();
    let evidence: Vec<Evidence<'_>> = planted
        .iter()
        .zip(&verdicts)
        .map(|(it, verdict)| Evidence {
            schema: &asked[it.place].proposal.schema,
            question: &asked[it.place].challenge.question,
            task: &asked[it.place].proposal.admitted.task,
            answer: &it.sentinel.answer,
            verdict,
        })
        .collect();
    let judged = teacher.judge(&evidence, Request::Sentinel, after_each(teacher, show));
    check_stopped(teacher)?;
    for (planted, judged) in planted.iter_mut().zip(judged) {
        planted.opinion.judged = judged.ok().map(|it| (it.value, it.request));
    }
    Ok(planted)
}

/// Planted answers as events.
#[derive(Clone, Debug)]
pub struct PlantedEvents {
    /// The answers.
    pub answers: Vec<Answer>,
    /// Their grades.
    pub grades: Vec<Grade>,
    /// How the judge did.
    pub evaluation: Evaluation,
}

/// The events of planted answers.
pub fn events(
    ground: Ground<'_>,
    asked: &[Asked],
    planted: &[Planted],
    calls: &CallIds,
) -> PlantedEvents {
    let mut scratch = Vec::new();
    let (mut answers, mut grades, mut tally) = (Vec::new(), Vec::new(), Tally::default());
    let mut bytes = Vec::new();
    for (sample, it) in planted.iter().enumerate() {
        let asked = &asked[it.place];
        let answer = answer(ground.run_id, asked, &it.sentinel, sample);
        write_sized(&asked.id.bytes(), &mut bytes);
        write_sized(answer.text.as_bytes(), &mut bytes);
        let marked = Marked {
            asked,
            answer: &answer,
            answer_id: event_id(ground.iteration, &answer, &mut scratch),
            opinion: Some(&it.opinion),
        };
        grades.push(grade_of(marked, it.sentinel.verdict.clone(), calls));
        answers.push(answer);
        if let Some((judgement, _)) = &it.opinion.judged {
            tally.observe(it.sentinel.plant, judgement);
        }
    }
    let evaluation = Evaluation {
        false_pass: tally.false_pass(),
        ..figures(ground, &grades, ContentHash::of(&bytes))
    };
    PlantedEvents {
        answers,
        grades,
        evaluation,
    }
}

fn answer(run_id: Id<RunStarted>, asked: &Asked, sentinel: &Sentinel, sample: usize) -> Answer {
    Answer {
        run_id: Some(run_id),
        challenge_id: asked.id,
        checkpoint_id: None,
        purpose: Purpose::Sentinel,
        sample: sample as i64,
        // Nobody was asked.
        prompt_hash: ContentHash::of(b""),
        prompt_tokens: 0,
        text: sentinel.answer.clone(),
        sql: Some(sentinel.sql.clone()),
        output_tokens: 0,
        finish_reason: "planted".to_owned(),
        temperature: 0.0,
        seed: None,
    }
}

fn figures(ground: Ground<'_>, grades: &[Grade], suite_hash: ContentHash) -> Evaluation {
    let scores: Vec<f64> = grades.iter().map(|it| it.score as f64).collect();
    let score = mean(&scores);
    let of = |is: &dyn Fn(&Grade) -> bool| {
        let hits = grades.iter().filter(|it| is(it)).count();
        let Interval { value, low, high } = share(hits, grades.len());
        Share { value, low, high }
    };
    let mut scratch = Vec::new();
    Evaluation {
        run_id: Some(ground.run_id),
        checkpoint_id: None,
        base_hash: ground.base_hash,
        suite: SENTINELS.to_owned(),
        suite_hash,
        opened_before: None,
        items: grades.len() as i64,
        score: score.value,
        score_low: score.low,
        score_high: score.high,
        equivalent: of(&|it| it.equivalent),
        syntax_pass: of(&|it| it.executed),
        best_practices: None,
        complex: None,
        false_pass: None,
        groups: Vec::new(),
        grade_ids: grades
            .iter()
            .map(|it| event_id(ground.iteration, it, &mut scratch))
            .collect(),
    }
}

/// Whether a judge may be trusted that did so on planted answers.
pub fn is_trusted(evaluation: &Evaluation, limit: f64) -> bool {
    let share = evaluation.false_pass.as_ref();
    share.is_some_and(|it| it.value <= limit)
}

/// What planted answers showed, in a line.
pub fn planted_line(evaluation: &Evaluation, limit: f64) -> String {
    let Some(share) = &evaluation.false_pass else {
        return format!(
            "none of {} planted answers was judged: nothing is trained in this iteration",
            evaluation.items
        );
    };
    let passed = format!(
        "{} planted answers, the judge lets {:.0} % of the wrong ones pass",
        evaluation.items,
        100.0 * share.value
    );
    match is_trusted(evaluation, limit) {
        true => passed,
        false => format!(
            "{passed}, which is more than {:.0} %: nothing is trained in this iteration",
            100.0 * limit
        ),
    }
}
