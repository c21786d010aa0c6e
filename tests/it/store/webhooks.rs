//! Webhooks and the outbox.

use crate::support::Listed as _;
use std::collections::BTreeSet;
use std::time::Duration;

use portcullis::domain::audit::{Act, Actor, AuditDraft};
use portcullis::domain::authority::Reach;
use portcullis::domain::edit::KeyEdit;
use portcullis::domain::webhook::{
    Ended, EventFilter, Fate, MOST, MessageId, Outcome, Webhook, WebhookDetails, WebhookId, WebhookState,
};
use portcullis::domain::{Position, ProjectId, Timestamp};
use portcullis::store::{
    Attempt, Claim, ClaimedMessage, Delivery, Error, NewWebhook, WantedDeliveries, WantedWebhooks,
    WebhookChange, WebhookEdit,
};
use serde_json::json;

use super::database::Database;
use super::fixtures::{NOW, key_change, later, new_project, shop};

on_every_engine!(founded:
    a_webhook_is_kept_as_it_was_made_and_found_by_whoever_may_see_it,
    an_act_on_what_has_changed_is_refused_and_tells_nobody,
    a_project_has_so_many_webhooks_and_no_more,
    an_event_is_written_down_with_its_act_for_whoever_wants_it,
    what_is_taken_is_nobody_elses_until_the_lease_ends,
    many_who_take_at_once_never_take_the_same,
    the_word_of_whoever_was_too_slow_counts_no_more,
    a_disabled_webhook_wants_nothing_and_is_disabled_once,
    a_deleted_webhook_takes_with_it_what_was_sent_to_it,
    only_what_is_old_is_forgotten,
);

pub(super) fn webhook(project: Option<ProjectId>, events: &[&str]) -> Webhook {
    Webhook {
        id: WebhookId::new(&super::fixtures::digest().as_bytes()[..16].try_into().unwrap()),
        project,
        details: WebhookDetails {
            url: "https://hooks.example/in?x=y".parse().unwrap(),
            events: EventFilter::new(events.iter().copied()).unwrap(),
            description: "to the desk".into(),
            state: WebhookState::Active,
        },
        failing_since: None,
        created_at: NOW,
        changed: Position::START,
    }
}

fn audit(act: Act, webhook: &Webhook, at: Timestamp) -> AuditDraft {
    let (project, target) = (webhook.project.clone(), webhook.id.to_string());
    AuditDraft { at, actor: Actor::Local(0), address: None, act, project, target, detail: json!({}) }
}

pub(super) async fn make(db: &Database, mut webhook: Webhook) -> Result<Webhook, Error> {
    let audit = audit(Act::CreateWebhook, &webhook, NOW);
    let new = NewWebhook { secret: vec![7; 60], audit, once: None, webhook: webhook.clone() };
    webhook.changed = db.create_webhook(&new).await?;
    Ok(webhook)
}

async fn change(db: &Database, webhook: &Webhook, act: Act, edit: WebhookEdit) -> Result<Position, Error> {
    let audit = audit(act, webhook, NOW);
    db.change_webhook(&WebhookChange { webhook: webhook.clone(), edit, audit }).await
}

async fn sent(db: &Database, webhook: &Webhook) -> Vec<Delivery> {
    let wanted = WantedDeliveries { webhook: webhook.id.clone(), state: None, before: None, limit: 1000 };
    db.find_deliveries(&wanted).await.unwrap()
}

/// Takes at most so many at a time, until a minute later.
async fn take(db: &Database, webhook: &Webhook, now: Timestamp, limit: u32) -> Vec<ClaimedMessage> {
    let claim = Claim { webhook: webhook.id.clone(), now, until: now.after(Duration::from_mins(1)), limit };
    db.claim_deliveries(&claim).await.unwrap().map_or_else(Vec::new, |claimed| claimed.messages)
}

fn attempt(webhook: &Webhook, message: &ClaimedMessage, outcome: Outcome, fate: Fate) -> Attempt {
    let (webhook, number) = (webhook.id.clone(), message.attempt);
    Attempt { webhook, message: message.id.clone(), number, at: later(5), outcome, fate }
}

