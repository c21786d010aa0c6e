//! How far an import is: a bar on a terminal, now and then a line elsewhere; on stderr.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

use super::account::Account;

/// Off a terminal, a line after so many batches.
const BATCHES: u32 = 50;

pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { batches: u32 },
}

impl Progress {
    /// For a file of this size, if that is known.
    pub(super) fn of(size: Option<u64>) -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines { batches: 0 };
        }
        let (bar, template) = match size {
            Some(size) => (ProgressBar::new(size), "{bar:30} {percent:>3} %  {msg}  {eta} left"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
        };
        let style = ProgressStyle::with_template(template).expect("a constant template");
        Self::Bar(bar.with_style(style))
    }

    /// So many bytes are dealt with.
    pub(super) fn moved(&mut self, bytes: u64, account: &Account) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(account.so_far());
                bar.set_position(bytes);
            }
            Self::Lines { batches } => {
                *batches += 1;
                if batches.is_multiple_of(BATCHES) {
                    // Nobody listens if this fails; the import goes on.
                    let _ = writeln!(io::stderr().lock(), "{}", account.so_far());
                }
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
