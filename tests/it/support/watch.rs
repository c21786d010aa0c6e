//! Promise P7 over the whole suite: everything that is logged is kept, at TRACE, and when a server
//! of a test ends, neither log nor database may hold a secret or token that the test has seen.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};

use tempfile::TempDir;
use tracing_subscriber::fmt::MakeWriter;

use super::Finder;

/// A test that mints thousands shows no more by the last than by the first.
const ENOUGH: usize = 64;

/// What was logged in this process, and what may not be in it.
static SEEN: Mutex<Seen> = Mutex::new(Seen { log: Vec::new(), secrets: Vec::new() });

struct Seen {
    log: Vec<u8>,
    secrets: Vec<(&'static str, String)>,
}

fn seen() -> impl std::ops::DerefMut<Target = Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nobody else may ever read this.
pub(crate) fn is_secret(name: &'static str, secret: &str) {
    let mut seen = seen();
    if seen.secrets.len() < ENOUGH {
        seen.secrets.push((name, secret.to_owned()));
    }
}

/// Looks, when it is dropped, at everything that a server may have left.
pub(crate) struct Watch {
    folder: Arc<TempDir>,
}

impl Watch {
    pub(crate) fn begin(folder: Arc<TempDir>) -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let log = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE);
            log.with_writer(Kept).init();
        });
        Self { folder }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let found = leaks(self.folder.path());
            assert!(found.is_empty(), "{}", found.join("\n"));
        }
    }
}

fn leaks(folder: &Path) -> Vec<String> {
    let mut finder = Finder::default();
    let seen = seen();
    for (name, secret) in &seen.secrets {
        finder.text(name, secret);
    }
    let mut found = finder.find("the log", &seen.log);
    for file in files(folder) {
        found.extend(finder.find(&file.display().to_string(), &fs::read(&file).unwrap()));
    }
    found
}

fn begins(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|ours| ours.to_string_lossy().starts_with(name))
}

/// Every file below a folder but those that are meant to hold a secret: the first administrator's,
/// and the master key with its next and former ones.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !["admin-key.json", "master.key"].iter().any(|meant| begins(&path, meant)) {
            found.push(path);
        }
    }
    found
}

struct Kept;

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        seen().log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::App;

    const CANARY: &str = "psk_live_0123456789abcdef_Q1w2E3r4T5y6U7i8O9p0A1s2D3f4G5h6J7k8L9z0X1c2V3b4N";

    /// In a process of its own, as each test is: what it leaks would fail its neighbours.
    #[tokio::test]
    async fn a_leak_into_log_or_database_is_noticed_when_the_server_ends() {
        let app = App::start().await;
        let folder = app.data_dir().to_owned();
        is_secret("canary", CANARY);
        assert_eq!(leaks(&folder), Vec::<String>::new());
        fs::write(folder.join("portcullis.db-wal.copy"), format!("\0\0{CANARY}")).unwrap();
        assert_eq!(leaks(&folder).len(), 4, "each piece of it");
        fs::remove_file(folder.join("portcullis.db-wal.copy")).unwrap();
        let mark = seen().log.len();
        tracing::trace!(target: "sqlx::query", secret = CANARY, "by a library, at its lowest level");
        assert_eq!(leaks(&folder).len(), 4);
        seen().log.truncate(mark);
        assert_eq!(leaks(&folder), Vec::<String>::new());
    }
}
