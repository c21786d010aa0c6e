//! What is wrong with the settings. Every message names the setting, where the value came from,
//! what is wrong with it and the fix. It does not repeat the value: a secret may have been put into the
//! wrong setting. Names of files are repeated, unless they look like a secret.

use std::{fmt, io, path::PathBuf};

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// A line of the settings file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag --{flag}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Settings that cannot be used; the program does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value breaks the rule of its setting.
    #[error("{setting} ({origin}): {problem}")]
    Value {
        /// The setting's name.
        setting: &'static str,
        /// Where the value stands.
        origin: Origin,
        /// What is wrong, and the fix.
        problem: Problem,
    },
    /// The file that was asked for cannot be read.
    #[error("settings file {} ({origin}): {cause}; name a readable file or leave it out", path.display())]
    Unreadable {
        /// The file as it was named.
        path: PathBuf,
        /// Who named it.
        origin: Origin,
        /// What the system said.
        cause: io::Error,
    },
    /// The file is not TOML.
    #[error("{origin}: this is not TOML: {message}; correct that line")]
    Syntax {
        /// The line.
        origin: Origin,
        /// What the parser said; it does not quote the file.
        message: String,
    },
    /// The file has a key that is no setting.
    #[error("{key} ({origin}): there is no such setting; {fix}")]
    UnknownKey {
        /// The key with its section.
        key: String,
        /// The line.
        origin: Origin,
        /// What to write instead.
        fix: String,
    },
    /// A variable looks like a setting and is none.
    #[error("environment {variable}: there is no such setting; remove it or use one of {known}")]
    UnknownVariable {
        /// The variable's name.
        variable: String,
        /// The variables of that section.
        known: String,
    },
}

/// What is wrong with one value, and the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    what: String,
    fix: String,
}

impl Problem {
    /// `what` continues "setting (source): ", `fix` is an instruction.
    pub(super) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into() }
    }

    pub(super) fn of(self, setting: &'static str, origin: Origin) -> Error {
        Error::Value { setting, origin, problem: self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.fix)
    }
}
