//! What is asked in an iteration.

use std::sync::Arc;

use super::super::asked::Asked;
use super::super::calls::CallIds;
use super::super::focus::Focus;
use super::super::history::History;
use super::super::proposals::{Commission, Posed, pose};
use super::super::report::{RoundError, Show};
use super::{Stages, recorded_proposals};
use crate::base::seed::Random;
use crate::event::words::Purpose;
use crate::grading::admission::Split;
use crate::teacher::chat::ChatTeacher;
use crate::teacher::proposer::{Proposal, Proposer, Source};

/// Drafts for each database, of which about four become questions.
const DRAFTS_A_DATABASE: u64 = 6;

impl Stages<'_> {
    /// What is to be asked in an iteration: nothing that was asked before, mostly about what
    /// was answered wrong. `teacher` is the chat teacher, if the run has one.
    ///
    /// # Errors
    /// The teacher stopped, or the sandbox can't run.
    pub fn propose(
        &self,
        iteration: u32,
        before: &History,
        teacher: Option<&ChatTeacher>,
        show: &mut dyn Show,
    ) -> Result<Posed, RoundError> {
        let Some((teacher, chat)) = teacher.zip(self.settings.teacher.as_ref()) else {
            let proposals = self.by_grammar(iteration, before, show)?.into_iter();
            return Ok(Posed {
                proposals: proposals.map(|it| (it, None)).collect(),
                ..Posed::default()
            });
        };
        let commission = Commission {
            sandbox: self.sandbox,
            chat,
            seed: self.seed,
            iteration,
            wanted: self.settings.challenges,
            own: self.own.as_ref(),
            before,
        };
        pose(teacher, commission, show)
    }

    /// What is to be asked, as questions of this run; `calls` are the events of the calls that
    /// they came from.
    pub fn asked(&self, posed: Posed, iteration: u32, calls: &CallIds) -> Vec<Asked> {
        let proposals = posed.proposals.into_iter().map(|(proposal, request)| {
            let call = request.and_then(|it| calls.get(&it).copied());
            (proposal, call)
        });
        Asked::called(proposals, self.occasion(iteration, Purpose::Train), 0)
    }

    /// What was asked in an iteration as it was recorded: questions, references and instances
    /// are made again, the proofs that they tell right from wrong are not. `None` if it comes
    /// out otherwise, or did not come from the grammar.
    pub fn recorded(&self, iteration: u32, history: &History) -> Option<Vec<Asked>> {
        let recorded = history.asked(iteration, Purpose::Train);
        let proposals = recorded_proposals(&recorded, history, self.own.as_ref())?;
        let occasion = self.occasion(iteration, Purpose::Train);
        let asked = Asked::all(proposals, occasion, 0);
        let mut both = recorded.iter().zip(&asked);
        both.all(|(it, asked)| it.1 == asked.id).then_some(asked)
    }

    fn by_grammar(
        &self,
        iteration: u32,
        before: &History,
        show: &mut dyn Show,
    ) -> Result<Vec<Proposal>, RoundError> {
        let focus = Focus::before(before, iteration);
        let mut sources = vec![Source::GeneratedForEach(DRAFTS_A_DATABASE)];
        if let Some(own) = &self.own {
            sources.insert(0, Source::Own(Arc::clone(&own.schema)));
        }
        let wanted = self.settings.challenges;
        let mut proposals = Vec::new();
        let round = iteration.to_string();
        // A database of one's own gives only so many questions: others take their place.
        for (place, source) in sources.into_iter().enumerate() {
            let path = ["challenges", &round, &place.to_string()];
            let seed = Random::new(self.seed, &path).seed();
            let mut proposer = Proposer::new(self.sandbox, source, Split::Training, seed);
            for (at, _, challenge) in &before.challenges {
                if *at < iteration && challenge.purpose == Purpose::Train {
                    proposer.remember(challenge.signature_hash, &challenge.question);
                }
            }
            let missing = wanted - proposals.len();
            let wish = |random: &mut Random| focus.wish(random);
            proposals.extend(proposer.propose(missing, &wish, |_| show.advance(""))?);
        }
        Ok(proposals)
    }
}
