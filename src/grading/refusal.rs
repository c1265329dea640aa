//! Why a challenge may not be asked.

/// Why a challenge may not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The reference does not run.
    Fails,
    /// The reference is not written as the parser knows it, so it has no mutants.
    Unparsed,
    /// The reference is too slow or gives too many rows.
    TooMuch,
    /// The reference gives no rows, or nothing but NULL, on nearly all instances.
    Empty,
    /// The result depends on the order in which rows happen to lie.
    OrderDependent,
    /// The reference has no mutants, so nothing shows that it can be got wrong.
    NoMutants,
    /// Mutants of the reference give the same rows.
    MutantsSurvive,
    /// What is required of answers does not matter for the reference.
    NeedlessRequirement,
    /// A challenge of the same structure was asked.
    SameSignature,
    /// A question in nearly the same words was asked.
    SameQuestion,
    /// Its family is kept for evaluation.
    EvaluationFamily,
    /// Its family is one of training, and it was to be evaluated on.
    TrainingFamily,
}

impl Reason {
    /// Its name in counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fails => "reference_fails",
            Self::Unparsed => "reference_unparsed",
            Self::TooMuch => "too_slow_or_large",
            Self::Empty => "empty",
            Self::OrderDependent => "order_dependent",
            Self::NoMutants => "no_mutants",
            Self::MutantsSurvive => "mutants_survive",
            Self::NeedlessRequirement => "needless_requirement",
            Self::SameSignature => "same_signature",
            Self::SameQuestion => "same_question",
            Self::EvaluationFamily => "evaluation_family",
            Self::TrainingFamily => "training_family",
        }
    }
}

/// A refusal: the reason, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What was seen, in words.
    pub detail: String,
}
