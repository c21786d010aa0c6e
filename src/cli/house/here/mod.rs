//! An installation that was opened here, in the name of whoever runs the command.

mod hygiene;
mod roles;
mod webhooks;

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;

use crate::admin::view::{
    AppliedBy, AudienceRow, Awaited, FlagsCleared, KeyFound, KeyRow, KeyWhole, NodeRow, Page, ProjectRow,
    ProjectWhole, ScopeRow, SigningKeyRow, TokenRow,
};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::config::Settings;
use crate::domain::applied::Standing;
use crate::domain::audit::Broken;
use crate::domain::authority::Reach;
use crate::domain::hygiene::Neglect;
use crate::domain::signing_key::Line;
use crate::domain::webhook::Destinations;
use crate::domain::{
    Audience, KeyDetails, KeyId, Position, Project, ProjectId, ProjectKind, ProjectPatch, Scope, Secret,
    SecretId, SigningKeyId, Timestamp, TokenId,
};
use crate::installation::{Installation, Terms};
use crate::keys::acts::{Acts, Done, KeyAct, Why};
use crate::keys::applied::wait;
use crate::keys::secret_acts::Made;
use crate::store::{Error as StoreError, SealedRow, Store, WantedAudit, WantedKeys, WantedTokens};

use super::{Edit, House, Keys, Projects, ScopePatch, Tokens, Wait, WhichKeys, Whole, awaited};
use crate::cli::session::{myself, surroundings};

/// The installation.
pub(in crate::cli) struct Here {
    /// What can be done.
    pub(in crate::cli) acts: Acts,
    /// How long the issuance log keeps a token, by these settings.
    retention: Duration,
    /// Where webhooks may be sent, by these settings.
    destinations: Destinations,
}

impl Here {
    /// Opens the installation of these settings, under the issuer that it has.
    pub(in crate::cli) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let installation = Installation::open(settings, &Terms::default(), surroundings()).await?;
        let destinations = Destinations::new(settings.webhook_networks.clone());
        let retention = settings.issuance_retention;
        Ok(Self { acts: installation.acts(myself()), retention, destinations })
    }

    pub(in crate::cli) fn store(&self) -> &dyn Store {
        self.acts.store.as_ref()
    }

    /// The project of this id, which must be there.
    async fn stored_project(&self, id: &ProjectId) -> Result<Project, Failure> {
        Ok(self.store().project(id).await?.ok_or(StoreError::Missing("project"))?)
    }

    /// What was done at this position and, if that is waited for, whom it has reached; on a terminal it is
    /// shown how far it is.
    async fn awaited<T>(&self, done: T, position: Position, at_most: Wait) -> Awaited<T> {
        let Some(at_most) = at_most else { return awaited(done, None) };
        let (mut progress, mut told) = (None, None);
        let applied = wait((self.store(), self.acts.clock.as_ref()), position, at_most, |now| {
            let total = now.nodes.as_ref().map_or(0, Vec::len);
            let reached = total - now.count(Standing::Behind);
            if Progress::is_seen() && told.replace((reached, total)) != Some((reached, total)) {
                let bar = progress.get_or_insert_with(|| Progress::of(u64::try_from(total).ok(), 1));
                let sentence = || format!("{reached} of {total} servers");
                bar.moved(u64::try_from(reached).unwrap_or_default(), sentence);
            }
        });
        let applied = AppliedBy::from(applied.await);
        if let Some(progress) = progress {
            progress.end();
        }
        awaited(done, Some(applied))
    }
}

impl House for Here {
    fn here(&self) -> Option<&Here> {
        Some(self)
    }
}

#[async_trait]
impl Keys for Here {
    async fn create_key(
        &self,
        project: &ProjectId,
        details: KeyDetails,
    ) -> Result<(KeyRow, Secret), Failure> {
        let (key, secret) = self.acts.create_key(project, details).await?;
        Ok((key.into(), secret))
    }

