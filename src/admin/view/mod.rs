//! What is answered: the shapes of the API, which the commands of the shell print as well (`--json`).
//! Times are Unix seconds.

mod key;
mod page;

pub use key::{KeyActed, KeyRow, KeyWhole, SecretAdded, SecretEnded, SecretRow, Shown};
pub use page::Page;
