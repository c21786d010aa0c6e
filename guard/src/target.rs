//! What a revocation is aimed at, and how that is written.

use serde::{Deserialize, Serialize};

use crate::id::{KeyId, ProjectId, SigningKeyId, TokenId};

/// What a revocation is aimed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "revoke", rename_all = "snake_case", try_from = "Written")]
pub enum Target {
    /// Every token of the installation.
    All,
    /// Every token of a project.
    Project {
        /// The project.
        project: ProjectId,
    },
    /// Every token that an API key minted, and every token exchanged from one.
    Key {
        /// The key's project.
        project: ProjectId,
        /// The key.
        key: KeyId,
    },
    /// Every token that speaks for a subject.
    Subject {
        /// The subject's project.
        project: ProjectId,
        /// What kind of subject it is (`sub_kind`).
        kind: Box<str>,
        /// The subject (`sub`).
        subject: Box<str>,
    },
    /// One token, and every token exchanged from it.
    Token {
        /// The token's project.
        project: ProjectId,
        /// The token.
        jti: TokenId,
    },
    /// Every token that a signing key signed.
    SigningKey {
        /// The signing key.
        kid: SigningKeyId,
    },
}

/// A target as it is written. Read as one flat thing: to find out first which of six it is would take three
/// times as long, and a start reads a million of them.
#[derive(Deserialize)]
struct Written {
    revoke: Kind,
    project: Option<ProjectId>,
    key: Option<KeyId>,
    kind: Option<Box<str>>,
    subject: Option<Box<str>>,
    jti: Option<TokenId>,
    kid: Option<SigningKeyId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    All,
    Project,
    Key,
    Subject,
    Token,
    SigningKey,
}

/// A target lacks what it is aimed at.
#[derive(Debug, thiserror::Error)]
#[error("a revocation lacks what it is aimed at")]
struct Aimless;

impl TryFrom<Written> for Target {
    type Error = Aimless;

    fn try_from(written: Written) -> Result<Self, Aimless> {
        let Written { revoke, project, key, kind, subject, jti, kid } = written;
        let project = project.ok_or(Aimless);
        Ok(match revoke {
            Kind::All => Self::All,
            Kind::Project => Self::Project { project: project? },
            Kind::Key => Self::Key { project: project?, key: key.ok_or(Aimless)? },
            Kind::Subject => Self::Subject {
                project: project?,
                kind: kind.ok_or(Aimless)?,
                subject: subject.ok_or(Aimless)?,
            },
            Kind::Token => Self::Token { project: project?, jti: jti.ok_or(Aimless)? },
            Kind::SigningKey => Self::SigningKey { kid: kid.ok_or(Aimless)? },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_back_as_what_was_written_and_never_without_its_aim() {
        let whole = [
            r#"{"revoke":"all"}"#,
            r#"{"revoke":"project","project":"prj_x"}"#,
            r#"{"revoke":"key","project":"prj_x","key":"k"}"#,
            r#"{"revoke":"subject","project":"prj_x","kind":"user","subject":"u"}"#,
            r#"{"revoke":"token","project":"prj_x","jti":"AAAAAAAAAAAAAAAAAAAAAA"}"#,
            r#"{"revoke":"signing_key","kid":"k"}"#,
        ];
        for written in whole {
            let target: Target = serde_json::from_str(written).unwrap();
            assert_eq!(serde_json::to_string(&target).unwrap(), written);
            let serde_json::Value::Object(fields) = serde_json::from_str(written).unwrap() else { panic!() };
            for left_out in fields.keys() {
                let mut less = fields.clone();
                less.remove(left_out);
                let less = serde_json::Value::Object(less).to_string();
                assert!(serde_json::from_str::<Target>(&less).is_err(), "{less}");
            }
        }
        assert!(serde_json::from_str::<Target>(r#"{"revoke":"everybody"}"#).is_err());
    }
}
