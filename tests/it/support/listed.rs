//! The keys of a project, as an administrator would look for them.

use portcullis::domain::authority::Reach;
use portcullis::domain::hygiene::Neglect;
use portcullis::domain::{ApiKey, ProjectId};
use portcullis::store::{Error, Store, WantedKeys};

/// All of them, deleted ones too.
pub(crate) fn all_keys_of(project: &ProjectId) -> WantedKeys {
    WantedKeys {
        within: Reach::Within([project.clone()].into()),
        key: None,
        state: None,
        role: None,
        flagged: None,
        text: None,
        neglect: Neglect::default(),
        after: None,
        limit: u32::MAX,
    }
}

/// They, by id.
pub(crate) async fn keys_of(store: &dyn Store, project: &ProjectId) -> Result<Vec<ApiKey>, Error> {
    let found = store.find_keys(&all_keys_of(project)).await?;
    Ok(found.into_iter().map(|found| found.key).collect())
}
