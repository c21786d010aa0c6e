//! `portcullis completions`: what a shell needs to complete our command lines.

use std::io;

use clap::{CommandFactory as _, ValueEnum};
use clap_complete::shells;

use super::failure::Failure;
use super::output::Output;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Needs neither settings nor an installation.
pub(super) fn run(args: &Args, output: Output) -> Result<(), Failure> {
    let (mut command, mut script) = (super::Cli::command(), Vec::new());
    let to: &mut dyn io::Write = &mut script;
    match args.shell {
        Shell::Bash => clap_complete::generate(shells::Bash, &mut command, "portcullis", to),
        Shell::Zsh => clap_complete::generate(shells::Zsh, &mut command, "portcullis", to),
        Shell::Fish => clap_complete::generate(shells::Fish, &mut command, "portcullis", to),
    }
    output.say(String::from_utf8_lossy(&script).trim_end())
}
