//! Which value holds, and who says so: for people who wonder.

use super::{
    Environment, Flags, SETTINGS, Settings, database,
    error::{Error, Origin},
    file::File,
    layers::Layers,
    master_key,
};

/// A setting as it holds. Of a secret only that it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The setting.
    pub name: &'static str,
    /// Its value as it was written; empty if the setting's own help says what that means.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

impl Settings {
    /// Every setting with its value and where that stands, in the order of the table.
    ///
    /// # Errors
    ///
    /// The first source that cannot be read. Values are not held against their rules.
    pub fn effective(flags: &Flags, environment: &Environment) -> Result<Vec<Effective>, Error> {
        let layers = Layers { flags, environment, file: File::find(flags, environment)? };
        let found = |name: &'static str| {
            layers.find(name).map(|found| Effective {
                name,
                // A password may be in it.
                value: if name == "database" { database::shown(&found.text) } else { found.text },
                origin: found.origin,
            })
        };
        let mut all: Vec<_> = SETTINGS.iter().map(|setting| found(setting.name)).collect::<Result<_, _>>()?;
        if environment.value(master_key::VARIABLE, "master_key")?.is_some() {
            let origin = Origin::Environment(master_key::VARIABLE);
            all.push(Effective { name: "master_key", value: "(secret)".to_owned(), origin });
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_says_where_it_stands_and_the_master_key_only_that_it_is_set() {
        let secret = "deadbeef".repeat(8);
        let environment: Environment = [
            ("PORTCULLIS_LOG_LEVEL", "debug"),
            ("PORTCULLIS_DATABASE", "postgres://u:deadbeef@db/p"),
            (master_key::VARIABLE, &secret),
        ]
        .into_iter()
        .collect();
        let all = Settings::effective(&Flags::default(), &environment).unwrap();
        let of = |name: &str| {
            let setting = all.iter().find(|setting| setting.name == name).unwrap();
            format!("{} ({})", setting.value, setting.origin)
        };
        assert_eq!(all.len(), SETTINGS.len() + 1);
        assert_eq!(of("log.level"), "debug (environment PORTCULLIS_LOG_LEVEL)");
        assert_eq!(of("revocation.poll"), "5s (default)");
        assert_eq!(of("database"), "postgres://u:***@db/p (environment PORTCULLIS_DATABASE)");
        assert_eq!(of("master_key"), "(secret) (environment PORTCULLIS_MASTER_KEY)");
        assert!(!format!("{all:?}").contains("deadbeef"));
    }
}
