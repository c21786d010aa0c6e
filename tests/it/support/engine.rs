//! The engines that every promise is kept on.

/// What a test's database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// The one of this run, for what is promised of a server as a whole: SQLite, unless
    /// `PORTCULLIS_TEST_ENGINE` says `postgres`. `scripts/test` runs both.
    #[expect(clippy::disallowed_methods, reason = "which engine is no setting of the program")]
    pub(crate) fn of_run() -> Self {
        match std::env::var("PORTCULLIS_TEST_ENGINE").as_deref() {
            Err(_) | Ok("sqlite") => Self::Sqlite,
            Ok("postgres") => Self::Postgres,
            Ok(other) => panic!("PORTCULLIS_TEST_ENGINE: there is no engine {other}"),
        }
    }
}
