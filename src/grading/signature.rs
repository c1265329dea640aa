//! What two challenges have in common when only names and constants differ.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, TableAlias, TableFactor,
    Value, ValueWithSpan, VisitMut, VisitorMut,
};

use crate::base::id::ContentHash;
use crate::database::schema::Schema;

static FAMILY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("antiks.family.v1"));

/// The hash of a query's tree over a schema of a certain shape: names of tables and
/// columns are replaced by their places in the schema, all other names by the order in
/// which they come, and constants by their sort.
pub fn signature(schema: &Schema, shape_hash: [u8; 32], query: &Query) -> ContentHash {
    let mut query = query.clone();
    let mut names = Names::of(schema);
    let _ = query.visit(&mut names);
    let mut hasher = blake3::Hasher::new_derive_key("antiks.signature.v1");
    hasher.update(&shape_hash);
    hasher.update(query.to_string().as_bytes());
    ContentHash::new(*hasher.finalize().as_bytes())
}

/// What training and evaluation never share: the template of a question, and the shape
/// of the schema that it is asked over.
pub fn family(template: &str, shape_hash: [u8; 32]) -> ContentHash {
    let mut hasher = blake3::Hasher::new_from_context_key(&FAMILY);
    hasher.update(&shape_hash);
    hasher.update(template.as_bytes());
    ContentHash::new(*hasher.finalize().as_bytes())
}

/// Whether a family is kept for evaluation: one in eight is, by its hash, for ever.
pub fn is_for_evaluation(family: ContentHash) -> bool {
    family.bytes()[0] < 32
}

/// New names for old ones.
struct Names(BTreeMap<String, String>);

impl Names {
    fn of(schema: &Schema) -> Self {
        let mut names = BTreeMap::new();
        for (place, table) in schema.tables.iter().enumerate() {
            for (column_place, column) in table.columns.iter().enumerate() {
                let name = format!("t{place}c{column_place}");
                names.entry(column.name.to_lowercase()).or_insert(name);
            }
            names.insert(table.name.to_lowercase(), format!("t{place}"));
        }
        Self(names)
    }

    fn rename(&mut self, name: &mut Ident) {
        let next = format!("n{}", self.0.len());
        let new = self.0.entry(name.value.to_lowercase()).or_insert(next);
        *name = Ident::new(new.clone());
    }
}

impl VisitorMut for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for table in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            self.rename_alias(&mut table.alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.rename(alias);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        for part in &mut relation.0 {
            if let ObjectNamePart::Identifier(name) = part {
                self.rename(name);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { alias, .. } | TableFactor::Derived { alias, .. } = table
            && let Some(alias) = alias
        {
            self.rename_alias(alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(name) => self.rename(name),
            Expr::CompoundIdentifier(names) => {
                for name in names {
                    self.rename(name);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        match &mut value.value {
            Value::Number(number, _) => *number = "0".to_owned(),
            // Formats of dates are structure, not constants.
            Value::SingleQuotedString(text) if !text.contains('%') => *text = String::new(),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Names {
    fn rename_alias(&mut self, alias: &mut TableAlias) {
        self.rename(&mut alias.name);
        for column in &mut alias.columns {
            self.rename(&mut column.name);
        }
    }
}
