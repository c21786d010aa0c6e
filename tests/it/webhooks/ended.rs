//! When nothing is sent to a webhook any more.

use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::webhook::{WebhookDetails, WebhookId, WebhookState};

use tokio::sync::Semaphore;

use crate::support::{App, Listed as _, Receiver, Reply, deliveries};

impl App {
    /// Somebody sets a webhook's state.
    pub(super) async fn set_webhook(&self, hook: &WebhookId, state: WebhookState) {
        let destinations = self.server.webhooks.transport().destinations();
        let edit = |before: WebhookDetails| WebhookDetails { state, ..before };
        self.shell.edit_webhook(hook, edit, destinations).await.unwrap();
    }
}

async fn last_act(app: &App) -> (String, String, String) {
    let row = app.shell.store.audit(0, 10_000).await.unwrap().pop().unwrap().row;
    (row.actor, row.act, row.detail)
}

fn text(actor: &str, act: &str, detail: &str) -> (String, String, String) {
    (actor.to_owned(), act.to_owned(), detail.to_owned())
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_sent_nothing_any_more() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    for _ in 0..9 {
        shop.key("orders").create().await;
    }
    receiver.usually(Reply::Status(410));

    app.send_webhooks().await;

    assert!(receiver.received().len() <= 4, "only what was under way together");
    assert_eq!(app.webhook(&hook).await.details.state, WebhookState::Disabled);
    assert_eq!(last_act(&app).await, text("system", "webhook.disable", r#"{"why":"gone"}"#));
    let rows = deliveries(&app, &hook).await;
    assert!(rows.iter().all(|row| row.state == "failed" && row.next_at.is_none()), "{rows:?}");
    // What happens now is written down for nobody.
    shop.key("orders").create().await;
    assert_eq!(deliveries(&app, &hook).await.len(), 9);
    let refused = app.shell.test_webhook(&hook).await.unwrap_err();
    assert_eq!(refused.to_string(), "the webhook is disabled; make it active first");

    receiver.usually(Reply::Status(200));
    app.set_webhook(&hook, WebhookState::Active).await;
    app.shell.redeliver(&hook, &rows[0].message).await.unwrap();
    shop.key("orders").create().await;
    assert_eq!(app.send_webhooks().await, 2);
}

#[tokio::test]
async fn a_receiver_that_has_failed_for_five_days_is_sent_nothing_any_more() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    receiver.usually(Reply::Close);
    shop.key("orders").create().await;
    app.send_webhooks().await;
    let since = app.webhook(&hook).await.failing_since.unwrap();
    assert_eq!(since.secs(), app.now());
    for _ in 0..4 {
        app.clock.advance(Duration::from_hours(24));
        app.follow().await;
        shop.key("orders").create().await;
        app.send_webhooks().await;
        assert_eq!(app.webhook(&hook).await.failing_since, Some(since));
        assert_eq!(app.webhook(&hook).await.details.state, WebhookState::Active);
    }
    app.clock.advance(Duration::from_hours(24));
    app.follow().await;
    app.send_webhooks().await;
    assert_eq!(app.webhook(&hook).await.details.state, WebhookState::Disabled);
    assert_eq!(last_act(&app).await, text("system", "webhook.disable", r#"{"why":"failing"}"#));
}

#[tokio::test]
async fn whatever_arrives_makes_a_receiver_a_good_one_again() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    receiver.reply([Reply::Status(500)]);
    shop.key("orders").create().await;
    app.send_webhooks().await;
    assert!(app.webhook(&hook).await.failing_since.is_some());
    app.clock.advance(Duration::from_secs(6));
    app.send_webhooks().await;
    assert_eq!(app.webhook(&hook).await.failing_since, None);
    let row = deliveries(&app, &hook).await.remove(0);
    assert_eq!((row.state.as_str(), row.attempts), ("delivered", 2));
}

#[tokio::test]
async fn deliveries_are_forgotten_after_seven_days_whatever_became_of_them() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    shop.key("orders").create().await;
    app.send_webhooks().await;
    app.set_webhook(&hook, WebhookState::Paused).await;
    app.clock.advance(Duration::from_secs(1));
    app.follow().await;
    shop.key("orders").create().await;
    app.clock.advance(Duration::from_hours(7 * 24) - Duration::from_millis(500));
    app.send_webhooks().await;
    let left = deliveries(&app, &hook).await;
    assert_eq!(left.iter().map(|row| row.state.as_str()).collect::<Vec<_>>(), ["waiting"]);
    app.clock.advance(Duration::from_secs(16));
    app.send_webhooks().await;
    assert!(deliveries(&app, &hook).await.is_empty());
}

#[tokio::test]
async fn an_answer_from_where_a_webhook_led_before_disables_nothing() {
    let app = App::with_webhooks().await;
    let (old, new) = (Receiver::start().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, _) = old.hook(&app, Some(&shop.project.id)).await;
    let gate = Arc::new(Semaphore::new(0));
    old.usually(Reply::HeldStatus(gate.clone(), 410));
    for _ in 0..5 {
        shop.key("orders").create().await;
    }
    assert_eq!(app.server.webhooks.step().await.unwrap(), 4);
    old.until(4).await;
    let destinations = app.server.webhooks.transport().destinations();
    let edit = |before: WebhookDetails| WebhookDetails { url: new.url().parse().unwrap(), ..before };
    app.shell.edit_webhook(&hook, edit, destinations).await.unwrap();

    gate.add_permits(4);
    app.server.webhooks.finish().await;

    assert_eq!(app.webhook(&hook).await.details.state, WebhookState::Active);
    app.send_webhooks().await;
    assert_eq!(new.received().len(), 1, "what waited goes where it leads now");
}

#[tokio::test]
async fn a_receiver_that_somebody_has_just_taken_up_again_is_not_given_up_for_an_attempt_from_before() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    receiver.reply([Reply::Close]);
    shop.key("orders").create().await;
    app.send_webhooks().await;
    app.clock.advance(Duration::from_hours(5 * 24));
    app.follow().await;
    let gate = Arc::new(Semaphore::new(0));
    receiver.reply([Reply::HeldStatus(gate.clone(), 500)]);
    assert_eq!(app.server.webhooks.step().await.unwrap(), 1);
    receiver.until(2).await;
    for state in [WebhookState::Paused, WebhookState::Active] {
        app.set_webhook(&hook, state).await;
    }

    gate.add_permits(1);
    app.server.webhooks.finish().await;

    assert_eq!(app.webhook(&hook).await.details.state, WebhookState::Active);
}
