//! Wrong queries that are nearly the reference: what a challenge's instances must tell
//! from it.
//!
//! Each mutant differs in one place by a mistake that people and models make. Changes
//! that can't matter by the words of SQL alone are left out; others that happen not to
//! matter count against the challenge, which is then refused rather than trusted.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Distinct, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, GroupByExpr, Ident, JoinOperator, ObjectName, OrderByKind, Query, Select,
    SetExpr, SetOperator, SetQuantifier, Value, ValueWithSpan, VisitMut, VisitorMut, WindowFrame,
    WindowFrameBound, WindowFrameUnits, WindowType,
};

use super::idle::{count_values, is_inexact, needed_tables, table_name};
use super::neighbours::{shift, shift_number, shifted_text};
use super::sql::{as_cast, count_conjuncts, limit_mut, plain_name, without_conjunct};

/// The mutants that are tried of one query; the places are spread over all of it.
const MAX_MUTANTS: usize = 60;

/// A query with one mistake in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The mistake, such as `comparison`.
    pub mistake: &'static str,
    /// The query.
    pub sql: String,
}

/// All mutants of `query`, without repetitions.
pub fn mutants(query: &Query) -> Vec<Mutant> {
    let original = query.to_string();
    let mut mutants: Vec<Mutant> = Vec::new();
    for target in 0.. {
        let mut mutated = query.clone();
        let mut change = Change {
            target,
            seen: 0,
            mistake: None,
            depth: 0,
            is_ordered: query.order_by.is_some(),
            values: 0,
            idle: BTreeSet::new(),
            recursions: 0,
        };
        let _ = VisitMut::visit(&mut mutated, &mut change);
        let Some(mistake) = change.mistake else {
            break;
        };
        let sql = mutated.to_string();
        if sql != original && mutants.iter().all(|mutant| mutant.sql != sql) {
            mutants.push(Mutant { mistake, sql });
        }
    }
    let len = mutants.len();
    if len > MAX_MUTANTS {
        // Evenly over the query, so that its end is tried as well.
        let kept = (0..MAX_MUTANTS).map(|place| mutants[place * len / MAX_MUTANTS].clone());
        return kept.collect();
    }
    mutants
}

/// Makes the change number `target` of those that a walk through the tree meets.
struct Change {
    target: usize,
    seen: usize,
    mistake: Option<&'static str>,
    depth: usize,
    is_ordered: bool,
    /// Literals met so far.
    values: usize,
    /// The numbers of literals that change nothing, or nothing that is seen.
    idle: BTreeSet<usize>,
    /// Unions of recursive tables that are still to come.
    recursions: usize,
}

impl Change {
    /// Whether the change that is met here is the one to make.
    fn is_it(&mut self, mistake: &'static str) -> bool {
        let is_it = self.seen == self.target && self.mistake.is_none();
        self.seen += 1;
        if is_it {
            self.mistake = Some(mistake);
        }
        is_it
    }
}

