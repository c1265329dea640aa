//! What is answered, what its execution shows, and what the teacher says of it.

use std::collections::HashMap;

use super::super::asked::Asked;
use super::super::calls::CallIds;
use super::super::mark::{Answered, answers, grades, verdicts};
use super::super::opinions::{Opinion, Opinions, Viewpoint, opinions};
use super::super::planted::{Ground, Planted, PlantedEvents, events, plant};
use super::super::pupil::Question;
use super::super::report::{RoundError, Show};
use super::super::tutor::Chat;
use super::{Answering, Stages};
use crate::base::id::Id;
use crate::event::answer::Answer;
use crate::event::challenge::Challenge;
use crate::event::grade::Grade;
use crate::event::words::Purpose;
use crate::grading::Verdict;
use crate::teacher::chat::ChatTeacher;

impl Stages<'_> {
    fn ground(&self, chat: &Chat, iteration: u32) -> Ground<'_> {
        Ground {
            sandbox: self.sandbox,
            run_id: self.run_id,
            base_hash: self.pupil.base().id(),
            seed: self.seed,
            iteration,
            count: chat.sentinels,
            shows_values: chat.may_show_values(self.own.as_ref()),
        }
    }

    /// Answers that are planted to test the chat teacher as a judge, with what it says.
    ///
    /// # Errors
    /// The teacher stopped, or the sandbox can't run.
    pub fn plant(
        &self,
        teacher: (&ChatTeacher, &Chat),
        asked: &[Asked],
        iteration: u32,
        show: &mut dyn Show,
    ) -> Result<Vec<Planted>, RoundError> {
        let (teacher, chat) = teacher;
        plant(teacher, self.ground(chat, iteration), asked, show)
    }

    /// Planted answers as events.
    pub fn planted(
        &self,
        chat: &Chat,
        asked: &[Asked],
        planted: &[Planted],
        iteration: u32,
        calls: &CallIds,
    ) -> PlantedEvents {
        events(self.ground(chat, iteration), asked, planted, calls)
    }

    /// What a checkpoint answers. What is `expected` of some questions, if anything, is only
    /// read along: the answers are the same without it, but take longer.
    ///
    /// # Errors
    /// What the student says.
    pub fn answer(
        &self,
        asked: &[Asked],
        learner: Answering<'_>,
        purpose: Purpose,
        expected: &[Answer],
        show: &mut dyn Show,
    ) -> Result<Answered, RoundError> {
        let model = self.pupil.model(learner.map(|(_, adapter)| adapter))?;
        let expected: HashMap<Id<Challenge>, &str> = expected
            .iter()
            .map(|it| (it.challenge_id, it.text.as_str()))
            .collect();
        let questions: Vec<Question<'_>> = asked
            .iter()
            .map(|it| Question {
                schema: &it.proposal.schema,
                text: &it.challenge.question,
                // Most right answers are the reference word for word, so it is a good guess.
                guess: Some(
                    expected
                        .get(&it.id)
                        .unwrap_or(&it.challenge.reference_sql.as_str()),
                ),
            })
            .collect();
        let said = self.pupil.answer(&model, &questions, || show.advance(""))?;
        let checkpoint = learner.map(|(id, _)| id);
        Ok(answers(asked, &said, checkpoint, self.run_id, purpose))
    }

    /// The verdicts on answers: what their execution shows.
    ///
    /// # Errors
    /// The sandbox can't run.
    pub fn examine(
        &self,
        asked: &[Asked],
        answers: &[Answer],
        show: &mut dyn Show,
    ) -> Result<Vec<Verdict>, RoundError> {
        let verdicts = verdicts(self.sandbox, asked, answers)?;
        verdicts.iter().for_each(|_| show.advance(""));
        Ok(verdicts)
    }

    /// What the chat teacher says of answers that were executed.
    ///
    /// # Errors
    /// The teacher stopped, or the sandbox can't run.
    pub fn consult(
        &self,
        teacher: (&ChatTeacher, &Chat),
        asked: &[Asked],
        answers: (&[Answer], &[Verdict]),
        show: &mut dyn Show,
    ) -> Result<Opinions, RoundError> {
        let (teacher, chat) = teacher;
        let viewpoint = Viewpoint {
            sandbox: self.sandbox,
            threshold: self.settings.threshold,
            shows_values: chat.may_show_values(self.own.as_ref()),
        };
        opinions(teacher, viewpoint, asked, answers, show)
    }

    /// The grades of answers by verdicts and opinions.
    pub fn mark(
        &self,
        asked: &[Asked],
        answers: &[Answer],
        iteration: u32,
        verdicts: Vec<Verdict>,
        opinions: (&[Opinion], &CallIds),
    ) -> Vec<Grade> {
        grades(asked, answers, iteration, verdicts, opinions)
    }

    /// The grades of answers by their execution alone.
    ///
    /// # Errors
    /// The sandbox can't run.
    pub fn grade(
        &self,
        asked: &[Asked],
        answers: &[Answer],
        iteration: u32,
        show: &mut dyn Show,
    ) -> Result<Vec<Grade>, RoundError> {
        let verdicts = self.examine(asked, answers, show)?;
        let nobody = (&[][..], &CallIds::new());
        Ok(self.mark(asked, answers, iteration, verdicts, nobody))
    }
}
