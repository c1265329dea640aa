//! What the embedded base is not taught: the questions of these intents, and of every
//! intent some phrasings.
//!
//! It sees the statements of withheld intents, so that it can write them, but no question
//! that asks for one: that is what the loop teaches. Of each category some intents are
//! known, most are withheld.

/// The intents whose questions are withheld.
pub const WITHHELD: &[&str] = &[
    // Revenue
    "above_average_rows",
    "amount_bands",
    "flag_split",
    "owner_spread",
    "revenue_per_owner",
    "share_of_total",
    "two_words_compared",
    // Customers
    "average_per_owner",
    "count_distribution",
    "events_per_owner",
    "first_period_cohorts",
    "lapsed_owners",
    "loyal_in_months",
    "owners_without",
    "recency",
    // Time-Series
    "change_from_previous",
    "duration_between",
    "moving_average",
    "running_total",
    "share_of_year",
    "two_years_by_month",
    "year_to_date",
    // Data Cleaning
    "cleaned_totals",
    "fallback_label",
    "outliers",
    "readable_share",
    "repeated_values",
    "tidy_labels",
    "unreadable_amounts",
    "unreadable_by_group",
    "zero_for_missing",
    // Pivot
    "band_pivot",
    "flag_pivot",
    "measures_as_rows",
    "percent_pivot",
    "period_pivot",
    "quarter_pivot",
    "total_row",
    "weekend_pivot",
    "year_pivot",
    // Advanced
    "above_group_average",
    "cumulative_share",
    "difference_to_average",
    "median",
    "month_streaks",
    "owners_with_large",
    "pairs",
    "quartiles",
    "ranked_groups",
];

/// Whether the questions of an intent are withheld.
pub fn is_withheld(intent: &str) -> bool {
    WITHHELD.contains(&intent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::teacher::draft::Category;
    use crate::teacher::offline::intents;

    #[test]
    fn of_every_category_some_intents_are_known_and_most_are_withheld() {
        for name in WITHHELD {
            assert!(intents().iter().any(|it| it.name == *name), "{name}");
        }
        for category in Category::ALL {
            let mut own = intents();
            own.retain(|it| it.category == category);
            let withheld = own.iter().filter(|it| is_withheld(it.name)).count();
            assert!(
                2 * withheld > own.len() && withheld < own.len(),
                "{category:?}"
            );
        }
    }
}
