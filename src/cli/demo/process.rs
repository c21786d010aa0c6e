//! The server of the demonstration: this same program, as a process of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::cli::failure::Failure;

/// How long the server may take to be ready, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub(super) struct ServerProcess {
    child: Child,
    /// Where it listens.
    pub(super) url: String,
    /// How long it took to be ready.
    pub(super) ready_after: Duration,
}

impl ServerProcess {
    /// Starts `serve` on a free port; it believes a proxy on this machine about addresses, so that
    /// the demonstration can speak from several.
    pub(super) async fn start(folder: &Path) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        let began = crate::time::SystemClock::shared();
        // Without the environment: a PORTCULLIS_… variable there would make it another story.
        let mut child = Command::new(program)
            .env_clear()
            .args(["serve", "--listen-public", "127.0.0.1:0", "--log-level", "warn"])
            .args(["--client-address-trusted-proxies", "127.0.0.1"])
            .arg("--data-dir")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error))?;
        let stdout = child.stdout.take().expect("its output is piped");
        let line = timeout(PATIENCE, BufReader::new(stdout).lines().next_line()).await;
        let line = line.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?.unwrap_or_default();
        let ready: Value = serde_json::from_str(&line).map_err(|error| failed(&error))?;
        let url = ready["public"].as_str().unwrap_or_default().to_owned();
        Ok(Self { child, url, ready_after: began.monotonic() })
    }

    /// Stops it as a service manager would, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        let id = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(id) = id {
            kill_process(id, Signal::TERM).map_err(|error| failed(&error))?;
        }
        let status = timeout(PATIENCE, self.child.wait()).await.map_err(|error| failed(&error))?;
        let status = status.map_err(|error| failed(&error))?;
        if status.success() { Ok(()) } else { Err(failed(&status)) }
    }
}

fn failed(why: &dyn std::fmt::Display) -> Failure {
    Failure::Demo(format!("the server of the demonstration failed: {why}"))
}
