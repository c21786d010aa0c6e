//! The act on one token, by somebody who administers.

use serde_json::json;

use super::acts::{Acts, Error, Why, explained};
use crate::domain::audit::Act;
use crate::domain::authority::Right;
use crate::domain::feed::FeedDraft;
use crate::domain::{Position, ProjectId, Target, TokenId};
use crate::store::{Error as StoreError, TokenRevocation};

/// How many live revocations of single tokens a project may have. Whoever needs more revokes a key's.
const MOST_LIVE: u32 = 100_000;

impl Acts {
    /// Revokes one token that the issuance log holds, and all that were exchanged from it. A token that is
    /// over is not revoked: there is nothing left of it.
    ///
    /// # Errors
    /// See [`Error`]; [`StoreError::Missing`] if there is no such token, or whoever acts may know nothing
    /// of it.
    pub async fn revoke_token(&self, jti: TokenId, why: &Why) -> Result<(ProjectId, Position), Error> {
        let found = self.store.issued_token(jti).await?;
        let seen = found.filter(|token| self.authority.concerns_keys_of(&token.project));
        let token = seen.ok_or(StoreError::Missing("token"))?;
        self.authority.check(Right::RevokeTokens, Some(&token.project))?;
        if token.expires_at <= self.clock.now() {
            return Err(Error::Over);
        }
        let target = Target::Token { project: token.project.clone(), jti };
        let feed = FeedDraft::revoke(target, Some(token.expires_at), self.tag());
        let detail = explained(json!({ "key": token.key }), why);
        let audit = self.audit(Act::RevokeToken, Some(&token.project), &jti.to_string(), detail);
        let project = token.project.clone();
        let revocation = TokenRevocation { project: token.project, limit: MOST_LIVE, feed, audit };
        let position = self.store.revoke_token(&revocation).await?;
        self.tell(&revocation.feed, revocation.audit.at, position);
        Ok((project, position))
    }
}
