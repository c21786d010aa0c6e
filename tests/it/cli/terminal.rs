//! The program on a terminal.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Runs a command on a terminal where somebody types this; answers its status and the screen.
pub(super) fn run(mut command: Command, typed: &str) -> (i32, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options().read(true).write(true).open(OsStr::from_bytes(name.to_bytes())).unwrap();
    let end = || OwnedFd::from(theirs.try_clone().unwrap());
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    // Only the child holds the other end now: when it ends, so does the reading.
    drop((command, theirs));
    let mut ours = File::from(ours);
    ours.write_all(typed.as_bytes()).unwrap();
    let mut screen = Vec::new();
    let _ = ours.read_to_end(&mut screen); // EIO is how Linux says that everybody has left
    let status = child.wait().unwrap().code().expect("it ended by itself");
    (status, String::from_utf8(screen).unwrap().replace("\r\n", "\n"))
}
