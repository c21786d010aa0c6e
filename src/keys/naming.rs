//! Requests that have a name, so that what they make is made once.

use serde_json::Value;

use super::acts::Acts;
use crate::domain::edit::KeyEdit;
use crate::domain::once::{Once, REMEMBERED};
use crate::domain::webhook::Webhook;
use crate::domain::{ApiKey, KeyId, Project, ProjectId, Role, SecretId, Timestamp};

/// What a request that makes something is called, by whom.
#[derive(Clone, Debug)]
pub struct Naming {
    /// Who asks.
    pub actor: KeyId,
    /// What they call the request.
    pub name: String,
    /// What they ask for: a mark over all of it.
    pub request: [u8; 16],
    /// What is answered to whoever makes something; without its secret.
    pub describe: fn(&Made<'_>) -> Value,
}

/// What is made.
#[derive(Debug)]
pub enum Made<'a> {
    /// An API key.
    Key(&'a ApiKey),
    /// A project, of this issuer.
    Project(&'a Project, &'a str),
    /// A role of this project.
    Role(&'a ProjectId, &'a Role),
    /// A further secret of a key.
    Secret {
        /// The key.
        key: &'a ApiKey,
        /// The secret's public name.
        id: SecretId,
        /// When it ends.
        expires_at: Option<Timestamp>,
    },
    /// A secret in place of those that the key has.
    SecretInPlace(&'a ApiKey),
    /// A webhook.
    Webhook(&'a Webhook),
}

impl<'a> Made<'a> {
    /// What an edit makes; nothing, as a rule.
    pub(super) fn by(edit: &KeyEdit, key: &'a ApiKey) -> Option<Self> {
        match edit {
            KeyEdit::AddSecret { digest, expires_at } => {
                Some(Self::Secret { key, id: digest.id(), expires_at: *expires_at })
            }
            KeyEdit::Regenerate { .. } => Some(Self::SecretInPlace(key)),
            _ => None,
        }
    }
}

impl Acts {
    /// How this is made once, if the request has a name.
    pub(crate) fn once(&self, made: &Made<'_>) -> Option<Once> {
        let Naming { actor, name, request, describe } = self.naming.as_ref()?;
        Some(Once {
            actor: actor.clone(),
            name: name.clone(),
            request: *request,
            answer: describe(made).to_string(),
            ends_at: self.clock.now().after(REMEMBERED),
        })
    }
}
