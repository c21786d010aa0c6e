//! `portcullis key import`

mod account;
mod batch;
mod csv;
mod jsonl;
mod lines;
mod record;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::cli::house::Projects as _;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::domain::ProjectId;
use crate::keys::import_acts::Import;

use account::Account;
use batch::{Batches, Format};
use lines::Lines;

/// How many lines are imported at once, and at most.
const BATCH: u32 = 1000;
const LARGEST_BATCH: i64 = 10_000;
/// Off a terminal, a line after so many of them.
const BATCHES: u32 = 50;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The file, or `-` for the standard input: CSV under a line of column names, or JSON lines.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The project that the keys are for.
    #[arg(long, value_name = "ID")]
    project: ProjectId,
    /// What the file is [default: as its name ends, .csv, .jsonl or .ndjson].
    #[arg(long)]
    format: Option<Format>,
    /// Write every refused line's number, field and reason there, as JSON lines.
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// How many lines are imported at once, in one transaction.
    #[arg(long, value_name = "N", default_value_t = BATCH, value_parser = clap::value_parser!(u32).range(1..=LARGEST_BATCH))]
    batch: u32,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let here = session.here("`key import`")?;
    let format = args.format.or_else(|| Format::of(&args.file)).ok_or_else(|| {
        Failure::Usage("--format: say whether the file is csv or jsonl; its name does not tell".into())
    })?;
    here.project(&args.project).await?;
    let (source, size) = open(&args.file)?;
    let unreadable = |source| Failure::Input { path: args.file.clone(), source };
    let mut batches =
        Batches::new(format, Lines::of(source), args.batch, session.clock.now()).map_err(unreadable)?;
    let mut account = Account::new(&args)?;
    let mut import = here.acts.import(&args.project, args.dry_run).await?;
    account.knows(here.store().catalogue(&args.project).await?);
    let mut progress = Progress::of(size, BATCHES);
    let done = carry_out(&mut batches, &mut import, &mut account, &mut progress).await;
    progress.end();
    match done {
        Ok(()) => account.close(session),
        Err(error) => {
            account.say_how_far(session);
            Err(match error {
                Stopped::Unreadable(source) => unreadable(source),
                Stopped::Failed(failure) => failure,
            })
        }
    }
}

enum Stopped {
    Unreadable(io::Error),
    Failed(Failure),
}

async fn carry_out(
    batches: &mut Batches<impl Read>,
    import: &mut Import<'_>,
    account: &mut Account,
    progress: &mut Progress,
) -> Result<(), Stopped> {
    while let Some(batch) = batches.next().map_err(Stopped::Unreadable)? {
        let lines = (batch.first, batch.last);
        let (numbers, keys): (Vec<_>, Vec<_>) = batch.keys.into_iter().unzip();
        let notes: Vec<_> = keys.iter().map(|key| account.doubts_about(key)).collect();
        let verdicts = import.batch(keys, lines).await.map_err(|error| Stopped::Failed(error.into()))?;
        account.refuse(batch.refused);
        let verdicts = numbers.into_iter().zip(verdicts).zip(notes);
        for ((line, verdict), doubts) in verdicts {
            account.take(line, verdict, doubts);
        }
        account.write_refused().map_err(Stopped::Failed)?;
        progress.moved(batches.bytes(), || account.so_far());
    }
    Ok(())
}

/// What is to be read, and how long it is if that is known.
fn open(file: &Path) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if file == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let opened = File::open(file).and_then(|opened| Ok((opened.metadata()?, opened)));
    let (about, opened) = opened.map_err(|source| Failure::Input { path: file.to_owned(), source })?;
    let size = about.is_file().then_some(about.len());
    Ok((Box::new(BufReader::with_capacity(256 * 1024, opened)), size))
}
