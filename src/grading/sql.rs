//! What a query is made of, read from its syntax tree.
//!
//! SQLite decides what a query means; this only looks at how it is written. A query that
//! the parser does not know gives `None`, and nothing is held against it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Distinct, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, JoinConstraint, JoinOperator, LimitClause, ObjectName, OrderByKind, Query, Select,
    SelectItem, SetExpr, Statement, Value, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

/// The function whose use is checked.
pub const CLEAN_NUMERIC: &str = "clean_numeric";

/// The one query in `sql`, if the parser knows it.
pub fn parse(sql: &str) -> Option<Query> {
    let mut statements = Parser::parse_sql(&SQLiteDialect {}, sql).ok()?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => Some(*query),
        _ => None,
    }
}

/// How a query is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// It names subqueries with WITH.
    pub has_cte: bool,
    /// It uses a window function.
    pub has_window: bool,
    /// The functions that it calls, in lower case.
    pub functions: BTreeSet<String>,
    /// A select list of it holds `*`.
    pub has_star: bool,
    /// It joins tables by a comma, or without a condition.
    pub has_implicit_join: bool,
    /// It joins tables at all.
    pub has_join: bool,
    /// It joins tables so that rows without a partner stay.
    pub has_outer_join: bool,
    /// Some LIMIT stands without an ORDER BY.
    pub has_unordered_limit: bool,
    /// Some LIMIT is there.
    pub has_limit: bool,
    /// Its outermost select list computes something.
    pub has_computed_output: bool,
    /// Its outermost select list computes something and does not name it.
    pub has_unnamed_output: bool,
    /// Its outermost query is ordered.
    pub is_ordered: bool,
    /// It drops duplicates with DISTINCT.
    pub has_distinct: bool,
    /// It groups rows.
    pub has_grouping: bool,
    /// The tables that it names, in lower case.
    pub tables: BTreeSet<String>,
    /// The columns that it names, in lower case.
    pub columns: BTreeSet<String>,
    /// The literals in it, patterns left out.
    pub literals: Vec<Literal>,
    /// The patterns that it compares text with, by LIKE or GLOB.
    pub patterns: BTreeSet<String>,
}

/// A literal in a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// A number as it is written.
    Number(String),
    /// Text.
    Text(String),
}

impl Style {
    /// Reads how `query` is written.
    pub fn of(query: &Query) -> Self {
        let mut style = Self {
            is_ordered: query.order_by.is_some(),
            ..Self::default()
        };
        if let SetExpr::Select(select) = query.body.as_ref() {
            for item in &select.projection {
                let (expression, is_named) = match item {
                    SelectItem::UnnamedExpr(expression) => (expression, false),
                    SelectItem::ExprWithAlias { expr, .. } => (expr, true),
                    _ => continue,
                };
                let is_column = matches!(
                    expression,
                    Expr::Identifier(_) | Expr::CompoundIdentifier(_)
                );
                style.has_computed_output |= !is_column;
                style.has_unnamed_output |= !is_column && !is_named;
            }
        }
        let _ = query.visit(&mut style);
        style
    }
}

