//! Keys that come from elsewhere with an id and a secret of their own.
//!
//! Whatever is wrong with one is told by field and rule, never by what was given: a secret may stand
//! in any field of a file whose columns have moved.

use std::fmt::{self, Write as _};

use aws_lc_rs::digest;
use portcullis_guard::{KeyId, ProjectId};
use serde_json::{Value, json};

use super::api_key::{InvalidDetails, KeyDetails};
use super::secret::{Secret, SecretSha256};

/// The fewest characters that an imported secret has.
const SHORTEST_SECRET: usize = 16;

/// What may be said of a key to be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Its id.
    Id,
    /// Its secret, in clear.
    Secret,
    /// The SHA-256 of its secret.
    SecretSha256,
    /// What people call it; its id, if that is not given.
    Name,
    /// What its tokens may do at most.
    Permissions,
    /// The role that it has.
    Role,
    /// Where it and its tokens may be used from.
    Allowlist,
    /// What its tokens may be meant for.
    Audiences,
    /// How long its tokens live.
    TokenLifetime,
    /// Whether a request must name the scope that it wants.
    RequireScope,
    /// How many of its tokens may live at once.
    LiveTokens,
    /// How it may authenticate.
    AuthMethods,
    /// When it ends.
    ExpiresAt,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Id,
        Self::Secret,
        Self::SecretSha256,
        Self::Name,
        Self::Permissions,
        Self::Role,
        Self::Allowlist,
        Self::Audiences,
        Self::TokenLifetime,
        Self::RequireScope,
        Self::LiveTokens,
        Self::AuthMethods,
        Self::ExpiresAt,
    ];

    /// As a file calls it: like the answers of the program.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Secret => "secret",
            Self::SecretSha256 => "secret_sha256",
            Self::Name => "name",
            Self::Permissions => "permissions",
            Self::Role => "role",
            Self::Allowlist => "allowlist",
            Self::Audiences => "audiences",
            Self::TokenLifetime => "token_lifetime",
            Self::RequireScope => "require_scope",
            Self::LiveTokens => "live_tokens",
            Self::AuthMethods => "auth_methods",
            Self::ExpiresAt => "expires_at",
        }
    }

    /// The field of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    /// A refusal because of this field.
    #[must_use]
    pub const fn refused(self, why: &'static str) -> Refused {
        Refused { field: Some(self), why }
    }
}

/// Why a key is not imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refused {
    /// The field that is wrong; none if it is the line as a whole.
    pub field: Option<Field>,
    /// The rule, without anything that was given.
    pub why: &'static str,
}

impl Refused {
    /// A refusal of the line as a whole.
    #[must_use]
    pub const fn line(why: &'static str) -> Self {
        Self { field: None, why }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(field) => write!(f, "{}: {}", field.as_str(), self.why),
            None => f.write_str(self.why),
        }
    }
}

/// A key to be imported.
#[derive(Debug)]
pub struct Newcomer {
    /// Its id.
    pub id: KeyId,
    /// Of its secret, all that is needed.
    pub secret: SecretSha256,
    /// What its owner may edit.
    pub details: KeyDetails,
}

impl Newcomer {
    /// Whether a key of this project may be like this; the rules are those of a key that is made here.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn check(&self, project: &ProjectId) -> Result<(), Refused> {
        self.details.check(project).map_err(|wrong| match wrong {
            InvalidDetails::Reserved(_) => {
                Field::Permissions.refused("a scope among them belongs to Portcullis itself")
            }
            InvalidDetails::NotAdministrative(_) => Field::Permissions
                .refused("keys of the project `portcullis` hold scopes that begin with `portcullis:` only"),
            // A key has no description.
            InvalidDetails::Name | InvalidDetails::Description => {
                Field::Name.refused("a name has 1 to 200 characters and no control characters")
            }
        })
    }
}

/// What is needed of a secret that was given in clear.
///
/// # Errors
/// [`Refused`], if nobody could present it (RFC 6749 appendix A.2), if it is easily guessed, or if it
/// names another key than its own, which alone would then be looked for.
pub fn sha256_of_secret(key: &KeyId, secret: &Secret) -> Result<SecretSha256, Refused> {
    let text = secret.expose();
    let refused = |why| Err(Field::Secret.refused(why));
    if text.len() < SHORTEST_SECRET {
        refused("a secret has at least 16 characters")
    } else if !text.bytes().all(|b| matches!(b, 0x20..=0x7E)) {
        refused("a secret is visible ASCII and spaces")
    } else if text.starts_with(' ') || text.ends_with(' ') {
        refused("a secret neither begins nor ends with a space")
    } else if text == key.as_str() {
        refused("the id is public, so it is no secret")
    } else if secret.names_key().is_some_and(|named| named != *key) {
        refused("this secret names another key")
    } else {
        Ok(secret.sha256())
    }
}