async fn a_webhook_is_kept_as_it_was_made_and_found_by_whoever_may_see_it(db: &Database) {
    let ours = make(db, webhook(Some(shop()), &["key.*", "secret.add"])).await.unwrap();
    let all = make(db, webhook(None, &[])).await.unwrap();
    assert_eq!(db.webhook(&ours.id).await.unwrap(), Some(ours.clone()));
    assert_eq!(db.webhook(&WebhookId::new(&[0; 16])).await.unwrap(), None);
    let find = async |within, after: Option<&Webhook>| {
        let wanted = WantedWebhooks { within, after: after.map(|it| it.id.clone()), limit: 10 };
        db.find_webhooks(&wanted).await.unwrap()
    };
    let mut both = vec![ours.clone(), all];
    both.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(find(Reach::Everywhere, None).await, both);
    assert_eq!(find(Reach::Everywhere, Some(&both[0])).await, both[1..]);
    assert_eq!(find(Reach::Within([shop()].into()), None).await, [ours]);
    assert_eq!(find(Reach::Within([].into()), None).await, []);
    let nowhere = make(db, webhook(Some("prj_none".parse().unwrap()), &[])).await;
    assert_refused!(nowhere, Error::Missing("project"));
}

async fn an_act_on_what_has_changed_is_refused_and_tells_nobody(db: &Database) {
    let made = make(db, webhook(Some(shop()), &[])).await.unwrap();
    let details = WebhookDetails { state: WebhookState::Paused, ..made.details.clone() };
    let edit = || WebhookEdit::Details(details.clone());
    let changed = change(db, &made, Act::EditWebhook, edit()).await.unwrap();
    let edited = Webhook { details: details.clone(), changed, ..made.clone() };
    assert_eq!(db.webhook(&made.id).await.unwrap(), Some(edited.clone()));
    let rows = db.audit(0, 100).await.unwrap().len();
    assert_refused!(change(db, &made, Act::EditWebhook, edit()).await, Error::Conflict);
    assert_refused!(change(db, &made, Act::DeleteWebhook, WebhookEdit::Delete).await, Error::Conflict);
    let message = MessageId::new(NOW, &[1; 32]);
    let again = change(db, &edited, Act::RedeliverWebhook, WebhookEdit::Redeliver(message)).await;
    assert_refused!(again, Error::Missing("message"));
    let gone = webhook(Some(shop()), &[]);
    assert_refused!(change(db, &gone, Act::TestWebhook, WebhookEdit::Test).await, Error::Missing("webhook"));
    assert_eq!(db.audit(0, 100).await.unwrap().len(), rows);
    // Whoever only sends something needs not have seen the last edit, and makes none.
    change(db, &made, Act::TestWebhook, WebhookEdit::Test).await.unwrap();
    assert_eq!(db.webhook(&made.id).await.unwrap(), Some(edited));
    assert_eq!(sent(db, &made).await[0].event, "webhook.test");
}

async fn a_project_has_so_many_webhooks_and_no_more(db: &Database) {
    for _ in 0..MOST {
        make(db, webhook(Some(shop()), &[])).await.unwrap();
    }
    assert_refused!(make(db, webhook(Some(shop()), &[])).await, Error::Full("webhooks"));
    for _ in 0..MOST {
        make(db, webhook(None, &[])).await.unwrap();
    }
    assert_refused!(make(db, webhook(None, &[])).await, Error::Full("webhooks"));
}

