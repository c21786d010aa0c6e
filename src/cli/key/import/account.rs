//! What became of the lines of a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::key::create::is_known;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::domain::import::{Field, Newcomer, Refused};
use crate::domain::{Catalogue, ProjectId, Scope};
use crate::keys::import_acts::{Arrived, Verdict};

use super::Args;

/// So many refused lines are named in the answer, the first ones.
const NAMED: usize = 100;
/// And so many to people.
const NAMED_TO_PEOPLE: usize = 20;
/// So many scopes are remembered.
const LOOKED_UP: usize = 10_000;

/// Things that were done as asked but may not have been meant.
const DOUBTS: [&str; 3] = [
    "hold scopes that are not in the project's catalogue",
    "have no permissions, so they can mint no token",
    "have an allowlist that names every address of IPv4 or IPv6, so it keeps nobody out",
];

/// The answer.
#[derive(Serialize)]
pub(super) struct Account {
    project: ProjectId,
    dry_run: bool,
    imported: u64,
    already: u64,
    refused_lines: u64,
    refused: Vec<RefusedLine>,
    #[serde(skip)]
    doubts: [Doubt; DOUBTS.len()],
    #[serde(skip)]
    catalogue: Catalogue,
    /// Scopes that were looked for in the catalogue.
    #[serde(skip)]
    looked_up: HashMap<Scope, bool>,
    #[serde(skip)]
    list: Option<List>,
    /// Those of the batch that is being dealt with.
    #[serde(skip)]
    fresh: Vec<RefusedLine>,
}

#[derive(Clone, Serialize)]
struct RefusedLine {
    line: u64,
    field: Option<&'static str>,
    reason: &'static str,
}

/// How many keys, and the line of the first.
#[derive(Clone, Copy, Default)]
struct Doubt {
    keys: u64,
    first: u64,
}

/// Where every refused line is to be written.
struct List {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Account {
    pub(super) fn new(args: &Args) -> Result<Self, Failure> {
        let list = args.refused.as_deref().map(|path| List::make(path, &args.file)).transpose()?;
        Ok(Self {
            project: args.project.clone(),
            dry_run: args.dry_run,
            imported: 0,
            already: 0,
            refused_lines: 0,
            refused: Vec::new(),
            doubts: Default::default(),
            catalogue: Catalogue::default(),
            looked_up: HashMap::new(),
            list,
            fresh: Vec::new(),
        })
    }

    /// What scopes the project has.
    pub(super) fn knows(&mut self, catalogue: Catalogue) {
        self.catalogue = catalogue;
    }

    /// What may not have been meant.
    pub(super) fn doubts_about(&mut self, key: &Newcomer) -> [bool; DOUBTS.len()] {
        let administrative = self.project.as_str() == ProjectId::ADMINISTRATION;
        let (permissions, allowlist) = (&key.details.permissions, &key.details.allowlist);
        [
            !administrative && permissions.iter().any(|scope| !self.is_known(scope)),
            permissions.is_empty() && key.details.role.is_none(),
            allowlist.names_everything(),
        ]
    }

    /// A catalogue is long, and the keys of a file are alike.
    fn is_known(&mut self, scope: &Scope) -> bool {
        if let Some(known) = self.looked_up.get(scope) {
            return *known;
        }
        if self.looked_up.len() >= LOOKED_UP {
            self.looked_up.clear();
        }
        let known = is_known(scope, &self.catalogue);
        self.looked_up.insert(scope.clone(), known);
        known
    }

    /// What became of a key.
    pub(super) fn take(&mut self, line: u64, verdict: Verdict, doubts: [bool; DOUBTS.len()]) {
        match verdict {
            Ok(Arrived::AlreadyThere) => self.already += 1,
            Ok(Arrived::Imported) => {
                self.imported += 1;
                let raised = self.doubts.iter_mut().zip(doubts).filter(|(_, raised)| *raised);
                for (doubt, _) in raised {
                    doubt.keys += 1;
                    doubt.first = if doubt.first == 0 { line } else { doubt.first };
                }
            }
            Err(refused) => self.refuse([(line, refused)]),
        }
    }

