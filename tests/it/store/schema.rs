//! The tables are the same on both engines, whoever made them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::database::Database;
use crate::support::Engine;

/// What only PostgreSQL names: SQLite's one-row tables have the rule on the column that is the key,
/// and its flags need one.
const ONLY_POSTGRES: [&str; 2] = ["feed_counter_pkey", "installation_pkey"];
const ONLY_SQLITE: [&str; 2] = ["api_keys_require_scope", "projects_raw_keys"];

fn set<T: Ord>(items: Vec<T>) -> BTreeSet<T> {
    items.into_iter().collect()
}

#[test]
fn migrations_have_the_same_names_on_both_engines() {
    let names = |engine: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        set(fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect())
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
}

#[tokio::test]
async fn tables_and_columns_are_the_same_and_hold_the_same() {
    let (sqlite, postgres) = (Database::empty(Engine::Sqlite).await, Database::empty(Engine::Postgres).await);
    let here: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT t.name, c.name, \
           CASE WHEN c.name IN ('require_scope', 'raw_keys') THEN 'BOOLEAN' ELSE c.type END, c.\"notnull\" = 1 OR c.pk > 0 \
         FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c \
         WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT IN ('sqlite_schema', '_sqlx_migrations')",
    )
    .fetch_all(sqlite.sqlite())
    .await
    .unwrap();
    let there: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text, \
           CASE format_type(a.atttypid, NULL) WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' \
             ELSE upper(format_type(a.atttypid, NULL)) END, a.attnotnull \
         FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
           AND c.relname <> '_sqlx_migrations'",
    )
    .fetch_all(postgres.postgres().0)
    .await
    .unwrap();
    assert!(here.len() > 80, "{}", here.len());
    assert_eq!(set(here), set(there));
}

#[tokio::test]
async fn constraints_have_the_same_names() {
    let (sqlite, postgres) = (Database::empty(Engine::Sqlite).await, Database::empty(Engine::Postgres).await);
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE sql LIKE 'CREATE TABLE%'")
            .fetch_all(sqlite.sqlite())
            .await
            .unwrap();
    let mut here: BTreeSet<String> = tables
        .iter()
        .flat_map(|table| table.split("CONSTRAINT ").skip(1))
        .map(|rest| rest.split_whitespace().next().unwrap().to_owned())
        .collect();
    let mut there: BTreeSet<String> = set(sqlx::query_scalar(
        "SELECT conname::text FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid \
         WHERE connamespace = 'public'::regnamespace AND NOT relispartition AND relname <> '_sqlx_migrations'",
    )
    .fetch_all(postgres.postgres().0)
    .await
    .unwrap());
    assert!(here.len() > 20);
    for name in ONLY_POSTGRES {
        assert!(there.remove(name), "{name}");
    }
    for name in ONLY_SQLITE {
        assert!(here.remove(name), "{name}");
    }
    assert_eq!(here, there);
}

#[tokio::test]
async fn indexes_have_the_same_names() {
    let (sqlite, postgres) = (Database::empty(Engine::Sqlite).await, Database::empty(Engine::Postgres).await);
    let here: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
            .fetch_all(sqlite.sqlite())
            .await
            .unwrap();
    let there: Vec<String> = sqlx::query_scalar(
        "SELECT i.relname::text FROM pg_index JOIN pg_class AS i ON i.oid = indexrelid \
         WHERE i.relnamespace = 'public'::regnamespace AND NOT i.relispartition \
           AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)",
    )
    .fetch_all(postgres.postgres().0)
    .await
    .unwrap();
    assert!(!here.is_empty());
    assert_eq!(set(here), set(there));
}

/// An id is compared and ordered byte by byte, whatever language the database speaks.
#[tokio::test]
async fn every_text_that_is_a_key_or_in_an_index_is_ordered_by_its_bytes() {
    let db = Database::empty(Engine::Postgres).await;
    let otherwise: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT attrelid::regclass || '.' || attname \
         FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey) \
         WHERE atttypid = 'text'::regtype AND attcollation <> '\"C\"'::regcollation \
           AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)",
    )
    .fetch_all(db.postgres().0)
    .await
    .unwrap();
    assert!(otherwise.is_empty(), "{otherwise:?}");
}
