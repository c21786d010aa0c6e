//! `portcullis role …`: named sets of permissions that keys of a project share.

use std::io::{self, Write};

use serde::Serialize;

use crate::admin::view::{RoleActed, RoleRow, RoleWhole};
use crate::domain::{ProjectId, RoleDetails, RoleName, ScopeSet, Timestamp};
use crate::keys::acts::Done;
use crate::store::Error as StoreError;

use super::failure::Failure;
use super::key::warn_of_unknown;
use super::output::{Page, Report, Row, joined, write_fields};
use super::session::Session;
use super::values::{self, WhyArgs};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a role, which no key has yet.
    Create {
        #[command(flatten)]
        role: Named,
        /// What it is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// What whoever has it may do; repeatable, or divided by commas or spaces.
        #[arg(long = "permission", value_name = "SCOPE", value_parser = values::scopes)]
        permissions: Vec<ScopeSet>,
    },
    /// List a project's roles.
    List {
        /// The project.
        #[arg(long, value_name = "ID")]
        project: ProjectId,
        /// Only those after this one.
        #[arg(long, value_name = "NAME")]
        after: Option<RoleName>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Show a role, and how many keys have it.
    Show {
        #[command(flatten)]
        role: Named,
    },
    /// Change a role, for every key that has it; what is not given stays as it is.
    Edit(EditArgs),
    /// Delete a role that no key has.
    Delete {
        #[command(flatten)]
        role: Named,
        #[command(flatten)]
        why: WhyArgs,
    },
}

/// Which role.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The role.
    #[arg(value_name = "NAME")]
    role: RoleName,
    /// The project.
    #[arg(long, value_name = "ID")]
    project: ProjectId,
}

#[derive(Debug, clap::Args)]
pub(super) struct EditArgs {
    #[command(flatten)]
    role: Named,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    why: WhyArgs,
}

/// What is changed, at least one of them.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Changes {
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
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
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Create { role, description, permissions } => {
                let permissions = values::all_scopes(&permissions);
                let description = description.unwrap_or_default();
                create(session, role, RoleDetails { description, permissions }).await
            }
            Self::List { project, after, limit } => list(session, &project, after.as_ref(), limit).await,
            Self::Show { role } => show(session, &role).await,
            Self::Edit(args) => edit(session, args).await,
            Self::Delete { role: Named { role, project }, why } => {
                let done = session.acts.delete_role(&project, &role, &why.into()).await?;
                session.output.show(&Acted::of(&role, done, "Deleted"))
            }
        }
    }
}

async fn create(
    session: &Session,
    Named { role, project }: Named,
    details: RoleDetails,
) -> Result<(), Failure> {
    let role = session.acts.create_role(&project, role, details).await?;
    let catalogue = session.store().catalogue(&project).await?;
    warn_of_unknown(session, &project, &role.details.permissions, &catalogue);
    session.output.show(&RoleRow::of(&project, role))
}

async fn list(
    session: &Session,
    project: &ProjectId,
    after: Option<&RoleName>,
    limit: u32,
) -> Result<(), Failure> {
    session.project(project).await?;
    let roles = session.store().roles(project, after, limit + 1).await?;
    let rows = roles.into_iter().map(|role| RoleRow::of(project, role)).collect();
    session.output.show(&Page::cut(rows, limit, |last: &RoleRow| last.role.to_string()))
}

async fn show(session: &Session, Named { role: name, project }: &Named) -> Result<(), Failure> {
    session.project(project).await?;
    let role = session.store().role(project, name).await?.ok_or(StoreError::Missing("role"))?;
    let keys = session.store().keys_with_role(project, name).await?;
    session.output.show(&RoleWhole { row: RoleRow::of(project, role), keys })
}

async fn edit(session: &Session, args: EditArgs) -> Result<(), Failure> {
    let EditArgs { role: Named { role, project }, changes, why } = args;
    let gives = values::all_scopes(&[&changes.permissions[..], &changes.add_permissions[..]].concat());
    let done = session.acts.edit_role(&project, &role, |before| changes.apply(before), &why.into()).await?;
    let catalogue = session.store().catalogue(&project).await?;
    warn_of_unknown(session, &project, &gives, &catalogue);
    session.output.show(&Acted::of(&role, done, "Edited"))
}

impl Changes {
    fn apply(self, before: RoleDetails) -> RoleDetails {
        RoleDetails {
            permissions: values::edited(
                &before.permissions,
                &self.permissions,
                (&self.add_permissions, &self.remove_permissions),
            ),
            description: self.description.unwrap_or(before.description),
        }
    }
}

impl Row for RoleRow {
    const NOTHING: &'static str = "The project has no roles.";
    const COLUMNS: &'static [&'static str] = &["role", "permissions", "description"];

    fn cells(&self) -> Vec<String> {
        vec![self.role.to_string(), joined(&self.permissions, "-"), self.description.clone()]
    }
}

fn fields(row: &RoleRow) -> Vec<(&'static str, String)> {
    vec![
        ("role", row.role.to_string()),
        ("project", row.project.to_string()),
        ("description", row.description.clone()),
        ("permissions", joined(&row.permissions, "none")),
        ("created", Timestamp::from_secs(row.created_at).to_string()),
    ]
}

impl Report for RoleRow {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write_fields(out, &fields(self))
    }
}

impl Report for RoleWhole {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut fields = fields(&self.row);
        fields.push(("keys", self.keys.to_string()));
        write_fields(out, &fields)
    }
}

/// An act on a role that was carried out.
#[derive(Serialize)]
struct Acted {
    #[serde(flatten)]
    done: RoleActed,
    #[serde(skip)]
    verb: &'static str,
}

impl Acted {
    fn of(role: &RoleName, done: Done, verb: &'static str) -> Self {
        Self { done: RoleActed::of(role, done), verb }
    }
}

impl Report for Acted {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} role {}.", self.verb, self.done.role)?;
        let fate = if self.done.tokens_revoked { "are revoked" } else { "live on" };
        writeln!(out, "The project's outstanding tokens {fate}.")
    }
}
