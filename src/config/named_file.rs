//! Files that settings name.

use std::path::PathBuf;

use super::{
    error::{Error, Origin, Problem},
    layers::{Found, Layers},
    parse,
};

/// A file, and who named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Where it is.
    pub path: PathBuf,
    setting: &'static str,
    origin: Origin,
}

impl NamedFile {
    /// That this file cannot be used: `what` continues "setting (source): ", `fix` is an instruction.
    #[must_use]
    pub fn blame(&self, what: &str, fix: &str) -> Error {
        Problem::new(format!("{}: {what}", self.path.display()), fix).of(self.setting, self.origin.clone())
    }

    pub(super) fn of(setting: &'static str, found: &Found) -> Result<Self, Error> {
        Ok(Self { path: found.by(parse::file_name)?, setting, origin: found.origin.clone() })
    }

    /// The file that a setting names, if it names one.
    pub(super) fn find(setting: &'static str, layers: &Layers<'_>) -> Result<Option<Self>, Error> {
        let found = layers.find(setting)?;
        if found.text.is_empty() { Ok(None) } else { Self::of(setting, &found).map(Some) }
    }
}