/// What the audit log says of a batch: from which lines of the file how many keys came, and the
/// SHA-256 of their ids, each followed by a line feed.
#[must_use]
pub fn account<'a>(lines: (u64, u64), imported: impl Iterator<Item = &'a KeyId>) -> Value {
    let (mut count, mut ids) = (0_u64, digest::Context::new(&digest::SHA256));
    for id in imported {
        count += 1;
        ids.update(id.as_str().as_bytes());
        ids.update(b"\n");
    }
    let mut hex = String::with_capacity(64);
    for byte in ids.finish().as_ref() {
        // Writing into a text cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    json!({ "imported": count, "first_line": lines.0, "last_line": lines.1, "ids_sha256": hex })
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::domain::ProjectKind;

    fn secret(text: &str) -> Secret {
        Secret::presented(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn a_field_has_one_name() {
        for field in Field::ALL {
            assert_eq!(Field::named(field.as_str()), Some(field));
        }
        for none in ["", "ID", "id ", "kind", "state"] {
            assert_eq!(Field::named(none), None);
        }
    }

    #[test]
    fn a_secret_is_long_enough_and_can_be_presented() {
        let key: KeyId = "3f1a-125l-3f1a-125l".parse().unwrap();
        for fine in ["0123456789abcdef", "16 signs: ~!\"\\:%", &"x".repeat(5000)] {
            assert!(sha256_of_secret(&key, &secret(fine)).is_ok(), "{fine}");
        }
        for wrong in [
            "",
            "0123456789abcde",
            "éééééééééééééééé",
            "0123456789abcdef\t",
            "0123456789abcdef\0",
            " 0123456789abcdef",
            "0123456789abcdef ",
            key.as_str(),
        ] {
            let refused = sha256_of_secret(&key, &secret(wrong)).unwrap_err();
            assert_eq!(refused.field, Some(Field::Secret), "{wrong}");
        }
    }

    #[test]
    fn a_secret_of_our_form_belongs_to_the_key_that_it_names() {
        let random: [u8; 48] = std::array::from_fn(|i| u8::try_from(i * 5).unwrap());
        let (id, secret) = Secret::generate(ProjectKind::Live, &random);
        assert!(sha256_of_secret(&id, &secret).is_ok());
        let other: KeyId = "pk_live_0000000000000000".parse().unwrap();
        assert!(sha256_of_secret(&other, &secret).is_err());
    }

    #[test]
    fn a_newcomer_is_held_to_the_rules_of_all_keys_and_not_quoted() {
        let tenant: ProjectId = "prj_x".parse().unwrap();
        for (name, permissions, field) in [
            ("k", "orders:read portcullis:introspect", None),
            ("k", "orders:read portcullis:keys:write", Some(Field::Permissions)),
            (" ", "orders:read", Some(Field::Name)),
            ("leak\u{7}", "orders:read", Some(Field::Name)),
        ] {
            let details = KeyDetails {
                name: name.into(),
                permissions: permissions.parse().unwrap(),
                ..KeyDetails::default()
            };
            let secret = secret("0123456789abcdef").sha256();
            let newcomer = Newcomer { id: "x".parse().unwrap(), secret, details };
            let refused = newcomer.check(&tenant).err();
            assert_eq!(refused.and_then(|refused| refused.field), field);
            let said = refused.map(|refused| refused.to_string()).unwrap_or_default();
            assert!(!said.contains("keys:write") && !said.contains("leak"), "{said}");
        }
    }

    #[test]
    fn the_account_of_a_batch_is_that_of_its_ids_in_order() {
        let ids: [KeyId; 2] = ["a", "b"].map(|id| id.parse().unwrap());
        let account = account((2, 4), ids.iter());
        // printf 'a\nb\n' | sha256sum
        let hash = "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2";
        assert_eq!(account["imported"], 2);
        assert_eq!((&account["first_line"], &account["last_line"]), (&json!(2), &json!(4)));
        assert_eq!(account["ids_sha256"], hash);
    }
}
