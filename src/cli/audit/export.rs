//! `portcullis audit export`: the log in a form for other programs, with the head as its end.

use std::fs;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use tempfile::{Builder, NamedTempFile};

use crate::admin::view::{AuditFormat, AuditHead};
use crate::cli::failure::Failure;
use crate::cli::output::{Report, write_fields};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::domain::audit::Broken;

use super::filter::Filter;
use super::{newest, rows_after};

/// Elsewhere than on a terminal, a line after so many batches.
const BATCHES: u32 = 100;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// One JSON object or one CSV record for each row; the last one is the head.
    #[arg(long, value_parser = format(), default_value = AuditFormat::JsonLines.as_str())]
    format: AuditFormat,
    /// Only rows after this one.
    #[arg(long, value_name = "SEQ", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    after: i64,
    /// The file, which is replaced once everything is written [default: the standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn format() -> impl TypedValueParser<Value = AuditFormat> {
    let words = PossibleValuesParser::new(AuditFormat::ALL.map(AuditFormat::as_str));
    words.try_map(|word| word.parse::<AuditFormat>())
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let Some(path) = &args.output else {
        return match write_all(session, &args, &mut BufWriter::new(io::stdout())).await {
            // Whoever reads it has seen enough of it.
            Err(Stopped::Unwritten(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(Stopped::Unwritten(error)) => Err(Failure::Output(error)),
            Err(Stopped::Failed(failure)) => Err(failure),
            Ok(_) => Ok(()),
        };
    };
    let failed = |source| Failure::Input { path: path.clone(), source };
    let draft = draft_beside(path).map_err(failed)?;
    let (rows, head) = match write_all(session, &args, &mut BufWriter::new(draft.as_file())).await {
        Err(Stopped::Unwritten(error)) => return Err(failed(error)),
        Err(Stopped::Failed(failure)) => return Err(failure),
        Ok(done) => done,
    };
    draft.as_file().sync_all().map_err(failed)?;
    draft.persist(path).map_err(|refused| failed(refused.error))?;
    session.output.show(&Exported { output: path.clone(), rows_written: rows, head })
}

/// A file that only its owner may read, in the folder where it will get its name.
fn draft_beside(path: &Path) -> io::Result<NamedTempFile> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        let why = "something else than a file is there, and is not replaced";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // It is said of the folder, and not of the draft, which nobody has heard of.
    fs::metadata(folder)?;
    let draft = Builder::new().prefix(".portcullis-audit-").tempfile_in(folder);
    draft.map_err(|error| error.kind().into())
}

enum Stopped {
    Unwritten(io::Error),
    Failed(Failure),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

/// Writes the wanted rows that are there when it begins, and the newest of them as the head; answers how many, and
/// that head.
async fn write_all(
    session: &Session,
    args: &Args,
    out: &mut impl Write,
) -> Result<(u64, Option<AuditHead>), Stopped> {
    let wanted = args.filter.wanted(session.clock.now());
    let head = newest(session, &wanted).await.map_err(Stopped::Failed)?.as_ref().map(AuditHead::of);
    let is_whole = args.filter.is_none() && session.house.limited_to().is_none();
    if head.is_none() && is_whole {
        return Err(Stopped::Failed(Broken::Missing(1).into()));
    }
    let end = head.as_ref().map_or(0, |head| head.rows);
    // How many of a part will come nobody knows before.
    let total = is_whole.then(|| u64::try_from(end - args.after).unwrap_or_default());
    let mut progress = if args.output.is_none() && io::stdout().is_terminal() {
        // A bar would stand among the rows.
        Progress::Lines { steps: 0, every: BATCHES }
    } else {
        Progress::of(total, BATCHES)
    };
    let (mut after, mut written) = (args.after, 0);
    out.write_all(args.format.beginning().as_bytes())?;
    while after < end {
        let rows = rows_after(session, &wanted, after).await.map_err(Stopped::Failed)?;
        let Some(last) = rows.last() else { break };
        after = last.row.seq;
        for sealed in rows.into_iter().take_while(|sealed| sealed.row.seq <= end) {
            args.format.row(&sealed.into(), out)?;
            written += 1;
        }
        progress.moved(written, || format!("{written} rows"));
    }
    progress.end();
    args.format.end(head.as_ref(), out)?;
    out.flush()?;
    Ok((written, head))
}

/// The answer, where the rows went into a file.
#[derive(Serialize)]
struct Exported {
    output: PathBuf,
    #[serde(rename = "exported")]
    rows_written: u64,
    #[serde(flatten)]
    head: Option<AuditHead>,
}

impl Report for Exported {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let output = self.output.display().to_string();
        let mut fields = vec![("output", output), ("exported", self.rows_written.to_string())];
        fields.extend(self.head.as_ref().map(|head| ("head", format!("{}:{}", head.rows, head.head))));
        write_fields(out, &fields)
    }
}
