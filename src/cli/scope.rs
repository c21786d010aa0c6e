//! `portcullis scope …`: the scope catalogue of a project.

use crate::admin::view::ScopeRow;
use crate::domain::{ProjectId, Scope, ScopeSet};

use super::failure::Failure;
use super::house::ScopePatch;
use super::output::{Page, Row, joined};
use super::project::Edited;
use super::session::Session;
use super::values;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Define a scope, or change its definition; what is not given stays as it is.
    Set(SetArgs),
    /// Take a scope out of the catalogue.
    Remove {
        /// The scope.
        scope: Scope,
        /// The project.
        #[arg(long, value_name = "ID")]
        project: ProjectId,
    },
    /// List a project's scopes.
    List {
        /// The project.
        #[arg(long, value_name = "ID")]
        project: ProjectId,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct SetArgs {
    /// The scope.
    scope: Scope,
    /// The project.
    #[arg(long, value_name = "ID")]
    project: ProjectId,
    /// What it is, for people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Whoever holds it also holds these; repeatable, or divided by commas or spaces.
    #[arg(long = "include", value_name = "SCOPE", value_parser = values::scopes)]
    includes: Vec<ScopeSet>,
    /// It includes nothing any more.
    #[arg(long, conflicts_with = "includes")]
    no_includes: bool,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Set(args) => set(session, args).await,
            Self::Remove { scope, project } => remove(session, &project, scope).await,
            Self::List { project } => list(session, &project).await,
        }
    }
}

async fn set(session: &Session, args: SetArgs) -> Result<(), Failure> {
    let (project, scope) = (args.project.clone(), args.scope.clone());
    let done = session.house.set_scope(&project, &scope, args.patch()).await?;
    session.output.show(&Edited::of(&done, "scope", &scope, "Set"))
}

impl SetArgs {
    fn patch(self) -> ScopePatch {
        let is_given = self.no_includes || !self.includes.is_empty();
        let includes = is_given.then(|| values::all_scopes(&self.includes));
        ScopePatch { description: self.description, includes }
    }
}

async fn remove(session: &Session, project: &ProjectId, scope: Scope) -> Result<(), Failure> {
    let done = session.house.remove_scope(project, &scope).await?;
    session.output.show(&Edited::of(&done, "scope", &scope, "Removed"))
}

async fn list(session: &Session, project: &ProjectId) -> Result<(), Failure> {
    session.output.show(&Page::whole(session.house.scopes(project).await?))
}

impl Row for ScopeRow {
    const NOTHING: &'static str = "The project's catalogue is empty.";
    const COLUMNS: &'static [&'static str] = &["scope", "includes", "description"];

    fn cells(&self) -> Vec<String> {
        vec![self.scope.to_string(), joined(&self.includes, "-"), self.description.clone()]
    }
}
