//! How the learning rate rises and falls.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How the rate falls after it has risen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Along half a cosine.
    Cosine,
    /// Along a straight line.
    Linear,
    /// Not at all.
    Constant,
}

impl Schedule {
    /// The rate of a step, as a part of the highest; steps count from 1 to `steps`.
    ///
    /// It rises in a straight line to the highest at `warmup_steps`, and falls towards 0,
    /// which the step after the last would have: no step is taken for nothing.
    pub fn factor(self, step: usize, warmup_steps: usize, steps: usize) -> f64 {
        if step <= warmup_steps {
            return step as f64 / warmup_steps as f64;
        }
        let falling = steps.saturating_sub(warmup_steps).max(1) as f64;
        let passed = (step - 1 - warmup_steps) as f64 / falling;
        match self {
            Self::Cosine => 0.5 * (1.0 + (PI * passed).cos()),
            Self::Linear => 1.0 - passed,
            Self::Constant => 1.0,
        }
    }

    /// Its name in recipes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Linear => "linear",
            Self::Constant => "constant",
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Cosine, Self::Linear, Self::Constant]
            .into_iter()
            .find(|schedule| schedule.name() == text)
            .ok_or_else(|| format!("{text:?} is none of cosine, linear and constant"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_to_the_highest_and_falls_but_never_to_nothing() {
        let rates: Vec<f64> = (1..=10)
            .map(|step| Schedule::Cosine.factor(step, 2, 10))
            .collect();
        assert_eq!(rates[0], 0.5);
        assert_eq!((rates[1], rates[2]), (1.0, 1.0));
        assert!(rates[2..].windows(2).all(|pair| pair[1] < pair[0]));
        assert!(rates[9] > 0.0);
        assert!((Schedule::Linear.factor(10, 0, 10) - 0.1).abs() < 1e-12);
        assert_eq!(Schedule::Constant.factor(10, 3, 10), 1.0);
        assert_eq!("linear".parse(), Ok(Schedule::Linear));
        assert!("steep".parse::<Schedule>().is_err());
    }
}
