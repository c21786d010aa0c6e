//! What a store can answer instead of a result, and what the errors of databases mean.

use std::io;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the act was decided on has changed meanwhile.
    #[error("it was changed by somebody else meanwhile")]
    Conflict,
    /// What the act is about is not there.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// A name that must be unique is in use, or was.
    #[error("this {0} is in use already, or was once")]
    Taken(&'static str),
    /// A limit is reached.
    #[error("the limit of {0} is reached")]
    Full(&'static str),
    /// Keys have what is to go.
    #[error("the {what} is that of {keys} API key{}; take it from them first", if *.keys == 1 { "" } else { "s" })]
    InUse {
        /// What it is.
        what: &'static str,
        /// How many keys have it.
        keys: u64,
    },
    /// It is not this program's to do.
    #[error("a database on a server is copied by the server's own tools")]
    Elsewhere,
    /// A row cannot be what it says.
    #[error("the database is damaged: table {table}, column {column}, row {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// The database does not answer, or not as it should.
    #[error("the database cannot be used: {0}")]
    Unavailable(#[from] Unavailable),
}

/// Why a database cannot be used; what to do about it is in the text.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Another process holds it.
    #[error("it is locked by another process")]
    Locked(#[source] sqlx::Error),
    /// It has undone a transaction because of others, each time that it was tried.
    #[error("it has undone what was asked of it in favour of others, each time that it was tried")]
    Undone(#[source] sqlx::Error),
    /// It cannot be written.
    #[error("it is read-only; check owner and permissions of the data directory")]
    ReadOnly(#[source] sqlx::Error),
    /// It is a copy that another server keeps current.
    #[error("its server is a standby, which cannot be written; name the primary")]
    Standby,
    /// The disk is full.
    #[error("its disk is full; free some space")]
    Full(#[source] sqlx::Error),
    /// Another file is at the place of the one that was opened.
    #[error("its file was replaced under the running server; restart it")]
    Replaced,
    /// There is no file at its place.
    #[error("its file is gone: moved or deleted under the running server")]
    Gone,
    /// It has not proven that it is the one that is meant.
    #[error("{why} ({source})")]
    Unproven {
        /// What is missing, and what to do.
        why: &'static str,
        /// What the library says.
        source: sqlx::Error,
    },
    /// It was made by a newer release.
    #[error("it was made by a newer release of Portcullis; start that one")]
    Newer,
    /// Its pages are not what was written.
    #[error("its file is damaged; restore a backup")]
    Damaged,
    /// Lifetimes cannot be judged: its clock and that of this machine do not agree.
    #[error("its clock and this machine's are {0:?} apart; set both clocks right, best by NTP")]
    Clock(std::time::Duration),
    /// It did not answer in time.
    #[error("it did not answer in time")]
    Slow,
    /// Anything else.
    #[error("{0}")]
    Other(#[source] sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let meaning = super::sqlite::refusal(&error).or_else(|| super::postgres::refusal(&error));
        match meaning {
            Some(meaning) => meaning(error),
            None => Unavailable::from(error).into(),
        }
    }
}

/// What an error means that is no database's own.
impl From<sqlx::Error> for Unavailable {
    fn from(error: sqlx::Error) -> Self {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        match &error {
            sqlx::Error::PoolTimedOut => Self::Slow,
            sqlx::Error::Io(io) if matches!(io.kind(), PermissionDenied | ReadOnlyFilesystem) => {
                Self::ReadOnly(error)
            }
            sqlx::Error::Io(io) if matches!(io.kind(), StorageFull | QuotaExceeded) => Self::Full(error),
            _ => Self::Other(error),
        }
    }
}