    async fn keys(&self, which: WhichKeys) -> Result<Page<KeyFound>, Failure> {
        if let Some(project) = &which.project {
            self.stored_project(project).await?;
        }
        let now = self.acts.clock.now();
        let neglect = Neglect {
            unused_since: which.unused.map(|days| now.before(days.span())),
            never_used: which.never_used,
            ends_within: which.expiring.map(|days| (now, now.after(days.span()))),
        };
        let wanted = WantedKeys {
            within: which.project.map_or(Reach::Everywhere, |project| Reach::Within([project].into())),
            key: None,
            state: which.state,
            role: which.role,
            flagged: which.flagged.then_some(true),
            text: which.text,
            neglect,
            after: which.after,
            limit: which.limit + 1,
        };
        let found = self.store().find_keys(&wanted).await?;
        let ids: Vec<KeyId> = found.iter().map(|found| found.key.id.clone()).collect();
        let rows = KeyFound::all(found, self.store().flags(&ids).await?);
        Ok(Page::cut(rows, which.limit, |last: &KeyFound| last.key.key_id.to_string()))
    }

    async fn key(&self, id: &KeyId) -> Result<KeyWhole, Failure> {
        Ok(KeyWhole::of(self.acts.record(id).await?, self.acts.flags(id).await?))
    }

    async fn edit_key(
        &self,
        id: &KeyId,
        edit: Edit,
        why: &Why,
        wait: Wait,
    ) -> Result<Awaited<Done>, Failure> {
        let done = self.acts.edit_key(id, edit, why).await?;
        let position = done.position;
        Ok(self.awaited(done, position, wait).await)
    }

    async fn act_on_key(
        &self,
        id: &KeyId,
        act: KeyAct,
        why: &Why,
        wait: Wait,
    ) -> Result<Awaited<Done>, Failure> {
        let done = self.acts.act_on_key(id, act, why).await?;
        let position = done.position;
        Ok(self.awaited(done, position, wait).await)
    }

    async fn clear_flags(&self, id: &KeyId, why: &Why) -> Result<FlagsCleared, Failure> {
        let cleared = self.acts.clear_flags(id, why).await?;
        Ok(FlagsCleared { key_id: id.clone(), project: cleared.project, cleared: cleared.flags })
    }

    async fn regenerate(&self, id: &KeyId, overlap: Duration, why: &Why) -> Result<(Done, Secret), Failure> {
        Ok(self.acts.regenerate(id, overlap, why).await?)
    }

    async fn add_secret(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
        why: &Why,
    ) -> Result<(Done, Made), Failure> {
        Ok(self.acts.add_secret(id, expires_at, why).await?)
    }

    async fn expire_secret(
        &self,
        id: &KeyId,
        secret: &SecretId,
        delay: Duration,
        why: &Why,
    ) -> Result<Done, Failure> {
        Ok(self.acts.expire_secret(id, secret, delay, why).await?)
    }
}

#[async_trait]
impl Tokens for Here {
    async fn tokens(&self, wanted: WantedTokens) -> Result<Page<TokenRow>, Failure> {
        if let Some(key) = &wanted.key {
            self.key(key).await?;
        }
        let limit = wanted.limit;
        let found = self.store().find_tokens(&WantedTokens { limit: limit + 1, ..wanted }).await?;
        let rows = found.into_iter().map(TokenRow::from).collect();
        Ok(Page::cut(rows, limit, |last: &TokenRow| last.jti.to_string()))
    }

    async fn revoke_token(
        &self,
        jti: TokenId,
        why: &Why,
        wait: Wait,
    ) -> Result<Awaited<(ProjectId, Position)>, Failure> {
        let done = self.acts.revoke_token(jti, why).await?;
        let position = done.1;
        Ok(self.awaited(done, position, wait).await)
    }
}

#[async_trait]
impl Projects for Here {
    async fn create_project(
        &self,
        name: &str,
        kind: ProjectKind,
        live_tokens: Option<NonZeroU32>,
    ) -> Result<ProjectWhole, Failure> {
        let project = self.acts.create_limited_project(name, kind, live_tokens).await?;
        Ok(ProjectWhole::of(project, Vec::new(), &self.acts.issuer))
    }

