//! Intervals of shares and means.

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A value with the ends of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// What was measured.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The share of `hits` among `all`, with Wilson's interval (1927); all of it unknown if
/// there are none.
pub fn share(hits: usize, all: usize) -> Interval {
    if all == 0 {
        return Interval {
            value: 0.0,
            low: 0.0,
            high: 1.0,
        };
    }
    let (n, p) = (all as f64, hits as f64 / all as f64);
    let z2 = Z * Z;
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Interval {
        value: p,
        low: (middle - half).clamp(0.0, p),
        high: (middle + half).clamp(p, 1.0),
    }
}

/// The mean of values, with the interval that the normal distribution gives; a point if
/// there are fewer than two.
pub fn mean(values: &[f64]) -> Interval {
    let n = values.len() as f64;
    if values.is_empty() {
        return Interval {
            value: 0.0,
            low: 0.0,
            high: 0.0,
        };
    }
    let value = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|it| (it - value).powi(2)).sum();
    let half = match values.len() {
        1 => 0.0,
        _ => Z * (squares / (n - 1.0) / n).sqrt(),
    };
    Interval {
        value,
        low: value - half,
        high: value + half,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_the_intervals_of_the_tables() {
        // Computed with statsmodels.stats.proportion.proportion_confint(method="wilson").
        let found = share(45, 60);
        assert!((found.low - 0.627_679_3).abs() < 1e-6, "{found:?}");
        assert!((found.high - 0.842_234_8).abs() < 1e-6, "{found:?}");
        assert_eq!(share(0, 10).low, 0.0);
        assert_eq!(share(10, 10).high, 1.0);
    }

    #[test]
    fn means_have_intervals() {
        let found = mean(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(found.value, 2.5);
        assert!((found.high - found.value - Z * (5.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
        assert_eq!(mean(&[7.0]).low, 7.0);
    }
}
