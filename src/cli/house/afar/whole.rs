//! What is the whole installation's: signing keys, nodes, the audit log.

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;

use super::{Afar, Again, Parts as _, because};
use crate::admin::view::{AuditEntry, NodeRow, Page, Rotated, SigningKeyRow};
use crate::cli::failure::Failure;
use crate::cli::house::Whole;
use crate::domain::SigningKeyId;
use crate::domain::authority::Right;
use crate::domain::signing_key::{Line, SigningPurpose};
use crate::keys::acts::Why;
use crate::store::SealedRow;

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
    async fn list_audit(&self, query: &[(&str, String)]) -> Result<Vec<SealedRow>, Failure> {
        let scope = [self.scope(Right::ReadAudit, None)];
        let page: Page<AuditEntry> = self.ask(&scope, self.get(&["audit"], query), Again::Safely).await?;
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

    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<SealedRow>, Failure> {
        // The API gives a thousand at a time; one more tells a list whether there is another page.
        let (mut rows, mut after) = (Vec::new(), after);
        loop {
            let left = limit - u32::try_from(rows.len()).unwrap_or(limit);
            let part = left.min(1000);
            let query = [("after", after.to_string()), ("limit", part.to_string())];
            let more = self.list_audit(&query).await?;
            let whole = more.len() == usize::try_from(part).unwrap_or(usize::MAX);
            after = more.last().map_or(after, |last| last.row.seq);
            rows.extend(more);
            if !whole || rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
                return Ok(rows);
            }
        }
    }

    async fn newest_audit(&self) -> Result<Option<SealedRow>, Failure> {
        let query = [("order", "newest".to_owned()), ("limit", "1".to_owned())];
        Ok(self.list_audit(&query).await?.pop())
    }
}

/// Whether the key does not hold what was asked for.
fn is_too_much(refused: &Failure) -> bool {
    matches!(refused, Failure::Refused { error, .. } if error == "invalid_scope")
}
