//! The data directory: who may read it, and how much room there is.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::Finding;
use crate::installation::files::Files;

const MIB: u64 = 1024 * 1024;
/// Below this, the next burst of tokens may be refused.
const SCARCE: u64 = 256 * MIB;
/// Below this, nothing can be relied upon to be written.
const NONE: u64 = 16 * MIB;

pub(super) fn examine(files: &Files) -> Vec<Finding> {
    let folder = files.folder();
    match folder.metadata() {
        Ok(metadata) => vec![permissions_of(folder, &metadata), private_files(files), space(folder)],
        Err(error) => {
            let fix = "run `portcullis init` or `portcullis serve`, or name another --data-dir";
            vec![Finding::wrong("data directory", format!("{}: {error}", folder.display()), fix)]
        }
    }
}

fn permissions_of(folder: &Path, metadata: &Metadata) -> Finding {
    const CHECK: &str = "data directory";
    let (path, mode, owner) = (folder.display(), metadata.mode() & 0o777, metadata.uid());
    let me = rustix::process::getuid().as_raw();
    let found = format!("{path}, {mode:04o}, of user {owner}");
    if !metadata.is_dir() {
        Finding::wrong(CHECK, format!("{path} is no folder"), "name another --data-dir")
    } else if mode & 0o022 != 0 {
        let fix = format!("others could put another database there; run `chmod 700 {path}`");
        Finding::wrong(CHECK, found, fix)
    } else if mode & 0o055 != 0 {
        Finding::warning(CHECK, found, format!("others need not look into it; run `chmod 700 {path}`"))
    } else if owner != me {
        let fix = format!("run the server and this program as user {owner}; this is user {me}");
        Finding::warning(CHECK, found, fix)
    } else {
        Finding::ok(CHECK, found)
    }
}

/// The files that hold secrets, or digests and sealed keys.
fn private_files(files: &Files) -> Finding {
    let all = [files.database(), files.master_key_path(), files.admin_key_path()];
    let mode = |path: &Path| path.metadata().ok().map(|metadata| metadata.mode() & 0o777);
    let open: Vec<_> = all.iter().filter(|path| mode(path).is_some_and(|mode| mode & 0o077 != 0)).collect();
    if open.is_empty() {
        return Finding::ok("files", "only their owner can read them");
    }
    let names: Vec<_> = open.iter().map(|path| path.display().to_string()).collect();
    let names = names.join(" ");
    Finding::wrong("files", format!("others can read {names}"), format!("run `chmod 600 {names}`"))
}

fn space(folder: &Path) -> Finding {
    const CHECK: &str = "disk space";
    let Ok(system) = rustix::fs::statvfs(folder) else {
        return Finding::warning(CHECK, "the system does not tell", "watch it by other means");
    };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let found = format!("{} MiB are free", free / MIB);
    if free < NONE {
        Finding::wrong(CHECK, found, "make room: nothing can be issued or revoked on a full disk")
    } else if free < SCARCE {
        Finding::warning(CHECK, found, "make room before it is needed")
    } else {
        Finding::ok(CHECK, found)
    }
}
