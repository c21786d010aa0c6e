//! The program `portcullis`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request makes about a hundred small things and drops them; docs/decisions.md has the figures.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    portcullis::cli::main()
}
