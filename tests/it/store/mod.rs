//! What every store promises, run on each engine, and what only one engine can show.

/// Makes each promise a test of each engine; the engine's name is part of the test's. The database
/// is `empty`, or `founded` with one project beside that of the administrators.
macro_rules! on_every_engine {
    ($state:ident: $($promise:ident),* $(,)?) => {
        mod sqlite {
            on_one_engine!(Sqlite, $state: $($promise),*);
        }
        mod postgres {
            on_one_engine!(Postgres, $state: $($promise),*);
        }
    };
}

/// Makes each promise a test of this engine.
macro_rules! on_one_engine {
    ($engine:ident, $state:ident: $($promise:ident),* $(,)?) => {
        use crate::store::database::Database;
        use crate::support::Engine;

        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(&Database::$state(Engine::$engine).await).await;
            }
        )*
    };
}

/// Asserts that a store has answered with this error.
macro_rules! assert_refused {
    ($answer:expr, $refusal:pat) => {
        match $answer {
            Err($refusal) => (),
            answer => panic!("not refused as {}, but {answer:?}", stringify!($refusal)),
        }
    };
}

pub(crate) mod audit;
mod concurrency;
mod corruption;
mod database;
mod days;
mod feed;
mod fixtures;
mod founding;
mod hygiene;
mod import;
mod issuance;
mod keys;
mod leaks;
mod postgres;
mod projects;
mod quotas;
mod roles;
mod schema;
mod search;
mod secrets;
mod signing_keys;
mod sqlite;
mod undone;
mod upkeep;
mod webhooks;
