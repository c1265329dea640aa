//! What a run may cost, before it begins.
//!
//! **Invariant.** Where prices are unknown, so is the estimate: it is never 0 for want of
//! knowledge.

use std::fmt;

use super::budget::usd;
use super::prices::Prices;

/// What a run is going to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Iterations at most.
    pub iterations: u64,
    /// Challenges of an iteration.
    pub challenges: u64,
    /// Challenges that one call proposes.
    pub challenges_each: u64,
    /// Sentinels that are judged in an iteration.
    pub sentinels: u64,
}

/// The size of a typical call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Bytes of its request.
    pub body_len_bytes: u64,
    /// Tokens that its answer has usually.
    pub usual_tokens: u64,
    /// Tokens that its answer may have.
    pub max_tokens: u64,
}

/// Sizes of the three sorts of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Of proposing.
    pub propose: Size,
    /// Of judging.
    pub judge: Size,
    /// Of correcting.
    pub correct: Size,
}

/// What a run may cost, in millionths of a US dollar; all `None` where prices are unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// If everything goes well.
    pub low_microusd: Option<u64>,
    /// As it usually goes.
    pub expected_microusd: Option<u64>,
    /// If every answer is as long as it may be and must be asked for twice. Calls that a
    /// server charges without answering come on top; a cap holds for them as well.
    pub worst_microusd: Option<u64>,
}

/// Parts of a hundred.
struct Share {
    /// Calls of proposing for those that would do if every draft were admitted.
    drafts: u64,
    /// Answers that are corrected.
    wrong: u64,
    /// Calls that are asked once more.
    again: u64,
    /// Bytes of a request to a token, times a hundred.
    bytes_a_token: u64,
    /// Tokens of an answer for the usual ones.
    tokens: u64,
}

const LOW: Share = Share {
    drafts: 110,
    wrong: 20,
    again: 0,
    bytes_a_token: 450,
    tokens: 70,
};
const EXPECTED: Share = Share {
    drafts: 170,
    wrong: 50,
    again: 5,
    bytes_a_token: 380,
    tokens: 100,
};

/// What a plan costs at these prices.
pub fn estimate(plan: &Plan, sizes: &Sizes, prices: Option<Prices>) -> Estimate {
    let Some(prices) = prices else {
        return Estimate {
            low_microusd: None,
            expected_microusd: None,
            worst_microusd: None,
        };
    };
    Estimate {
        low_microusd: Some(usual(plan, sizes, prices, &LOW)),
        expected_microusd: Some(usual(plan, sizes, prices, &EXPECTED)),
        worst_microusd: Some(worst(plan, sizes, prices)),
    }
}

fn usual(plan: &Plan, sizes: &Sizes, prices: Prices, share: &Share) -> u64 {
    let of = |count: u64, percent: u64| (count * percent).div_ceil(100);
    let cost = |calls: u64, size: Size| {
        let prompt_tokens = size.body_len_bytes * 100 / share.bytes_a_token;
        let output_tokens = of(size.usual_tokens, share.tokens);
        let calls = calls + of(calls, share.again);
        prices.cost_microusd(prompt_tokens, output_tokens) * calls
    };
    let proposing = of(plan.challenges, share.drafts).div_ceil(plan.challenges_each.max(1));
    let each = cost(proposing, sizes.propose)
        + cost(plan.challenges + plan.sentinels, sizes.judge)
        + cost(of(plan.challenges, share.wrong), sizes.correct);
    each * plan.iterations
}

fn worst(plan: &Plan, sizes: &Sizes, prices: Prices) -> u64 {
    /// Drafts for a challenge.
    const DRAFTS: u64 = 4;
    /// Tokens that a repetition may have for those of the first call (see `talk`).
    const AGAIN: u64 = 4;
    let cost = |calls: u64, size: Size| {
        // A repetition also holds the answer that could not be used.
        let prompt_tokens = 2 * size.body_len_bytes + size.max_tokens * 4;
        let output_tokens = size.max_tokens * (1 + AGAIN);
        prices.cost_microusd(prompt_tokens, output_tokens) * calls
    };
    let proposing = (plan.challenges * DRAFTS).div_ceil(plan.challenges_each.max(1));
    let each = cost(proposing, sizes.propose)
        + cost(plan.challenges + plan.sentinels, sizes.judge)
        + cost(plan.challenges, sizes.correct);
    each * plan.iterations
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (
            self.low_microusd,
            self.expected_microusd,
            self.worst_microusd,
        ) {
            (Some(low), Some(expected), Some(worst)) => write!(
                f,
                "about ${} (${} if all goes well, ${} at worst)",
                usd(expected),
                usd(low),
                usd(worst)
            ),
            _ => f.write_str("unknown, since the server lists no prices"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_grows_with_what_goes_wrong_and_is_unknown_without_prices() {
        let size = |body_len_bytes| Size {
            body_len_bytes,
            usual_tokens: 100,
            max_tokens: 400,
        };
        let sizes = Sizes {
            propose: size(6_000),
            judge: size(3_000),
            correct: size(3_000),
        };
        let plan = Plan {
            iterations: 10,
            challenges: 10,
            challenges_each: 4,
            sentinels: 3,
        };
        let prices = Prices {
            prompt: 250_000_000,
            output: 400_000_000,
            request: 0,
        };
        let found = estimate(&plan, &sizes, Some(prices));
        assert!(found.low_microusd > Some(0));
        assert!(found.low_microusd < found.expected_microusd);
        assert!(found.expected_microusd < found.worst_microusd);
        let text = found.to_string();
        assert!(text.starts_with("about $0."), "{text}");
        let unknown = estimate(&plan, &sizes, None);
        assert_eq!(unknown.worst_microusd, None);
        assert!(unknown.to_string().starts_with("unknown"));
    }
}
