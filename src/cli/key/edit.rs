//! `portcullis key edit`

use std::num::NonZeroU32;

use clap::ArgAction;

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::cli::values::{self, Expiry, WhyArgs};
use crate::cli::wait::WaitArgs;
use crate::domain::{
    Allowlist, Audience, AuthMethod, KeyDetails, KeyId, Lifetime, RoleName, ScopeSet, Timestamp,
};

use super::act::{Acted, Deed};
use super::create::warn;
use super::record;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The key.
    #[arg(value_name = "ID")]
    key: KeyId,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    why: WhyArgs,
    #[command(flatten)]
    wait: WaitArgs,
}

/// What is changed, at least one of them.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Changes {
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// Its permissions, in place of those that it has; repeatable.
    #[arg(long = "permission", value_name = "SCOPE", value_parser = values::scopes,
          conflicts_with_all = ["add_permissions", "remove_permissions"])]
    permissions: Vec<ScopeSet>,
    /// A permission more; repeatable.
    #[arg(long = "add-permission", value_name = "SCOPE", value_parser = values::scopes)]
    add_permissions: Vec<ScopeSet>,
    /// A permission less; repeatable.
    #[arg(long = "remove-permission", value_name = "SCOPE", value_parser = values::scopes)]
    remove_permissions: Vec<ScopeSet>,
    /// The role of its project that it has, in place of another one.
    #[arg(long, value_name = "NAME", conflicts_with = "no_role")]
    role: Option<RoleName>,
    /// It has no role.
    #[arg(long)]
    no_role: bool,
    /// Its allowlist, in place of the one that it has; repeatable.
    #[arg(long, value_name = "CIDR", value_parser = values::networks, conflicts_with = "allow_any")]
    allow: Vec<Allowlist>,
    /// It may be used from anywhere.
    #[arg(long)]
    allow_any: bool,
    /// Its audiences, in place of those that it has, the default first; repeatable.
    #[arg(long = "audience", value_name = "URI", conflicts_with = "default_audience")]
    audiences: Vec<Audience>,
    /// The project's default audience and no other.
    #[arg(long)]
    default_audience: bool,
    /// How long its tokens live, such as 5m or 900.
    #[arg(long, value_name = "SPAN", value_parser = values::lifetime)]
    token_lifetime: Option<Lifetime>,
    /// Whether a request must name the scope that it wants.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    require_scope: Option<bool>,
    /// How many of its tokens may live at once.
    #[arg(long, value_name = "N", conflicts_with = "unlimited_live_tokens")]
    live_tokens: Option<NonZeroU32>,
    /// Any number of its tokens may live at once.
    #[arg(long)]
    unlimited_live_tokens: bool,
    /// How it authenticates, in place of the ways that it has; repeatable.
    #[arg(long = "auth-method", value_name = "METHOD", value_parser = values::auth_method(),
          conflicts_with = "any_auth_method")]
    auth_methods: Vec<AuthMethod>,
    /// It may authenticate in any way.
    #[arg(long)]
    any_auth_method: bool,
    /// When it ends: 30d, 2027-01-31, 2027-01-31T12:00:00Z or Unix seconds.
    #[arg(long, value_name = "WHEN", conflicts_with = "never_expires")]
    expires: Option<Expiry>,
    /// It does not expire.
    #[arg(long)]
    never_expires: bool,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let gives_access = args.changes.gives_access();
    let edit = args.changes.resolve(session.acts.clock.now())?;
    let done = session.acts.edit_key(&args.key, |details| edit.apply(details), &args.why.into()).await?;
    if gives_access {
        let record = record(session, &args.key).await?;
        warn(session, &record.project.id, &record.key.details, &record.catalogue);
    }
    args.wait.show(session, Acted::of(&args.key, &done, Deed::Edited), done.position).await
}

/// The changes, with nothing left to fail.
struct Edit {
    changes: Changes,
    allowlist: Option<Allowlist>,
    expires_at: Option<Timestamp>,
}

impl Changes {
    /// Whether the key may be worth more than was meant after this.
    fn gives_access(&self) -> bool {
        !(self.permissions.is_empty() && self.add_permissions.is_empty() && self.allow.is_empty())
    }

    fn resolve(self, now: Timestamp) -> Result<Edit, Failure> {
        let replaced = self.allow_any || !self.allow.is_empty();
        let allowlist = replaced.then(|| values::all_networks(&self.allow)).transpose()?;
        let expires_at = self.expires.map(|expiry| expiry.from(now)).transpose()?;
        Ok(Edit { changes: self, allowlist, expires_at })
    }
}

impl Edit {
    fn apply(self, before: KeyDetails) -> KeyDetails {
        let Self { changes, allowlist, expires_at } = self;
        let audiences =
            (changes.default_audience || !changes.audiences.is_empty()).then_some(&changes.audiences);
        let methods = (changes.any_auth_method || !changes.auth_methods.is_empty())
            .then(|| changes.auth_methods.iter().copied().collect());
        KeyDetails {
            auth_methods: methods.unwrap_or(before.auth_methods),
            permissions: values::edited(
                &before.permissions,
                &changes.permissions,
                (&changes.add_permissions, &changes.remove_permissions),
            ),
            role: if changes.no_role { None } else { changes.role.or(before.role) },
            audiences: audiences.cloned().unwrap_or(before.audiences),
            name: changes.name.unwrap_or(before.name),
            allowlist: allowlist.unwrap_or(before.allowlist),
            token_lifetime: changes.token_lifetime.or(before.token_lifetime),
            require_scope: changes.require_scope.unwrap_or(before.require_scope),
            live_tokens: if changes.unlimited_live_tokens {
                None
            } else {
                changes.live_tokens.or(before.live_tokens)
            },
            expires_at: if changes.never_expires { None } else { expires_at.or(before.expires_at) },
        }
    }
}
