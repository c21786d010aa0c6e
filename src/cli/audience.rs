//! `portcullis audience …`

use crate::admin::view::AudienceRow;
use crate::domain::{Audience, ProjectId};

use super::failure::Failure;
use super::output::{Page, Row};
use super::project::Edited;
use super::session::Session;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Give a project an audience.
    Add(Which),
    /// Take an audience from a project; its outstanding tokens are revoked.
    Remove(Which),
    /// List a project's own audiences.
    List {
        /// The project.
        #[arg(long, value_name = "ID")]
        project: ProjectId,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The audience, usually a URI.
    #[arg(value_name = "URI")]
    audience: Audience,
    /// The project.
    #[arg(long, value_name = "ID")]
    project: ProjectId,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Add(which) => add(session, which).await,
            Self::Remove(which) => remove(session, which).await,
            Self::List { project } => list(session, &project).await,
        }
    }
}

async fn add(session: &Session, which: Which) -> Result<(), Failure> {
    let done = session.house.add_audience(&which.project, &which.audience).await?;
    session.output.show(&Edited::of(&done, "audience", &which.audience, "Added"))
}

async fn remove(session: &Session, which: Which) -> Result<(), Failure> {
    let done = session.house.remove_audience(&which.project, &which.audience).await?;
    session.output.show(&Edited::of(&done, "audience", &which.audience, "Removed"))
}

async fn list(session: &Session, project: &ProjectId) -> Result<(), Failure> {
    session.output.show(&Page::whole(session.house.audiences(project).await?))
}

impl Row for AudienceRow {
    const NOTHING: &'static str = "The project has no audiences but its default.";
    const COLUMNS: &'static [&'static str] = &["audience"];

    fn cells(&self) -> Vec<String> {
        vec![self.audience.to_string()]
    }
}
