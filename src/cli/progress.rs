//! How far a long command is: a bar on a terminal, now and then a line elsewhere; on stderr.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { steps: u32, every: u32 },
}

impl Progress {
    /// Whether there will be a bar, for which it is worth to know how long it takes.
    pub(super) fn is_seen() -> bool {
        io::stderr().is_terminal()
    }

    /// For so many bytes, if that is known; elsewhere than on a terminal, a line `every` so many steps.
    pub(super) fn of(size: Option<u64>, every: u32) -> Self {
        if !Self::is_seen() {
            return Self::Lines { steps: 0, every };
        }
        let (bar, template) = match size {
            Some(size) => (ProgressBar::new(size), "{bar:30} {percent:>3} %  {msg}  {eta} left"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
        };
        let style = ProgressStyle::with_template(template).expect("a constant template");
        Self::Bar(bar.with_style(style))
    }

    /// Another step: so many bytes are dealt with.
    pub(super) fn moved(&mut self, bytes: u64, so_far: impl FnOnce() -> String) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(so_far());
                bar.set_position(bytes);
            }
            Self::Lines { steps, every } => {
                *steps += 1;
                if steps.is_multiple_of(*every) {
                    // Nobody listens if this fails; the command goes on.
                    let _ = writeln!(io::stderr().lock(), "{}", so_far());
                }
            }
        }
    }

    /// Says something while the bar is out of the way.
    pub(super) fn beside<T>(&self, say: impl FnOnce() -> T) -> T {
        match self {
            Self::Bar(bar) => bar.suspend(say),
            Self::Lines { .. } => say(),
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
