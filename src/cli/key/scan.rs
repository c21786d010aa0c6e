//! `portcullis key scan`: secrets of ours in files, found by format and checksum. It asks nobody: no
//! installation, no server, no settings.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use walkdir::{DirEntry, WalkDir};
use zeroize::Zeroizing;

use crate::cli::failure::Failure;
use crate::cli::output::{Output, Report, printable};
use crate::cli::progress::Progress;
use crate::domain::KeyId;
use crate::domain::scan::{Scan, secrets_in};

/// How much is read at once, in bytes.
const PIECE: usize = 256 * 1024;
/// Off a terminal, a line after so many pieces.
const PIECES: u32 = 10_000;

const STATUSES: &str = "Exit status: 0 everything was read and there is none, 1 secrets were found, 4 none was \
                        found but some paths could not be read.";

#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES)]
pub(in crate::cli) struct Args {
    /// Files, folders with all that is in them, or - for the standard input.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Stay on the file systems on which the paths are.
    #[arg(long)]
    one_file_system: bool,
}

pub(in crate::cli) fn run(args: &Args, output: Output) -> Result<(), Failure> {
    // A folder's size is worth a walk of its own where somebody looks.
    let size = if Progress::is_seen() { args.size() } else { None };
    let mut search = Search {
        output,
        progress: Progress::of(size, PIECES),
        piece: Zeroizing::new(vec![0; PIECE]),
        account: Account::default(),
    };
    let searched = args.paths.iter().try_for_each(|path| search.look_into(args, path));
    search.progress.end();
    search.account.close(output, searched)
}

impl Args {
    fn walk(&self, path: &Path) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
        let walk = WalkDir::new(path).same_file_system(self.one_file_system).sort_by_file_name();
        walk.into_iter().filter_entry(|entry| entry.depth() == 0 || !is_object_store(entry.path()))
    }

    fn size(&self) -> Option<u64> {
        let size = |entry: DirEntry| {
            entry.metadata().map_or(0, |about| if about.is_file() { about.len() } else { 0 })
        };
        let of_path = |path: &PathBuf| self.walk(path).flatten().map(size).sum::<u64>();
        (!self.paths.iter().any(|path| is_standard_input(path))).then(|| self.paths.iter().map(of_path).sum())
    }
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// What Git and Mercurial keep there is compressed: nothing can be seen in it.
fn is_object_store(path: &Path) -> bool {
    path.ends_with(".git/objects") || path.ends_with(".hg/store")
}

/// A search that is under way.
struct Search {
    output: Output,
    progress: Progress,
    piece: Zeroizing<Vec<u8>>,
    account: Account,
}

impl Search {
    fn look_into(&mut self, args: &Args, path: &Path) -> Result<(), Failure> {
        if is_standard_input(path) {
            return self.read(path, &mut io::stdin().lock());
        }
        for entry in args.walk(path) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                // What was named is read, whatever it is; a link in a folder leads elsewhere.
                Ok(entry) if entry.file_type().is_file() || entry.depth() == 0 => {
                    match File::open(entry.path()) {
                        Ok(mut file) => self.read(entry.path(), &mut file)?,
                        Err(error) => self.unreadable(entry.path(), &error),
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let path = error.path().unwrap_or(path).to_owned();
                    let error =
                        error.into_io_error().unwrap_or_else(|| io::Error::other("it leads to itself"));
                    self.unreadable(&path, &error);
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, path: &Path, from: &mut impl Read) -> Result<(), Failure> {
        let mut scan = Scan::default();
        self.account.files += 1;
        loop {
            let length = match from.read(&mut self.piece) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.unreadable(path, &error);
                    return Ok(());
                }
            };
            for sighting in scan.take(&self.piece[..length]) {
                let (line, column) = (sighting.line, sighting.column);
                self.found(Leak { path: shown(path), line, column, key_id: sighting.key })?;
            }
            self.account.bytes += length as u64;
            let account = &self.account;
            self.progress.moved(account.bytes, || account.so_far());
        }
    }

    /// People are told at once.
    fn found(&mut self, leak: Leak) -> Result<(), Failure> {
        self.account.found += 1;
        if self.output.is_json() {
            self.account.items.push(leak);
            return Ok(());
        }
        let said = self.progress.beside(|| self.output.say(&leak.to_string()));
        said.map_err(|failure| match failure {
            // Whoever reads has seen enough.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Failure::Leaked(self.account.found)
            }
            failure => failure,
        })
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        let unreadable = Unreadable { path: shown(path), error: error.to_string() };
        if !self.output.is_json() {
            let text = format!("{}: {}", unreadable.path, unreadable.error);
            self.progress.beside(|| self.output.warn(&text));
        }
        self.account.unreadable.push(unreadable);
    }
}

/// A path as it can be shown: it too may hold a secret, and moves nobody's cursor.
fn shown(path: &Path) -> String {
    let (bytes, mut shown, mut from) = (path.as_os_str().as_encoded_bytes(), Vec::new(), 0);
    for secret in secrets_in(bytes) {
        shown.extend_from_slice(&bytes[from..secret.at]);
        shown.extend_from_slice("psk_…".as_bytes());
        from = secret.at + secret.length;
    }
    shown.extend_from_slice(&bytes[from..]);
    printable(String::from_utf8_lossy(&shown))
}

/// Where a secret is, and whose.
#[derive(Serialize)]
struct Leak {
    path: String,
    line: u64,
    column: u64,
    /// None if it is a new secret of an imported key.
    key_id: Option<KeyId>,
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, line, column, key_id } = self;
        let key = key_id.as_ref().map_or("an imported key", KeyId::as_str);
        write!(f, "{path}:{line}:{column}: {key}")
    }
}

#[derive(Serialize)]
struct Unreadable {
    path: String,
    error: String,
}

/// What a search brings.
#[derive(Default, Serialize)]
struct Account {
    /// For programs; people were told.
    items: Vec<Leak>,
    next: Option<()>,
    unreadable: Vec<Unreadable>,
    found: u64,
    files: u64,
    bytes: u64,
}

impl Account {
    fn so_far(&self) -> String {
        let Self { found, files, bytes, .. } = self;
        format!("secrets found: {found}; files: {files}, MiB: {}", bytes / (1024 * 1024))
    }

    /// Gives the answer.
    fn close(self, output: Output, searched: Result<(), Failure>) -> Result<(), Failure> {
        searched?;
        let (found, unreadable) = (self.found, self.unreadable.len());
        output.show(&self)?;
        match (found, unreadable) {
            (0, 0) => Ok(()),
            (0, _) => Err(Failure::Unscanned(unreadable)),
            _ => Err(Failure::Leaked(found)),
        }
    }
}

impl Report for Account {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.so_far())
    }
}