impl VisitorMut for Change {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        let has_limit = query.limit_clause.is_some();
        if let Some(order) = &mut query.order_by
            && let OrderByKind::Expressions(orders) = &mut order.kind
            && (has_limit || (self.depth == 1 && self.is_ordered))
        {
            // The last key only breaks ties; turning it matters rarely.
            let last = orders.len().saturating_sub(1).max(1);
            for order in &mut orders[..last] {
                if self.is_it("direction") {
                    order.options.asc = Some(order.options.asc == Some(false));
                }
            }
        }
        if let Some(limit) = limit_mut(query) {
            for step in [1, -1] {
                if self.is_it("limit") {
                    shift(limit, step);
                }
            }
        }
        if let Some(with) = query.with.as_ref().filter(|with| with.recursive) {
            let is_union = |body: &SetExpr| matches!(body, SetExpr::SetOperation { .. });
            let recursive = with.cte_tables.iter().filter(|it| is_union(&it.query.body));
            self.recursions += recursive.count();
        }
        if let SetExpr::SetOperation {
            op: SetOperator::Union,
            set_quantifier,
            ..
        } = query.body.as_mut()
            && !self.is_recursion()
            && self.is_it("union")
        {
            *set_quantifier = match set_quantifier {
                SetQuantifier::All => SetQuantifier::None,
                _ => SetQuantifier::All,
            };
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if select.distinct == Some(Distinct::Distinct) && self.is_it("distinct") {
            select.distinct = None;
        }
        for condition in [&mut select.selection, &mut select.having] {
            if let Some(expression) = condition {
                for place in 0..count_conjuncts(expression) {
                    if self.is_it("filter") {
                        let left = without_conjunct(expression, place);
                        *condition = left;
                        return ControlFlow::Continue(());
                    }
                }
            }
        }
        let needed = needed_tables(select);
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            let turned = match &join.join_operator {
                // What is filtered or joined on can't be NULL: the rows are lost again.
                JoinOperator::Join(_) | JoinOperator::Inner(_)
                    if needed.contains(&table_name(&join.relation)) =>
                {
                    continue;
                }
                JoinOperator::Join(on) | JoinOperator::Inner(on) => JoinOperator::Left(on.clone()),
                JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => {
                    JoinOperator::Join(on.clone())
                }
                _ => continue,
            };
            if self.is_it("join") {
                join.join_operator = turned;
            }
        }
        if let GroupByExpr::Expressions(keys, _) = &mut select.group_by
            && keys.len() > 1
            && self.is_it("grouping")
        {
            // Behind a key, all others follow from it.
            keys.remove(0);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        self.note_idle(expression);
        match expression {
            Expr::BinaryOp { left, op, right } => {
                let is_exact = !is_inexact(left) && !is_inexact(right);
                self.change_operator(op, is_exact);
            }
            Expr::Function(function) => {
                self.change_function(function);
                if plain_name(&function.name) == "coalesce"
                    && let Some(first) = first_argument(function).cloned()
                    && self.is_it("null")
                {
                    *expression = first;
                    return ControlFlow::Continue(());
                }
                if let Some(cast) = as_cast(expression)
                    && self.is_it("no clean_numeric")
                {
                    *expression = cast;
                }
            }
            Expr::IsNull(inner) if self.is_it("null") => {
                *expression = Expr::IsNotNull(inner.clone());
            }
            Expr::IsNotNull(inner) if self.is_it("null") => {
                *expression = Expr::IsNull(inner.clone());
            }
            Expr::InList { negated, .. }
            | Expr::InSubquery { negated, .. }
            | Expr::Exists { negated, .. }
            | Expr::Between { negated, .. }
            | Expr::Like { negated, .. }
                if self.is_it("negation") =>
            {
                *negated = !*negated;
            }
            Expr::Case { else_result, .. } if else_result.is_some() && self.is_it("else") => {
                *else_result = None;
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        let number = self.values;
        self.values += 1;
        if self.idle.contains(&number) {
            return ControlFlow::Continue(());
        }
        match &mut value.value {
            Value::Number(number, _) => {
                for step in [1, -1] {
                    if self.is_it("constant") {
                        shift_number(number, step);
                        return ControlFlow::Continue(());
                    }
                }
            }
            Value::SingleQuotedString(text) => {
                let shifted = shifted_text(text);
                if let Some(shifted) = shifted
                    && self.is_it("constant")
                {
                    *text = shifted;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Change {
    /// Notes the literals in `expression` that say how and not what: what EXISTS selects,
    /// and where SUBSTR begins.
    fn note_idle(&mut self, expression: &Expr) {
        let (before, idle) = match expression {
            Expr::Exists { subquery, .. } if subquery.with.is_none() => {
                match subquery.body.as_ref() {
                    SetExpr::Select(select) => (0, count_values(&select.projection)),
                    _ => return,
                }
            }
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => (
                count_values(expr),
                count_values(substring_from) + count_values(substring_for),
            ),
            _ => return,
        };
        let first = self.values + before;
        self.idle.extend(first..first + idle);
    }

    /// Whether the union at hand is that of a recursive table: its rows seldom repeat.
    fn is_recursion(&mut self) -> bool {
        let is_one = self.recursions > 0;
        self.recursions = self.recursions.saturating_sub(1);
        is_one
    }

    fn change_operator(&mut self, operator: &mut BinaryOperator, is_exact: bool) {
        use BinaryOperator::{
            And, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Multiply, NotEq, Or, Plus,
        };
        let (mistake, others): (&'static str, &[BinaryOperator]) = match operator {
            Lt => ("comparison", &[LtEq, Gt]),
            LtEq => ("comparison", &[Lt, GtEq]),
            Gt => ("comparison", &[GtEq, Lt]),
            GtEq => ("comparison", &[Gt, LtEq]),
            Eq => ("comparison", &[NotEq]),
            NotEq => ("comparison", &[Eq]),
            And => ("connective", &[Or]),
            Or => ("connective", &[And]),
            Plus => ("arithmetic", &[Minus]),
            Minus => ("arithmetic", &[Plus]),
            Multiply => ("arithmetic", &[Plus]),
            Divide => ("arithmetic", &[Multiply]),
            _ => return,
        };
        // The first of two is the one that differs at equal values only.
        let kept = usize::from(!is_exact && others.len() == 2);
        for other in &others[kept..] {
            if self.is_it(mistake) {
                *operator = other.clone();
                return;
            }
        }
    }

    fn change_function(&mut self, function: &mut Function) {
        let name = plain_name(&function.name);
        let others: &[&str] = match name.as_str() {
            "sum" => &["AVG", "COUNT"],
            "total" => &["AVG"],
            "avg" => &["SUM", "MAX"],
            "min" => &["MAX"],
            "max" => &["MIN"],
            "rank" => &["DENSE_RANK", "ROW_NUMBER"],
            "dense_rank" => &["RANK"],
            "lag" => &["LEAD"],
            "lead" => &["LAG"],
            "first_value" => &["LAST_VALUE"],
            "upper" => &["LOWER"],
            "lower" => &["UPPER"],
            _ => &[],
        };
        for other in others {
            if self.is_it("function") {
                function.name = ObjectName::from(Ident::new(*other));
                return;
            }
        }
        if let FunctionArguments::List(list) = &mut function.args {
            if list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
                && self.is_it("distinct")
            {
                list.duplicate_treatment = None;
            }
            if name == "count"
                && list.duplicate_treatment.is_none()
                && let [FunctionArg::Unnamed(argument @ FunctionArgExpr::Expr(_))] =
                    list.args.as_mut_slice()
                && self.is_it("null")
            {
                *argument = FunctionArgExpr::Wildcard;
            }
        }
        if function.filter.is_some() && self.is_it("filter") {
            function.filter = None;
        }
        if let Some(WindowType::WindowSpec(window)) = &mut function.over {
            // With its last sort key it has no ties, and RANK would be the same.
            if name == "row_number" && window.order_by.len() > 1 && self.is_it("function") {
                window.order_by.pop();
                function.name = ObjectName::from(Ident::new("RANK"));
                return;
            }
            if !window.partition_by.is_empty() && self.is_it("partition") {
                window.partition_by.clear();
            }
            if let Some(order) = window.order_by.first_mut()
                && self.is_it("direction")
            {
                order.options.asc = Some(order.options.asc == Some(false));
            }
            if let Some(frame) = &mut window.window_frame
                && self.is_it("frame")
            {
                turn_frame(frame);
            }
        }
    }
}

/// A frame that begins or ends elsewhere.
fn turn_frame(frame: &mut WindowFrame) {
    match &mut frame.start_bound {
        WindowFrameBound::Preceding(Some(len)) | WindowFrameBound::Following(Some(len)) => {
            shift(len, 1);
        }
        _ => {
            frame.units = WindowFrameUnits::Rows;
            frame.end_bound = match frame.end_bound {
                Some(WindowFrameBound::CurrentRow) => Some(WindowFrameBound::Following(None)),
                _ => Some(WindowFrameBound::CurrentRow),
            };
        }
    }
}

fn first_argument(function: &Function) -> Option<&Expr> {
    match &function.args {
        FunctionArguments::List(list) => match list.args.first() {
            Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) => Some(first),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sql::parse;
    use super::*;

    fn of(sql: &str) -> Vec<String> {
        let mutants = mutants(&parse(sql).unwrap());
        mutants.into_iter().map(|mutant| mutant.sql).collect()
    }

    #[test]
    fn each_place_is_changed_once() {
        let found = of("SELECT a, SUM(b) FROM t WHERE c >= 5 AND d = '2024-02-10' GROUP BY a");
        for expected in [
            "SELECT a, AVG(b) FROM t WHERE c >= 5 AND d = '2024-02-10' GROUP BY a",
            "SELECT a, SUM(b) FROM t WHERE c > 5 AND d = '2024-02-10' GROUP BY a",
            "SELECT a, SUM(b) FROM t WHERE c >= 4 AND d = '2024-02-10' GROUP BY a",
            "SELECT a, SUM(b) FROM t WHERE c >= 5 AND d = '2024-02-11' GROUP BY a",
            "SELECT a, SUM(b) FROM t WHERE c >= 5 OR d = '2024-02-10' GROUP BY a",
            "SELECT a, SUM(b) FROM t WHERE d = '2024-02-10' GROUP BY a",
        ] {
            assert!(
                found.contains(&expected.to_owned()),
                "{expected}\n{found:#?}"
            );
        }
        let mut unique = found.clone();
        unique.dedup();
        assert_eq!(unique, found);
    }

    #[test]
    fn joins_windows_and_limits_are_changed() {
        let found = of("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)");
        assert!(
            !found.iter().any(|sql| sql.contains("SELECT 2")),
            "{found:#?}"
        );
        let found = of("SELECT t.a FROM t JOIN u ON t.a = u.a WHERE u.b = 7");
        assert!(!found.iter().any(|sql| sql.contains("LEFT")), "{found:#?}");
        let found = of(
            "SELECT t.a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY c DESC, t.a) FROM t \
             LEFT JOIN u ON t.a = u.a ORDER BY t.a LIMIT 10",
        );
        let has = |part: &str| found.iter().any(|sql| sql.contains(part));
        assert!(has(" JOIN u") && has("RANK()") && has("LIMIT 11") && has("LIMIT 9"));
        assert!(has("OVER (ORDER BY c DESC, t.a)") && has("ORDER BY t.a DESC LIMIT"));
    }
}
