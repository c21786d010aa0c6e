//! `portcullis.toml`: found, read and held against the table. Values stay text; their rules are
//! applied wherever they come from.

use std::{
    collections::BTreeMap,
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Environment, Flags,
    error::{Error, Origin, Problem},
    flags::CONFIG,
    master_key, parse,
    table::{self, SETTINGS, Setting},
};

const VARIABLE: &str = "PORTCULLIS_CONFIG";
const USUAL: &str = "portcullis.toml";

/// What the file says, by setting.
#[derive(Debug, Default)]
pub(super) struct File(BTreeMap<&'static str, (Origin, String)>);

impl File {
    /// The file that flag or environment name, which then must exist, or the one in this folder.
    pub(super) fn find(flags: &Flags, environment: &Environment) -> Result<Self, Error> {
        if let Some(path) = &flags.config {
            return Self::read_named(path, Origin::Flag(CONFIG));
        }
        if let Some(path) = environment.value(VARIABLE, CONFIG)? {
            return Self::read_named(Path::new(path), Origin::Environment(VARIABLE));
        }
        match Self::read(Path::new(USUAL), Origin::Default) {
            Err(Error::Unreadable { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            read => read,
        }
    }

    fn read_named(path: &Path, origin: Origin) -> Result<Self, Error> {
        parse::file_name(&path.to_string_lossy()).map_err(|problem| problem.of(CONFIG, origin.clone()))?;
        Self::read(path, origin)
    }

    fn read(path: &Path, origin: Origin) -> Result<Self, Error> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(cause) => Err(Error::Unreadable { path: path.to_owned(), origin, cause }),
        }
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let mut reader = Reader { path, text, values: BTreeMap::new() };
        match DeTable::parse(text) {
            Ok(document) => reader.document(document.get_ref())?,
            Err(error) => {
                let origin = reader.origin(error.span().unwrap_or_default());
                return Err(Error::Syntax { origin, message: error.message().to_owned() });
            }
        }
        Ok(Self(reader.values))
    }

    /// What the file says of `setting`, and where.
    pub(super) fn value(&self, setting: &Setting) -> Option<&(Origin, String)> {
        self.0.get(setting.name)
    }
}

/// Walks one document.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    values: BTreeMap<&'static str, (Origin, String)>,
}

impl Reader<'_> {
    fn document(&mut self, document: &DeTable<'_>) -> Result<(), Error> {
        for (key, value) in document {
            match value.get_ref().as_table() {
                Some(table) if table::sections().any(|section| section == key.get_ref()) => {
                    self.section(key.get_ref(), table)?;
                }
                _ => self.entry(&[key.get_ref()], key.span(), value)?,
            }
        }
        Ok(())
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) -> Result<(), Error> {
        table.iter().try_for_each(|(key, value)| self.entry(&[section, key.get_ref()], key.span(), value))
    }

    fn entry(&mut self, key: &[&str], at: Range<usize>, value: &Spanned<DeValue<'_>>) -> Result<(), Error> {
        let origin = self.origin(at);
        // Segment by segment: the quoted key "listen.public" is not the key `public` of `listen`.
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name.split('.').eq(key.iter().copied()))
        else {
            return Err(unknown(key, origin));
        };
        let text =
            text_of(value.get_ref(), setting).map_err(|problem| problem.of(setting.name, origin.clone()))?;
        self.values.insert(setting.name, (origin, text));
        Ok(())
    }

    fn origin(&self, at: Range<usize>) -> Origin {
        let before = self.text.get(..at.start).unwrap_or_default();
        Origin::File { path: PathBuf::from(self.path), line: before.matches('\n').count() + 1 }
    }
}

/// The value as flag or environment would give it.
fn text_of(value: &DeValue<'_>, setting: &Setting) -> Result<String, Problem> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| Problem::new("the number is too large", "write a smaller one")),
        DeValue::Array(items) if setting.list => {
            let texts: Option<Vec<_>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            texts
                .map(|texts| texts.join(","))
                .ok_or_else(|| wrong_type("a list of other things than text", setting))
        }
        DeValue::Array(_) => Err(wrong_type("a list", setting)),
        other => Err(wrong_type(&format!("a {}", other.type_str()), setting)),
    }
}

fn wrong_type(found: &str, setting: &Setting) -> Problem {
    let fix = if setting.list { "write a list of texts in quotes" } else { "write a text in quotes" };
    Problem::new(format!("this is {found}"), fix)
}

fn unknown(key: &[&str], origin: Origin) -> Error {
    let fix = if key == ["master_key"] {
        format!("the master key is read from the environment only, as {}", master_key::VARIABLE)
    } else {
        let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        let section = key.first().map(|section| format!("{section}.")).unwrap_or_default();
        let near: Vec<_> = names.iter().copied().filter(|name| name.starts_with(&section)).collect();
        let known = if near.is_empty() { names } else { near };
        format!("remove it or use one of {}", known.join(", "))
    };
    // A quoted key with a dot in it stays quoted: it is not the path that it looks like.
    let quoted = |segment: &&str| match *segment {
        secret if parse::looks_secret(secret) => "(it looks like a secret)".to_owned(),
        dotted if dotted.contains('.') => format!("{dotted:?}"),
        segment => segment.to_owned(),
    };
    Error::UnknownKey { key: key.iter().map(quoted).collect::<Vec<String>>().join("."), origin, fix }
}