    async fn projects(&self, after: Option<&ProjectId>, limit: u32) -> Result<Page<ProjectRow>, Failure> {
        let projects = self.store().projects(after, limit + 1).await?;
        let rows = projects.into_iter().map(ProjectRow::from).collect();
        Ok(Page::cut(rows, limit, |last: &ProjectRow| last.project.to_string()))
    }

    async fn project(&self, id: &ProjectId) -> Result<ProjectWhole, Failure> {
        let project = self.stored_project(id).await?;
        let audiences = self.store().audiences(id).await?;
        Ok(ProjectWhole::of(project, audiences, &self.acts.issuer))
    }

    async fn edit_project(&self, id: &ProjectId, patch: ProjectPatch) -> Result<Done, Failure> {
        Ok(self.acts.edit_project(id, patch).await?)
    }

    async fn scopes(&self, project: &ProjectId) -> Result<Vec<ScopeRow>, Failure> {
        self.stored_project(project).await?;
        Ok(self.store().catalogue(project).await?.iter().map(ScopeRow::of).collect())
    }

    async fn set_scope(
        &self,
        project: &ProjectId,
        scope: &Scope,
        patch: ScopePatch,
    ) -> Result<Done, Failure> {
        let catalogue = self.store().catalogue(project).await?;
        let before = catalogue.iter().find(|(known, _)| *known == scope).map(|(_, entry)| entry.clone());
        let entry = patch.over(before.unwrap_or_default());
        Ok(self.acts.set_scope(project, scope.clone(), entry).await?)
    }

    async fn remove_scope(&self, project: &ProjectId, scope: &Scope) -> Result<Done, Failure> {
        Ok(self.acts.remove_scope(project, scope.clone()).await?)
    }

    async fn audiences(&self, project: &ProjectId) -> Result<Vec<AudienceRow>, Failure> {
        self.stored_project(project).await?;
        let audiences = self.store().audiences(project).await?;
        Ok(audiences.into_iter().map(|audience| AudienceRow { audience }).collect())
    }

    async fn add_audience(&self, project: &ProjectId, audience: &Audience) -> Result<Done, Failure> {
        Ok(self.acts.add_audience(project, audience.clone()).await?)
    }

    async fn remove_audience(&self, project: &ProjectId, audience: &Audience) -> Result<Done, Failure> {
        Ok(self.acts.remove_audience(project, audience.clone()).await?)
    }
}

#[async_trait]
impl Whole for Here {
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, Failure> {
        let now = self.acts.clock.now();
        Ok(self.store().signing_keys().await?.iter().map(|key| SigningKeyRow::of(key, now)).collect())
    }

    async fn rotate_signing_key(&self, line: Line) -> Result<SigningKeyRow, Failure> {
        let now = self.acts.clock.now();
        Ok(SigningKeyRow::of(&self.acts.rotate_signing_key(line).await?, now))
    }

    async fn retire_signing_key(
        &self,
        kid: &SigningKeyId,
        why: &Why,
    ) -> Result<Option<SigningKeyRow>, Failure> {
        let now = self.acts.clock.now();
        let new = self.acts.retire_signing_key(kid, why).await?;
        Ok(new.map(|key| SigningKeyRow::of(&key, now)))
    }

    async fn nodes(&self) -> Result<Vec<NodeRow>, Failure> {
        let nodes = self.store().nodes().await?;
        // Read after the heartbeats: a node is never ahead of it.
        let position = self.store().position().await?;
        Ok(nodes.into_iter().map(|node| NodeRow::of(node, position)).collect())
    }

    async fn audit(&self, wanted: &WantedAudit) -> Result<Vec<SealedRow>, Failure> {
        self.store().find_audit(wanted).await.map_err(unreadable)
    }
}

/// A row that cannot even be read is not what was written.
fn unreadable(error: StoreError) -> Failure {
    match error {
        StoreError::Corrupt { table: "audit", column, row } => Broken::Unreadable { row, column }.into(),
        other => other.into(),
    }
}
