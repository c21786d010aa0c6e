//! What administrators look for.

use async_trait::async_trait;

use super::Error;
use crate::domain::authority::Reach;
use crate::domain::{ApiKey, KeyId, KeyState, Project, ProjectId};

/// Questions of administrators. They may take a while; nothing that a token depends on waits for them.
#[async_trait]
pub trait Search: Send + Sync {
    /// Keys by id.
    async fn find_keys(&self, wanted: &WantedKeys) -> Result<Vec<ApiKey>, Error>;

    /// Projects by id.
    async fn find_projects(&self, wanted: &WantedProjects) -> Result<Vec<Project>, Error>;
}

/// Which keys are looked for.
#[derive(Clone, Debug)]
pub struct WantedKeys {
    /// Whose.
    pub within: Reach,
    /// Only those in this state.
    pub state: Option<KeyState>,
    /// Only those whose id or name contains this, whatever the case of the letters A to Z.
    pub text: Option<String>,
    /// Only those after this one.
    pub after: Option<KeyId>,
    /// At most so many.
    pub limit: u32,
}

/// Which projects are looked for.
#[derive(Clone, Debug)]
pub struct WantedProjects {
    /// Which of them may be found.
    pub within: Reach,
    /// Only those whose id or name contains this, whatever the case of the letters A to Z.
    pub text: Option<String>,
    /// Only those after this one.
    pub after: Option<ProjectId>,
    /// At most so many.
    pub limit: u32,
}

/// The projects as a JSON array, for engines that take a list apart themselves; none for all.
pub(super) fn listed(within: &Reach) -> Option<String> {
    match within {
        Reach::Everywhere => None,
        Reach::Within(projects) => Some(serde_json::to_string(projects).expect("texts are JSON")),
    }
}