    /// Lines that are refused.
    pub(super) fn refuse(&mut self, lines: impl IntoIterator<Item = (u64, Refused)>) {
        self.fresh.extend(lines.into_iter().map(|(line, refused)| RefusedLine {
            line,
            field: refused.field.map(Field::as_str),
            reason: refused.why,
        }));
    }

    /// Writes down, in the order of the file, what was refused since the last time.
    pub(super) fn write_refused(&mut self) -> Result<(), Failure> {
        self.fresh.sort_by_key(|refused| refused.line);
        self.refused_lines += self.fresh.len() as u64;
        if let Some(list) = &mut self.list {
            list.write(&self.fresh).map_err(|source| list.failed(source))?;
        }
        let room = NAMED - self.refused.len();
        self.refused.extend(self.fresh.drain(..).take(room));
        Ok(())
    }

    /// In one line.
    pub(super) fn so_far(&self) -> String {
        let Self { imported, already, refused_lines, .. } = self;
        format!("{imported} imported, {already} already there, {refused_lines} refused")
    }

    /// Says before a failure what was done until then.
    pub(super) fn say_how_far(&self, session: &Session) {
        if !self.dry_run && self.imported + self.already > 0 {
            let so_far = self.so_far();
            session.output.warn(&format!("{so_far}; run the same command again, and it goes on from there"));
        }
    }

    /// Gives the answer.
    pub(super) fn close(mut self, session: &Session) -> Result<(), Failure> {
        if let Some(list) = &mut self.list {
            list.file.flush().map_err(|source| list.failed(source))?;
        }
        for (doubt, what) in self.doubts.iter().zip(DOUBTS).filter(|(doubt, _)| doubt.keys > 0) {
            let Doubt { keys, first } = doubt;
            session.output.warn(&format!("{keys} keys {what}; the first is in line {first}"));
        }
        session.output.show(&self)?;
        match self.refused_lines {
            0 => Ok(()),
            lines => Err(Failure::RefusedLines(lines)),
        }
    }
}

impl List {
    /// A new file, which must not be the one that is read.
    fn make(path: &Path, read: &Path) -> Result<Self, Failure> {
        let same = |(a, b): (std::fs::Metadata, std::fs::Metadata)| (a.dev(), a.ino()) == (b.dev(), b.ino());
        if path.metadata().ok().zip(read.metadata().ok()).is_some_and(same) {
            return Err(Failure::Usage("--refused: this is the file that is to be imported".into()));
        }
        match File::create(path) {
            Ok(file) => Ok(Self { path: path.to_owned(), file: BufWriter::new(file) }),
            Err(source) => Err(Failure::Input { path: path.to_owned(), source }),
        }
    }

    fn write(&mut self, refused: &[RefusedLine]) -> io::Result<()> {
        for line in refused {
            serde_json::to_writer(&mut self.file, line)?;
            self.file.write_all(b"\n")?;
        }
        // What is imported is committed; so is what is said about it.
        self.file.flush()
    }

    fn failed(&self, source: io::Error) -> Failure {
        Failure::Input { path: self.path.clone(), source }
    }
}

impl Report for Account {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let nothing = if self.dry_run { "Nothing was changed. It would be: " } else { "" };
        writeln!(out, "{nothing}{}.", self.so_far())?;
        for RefusedLine { line, field, reason } in self.refused.iter().take(NAMED_TO_PEOPLE) {
            let field = field.map(|field| format!("{field}: ")).unwrap_or_default();
            writeln!(out, "line {line}: {field}{reason}")?;
        }
        let named = self.refused.len().min(NAMED_TO_PEOPLE) as u64;
        if self.refused_lines > named {
            writeln!(out, "and {} more lines; --refused FILE lists all of them", self.refused_lines - named)?;
        }
        Ok(())
    }
}
