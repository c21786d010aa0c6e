//! The environment, read once and passed on: the only place that asks the process for it.

use std::{collections::BTreeMap, ffi::OsString, fmt};

use zeroize::Zeroizing;

use super::{
    error::{Error, Origin, Problem},
    table::{self, SETTINGS},
};

const PREFIX: &str = "PORTCULLIS_";

/// The variables that hold a secret, or may: a database's URL can have a password in it. They are for
/// this program alone, and for none that it starts.
pub const SECRET_VARIABLES: [&str; 4] =
    ["PORTCULLIS_KEY_SECRET", "PORTCULLIS_MASTER_KEY", "PORTCULLIS_NEW_MASTER_KEY", "PORTCULLIS_DATABASE"];

/// The variables that begin with `PORTCULLIS_`.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The environment of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Self {
        // Not `vars`: it panics over a variable of somebody else that is not UTF-8.
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect()
    }

    /// The value of `variable`, which holds the setting called `setting`.
    pub(super) fn value(&self, variable: &'static str, setting: &'static str) -> Result<Option<&str>, Error> {
        let Some(value) = self.0.get(variable) else { return Ok(None) };
        let problem = || Problem::new("it is not UTF-8", "write it in UTF-8");
        value.to_str().map(Some).ok_or_else(|| problem().of(setting, Origin::Environment(variable)))
    }

    /// The API key that a client of a server speaks with, id and secret; none unless both are there.
    ///
    /// # Errors
    /// [`Error::Value`] if one of them is not UTF-8.
    pub fn key(&self) -> Result<Option<(String, Zeroizing<String>)>, Error> {
        let id = self.value("PORTCULLIS_KEY_ID", "key id")?;
        let secret = self.value("PORTCULLIS_KEY_SECRET", "secret")?;
        Ok(id.zip(secret).map(|(id, secret)| (id.to_owned(), Zeroizing::new(secret.to_owned()))))
    }

    /// The server of an installation elsewhere, and the file that says who speaks with it.
    ///
    /// # Errors
    /// [`Error::Value`] if one of them is not UTF-8.
    pub fn elsewhere(&self) -> Result<(Option<&str>, Option<&str>), Error> {
        Ok((self.value("PORTCULLIS_SERVER", "server")?, self.value("PORTCULLIS_PROFILE", "profile")?))
    }

    /// Refuses what looks like a setting and is none: a misspelt one would have no effect.
    ///
    /// Only inside known sections. Kubernetes sets `PORTCULLIS_PORT` and the like for a service of
    /// our name.
    pub(super) fn refuse_unknown(&self) -> Result<(), Error> {
        for variable in self.0.keys().filter(|name| SETTINGS.iter().all(|setting| setting.env != **name)) {
            let in_section = |section| variable.starts_with(&section_prefix(section));
            if let Some(section) = table::sections().find(|section| in_section(section)) {
                return Err(Error::UnknownVariable {
                    variable: variable.clone(),
                    known: variables_of(section),
                });
            }
        }
        Ok(())
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Names only: the master key is among the values.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn section_prefix(section: &str) -> String {
    format!("{PREFIX}{}_", section.to_uppercase())
}

fn variables_of(section: &str) -> String {
    let prefix = section_prefix(section);
    let known: Vec<_> =
        SETTINGS.iter().map(|setting| setting.env).filter(|env| env.starts_with(&prefix)).collect();
    known.join(", ")
}
