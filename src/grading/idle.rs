//! Parts of a query that may be changed without a change of its result, by the words of SQL
//! alone.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, JoinOperator, Select, TableFactor, ValueWithSpan, Visit, Visitor,
};

use super::sql::plain_name;

/// How many literals are in a part of a query.
pub fn count_values(part: &impl Visit) -> usize {
    struct Count(usize);
    impl Visitor for Count {
        type Break = ();

        fn pre_visit_value(&mut self, _: &ValueWithSpan) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }
    }
    let mut count = Count(0);
    let _ = part.visit(&mut count);
    count.0
}

/// The tables of a select of which some column is filtered by or joined on later.
pub fn needed_tables(select: &Select) -> BTreeSet<String> {
    struct Qualifiers(BTreeSet<String>);
    impl Visitor for Qualifiers {
        type Break = ();

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(names) = expression
                && let [table, _] = names.as_slice()
            {
                self.0.insert(table.value.to_lowercase());
            }
            ControlFlow::Continue(())
        }
    }
    let mut qualifiers = Qualifiers(BTreeSet::new());
    let _ = select.selection.visit(&mut qualifiers);
    for join in select.from.iter().flat_map(|from| &from.joins) {
        if let JoinOperator::Join(on) | JoinOperator::Inner(on) = &join.join_operator {
            let mut on_it = Qualifiers(BTreeSet::new());
            let _ = on.visit(&mut on_it);
            on_it.0.remove(&table_name(&join.relation));
            qualifiers.0.extend(on_it.0);
        }
    }
    qualifiers.0
}

/// The name by which the rest of a query speaks of a table.
pub fn table_name(table: &TableFactor) -> String {
    match table {
        TableFactor::Table {
            alias: Some(alias), ..
        }
        | TableFactor::Derived {
            alias: Some(alias), ..
        } => alias.name.value.to_lowercase(),
        TableFactor::Table { name, .. } => plain_name(name),
        _ => String::new(),
    }
}

/// Whether a comparison of this side is hardly ever one of equal values: an average, a sum
/// of amounts, a product. There `<` and `<=` are the same in all but name.
pub fn is_inexact(side: &Expr) -> bool {
    struct Inexact(bool);
    impl Visitor for Inexact {
        type Break = ();

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            use BinaryOperator::{Divide, Multiply};
            self.0 |= match expression {
                Expr::Subquery(_) => true,
                Expr::BinaryOp { op, .. } => matches!(op, Divide | Multiply),
                Expr::Function(function) => {
                    matches!(plain_name(&function.name).as_str(), "avg" | "sum" | "total")
                }
                _ => false,
            };
            ControlFlow::Continue(())
        }
    }
    let mut inexact = Inexact(false);
    let _ = side.visit(&mut inexact);
    inexact.0
}
