//! The proxies as processes.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{DEADLINE, PAUSE, now};
use crate::support::free_port;

/// A proxy; ended with its owner.
pub(super) struct Program {
    child: Child,
    folder: TempDir,
    pub(super) url: String,
}

/// A program of Debian's, which are not always in the path of users.
pub(super) fn debians(name: &str) -> PathBuf {
    let aside = Path::new("/usr/sbin").join(name);
    if aside.exists() { aside } else { PathBuf::from(name) }
}

impl Program {
    /// nginx, with this file included where Debian includes those of its `conf.d`.
    pub(super) async fn nginx(site: impl FnOnce(u16, &Path) -> String) -> Self {
        Self::start(site, |folder| {
            let place = folder.display();
            // Started as root, nginx would give its workers to a user that cannot come in here.
            let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
            let temporary = temporary.map(|kind| format!("{kind}_temp_path {place}/{kind};")).concat();
            let main = format!(
                "daemon off; {user} pid {place}/pid; error_log {place}/log; worker_processes 1; \
                 events {{ worker_connections 256; }} \
                 http {{ access_log off; {temporary} include {place}/site; }}"
            );
            fs::write(folder.join("nginx.conf"), main).unwrap();
            let mut command = Command::new(debians("nginx"));
            command.arg("-e").arg(folder.join("log")).arg("-c").arg(folder.join("nginx.conf"));
            command
        })
        .await
    }

    /// Caddy, with this file imported into one that asks for no certificates.
    pub(super) async fn caddy(site: impl FnOnce(u16, &Path) -> String) -> Self {
        Self::start(site, |folder| {
            let main = format!("{{\n\tadmin off\n\tauto_https off\n}}\nimport {}/site\n", folder.display());
            fs::write(folder.join("Caddyfile"), main).unwrap();
            let mut command = Command::new(debians("caddy"));
            command.args(["run", "--adapter", "caddyfile", "--config"]).arg(folder.join("Caddyfile"));
            command.envs(["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(|name| (name, folder)));
            command
        })
        .await
    }

    /// HAProxy as a master and its worker, as Debian's unit starts it; `prepare` makes
    /// `haproxy.cfg` in the folder out of the `site` there.
    pub(super) async fn haproxy(
        site: impl FnOnce(u16, &Path) -> String,
        prepare: impl FnOnce(&Path),
    ) -> Self {
        Self::start(site, |folder| {
            prepare(folder);
            let mut command = Command::new(debians("haproxy"));
            command.args(["-W", "-f"]).arg(folder.join("haproxy.cfg"));
            command
        })
        .await
    }

    async fn start(site: impl FnOnce(u16, &Path) -> String, command: impl FnOnce(&Path) -> Command) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        fs::write(folder.path().join("site"), site(port, folder.path())).unwrap();
        let mut command = command(folder.path());
        let told = File::create(folder.path().join("told")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(told.try_clone().unwrap()).stderr(told).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test installs it"));
        let mut program = Self { child, folder, url: format!("http://127.0.0.1:{port}") };
        program
            .until("it listens", |program| {
                assert!(program.child.try_wait().unwrap().is_none(), "no start: {}", program.told());
                TcpStream::connect(("127.0.0.1", port)).is_ok()
            })
            .await;
        program
    }

    /// Waits until something holds, which it must within the deadline.
    pub(super) async fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let begun = now();
        while !holds(self) {
            assert!(begun.elapsed() < DEADLINE, "never: {what}: {}", self.told());
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a service manager sends it to read its configuration again.
    pub(super) fn reload(&self) {
        kill_process(Pid::from_child(&self.child), Signal::USR2).unwrap();
    }

    /// All that it said.
    pub(super) fn told(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder().join(name)).unwrap_or_default();
        read("told") + &read("log")
    }
}

impl Drop for Program {
    /// In order, so that masters take their workers along.
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        }
        self.child.wait().unwrap();
    }
}
