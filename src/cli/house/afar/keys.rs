//! API keys, their secrets, and issued tokens.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::secret::WithSecret;
use super::{Act, Acted, Afar, Again, Parts as _, because, moment, one_project};
use crate::admin::view::{
    Awaited, FlagsCleared, KeyFound, KeyRow, KeyWhole, Page, SecretAdded, SecretEnded, TokenRevoked, TokenRow,
};
use crate::cli::failure::Failure;
use crate::cli::house::{Edit, Keys, Tokens, Wait, WhichKeys};
use crate::domain::authority::Right;
use crate::domain::{KeyDetails, KeyId, Position, ProjectId, Scope, Secret, SecretId, Timestamp, TokenId};
use crate::keys::acts::{Done, KeyAct, Why};
use crate::keys::secret_acts::Made;
use crate::store::WantedTokens;

impl<T> WithSecret<T> {
    fn of_key(self, key: impl FnOnce(&T) -> KeyId) -> Result<(T, Secret), Failure> {
        let (made, secret) = self.take(|made| ("key regenerate", key(made).to_string()))?;
        Ok((made, Secret::presented(secret)))
    }
}

impl Afar {
    /// The scope for an act by which somebody comes to hold what a key holds. Nobody makes an administrator's
    /// key worth more than what they hold themselves, so for one of those it is that as well.
    fn scope_to_give(&self, project: &ProjectId, details: &KeyDetails) -> Vec<Scope> {
        let mut scope = vec![self.scope(Right::WriteKeys, Some(project))];
        if project.as_str() == ProjectId::ADMINISTRATION {
            scope.extend(details.permissions.iter().cloned());
        }
        scope
    }

    /// The same, for a key that is there.
    async fn scope_to_give_what(&self, id: &KeyId) -> Result<Vec<Scope>, Failure> {
        let key = self.read_key(id, Right::WriteKeys).await?.key;
        Ok(self.scope_to_give(&key.project, &self.details(&key)?))
    }

    fn details(&self, key: &KeyRow) -> Result<KeyDetails, Failure> {
        key.details().map_err(|_| self.admin.failed("its answer cannot be read".to_owned()))
    }

    async fn read_key(&self, id: &KeyId, right: Right) -> Result<KeyWhole, Failure> {
        let request = self.get(&["keys", id.as_str()], &[]);
        self.ask(&[self.scope(right, None)], request, Again::Safely).await
    }
}

#[async_trait]
impl Keys for Afar {
    async fn create_key(
        &self,
        project: &ProjectId,
        details: KeyDetails,
    ) -> Result<(KeyRow, Secret), Failure> {
        let scope = self.scope_to_give(project, &details);
        let mut body = differing(&KeyDetails::default(), &details);
        body["project"] = json!(project);
        let request = self.make(&["keys"]).json_of(&body);
        let made: WithSecret<KeyRow> = self.ask(&scope, request, Again::Safely).await?;
        made.of_key(|key| key.key_id.clone())
    }

    async fn keys(&self, which: WhichKeys) -> Result<Page<KeyFound>, Failure> {
        let mut query = vec![("limit", which.limit.to_string())];
        query.extend(which.project.as_ref().map(|project| ("project", project.to_string())));
        query.extend(which.text.map(|text| ("q", text)));
        query.extend(which.state.map(|state| ("state", state.to_string())));
        query.extend(which.role.map(|role| ("role", role.to_string())));
        query.extend(which.flagged.then(|| ("flagged", true.to_string())));
        query.extend(which.unused.map(|days| ("unused_days", days.number().to_string())));
        query.extend(which.never_used.then(|| ("never_used", true.to_string())));
        query.extend(which.expiring.map(|days| ("expiring_days", days.number().to_string())));
        query.extend(which.after.map(|after| ("after", after.to_string())));
        let scope = [self.scope(Right::ReadKeys, which.project.as_ref())];
        let page: Page<KeyFound> = self.ask(&scope, self.get(&["keys"], &query), Again::Safely).await?;
        Ok(page.named(|last| last.key.key_id.to_string()))
    }

    async fn key(&self, id: &KeyId) -> Result<KeyWhole, Failure> {
        self.read_key(id, Right::ReadKeys).await
    }

    async fn edit_key(
        &self,
        id: &KeyId,
        edit: Edit,
        why: &Why,
        wait: Wait,
    ) -> Result<Awaited<Done>, Failure> {
        let key = self.read_key(id, Right::WriteKeys).await?.key;
        let before = self.details(&key)?;
        let after = edit(before.clone());
        let scope = self.scope_to_give(&key.project, &after);
        let mut body = differing(&before, &after);
        body["reason"] = json!(why.reason);
        body["note"] = json!(why.note);
        let (path, seen) = (&["keys", id.as_str()][..], Some(key.position));
        let acted: Acted =
            self.act(&scope, Act { method: Method::PATCH, path, body: &body, seen }, wait).await?;
        Ok(Awaited { done: acted.done(), applied: acted.applied })
    }

    async fn act_on_key(
        &self,
        id: &KeyId,
        act: KeyAct,
        why: &Why,
        wait: Wait,
    ) -> Result<Awaited<Done>, Failure> {
        let (name, scope) = match act {
            KeyAct::Block => ("block", vec![self.scope(Right::WriteKeys, None)]),
            KeyAct::Unblock => ("unblock", self.scope_to_give_what(id).await?),
            KeyAct::Delete => ("delete", vec![self.scope(Right::WriteKeys, None)]),
            KeyAct::RevokeTokens => ("revoke-tokens", vec![self.scope(Right::RevokeTokens, None)]),
        };
        let (path, body) = (&["keys", id.as_str(), name][..], &because(why));
        let acted: Acted =
            self.act(&scope, Act { method: Method::POST, path, body, seen: None }, wait).await?;
        Ok(Awaited { done: acted.done(), applied: acted.applied })
    }

