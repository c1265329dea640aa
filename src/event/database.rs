//! A database that challenges are asked over, and its seeded instances.

use super::envelope::kind;
use super::record::record;
use crate::base::id::{BlobHash, ContentHash, Id};

use super::run_started::RunStarted;

record! {
    /// A column of a challenge database.
    pub struct DatabaseColumn {
        /// Its name in the schema.
        pub name: String,
        /// Its type as declared; empty if none was.
        pub declared_type: String,
        /// What its values are, such as `key`, `money_text`, `date` or `category`.
        pub content: String,
        /// Whether it may hold NULL.
        pub nullable: bool,
        /// Its place in the primary key from 1 on; left out if it has none.
        pub key_position: Option<i64>,
    }
}

record! {
    /// A reference from one table to another.
    pub struct DatabaseReference {
        /// The columns that refer, in order.
        pub columns: Vec<String>,
        /// The table referred to.
        pub target_table: String,
        /// The columns referred to, in order.
        pub target_columns: Vec<String>,
        /// Whether the schema declares it; else it was inferred from the values.
        pub declared: bool,
    }
}

record! {
    /// A table of a challenge database.
    pub struct DatabaseTable {
        /// Its name in the schema.
        pub name: String,
        /// Its columns in order.
        pub columns: Vec<DatabaseColumn>,
        /// Its references to other tables.
        pub references: Vec<DatabaseReference>,
    }
}

record! {
    /// One filling of the schema with rows.
    pub struct DatabaseInstance {
        /// The seed that the rows are made from.
        pub seed: i64,
        /// The hash of the SQL script that makes the instance.
        pub script_hash: ContentHash,
        /// The rows of all tables together.
        pub rows: i64,
    }
}

record! {
    /// A database that challenges are asked over.
    pub struct Database {
        /// The run that asked for it.
        pub run_id: Option<Id<RunStarted>>,
        /// Its name, as shown.
        pub name: String,
        /// Where it comes from: `generated` or `imported`.
        pub source: String,
        /// The business domain, such as `hotel`; for an imported file its name.
        pub domain: String,
        /// The maker and its version, which make the same instances again.
        pub maker: String,
        /// The seed of the schema's names; left out for an imported file.
        pub seed: Option<i64>,
        /// The hash of the user's file.
        pub file_hash: Option<ContentHash>,
        /// The sample of the user's file that instances are drawn from.
        pub sample_blob: Option<BlobHash>,
        /// The schema as SQL.
        pub schema_sql: String,
        /// The hash of the schema without its names: what families are made of.
        pub shape_hash: ContentHash,
        /// The tables in order.
        pub tables: Vec<DatabaseTable>,
        /// Instances that its challenges share; those of one challenge stand with it.
        pub instances: Vec<DatabaseInstance>,
    }
}

kind!(Database, "database", "databases");
