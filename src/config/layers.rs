//! Who wins: flag, else environment, else file, else default.

use super::{
    Environment, Flags,
    error::{Error, Origin, Problem},
    file::File,
    table::SETTINGS,
};

/// The layers that a value may come from.
pub(super) struct Layers<'a> {
    pub(super) flags: &'a Flags,
    pub(super) environment: &'a Environment,
    pub(super) file: File,
}

/// The text that won, before its rule is applied.
pub(super) struct Found {
    setting: &'static str,
    pub(super) origin: Origin,
    pub(super) text: String,
}

impl Layers<'_> {
    /// The value of the setting called `name`.
    pub(super) fn find(&self, name: &str) -> Result<Found, Error> {
        let setting =
            SETTINGS.iter().find(|setting| setting.name == name).expect("only names of the table are read");
        let found = |origin, text: &str| Found { setting: setting.name, origin, text: text.to_owned() };
        let environment = self.environment.value(setting.env, setting.name)?;
        Ok(if let Some(text) = self.flags.value(setting) {
            found(Origin::Flag(setting.flag), text)
        } else if let Some(text) = environment {
            found(Origin::Environment(setting.env), text)
        } else if let Some((origin, text)) = self.file.value(setting) {
            found(origin.clone(), text)
        } else {
            found(Origin::Default, setting.default)
        })
    }

    /// The value of the setting called `name`, by its rule.
    pub(super) fn read<T>(
        &self,
        name: &str,
        rule: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        self.find(name)?.by(rule)
    }
}

impl Found {
    /// The value that the rule makes of the text.
    pub(super) fn by<T>(&self, rule: impl FnOnce(&str) -> Result<T, Problem>) -> Result<T, Error> {
        rule(&self.text).map_err(|problem| self.blame(problem))
    }

    pub(super) fn blame(&self, problem: Problem) -> Error {
        problem.of(self.setting, self.origin.clone())
    }
}
