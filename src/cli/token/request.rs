//! `portcullis token request`: a client, for the shell.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::ask::Ask;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Report};
use crate::config::Environment;

pub(super) async fn run(ask: Ask, environment: &Environment, output: Output) -> Result<(), Failure> {
    output.show(&Granted(ask.exchange(environment, output).await?.body))
}

/// The answer; for people and pipes the token alone.
#[derive(Serialize)]
#[serde(transparent)]
struct Granted(Value);

impl Report for Granted {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.0["access_token"].as_str().unwrap_or_default())
    }
}