impl Visitor for Style {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.has_cte |= query.with.is_some();
        if query.limit_clause.is_some() {
            self.has_limit = true;
            self.has_unordered_limit |= query.order_by.is_none();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.has_star |= select.projection.iter().any(|item| {
            matches!(
                item,
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
            )
        });
        self.has_distinct |= matches!(select.distinct, Some(Distinct::Distinct));
        self.has_grouping |= !groups_nothing(select);
        self.has_implicit_join |= select.from.len() > 1;
        self.has_join |= select.from.len() > 1;
        for join in select.from.iter().flat_map(|from| &from.joins) {
            self.has_join = true;
            let constraint = constraint(&join.join_operator);
            self.has_outer_join |= is_outer(&join.join_operator);
            self.has_implicit_join |= matches!(constraint, Some(JoinConstraint::None))
                && !matches!(join.join_operator, JoinOperator::CrossJoin(_));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.tables.insert(plain_name(relation));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Function(function) => {
                self.functions.insert(plain_name(&function.name));
                self.has_window |= function.over.is_some();
            }
            Expr::Like { pattern, .. } | Expr::ILike { pattern, .. } => {
                if let Expr::Value(ValueWithSpan {
                    value: Value::SingleQuotedString(text),
                    ..
                }) = pattern.as_ref()
                {
                    self.patterns.insert(text.clone());
                }
            }
            Expr::Identifier(name) => {
                self.columns.insert(name.value.to_lowercase());
            }
            Expr::CompoundIdentifier(names) => {
                let name = names.last().map(|name| name.value.to_lowercase());
                self.columns.extend(name);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        match &value.value {
            Value::Number(number, _) => self.literals.push(Literal::Number(number.clone())),
            Value::SingleQuotedString(text) if !self.patterns.contains(text) => {
                self.literals.push(Literal::Text(text.clone()));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn groups_nothing(select: &Select) -> bool {
    match &select.group_by {
        sqlparser::ast::GroupByExpr::Expressions(keys, _) => keys.is_empty(),
        sqlparser::ast::GroupByExpr::All(_) => false,
    }
}

fn is_outer(join: &JoinOperator) -> bool {
    use JoinOperator::{FullOuter, Left, LeftOuter, Right, RightOuter};
    matches!(
        join,
        Left(_) | LeftOuter(_) | Right(_) | RightOuter(_) | FullOuter(_)
    )
}

/// The condition of a join, if it is of a sort that has one.
fn constraint(join: &JoinOperator) -> Option<&JoinConstraint> {
    use JoinOperator::{CrossJoin, FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
    match join {
        Join(it) | Inner(it) | Left(it) | LeftOuter(it) | Right(it) | RightOuter(it)
        | FullOuter(it) | CrossJoin(it) => Some(it),
        _ => None,
    }
}

/// The last part of a name, in lower case.
pub fn plain_name(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.map_or_else(String::new, |name| name.value.to_lowercase())
}

/// The first argument of a call that has just one.
pub fn only_argument(function: &Function) -> Option<&Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => Some(argument),
        _ => None,
    }
}

/// The query with every CLEAN_NUMERIC replaced by a CAST to REAL; `None` if it has none.
pub fn without_clean_numeric(query: &Query) -> Option<String> {
    struct Replace(usize);
    impl VisitorMut for Replace {
        type Break = ();

        fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
            if let Some(cast) = as_cast(expression) {
                *expression = cast;
                self.0 += 1;
            }
            ControlFlow::Continue(())
        }
    }
    let mut query = query.clone();
    let mut replace = Replace(0);
    let _ = VisitMut::visit(&mut query, &mut replace);
    (replace.0 > 0).then(|| query.to_string())
}

/// `CAST(x AS REAL)` for `CLEAN_NUMERIC(x)`.
pub fn as_cast(expression: &Expr) -> Option<Expr> {
    let Expr::Function(function) = expression else {
        return None;
    };
    if plain_name(&function.name) != CLEAN_NUMERIC {
        return None;
    }
    let argument = only_argument(function)?;
    Some(Expr::Cast {
        kind: sqlparser::ast::CastKind::Cast,
        expr: Box::new(argument.clone()),
        data_type: sqlparser::ast::DataType::Real,
        array: false,
        format: None,
    })
}

/// The query with what it is ordered by as further columns, so that ties can be seen;
/// `None` if the order of its rows can't be told that way: then every row has its place.
pub fn with_sort_keys(query: &Query) -> Option<(String, usize)> {
    let mut query = query.clone();
    let OrderByKind::Expressions(orders) = &query.order_by.as_ref()?.kind else {
        return None;
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return None;
    };
    if select.distinct.is_some() {
        return None;
    }
    let mut keys = Vec::new();
    for order in orders {
        keys.push(SelectItem::ExprWithAlias {
            expr: output(&order.expr, &select.projection)?,
            alias: Ident::new(format!("antiks_key_{}", keys.len())),
        });
    }
    let len = keys.len();
    select.projection.extend(keys);
    Some((query.to_string(), len))
}

/// What an expression in ORDER BY stands for: an output by its name or number, or itself.
fn output(expression: &Expr, outputs: &[SelectItem]) -> Option<Expr> {
    let name = match expression {
        Expr::Identifier(name) => name.value.to_lowercase(),
        Expr::Value(ValueWithSpan {
            value: Value::Number(place, _),
            ..
        }) => {
            let place: usize = place.parse().ok()?;
            return match outputs.get(place.checked_sub(1)?)? {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    Some(expr.clone())
                }
                _ => None,
            };
        }
        other => return Some(other.clone()),
    };
    let aliased = outputs.iter().find_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if alias.value.to_lowercase() == name => {
            Some(expr.clone())
        }
        _ => None,
    });
    Some(aliased.unwrap_or_else(|| expression.clone()))
}

/// The number behind LIMIT, if it is one.
pub fn limit_mut(query: &mut Query) -> Option<&mut Expr> {
    match query.limit_clause.as_mut()? {
        LimitClause::LimitOffset { limit, .. } => limit.as_mut(),
        LimitClause::OffsetCommaLimit { limit, .. } => Some(limit),
    }
}

/// Parts of a condition that are joined by AND.
pub fn count_conjuncts(expression: &Expr) -> usize {
    match expression {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => count_conjuncts(left) + count_conjuncts(right),
        _ => 1,
    }
}

/// The condition without its part number `place`.
pub fn without_conjunct(expression: &Expr, place: usize) -> Option<Expr> {
    let Expr::BinaryOp {
        left,
        op: op @ BinaryOperator::And,
        right,
    } = expression
    else {
        return None;
    };
    let before = count_conjuncts(left);
    let (left, right) = match place < before {
        true => (without_conjunct(left, place), Some(right.as_ref().clone())),
        false => (
            Some(left.as_ref().clone()),
            without_conjunct(right, place - before),
        ),
    };
    match (left, right) {
        (Some(left), Some(right)) => Some(Expr::BinaryOp {
            left: Box::new(left),
            op: op.clone(),
            right: Box::new(right),
        }),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_is_read_from_the_tree() {
        let query = parse(
            "WITH m AS (SELECT a, SUM(b) OVER (ORDER BY c) FROM t LIMIT 3) \
             SELECT m.a, COUNT(*), 'x' FROM m LEFT JOIN u ON m.a = u.a WHERE b > 5 ORDER BY 2;",
        )
        .unwrap();
        let style = Style::of(&query);
        assert!(style.has_cte && style.has_window && style.has_outer_join && style.is_ordered);
        assert!(style.has_unordered_limit && style.has_unnamed_output);
        assert!(!style.has_star && !style.has_implicit_join && !style.has_distinct);
        assert!(style.functions.contains("sum") && style.columns.contains("b"));
        assert_eq!(style.literals.len(), 4);
        let implicit = Style::of(&parse("SELECT * FROM a, b").unwrap());
        assert!(implicit.has_star && implicit.has_implicit_join);
    }

    #[test]
    fn sort_keys_follow_names_numbers_and_expressions() {
        let keys = |sql: &str| with_sort_keys(&parse(sql).unwrap()).map(|(sql, _)| sql);
        assert_eq!(
            keys("SELECT a, b AS c FROM t ORDER BY c DESC, 1, lower(d)").unwrap(),
            "SELECT a, b AS c, b AS antiks_key_0, a AS antiks_key_1, lower(d) AS antiks_key_2 \
             FROM t ORDER BY c DESC, 1, lower(d)"
        );
        assert_eq!(keys("SELECT a FROM t"), None);
        assert_eq!(
            keys("SELECT a FROM t UNION SELECT b FROM t ORDER BY 1"),
            None
        );
    }

    #[test]
    fn clean_numeric_becomes_a_cast() {
        let query = parse("SELECT SUM(CLEAN_NUMERIC(a)) FROM t").unwrap();
        let cast = without_clean_numeric(&query).unwrap();
        assert_eq!(cast, "SELECT SUM(CAST(a AS REAL)) FROM t");
        assert_eq!(without_clean_numeric(&parse("SELECT 1").unwrap()), None);
    }
}
