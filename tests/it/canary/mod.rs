//! Promise P7 against the program itself (threats S40, S41): every act that handles a secret, at
//! TRACE, and then all that it said and stored is searched for those secrets.
//!
//! The servers inside the other tests are watched too: `support::watch`.

mod acts;
mod administrators;
mod household;
mod keys;
mod panics;
mod program;
mod settings;
