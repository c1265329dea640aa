//! In which way an instance is hard to fool.

use crate::base::seed::Random;

/// How many in a hundred cells or rows get each sort of trouble.
#[derive(Clone, Copy, Debug)]
pub struct Hostility {
    /// Cells that repeat one of few values; also rows that repeat another but for the key.
    pub ties: usize,
    /// Cells that are NULL, where NULL is allowed.
    pub nulls: usize,
    /// References to nothing.
    pub orphans: usize,
    /// Parents that have no children.
    pub childless: usize,
    /// Empty texts and, rarely, case and blank variants of categories.
    pub variants: usize,
    /// Days at the edge of a month, quarter or year, and moments at the edge of a day.
    pub edges: usize,
    /// Amounts as text that can't be read, or only with care; never most of them.
    pub junk: usize,
    /// Amounts as text in shapes that a cast reads wrongly.
    pub shapes: usize,
    /// Amounts that are negative or zero.
    pub signs: usize,
    /// Tables that have a row or two or none.
    pub few: usize,
}

const TYPICAL: Hostility = Hostility {
    ties: 12,
    nulls: 8,
    orphans: 0,
    childless: 15,
    variants: 0,
    edges: 6,
    junk: 5,
    shapes: 45,
    signs: 0,
    few: 0,
};

impl Hostility {
    /// What stands at a place: 0 typical, 1 ties, 2 NULLs and orphans, 3 edges of the
    /// calendar, 4 dirty amounts, 5 few rows, 7 all but the last together, then mixtures.
    pub fn at(place: usize, seed: u64) -> Self {
        let mut traits = TYPICAL;
        match place {
            0 => {}
            1 => traits.tie(),
            2 => traits.miss(),
            3 => traits.edges = 70,
            4 => traits.dirty(),
            5 => traits.few = 60,
            7 => {
                traits.dirty();
                traits.edge();
                traits.miss();
                traits.ties = 30;
            }
            _ => {
                let place = place.to_string();
                let mut random = Random::new(seed, &["database", "hostility", &place]);
                let chosen = random.below(32);
                for (bit, change) in [Self::tie, Self::miss, Self::edge, Self::dirty, Self::thin]
                    .into_iter()
                    .enumerate()
                {
                    if chosen >> bit & 1 == 1 {
                        change(&mut traits);
                    }
                }
            }
        }
        traits
    }

    /// Whether what may be NULL is to be NULL somewhere, and some reference an orphan.
    pub fn wants_gaps(&self) -> bool {
        self.orphans > 0
    }

    fn tie(&mut self) {
        self.ties = 62;
    }

    fn miss(&mut self) {
        (self.nulls, self.orphans, self.childless, self.variants) = (35, 20, 45, 5);
    }

    fn edge(&mut self) {
        self.edges = 50;
    }

    fn dirty(&mut self) {
        (self.junk, self.shapes, self.signs, self.variants) = (18, 90, 20, 2);
    }

    fn thin(&mut self) {
        self.few = 20;
    }
}
