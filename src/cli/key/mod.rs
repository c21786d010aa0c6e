//! `portcullis key …`: an API key's life.

mod act;
mod create;
mod edit;
mod flags;
mod import;
mod list;
mod scan;
mod secret;
mod view;

use crate::domain::KeyId;

use super::failure::Failure;
use super::session::Session;

pub(super) use create::warn_of_unknown;
pub(super) use scan::run as scan;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a key; its secret is shown this once.
    Create(create::Args),
    /// Bring in keys with ids and secrets of their own; run again, it goes on where it stopped.
    Import(import::Args),
    /// List keys, deleted ones too: a project's, or all; those that fit what is looked for.
    List(list::Args),
    /// Which keys, and which of their permissions, somebody might do without: unused, expiring, over-broad.
    Hygiene(list::HygieneArgs),
    /// Show a key and when its secrets end.
    Show {
        /// The key.
        #[arg(value_name = "ID")]
        key: KeyId,
    },
    /// Change a key; what is not given stays as it is.
    Edit(edit::Args),
    /// Stop a key and revoke its tokens, until it is unblocked.
    Block(act::StopArgs),
    /// Let a blocked key work again; revoked tokens stay dead.
    Unblock(act::Args),
    /// Stop a key for ever and revoke its tokens.
    Delete(act::DeleteArgs),
    /// Clear what was reported of a key's secrets: somebody has looked into it. The key stays as it is.
    ClearFlags(act::Args),
    /// Revoke a key's tokens; the key works on.
    RevokeTokens(act::StopArgs),
    /// Give a key a new secret in place of the old ones; its tokens live on.
    Regenerate(act::RegenerateArgs),
    /// Find secrets of keys in files, by format and checksum; asks nobody, and shows none of them.
    Scan(scan::Args),
    /// Secrets of a key, several at a time: add, list, expire.
    #[command(subcommand)]
    Secret(secret::Command),
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Create(args) => create::run(session, args).await,
            Self::Import(args) => import::run(session, args).await,
            Self::List(args) => list::list(session, args).await,
            Self::Hygiene(args) => list::hygiene(session, args).await,
            Self::Show { key } => show(session, &key).await,
            Self::Edit(args) => edit::run(session, args).await,
            Self::Block(args) => act::block(session, args).await,
            Self::Unblock(args) => act::unblock(session, args).await,
            Self::Delete(args) => act::delete(session, args).await,
            Self::ClearFlags(args) => flags::clear(session, args).await,
            Self::RevokeTokens(args) => act::revoke_tokens(session, args).await,
            Self::Regenerate(args) => act::regenerate(session, args).await,
            Self::Scan(args) => scan(&args, session.output),
            Self::Secret(command) => command.run(session).await,
        }
    }
}

async fn show(session: &Session, id: &KeyId) -> Result<(), Failure> {
    session.output.show(&session.house.key(id).await?)
}
