//! `portcullis token exec`: another program, with a fresh token in its environment and without the secret
//! that it was exchanged for.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::ask::Ask;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::config::{Environment, SECRET_VARIABLES};

const STATUSES: &str = "The program takes the place of this one: signals go to it, and its exit status is the \
                        answer. Before that: 1 to 4 as ever, 127 if there is no such program, 126 if it cannot \
                        be run; each with a line on stderr that begins with `error:`.";

#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    ask: Ask,
    /// The variable that the token is in.
    #[arg(long, value_name = "NAME", default_value = "PORTCULLIS_TOKEN", value_parser = variable)]
    env: String,
    /// The program, and what it is given.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Ends only if it fails: the program takes the place of this one.
pub(super) async fn run(args: Args, environment: &Environment, output: Output) -> Result<(), Failure> {
    let token = args.ask.exchange(environment, output).await?.granted.token;
    let [program, arguments @ ..] = args.command.as_slice() else {
        return Err(Failure::Usage("name a program after --".to_owned()));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for secret in SECRET_VARIABLES {
        command.env_remove(secret);
    }
    command.env(&args.env, token.as_str());
    let source = command.exec();
    Err(Failure::Program { program: program.to_string_lossy().into_owned(), source })
}

/// A name that every shell takes.
fn variable(name: &str) -> Result<String, String> {
    let is_letter = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    let is_name = name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|b| is_letter(b) || b.is_ascii_digit());
    if is_name {
        Ok(name.to_owned())
    } else {
        Err("a variable is letters, digits and _, such as ORDERS_TOKEN".to_owned())
    }
}
