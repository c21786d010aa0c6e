//! The settings as flags of every command, written by hand from the table.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};

use super::table::{SETTINGS, Setting};

pub(super) const CONFIG: &str = "config";

/// The settings that stand on the command line.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub(super) config: Option<PathBuf>,
    values: BTreeMap<&'static str, String>,
}

impl Flags {
    /// What the command line says of `setting`.
    pub(super) fn value(&self, setting: &Setting) -> Option<&str> {
        self.values.get(setting.name).map(String::as_str)
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.arg(config_flag()).args(SETTINGS.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |setting: &Setting| matches.get_one::<String>(setting.name).cloned();
        Ok(Self {
            config: matches.get_one::<PathBuf>(CONFIG).cloned(),
            values: SETTINGS.iter().filter_map(|setting| Some((setting.name, value(setting)?))).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let Self { config, values } = Self::from_arg_matches(matches)?;
        self.config = config.or(self.config.take());
        self.values.extend(values);
        Ok(())
    }
}

fn config_flag() -> Arg {
    Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("PATH")
        .value_parser(value_parser!(PathBuf))
        .help("Settings file [default: ./portcullis.toml if it exists] [env: PORTCULLIS_CONFIG]")
        .help_heading("Settings")
        .global(true)
}

/// Top-level settings show in `-h`, the sections only in `--help`: every command has all of them.
fn flag(setting: &'static Setting) -> Arg {
    let default = match setting.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    Arg::new(setting.name)
        .long(setting.flag)
        .value_name("VALUE")
        .help(format!("{}{default} [env: {}]", setting.help, setting.env))
        .help_heading("Settings")
        .hide_short_help(setting.name.contains('.'))
        .global(true)
}
