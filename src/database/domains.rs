//! The business domains that databases are generated for; each is a plan beside this file.

use std::sync::LazyLock;

use super::domain::{Domain, parse};

const DOMAINS: [(&str, &str); 21] = [
    ("clinic", include_str!("domains/clinic.txt")),
    ("donations", include_str!("domains/donations.txt")),
    ("energy", include_str!("domains/energy.txt")),
    ("farm", include_str!("domains/farm.txt")),
    ("gym", include_str!("domains/gym.txt")),
    ("hotel", include_str!("domains/hotel.txt")),
    ("insurance", include_str!("domains/insurance.txt")),
    ("library", include_str!("domains/library.txt")),
    ("logistics", include_str!("domains/logistics.txt")),
    ("payments", include_str!("domains/payments.txt")),
    ("rental", include_str!("domains/rental.txt")),
    ("restaurant", include_str!("domains/restaurant.txt")),
    ("retail", include_str!("domains/retail.txt")),
    ("school", include_str!("domains/school.txt")),
    ("staff", include_str!("domains/staff.txt")),
    ("subscription", include_str!("domains/subscription.txt")),
    ("support", include_str!("domains/support.txt")),
    ("telecom", include_str!("domains/telecom.txt")),
    ("theatre", include_str!("domains/theatre.txt")),
    ("web", include_str!("domains/web.txt")),
    ("workshop", include_str!("domains/workshop.txt")),
];

/// The names of all domains, sorted.
pub fn domains() -> Vec<&'static str> {
    DOMAINS.iter().map(|(name, _)| *name).collect()
}

static PLANS: LazyLock<Vec<Option<Domain>>> =
    LazyLock::new(|| DOMAINS.iter().map(|(_, text)| parse(text)).collect());

/// The plan of a domain.
pub fn plan(domain: &str) -> Option<&'static Domain<'static>> {
    let place = DOMAINS.iter().position(|(name, _)| *name == domain)?;
    PLANS.get(place)?.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::seed::Random;
    use crate::database::domain::Kind;
    use crate::database::words::members;

    #[test]
    fn every_plan_can_be_read_and_has_what_it_names() {
        assert!(domains().is_sorted());
        for name in domains() {
            let plan = plan(name).unwrap_or_else(|| panic!("{name}"));
            for (place, table) in plan.tables.iter().enumerate() {
                assert!(table.nouns.len() >= 5, "{name}: {}", table.role);
                for column in &table.columns {
                    let is_named = matches!(column.kind, Kind::Key | Kind::Reference(_));
                    let at = format!("{name}: {} {:?}", table.role, column.words);
                    assert!(is_named || column.words.len() >= 5, "{at}");
                    match &column.kind {
                        Kind::Name(pool) | Kind::Text(pool) => {
                            let drawn = members(pool, 30, &mut Random::new(1, &[])).unwrap();
                            assert!(drawn.len() >= 25, "{at}");
                        }
                        Kind::Category(lists) => {
                            assert!(lists.len() >= 3, "{at}");
                            assert!(lists.iter().all(|it| (3..=7).contains(&it.len())), "{at}");
                        }
                        Kind::Reference(role) => {
                            assert!(plan.tables[..=place].iter().any(|it| it.role == *role));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
