//! A key as it is shown.

use std::io::{self, Write};

use crate::cli::output::{Report, Row, joined, limit, write_fields};
use crate::domain::{KeyId, Timestamp};

pub(super) use crate::admin::view::{KeyRow, KeyWhole, SecretRow, Shown};

fn fields(key: &KeyRow) -> Vec<(&'static str, String)> {
    let time = |secs| Timestamp::from_secs(secs).to_string();
    vec![
        ("key_id", key.key_id.to_string()),
        ("project", key.project.to_string()),
        ("name", key.name.clone()),
        ("state", key.state.to_string()),
        ("permissions", joined(&key.permissions, "none")),
        ("role", key.role.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)),
        ("allowlist", joined(&key.allowlist, "any address")),
        ("auth methods", joined(&key.auth_methods.iter().collect::<Vec<_>>(), "any")),
        ("audiences", joined(&key.audiences, "the project's default")),
        ("token lifetime", format!("{} s", key.token_lifetime)),
        ("require scope", if key.require_scope { "yes" } else { "no" }.to_owned()),
        ("live tokens", limit(key.live_tokens)),
        ("created", time(key.created_at)),
        ("expires", key.expires_at.map_or_else(|| "never".to_owned(), time)),
    ]
}

/// When a secret was used last, and from where.
fn last_use(secret: &SecretRow) -> Option<String> {
    let at = Timestamp::from_secs(secret.last_used_at?);
    Some(secret.last_used_from.map_or_else(|| at.to_string(), |from| format!("{at} from {from}")))
}

impl Row for SecretRow {
    const NOTHING: &'static str = "The key has no secret.";
    const COLUMNS: &'static [&'static str] = &["secret_id", "created", "expires", "last used"];

    fn cells(&self) -> Vec<String> {
        let time = |secs| Timestamp::from_secs(secs).to_string();
        vec![
            self.secret_id.to_string(),
            time(self.created_at),
            self.expires_at.map_or_else(|| "never".to_owned(), time),
            last_use(self).unwrap_or_else(|| "never".to_owned()),
        ]
    }
}

impl Report for KeyWhole {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut fields = fields(&self.key);
        if let Some((_, role)) = fields.iter_mut().find(|(name, _)| *name == "role")
            && self.key.role.is_some()
        {
            *role = format!("{role}: {}", joined(&self.role_permissions, "nothing"));
        }
        for secret in &self.secrets {
            let end = secret.expires_at.map(|end| format!(", ends {}", Timestamp::from_secs(end)));
            let used = last_use(secret).map(|used| format!(", last used {used}"));
            let (id, made) = (&secret.secret_id, Timestamp::from_secs(secret.created_at));
            let (end, used) = (end.unwrap_or_default(), used.unwrap_or_default());
            fields.push(("secret", format!("{id}, made {made}{end}{used}")));
        }
        write_fields(out, &fields)
    }
}

impl Report for Shown<'_, KeyRow> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write_secret(out, &self.key.key_id, self.secret)
    }
}

/// Writes what a program needs to authenticate.
pub(super) fn write_secret(out: &mut dyn Write, key_id: &KeyId, secret: &str) -> io::Result<()> {
    write_fields(out, &[("key_id", key_id.to_string()), ("secret", secret.to_owned())])?;
    writeln!(out, "\nThe secret is shown this once and kept nowhere: store it now.")
}
