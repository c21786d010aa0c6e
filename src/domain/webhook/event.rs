//! What of the acts is told, and in which words. The type of an event is the act as the audit log calls
//! it: one vocabulary, and an act that comes later is told without anything being added here.

use serde_json::{Value, json};

use super::MessageId;
use crate::domain::ProjectId;
use crate::domain::audit::{AuditDraft, AuditRow};

/// The first words of the acts that are events.
pub const GROUPS: [&str; 4] = ["key", "secret", "leak", "role"];

/// The events that can be asked for by name. Whatever begins with one of [`GROUPS`] is told to whoever
/// asks for all of them.
pub const EVENTS: [&str; 15] = [
    "key.create",
    "key.import",
    "key.edit",
    "key.block",
    "key.unblock",
    "key.delete",
    "key.revoke_tokens",
    "key.regenerate",
    "secret.add",
    "secret.expire",
    "leak.report",
    "leak.clear",
    "role.create",
    "role.edit",
    "role.delete",
];

/// The event that is sent to one webhook when somebody wants to see whether it arrives.
pub const TEST: &str = "webhook.test";

/// What of an act's details is told: words and numbers of ours. A note is for the audit log alone; it is
/// what people have written, and names of keys and networks are nobody's business out there.
const TOLD: [&str; 4] = ["reason", "secret_id", "expires_at", "overlap_secs"];

/// The type of the event that an act is, if it is one.
#[must_use]
pub fn event_of(act: &str) -> Option<&str> {
    let (group, _) = act.split_once('.')?;
    GROUPS.contains(&group).then_some(act)
}

/// What is sent: the same bytes to everybody and at every attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The type of its event.
    pub event: String,
    /// In which project.
    pub project: Option<ProjectId>,
    /// The body: `type`, `timestamp`, `data`.
    pub body: String,
}

impl Message {
    /// What is told of an act, by the draft of its row in the audit log, the row and the row's hash; none,
    /// if it is no event.
    #[must_use]
    pub fn of(draft: &AuditDraft, row: &AuditRow, hash: &[u8; 32]) -> Option<Self> {
        event_of(&row.act).map(|_| Self::whatever(draft, row, hash))
    }

    /// The same, of any act.
    #[must_use]
    pub fn whatever(draft: &AuditDraft, row: &AuditRow, hash: &[u8; 32]) -> Self {
        let mut data = json!({
            "project": row.project,
            "target": row.target,
            "actor": row.actor,
            "audit_seq": row.seq,
        });
        for name in TOLD {
            if let Some(value) = draft.detail.get(name).filter(|value| is_a_word(value)) {
                data[name] = value.clone();
            }
        }
        let body = json!({ "type": row.act, "timestamp": row.at.to_string(), "data": data });
        Self {
            id: MessageId::new(row.at, hash),
            event: row.act.clone(),
            project: draft.project.clone(),
            body: body.to_string(),
        }
    }
}

fn is_a_word(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::audit::{Act, Actor, seal};

    #[test]
    fn what_is_told_is_the_act_and_nothing_that_people_have_written() {
        let draft = AuditDraft {
            at: Timestamp::from_secs(1_795_327_200),
            actor: Actor::Local(7),
            address: Some([192, 0, 2, 1].into()),
            act: Act::BlockKey,
            project: Some("prj_x".parse().unwrap()),
            target: "pk_live_x".into(),
            detail: json!({
                "reason": "key_compromise", "note": "canary", "name": "canary",
                "was": { "name": "canary" }, "secret_id": ["canary"],
            }),
        };
        let row = AuditRow::of(&draft, 12);
        let message = Message::of(&draft, &row, &seal(&[0; 32], &row)).unwrap();
        let body: Value = serde_json::from_str(&message.body).unwrap();
        let told = json!({
            "type": "key.block",
            "timestamp": "2026-11-22T06:00:00Z",
            "data": {
                "project": "prj_x", "target": "pk_live_x", "actor": "local:7", "audit_seq": 12,
                "reason": "key_compromise",
            },
        });
        assert_eq!(body, told);
        assert!(!message.body.contains("canary") && !message.body.contains("192.0.2.1"));
    }

    #[test]
    fn an_act_is_an_event_by_its_first_word() {
        for act in EVENTS.into_iter().chain(["leak.whatever_comes"]) {
            assert_eq!(event_of(act), Some(act));
        }
        for act in ["", "key", "backup", "project.create", "keys.block", "webhook.test", "token.revoke"] {
            assert_eq!(event_of(act), None, "{act}");
        }
    }
}