async fn an_event_is_written_down_with_its_act_for_whoever_wants_it(db: &Database) {
    let mill: ProjectId = "prj_mill".parse().unwrap();
    db.create_project(&new_project(mill.clone())).await.unwrap();
    let ours = make(db, webhook(Some(shop()), &[])).await.unwrap();
    let blocks = make(db, webhook(Some(shop()), &["key.block"])).await.unwrap();
    let theirs = make(db, webhook(Some(mill), &[])).await.unwrap();
    let all = make(db, webhook(None, &["key.*"])).await.unwrap();
    let key = db.key().await.key;
    let record = db.record_of(&key.id).await;
    let block = key_change(&record, KeyEdit::Block);
    db.change_key(&block).await.unwrap();
    // The same once more is a conflict, and told nobody.
    assert_refused!(db.change_key(&block).await, Error::Conflict);
    let events = async |webhook: &Webhook| {
        let sent = sent(db, webhook).await;
        assert!(sent.iter().all(|row| row.state == "waiting" && row.attempts == 0));
        sent.into_iter().map(|row| row.event).collect::<BTreeSet<_>>()
    };
    let [create, blocked] = ["key.create", "key.block"].map(ToOwned::to_owned);
    assert_eq!(events(&ours).await, [create.clone(), blocked.clone()].into());
    assert_eq!(events(&blocks).await, [blocked.clone()].into());
    assert_eq!(events(&theirs).await, [].into());
    assert_eq!(events(&all).await, [create, blocked].into());
    let message = |webhook| async move { sent(db, webhook).await[0].message.clone() };
    assert_eq!(message(&blocks).await, {
        let mut both: Vec<_> =
            sent(db, &ours).await.into_iter().filter(|row| row.event == "key.block").collect();
        both.remove(0).message
    });
}

async fn what_is_taken_is_nobody_elses_until_the_lease_ends(db: &Database) {
    let made = make(db, webhook(Some(shop()), &[])).await.unwrap();
    for _ in 0..3 {
        db.key().await;
    }
    assert_eq!(db.webhooks_due(NOW.before(Duration::from_millis(1))).await.unwrap(), []);
    assert_eq!(db.webhooks_due(NOW).await.unwrap().len(), 1);
    assert_eq!(db.oldest_due(NOW).await.unwrap(), Some(NOW));
    let first = take(db, &made, NOW, 2).await;
    assert_eq!(first.iter().map(|message| message.attempt).collect::<Vec<_>>(), [1, 1]);
    let second = take(db, &made, NOW, 2).await;
    assert_eq!(second.len(), 1);
    assert!(take(db, &made, later(59), 9).await.is_empty());
    assert_eq!(db.webhooks_due(later(59)).await.unwrap(), []);
    let again = take(db, &made, later(60), 9).await;
    assert_eq!(again.iter().map(|message| message.attempt).collect::<Vec<_>>(), [2, 2, 2]);
    let paused = WebhookDetails { state: WebhookState::Paused, ..made.details.clone() };
    change(db, &made, Act::EditWebhook, WebhookEdit::Details(paused)).await.unwrap();
    assert!(take(db, &made, later(1000), 9).await.is_empty(), "a paused one");
    assert_eq!(
        (db.webhooks_due(later(1000)).await.unwrap().len(), db.oldest_due(later(1000)).await.unwrap()),
        (0, None)
    );
}

async fn many_who_take_at_once_never_take_the_same(db: &Database) {
    let made = make(db, webhook(Some(shop()), &[])).await.unwrap();
    for _ in 0..20 {
        db.key().await;
    }
    let takers = (0..10).map(|_| take(db, &made, NOW, 3));
    let taken: Vec<_> = futures_util::future::join_all(takers).await.concat();
    let ids: BTreeSet<_> = taken.iter().map(|message| message.id.clone()).collect();
    assert_eq!(ids.len(), taken.len(), "somebody has taken what was taken");
    let left = take(db, &made, NOW, 100).await;
    assert_eq!(taken.len() + left.len(), 20);
}

