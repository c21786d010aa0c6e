//! What a command reads that is no argument: secrets would show in the list of processes.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::failure::Failure;

/// More than any key or token.
const LONGEST: u64 = 64 * 1024;

/// The text of a file, or of the standard input if that is called `-`.
pub(super) fn read(from: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = if from == Path::new("-") { all(io::stdin().lock()) } else { File::open(from).and_then(all) };
    text.map_err(|source| Failure::Input { path: from.to_owned(), source })
}

fn all(from: impl Read) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    from.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long to be a key or token"));
    }
    Ok(text)
}

/// Whether others than its owner can read a file.
pub(super) fn is_open_to_others(file: &Path) -> bool {
    file != Path::new("-") && file.metadata().is_ok_and(|file| file.mode() & 0o077 != 0)
}
