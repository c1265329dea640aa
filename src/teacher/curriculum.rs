//! Which categories to ask about next: those that the student fails, and always all.
//!
//! What a student can't do changes as it learns, so older results weigh less. Every
//! category keeps a floor of one question in ten.

use super::draft::Category;
use crate::base::seed::Random;

/// The share of questions that each category gets in any case, in percent.
const FLOOR_PERCENT: f64 = 10.0;
/// What a result still weighs after one more in its category.
const MEMORY: f64 = 0.9;

/// What is known of a student's weaknesses.
#[derive(Clone, Debug, PartialEq)]
pub struct Curriculum {
    /// By category: the weighted share of failures.
    failures: [f64; Category::ALL.len()],
}

impl Default for Curriculum {
    fn default() -> Self {
        // Nothing is known: every category as weak as any other.
        Self {
            failures: [0.5; Category::ALL.len()],
        }
    }
}

impl Curriculum {
    /// Takes note of a result.
    pub fn observe(&mut self, category: Category, is_failure: bool) {
        let now = if is_failure { 1.0 } else { 0.0 };
        let failures = &mut self.failures[place(category)];
        *failures = MEMORY * *failures + (1.0 - MEMORY) * now;
    }

    /// The share of questions that a category gets, in percent.
    pub fn share_percent(&self, category: Category) -> f64 {
        let categories = Category::ALL.len() as f64;
        let free = 100.0 - FLOOR_PERCENT * categories;
        let all: f64 = self.failures.iter().sum();
        match all > 0.0 {
            true => FLOOR_PERCENT + free * self.failures[place(category)] / all,
            false => 100.0 / categories,
        }
    }

    /// Draws the category of the next question.
    pub fn draw(&self, random: &mut Random) -> Category {
        const PARTS: usize = 1_000_000;
        let drawn = random.below(PARTS) as f64 * 100.0 / PARTS as f64;
        let mut end = 0.0;
        for category in Category::ALL {
            end += self.share_percent(category);
            if drawn < end {
                return category;
            }
        }
        Category::Advanced
    }
}

fn place(category: Category) -> usize {
    let found = Category::ALL.iter().position(|it| *it == category);
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_categories_are_asked_more_and_none_less_than_its_floor() {
        let mut curriculum = Curriculum::default();
        for _ in 0..60 {
            for category in Category::ALL {
                curriculum.observe(category, category == Category::Pivot);
            }
        }
        let share = |category| curriculum.share_percent(category);
        assert!(share(Category::Pivot) > 45.0);
        let all: f64 = Category::ALL.into_iter().map(share).sum();
        assert!((all - 100.0).abs() < 1e-9);
        let mut random = Random::new(1, &["curriculum"]);
        let drawn: Vec<Category> = (0..2_000).map(|_| curriculum.draw(&mut random)).collect();
        for category in Category::ALL {
            let count = drawn.iter().filter(|it| **it == category).count();
            assert!(count > 140, "{} was asked {count} times", category.name());
        }
        // What was mastered is forgotten when it fails again.
        for _ in 0..20 {
            curriculum.observe(Category::Revenue, true);
        }
        assert!(curriculum.share_percent(Category::Revenue) > 25.0);
    }
}