    async fn clear_flags(&self, id: &KeyId, why: &Why) -> Result<FlagsCleared, Failure> {
        let request = self.to(Method::POST, &["keys", id.as_str(), "clear-flags"]).json_of(&because(why));
        // A second try might clear what was reported meanwhile, which nobody has looked into.
        self.ask(&[self.scope(Right::WriteKeys, None)], request, Again::Never).await
    }

    async fn regenerate(&self, id: &KeyId, overlap: Duration, why: &Why) -> Result<(Done, Secret), Failure> {
        let scope = self.scope_to_give_what(id).await?;
        let mut body = because(why);
        body["overlap_secs"] = json!(overlap.as_secs());
        let request = self.make(&["keys", id.as_str(), "regenerate"]).json_of(&body);
        let made: WithSecret<Acted> = self.ask(&scope, request, Again::Safely).await?;
        let (acted, secret) = made.of_key(|_| id.clone())?;
        Ok((acted.done(), secret))
    }

    async fn add_secret(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
        why: &Why,
    ) -> Result<(Done, Made), Failure> {
        let scope = self.scope_to_give_what(id).await?;
        let mut body = because(why);
        body["expires_at"] = json!(expires_at.map(Timestamp::secs));
        let request = self.make(&["keys", id.as_str(), "secrets"]).json_of(&body);
        let made: WithSecret<SecretAdded> = self.ask(&scope, request, Again::Safely).await?;
        let (added, secret) = made.of_key(|_| id.clone())?;
        let done = added.done;
        let done = Done { project: done.project, position: done.position, narrowed: done.tokens_revoked };
        Ok((done, Made { secret, id: added.secret_id }))
    }

    async fn expire_secret(
        &self,
        id: &KeyId,
        secret: &SecretId,
        delay: Duration,
        why: &Why,
    ) -> Result<Done, Failure> {
        let mut body = because(why);
        body["in_secs"] = json!(delay.as_secs());
        let secret = secret.to_string();
        let path = ["keys", id.as_str(), "secrets", secret.as_str(), "expire"];
        let request = self.to(Method::POST, &path).json_of(&body);
        let scope = [self.scope(Right::WriteKeys, None)];
        let SecretEnded { done, .. } = self.ask(&scope, request, Again::Never).await?;
        Ok(Done { project: done.project, position: done.position, narrowed: done.tokens_revoked })
    }
}

#[async_trait]
impl Tokens for Afar {
    async fn tokens(&self, wanted: WantedTokens) -> Result<Page<TokenRow>, Failure> {
        if let Some(key) = &wanted.key {
            self.read_key(key, Right::ReadKeys).await?;
        }
        let project = one_project(&wanted.within);
        let mut query = vec![("limit", wanted.limit.to_string())];
        query.extend(project.map(|project| ("project", project.to_string())));
        query.extend(wanted.key.map(|key| ("key", key.to_string())));
        query.extend(wanted.subject.map(|subject| ("sub", subject)));
        query.extend(wanted.address.map(|address| ("address", address.to_string())));
        query.extend(wanted.since.map(|since| ("since", moment(since))));
        query.extend(wanted.until.map(|until| ("until", moment(until))));
        query.extend(wanted.before.map(|before| ("after", before.to_string())));
        let scope = [self.scope(Right::ReadKeys, project)];
        let page: Page<TokenRow> = self.ask(&scope, self.get(&["tokens"], &query), Again::Safely).await?;
        Ok(page.named(|last| last.jti.to_string()))
    }

    async fn revoke_token(
        &self,
        jti: TokenId,
        why: &Why,
        wait: Wait,
    ) -> Result<Awaited<(ProjectId, Position)>, Failure> {
        let scope = [self.scope(Right::RevokeTokens, None)];
        let jti = jti.to_string();
        let (path, body) = (&["tokens", jti.as_str(), "revoke"][..], &because(why));
        let Awaited { done, applied }: Awaited<TokenRevoked> =
            self.act(&scope, Act { method: Method::POST, path, body, seen: None }, wait).await?;
        Ok(Awaited { done: (done.project, done.position), applied })
    }
}

/// A merge patch (RFC 7396) by which the one becomes the other.
fn differing(before: &KeyDetails, after: &KeyDetails) -> Value {
    let (before, after) = (members(before), members(after));
    let changed = after.into_iter().filter(|(name, value)| before.get(name) != Some(value));
    Value::Object(changed.collect())
}

fn members(details: &KeyDetails) -> Map<String, Value> {
    let members = json!({
        "name": details.name,
        "permissions": details.permissions.iter().collect::<Vec<_>>(),
        "allowlist": details.allowlist.networks().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "auth_methods": details.auth_methods,
        "role": details.role,
        "audiences": details.audiences,
        "token_lifetime": details.token_lifetime.map(crate::domain::Lifetime::secs),
        "require_scope": details.require_scope,
        "live_tokens": details.live_tokens,
        "expires_at": details.expires_at.map(Timestamp::secs),
    });
    let Value::Object(members) = members else { unreachable!("it was written as an object") };
    members
}
