//! Credit for how an equivalent answer is written.
//!
//! Only what can be shown counts: a practice that the question gives no occasion for is
//! left out, and CLEAN_NUMERIC counts only if the answer's result would be another one
//! without it. A query that the parser does not know gets no credit and loses none.

use crate::event::grade::Practice;

use super::sql::Style;
use super::task::Requirement;

/// Points that practices give together, on top of 80.
pub const MAX_POINTS: i64 = 20;

/// What is known of an answer beyond its words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown {
    /// With CAST in place of CLEAN_NUMERIC, the answer's result changes on some instance.
    pub clean_numeric_matters: bool,
}

/// The practices that an answer had occasion for.
pub fn practices(
    style: &Style,
    is_recursive: bool,
    requirements: &[Requirement],
    shown: Shown,
) -> Vec<Practice> {
    let mut practices = Vec::new();
    let mut credit = |name: &str, points: i64, is_met: bool| {
        practices.push(Practice {
            name: name.to_owned(),
            points: if is_met { points } else { 0 },
            points_max: points,
        });
    };
    for requirement in requirements {
        let (points, is_met) = match requirement {
            Requirement::CleanNumeric => (8, shown.clean_numeric_matters),
            Requirement::Cte => (5, style.has_cte),
            Requirement::RecursiveCte => (5, style.has_cte && is_recursive),
            Requirement::Window => (5, style.has_window),
        };
        credit(requirement.name(), points, is_met);
    }
    credit("no_select_star", 3, !style.has_star);
    if style.has_join {
        credit("explicit_join", 3, !style.has_implicit_join);
    }
    if style.has_limit {
        credit("ordered_limit", 3, !style.has_unordered_limit);
    }
    if style.has_computed_output {
        credit("named_outputs", 2, !style.has_unnamed_output);
    }
    practices
}

/// The points of practices, scaled to [`MAX_POINTS`]; all of them if there was no
/// occasion for any.
pub fn points(practices: &[Practice]) -> i64 {
    let given: i64 = practices.iter().map(|it| it.points).sum();
    let most: i64 = practices.iter().map(|it| it.points_max).sum();
    match most {
        0 => MAX_POINTS,
        _ => given * MAX_POINTS / most,
    }
}