async fn the_word_of_whoever_was_too_slow_counts_no_more(db: &Database) {
    let made = make(db, webhook(Some(shop()), &[])).await.unwrap();
    db.key().await;
    let slow = take(db, &made, NOW, 1).await.remove(0);
    let quick = take(db, &made, later(60), 1).await.remove(0);
    let delivered = Fate::Ended(Ended::Delivered);
    let late = attempt(&made, &slow, Outcome::Delivered(200), delivered);
    assert!(!db.settle_delivery(&late).await.unwrap());
    let failed = attempt(&made, &quick, Outcome::Refused(503), Fate::Again(later(99)));
    assert!(db.settle_delivery(&failed).await.unwrap());
    let row = sent(db, &made).await.remove(0);
    assert_eq!((row.state.as_str(), row.attempts, row.status), ("waiting", 2, Some(503)));
    assert_eq!(
        (row.next_at, row.tried_at, row.outcome.as_deref()),
        (Some(later(99)), Some(later(5)), Some("refused"))
    );
    assert_eq!(db.webhook(&made.id).await.unwrap().unwrap().failing_since, Some(later(5)));
    assert!(db.webhooks_due(later(99)).await.unwrap()[0].failing);
    let third = take(db, &made, later(99), 1).await.remove(0);
    let arrived = attempt(&made, &third, Outcome::Delivered(204), delivered);
    assert!(db.settle_delivery(&arrived).await.unwrap());
    assert!(!db.settle_delivery(&arrived).await.unwrap(), "it has ended");
    let row = sent(db, &made).await.remove(0);
    assert_eq!((row.state.as_str(), row.attempts, row.next_at), ("delivered", 3, None));
    assert_eq!(db.webhook(&made.id).await.unwrap().unwrap().failing_since, None);
}

async fn a_disabled_webhook_wants_nothing_and_is_disabled_once(db: &Database) {
    let made = make(db, webhook(Some(shop()), &[])).await.unwrap();
    db.key().await;
    let taken = take(db, &made, NOW, 1).await.remove(0);
    let draft = audit(Act::DisableWebhook, &made, later(7));
    let before = db.webhook(&made.id).await.unwrap().unwrap();
    for other in [
        Webhook { changed: Position::new(before.changed.value() - 1), ..before.clone() },
        Webhook { failing_since: Some(NOW), ..before.clone() },
    ] {
        assert!(!db.disable_webhook(&other, &draft).await.unwrap(), "{other:?}");
    }
    assert!(db.disable_webhook(&before, &draft).await.unwrap());
    let rows = db.audit(0, 100).await.unwrap().len();
    let after = db.webhook(&made.id).await.unwrap().unwrap();
    assert!(!db.disable_webhook(&after, &draft).await.unwrap());
    assert_eq!(db.audit(0, 100).await.unwrap().len(), rows);
    let row = sent(db, &made).await.remove(0);
    assert_eq!((row.state.as_str(), row.next_at), ("failed", None));
    let late = attempt(&made, &taken, Outcome::Delivered(200), Fate::Ended(Ended::Delivered));
    assert!(!db.settle_delivery(&late).await.unwrap());
    db.key().await;
    assert_eq!(sent(db, &made).await.len(), 1);
    let found = db.webhook(&made.id).await.unwrap().unwrap();
    assert_eq!(found.details.state, WebhookState::Disabled);
    assert!(found.changed > made.changed);
}

async fn a_deleted_webhook_takes_with_it_what_was_sent_to_it(db: &Database) {
    let made = make(db, webhook(Some(shop()), &[])).await.unwrap();
    db.key().await;
    let taken = take(db, &made, NOW, 1).await.remove(0);
    change(db, &made, Act::DeleteWebhook, WebhookEdit::Delete).await.unwrap();
    assert_eq!((db.webhook(&made.id).await.unwrap(), sent(db, &made).await.len()), (None, 0));
    let late = attempt(&made, &taken, Outcome::Delivered(200), Fate::Ended(Ended::Delivered));
    assert!(!db.settle_delivery(&late).await.unwrap());
    db.key().await;
}

async fn only_what_is_old_is_forgotten(db: &Database) {
    let made = make(db, webhook(Some(shop()), &[])).await.unwrap();
    for _ in 0..3 {
        db.key().await;
    }
    assert_eq!(db.forget_deliveries(NOW, 10).await.unwrap(), 0);
    assert_eq!(db.forget_deliveries(later(1), 2).await.unwrap(), 2);
    assert_eq!(sent(db, &made).await.len(), 1);
    assert_eq!(db.forget_deliveries(later(1), 2).await.unwrap(), 1);
}
