//! Tables, views and functions of one version of a lake, and running SQL on them.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::diagnostic::Diagnostic;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};

use super::table::{LakeTable, STORE_URL};
use super::views;
use crate::event::KINDS;
use crate::lake::Lake;

/// Why a query gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The SQL is wrong, and where if that is known.
    #[error("{message}")]
    Sql {
        /// What DataFusion says.
        message: String,
        /// Line and column, both from 1 on.
        place: Option<(u64, u64)>,
        /// The tables and views that there are.
        tables: Vec<String>,
    },
    /// A parameter is missing, unknown, or of the wrong type.
    #[error("{0}")]
    Parameter(String),
    /// There is no such query, or its file can't be used.
    #[error("{0}")]
    Catalogue(String),
    /// A query that is to be recorded doesn't give what it must.
    #[error("{0}")]
    Unfit(String),
    /// The query could not be carried out.
    #[error("{0}")]
    Execution(String),
    /// The lake could not be read.
    #[error(transparent)]
    Lake(#[from] crate::lake::LakeError),
}

/// Runs a query's future to its end, for those who have no runtime.
///
/// # Errors
/// That there can be no runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T, QueryError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| QueryError::Execution(error.to_string()))?;
    Ok(runtime.block_on(future))
}

/// A parameter's name and value.
pub type Binding = (String, ScalarValue);

/// The memory that queries of a session may hold. What sorts and groups more than that
/// goes to temporary files; what can't is an error, and not the end of the process.
const MEMORY_BYTES: usize = 4 << 30;

/// SQL over one version of a lake.
pub struct Session {
    context: SessionContext,
}

impl Session {
    /// A session over `lake`.
    pub async fn new(lake: &Lake) -> Result<Self, QueryError> {
        let mut config = SessionConfig::new().with_information_schema(true);
        config.options_mut().sql_parser.collect_spans = true;
        config.options_mut().execution.parquet.pushdown_filters = true;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(MEMORY_BYTES, 1.0)
            .build_arc()
            .map_err(internal)?;
        let context = SessionContext::new_with_config_rt(config, runtime);
        register(&context, lake).await.map_err(internal)?;
        Ok(Self { context })
    }

    /// Plans a query without running it.
    pub async fn plan(&self, sql: &str, bindings: &[Binding]) -> Result<DataFrame, QueryError> {
        let planned = self.try_plan(sql, bindings).await;
        planned.map_err(|error| self.explain(sql, &error))
    }

    /// Runs a query; its rows come as they are made.
    pub async fn run(
        &self,
        sql: &str,
        bindings: &[Binding],
    ) -> Result<SendableRecordBatchStream, QueryError> {
        let frame = self.plan(sql, bindings).await?;
        let stream = frame.execute_stream().await;
        stream.map_err(|error| self.explain(sql, &error))
    }

    /// What DataFusion says of `error`, with the place in `sql` and the tables there are.
    pub fn explain(&self, sql: &str, error: &DataFusionError) -> QueryError {
        let diagnostic = error.diagnostic();
        let root = error.find_root();
        let message = match (diagnostic, root) {
            (Some(diagnostic), _) => with_helps(diagnostic, root),
            (None, DataFusionError::SQL(error, _)) => error.to_string(),
            (None, root) => root.strip_backtrace(),
        };
        let span = diagnostic.and_then(|diagnostic| diagnostic.span);
        let place = match span {
            Some(span) => Some((span.start.line, span.start.column)),
            None => place_in(&message),
        };
        let place = place.filter(|(line, column)| *line > 0 && *column > 0);
        match root {
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Diagnostic(..) => QueryError::Sql {
                message,
                place: place.filter(|(line, _)| *line <= sql.lines().count() as u64),
                tables: self.tables(),
            },
            _ => QueryError::Execution(message),
        }
    }

    /// The names of all tables and views, sorted.
    pub fn tables(&self) -> Vec<String> {
        let mut names: Vec<String> = KINDS.iter().map(|kind| kind.table().to_owned()).collect();
        names.extend(views::all().into_iter().map(|(name, _)| name.to_owned()));
        names.sort();
        names
    }

    /// The columns of a table or view.
    pub async fn columns(&self, table: &str) -> Result<SchemaRef, QueryError> {
        let provider = self.context.table_provider(table).await;
        match provider {
            Ok(provider) => Ok(provider.schema()),
            Err(_) => Err(QueryError::Sql {
                message: format!("there is no table {table}"),
                place: None,
                tables: self.tables(),
            }),
        }
    }

    /// The tables that a plan reads, views resolved.
    pub fn tables_of(&self, frame: &DataFrame) -> Result<Vec<String>, QueryError> {
        let plan = self.context.state().optimize(frame.logical_plan());
        let plan = plan.map_err(internal)?;
        let mut tables = Vec::new();
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                tables.push(scan.table_name.table().to_owned());
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .map_err(internal)?;
        Ok(tables)
    }

    async fn try_plan(
        &self,
        sql: &str,
        bindings: &[Binding],
    ) -> Result<DataFrame, DataFusionError> {
        let plan = self.context.state().create_logical_plan(sql).await?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)?;
        let frame = self.context.execute_logical_plan(plan).await?;
        if bindings.is_empty() {
            return Ok(frame);
        }
        frame.with_param_values(bindings.to_vec())
    }
}

async fn register(context: &SessionContext, lake: &Lake) -> Result<(), DataFusionError> {
    let store = LocalFileSystem::new_with_prefix(lake.root())?;
    let url = STORE_URL
        .try_into()
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    context.register_object_store(&url, Arc::new(store));
    for kind in KINDS {
        context.register_table(kind.table(), Arc::new(LakeTable::new(lake, kind)))?;
    }
    for (name, sql) in views::all() {
        let view = context.sql(&sql).await?.into_view();
        context.register_table(name, view)?;
    }
    Ok(())
}

fn internal(error: DataFusionError) -> QueryError {
    QueryError::Execution(error.strip_backtrace())
}

fn with_helps(diagnostic: &Diagnostic, root: &DataFusionError) -> String {
    let mut message = root.strip_backtrace();
    for help in &diagnostic.helps {
        message.push_str("\nhelp: ");
        message.push_str(&help.message);
    }
    message
}

/// The place that the parser writes into its messages: `at Line: 1, Column: 8`.
fn place_in(message: &str) -> Option<(u64, u64)> {
    let (_, after) = message.rsplit_once("Line: ")?;
    let (line, after) = after.split_once(", Column: ")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    Some((line.parse().ok()?, digits.parse().ok()?))
}
