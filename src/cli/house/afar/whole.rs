//! What is the whole installation's: signing keys, nodes, the audit log.

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;

use super::{Afar, Again, Parts as _, because, moment, one_project};
use crate::admin::view::{AuditEntry, NodeRow, Page, Rotated, SigningKeyRow};
use crate::cli::failure::Failure;
use crate::cli::house::Whole;
use crate::domain::SigningKeyId;
use crate::domain::authority::Right;
use crate::domain::signing_key::{Line, SigningPurpose};
use crate::keys::acts::Why;
use crate::store::{SealedRow, WantedAudit};

/// Any of these opens what any right opens; the smallest is asked for first.
const ANY: [Right; 6] = [
    Right::ReadAudit,
    Right::ReadWebhooks,
    Right::ReadKeys,
    Right::ReadProjects,
    Right::RevokeTokens,
    Right::ReadSigning,
];

impl Afar {
    async fn list_audit(&self, wanted: &WantedAudit) -> Result<Vec<SealedRow>, Failure> {
        let project = one_project(&wanted.within);
        let mut query = vec![("limit", wanted.limit.to_string())];
        query.extend(project.map(|project| ("project", project.to_string())));
        let texts = [("actor", &wanted.actor), ("act", &wanted.act), ("target", &wanted.target)];
        query.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
        query.extend(wanted.since.map(|since| ("since", moment(since))));
        query.extend(wanted.until.map(|until| ("until", moment(until))));
        query.extend(wanted.newest_first.then(|| ("order", "newest".to_owned())));
        query.extend(wanted.after.map(|after| ("after", after.to_string())));
        let scope = [self.scope(Right::ReadAudit, project)];
        let page: Page<AuditEntry> = self.ask(&scope, self.get(&["audit"], &query), Again::Safely).await?;
        let rows: Option<Vec<SealedRow>> = page.items.into_iter().map(AuditEntry::sealed).collect();
        rows.ok_or_else(|| self.admin.failed("its answer cannot be read".to_owned()))
    }
}

#[async_trait]
impl Whole for Afar {
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, Failure> {
        let scope = [Right::ReadSigning.everywhere()];
        let page: Page<SigningKeyRow> =
            self.ask(&scope, self.get(&["signing-keys"], &[]), Again::Safely).await?;
        Ok(page.items)
    }

    async fn rotate_signing_key(&self, line: Line) -> Result<SigningKeyRow, Failure> {
        let body = match line.purpose {
            SigningPurpose::Feed => json!({ "purpose": "feed" }),
            SigningPurpose::Tokens => json!({ "algorithm": line.algorithm }),
        };
        let request = self.to(Method::POST, &["signing-keys", "rotate"]).json_of(&body);
        let scope = [Right::WriteSigning.everywhere()];
        let rotated: Rotated = self.ask(&scope, request, Again::Never).await?;
        rotated.new.ok_or_else(|| self.admin.failed("its answer cannot be read".to_owned()))
    }

    async fn retire_signing_key(
        &self,
        kid: &SigningKeyId,
        why: &Why,
    ) -> Result<Option<SigningKeyRow>, Failure> {
        let path = ["signing-keys", kid.as_str(), "retire"];
        let request = self.to(Method::POST, &path).json_of(&because(why));
        let scope = [Right::WriteSigning.everywhere()];
        let rotated: Rotated = self.ask(&scope, request, Again::Never).await?;
        Ok(rotated.new)
    }

    async fn nodes(&self) -> Result<Vec<NodeRow>, Failure> {
        let mut refused = None;
        for right in ANY {
            // Signing keys are all projects'.
            let right =
                if right == Right::ReadSigning { right.everywhere() } else { self.scope(right, None) };
            let asked = self.ask(&[right], self.get(&["nodes"], &[]), Again::Safely).await;
            match asked {
                Err(no @ Failure::Refused { .. }) if is_too_much(&no) => refused = Some(no),
                asked => return asked.map(|page: Page<NodeRow>| page.items),
            }
        }
        Err(refused.expect("there are rights"))
    }

    async fn audit(&self, wanted: &WantedAudit) -> Result<Vec<SealedRow>, Failure> {
        // The API gives a thousand at a time; one more tells a list whether there is another page.
        let (mut rows, mut after) = (Vec::new(), wanted.after);
        loop {
            let left = wanted.limit - u32::try_from(rows.len()).unwrap_or(wanted.limit);
            let part = WantedAudit { after, limit: left.min(1000), ..wanted.clone() };
            let more = self.list_audit(&part).await?;
            let whole = more.len() == usize::try_from(part.limit).unwrap_or(usize::MAX);
            after = more.last().map_or(after, |last| Some(last.row.seq));
            rows.extend(more);
            if !whole || rows.len() >= usize::try_from(wanted.limit).unwrap_or(usize::MAX) {
                return Ok(rows);
            }
        }
    }
}

/// Whether the key does not hold what was asked for.
fn is_too_much(refused: &Failure) -> bool {
    matches!(refused, Failure::Refused { error, .. } if error == "invalid_scope")
}
