//! What is sent, how it is signed, and when it is tried again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::webhook::WebhookState;
use portcullis::http::{Listener, Patience};
use portcullis::keys::acts::{KeyAct, Why};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{App, DEADLINE, Listed as _, Receiver, Reply, deliveries};

#[tokio::test]
async fn a_blocked_key_is_told_to_its_projects_receiver_in_the_words_of_the_specification() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let (hook, secret) = receiver.hook(&app, Some(&shop.project.id)).await;
    let why = Why { reason: "key_compromise".parse().unwrap(), note: Some("seen on a forum".into()) };
    app.shell.act_on_key(&key.id, KeyAct::Block, &why).await.unwrap();

    assert_eq!(app.send_webhooks().await, 1);

    let received = receiver.received().remove(0);
    assert_eq!(received.line, "POST /hook?x=y HTTP/1.1");
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.header("webhook-timestamp"), app.now().to_string());
    assert!(received.header("user-agent").starts_with("Portcullis/"));
    assert_eq!(received.signed_by(&[&secret]), [&secret]);
    let body = received.json();
    let seq = app.shell.store.audit(0, 1000).await.unwrap().last().unwrap().row.seq;
    let expected = json!({
        "type": "key.block",
        "timestamp": "2026-11-22T06:00:00Z",
        "data": {
            "project": shop.project.id, "target": key.id, "actor": "local:0",
            "reason": "key_compromise", "audit_seq": seq,
        },
    });
    assert_eq!(body, expected);
    let row = &deliveries(&app, &hook).await[0];
    assert_eq!(received.header("webhook-id"), row.message.as_str());
    assert_eq!((row.state.as_str(), row.attempts, row.status), ("delivered", 1, Some(204)));
    assert_eq!((row.next_at, row.outcome.as_deref()), (None, Some("delivered")));
    assert_eq!(app.send_webhooks().await, 0, "it was sent once");
}

#[tokio::test]
async fn a_message_that_fails_is_tried_again_under_its_id_at_growing_distances_and_ends() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, secret) = receiver.hook(&app, Some(&shop.project.id)).await;
    receiver.usually(Reply::Status(500));
    shop.key("orders").create().await;
    let pauses = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
    let begun = app.now();
    for (attempt, pause) in (1..).zip(pauses) {
        assert_eq!(app.send_webhooks().await, 1, "attempt {attempt}");
        let row = deliveries(&app, &hook).await.remove(0);
        assert_eq!((row.state.as_str(), row.attempts, row.status), ("waiting", attempt, Some(500)));
        let waits = row.next_at.unwrap().since(row.tried_at.unwrap()).as_secs_f64();
        let pause = f64::from(pause);
        assert!((pause * 0.8..=pause * 1.2).contains(&waits), "attempt {attempt}: {waits} s");
        // Not a moment earlier.
        app.clock.advance(Duration::from_secs_f64(waits).saturating_sub(Duration::from_millis(2)));
        assert_eq!(app.send_webhooks().await, 0, "attempt {attempt}");
        app.clock.advance(Duration::from_millis(2));
    }
    assert_eq!(app.send_webhooks().await, 1);
    let row = deliveries(&app, &hook).await.remove(0);
    assert_eq!((row.state.as_str(), row.attempts, row.next_at), ("failed", 10, None));
    app.clock.advance(Duration::from_hours(100));
    assert_eq!(app.send_webhooks().await, 0);

    let received = receiver.received();
    assert_eq!(received.len(), 10);
    let mut times: Vec<i64> = Vec::new();
    for received in &received {
        assert_eq!(received.header("webhook-id"), row.message.as_str());
        assert_eq!(received.body, received_first(&receiver), "the same bytes each time");
        assert_eq!(received.signed_by(&[&secret]), [&secret], "each is signed for its own time");
        times.push(received.header("webhook-timestamp").parse().unwrap());
    }
    assert_eq!(times[0], begun);
    assert!(times.is_sorted_by(|earlier, later| earlier < later), "{times:?}");
}

/// The body of the first attempt.
fn received_first(receiver: &Receiver) -> String {
    receiver.received()[0].body.clone()
}

#[tokio::test]
async fn pauses_are_lengthened_and_shortened_by_chance() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    receiver.usually(Reply::Status(503));
    for _ in 0..8 {
        shop.key("orders").create().await;
    }
    assert_eq!(app.send_webhooks().await, 8);
    let mut waits: Vec<_> = deliveries(&app, &hook).await.iter().map(|row| row.next_at.unwrap()).collect();
    waits.sort();
    waits.dedup();
    assert!(waits.len() >= 6, "messages that failed together come back together: {waits:?}");
}

#[tokio::test]
async fn both_secrets_sign_while_they_overlap_and_the_new_one_alone_afterwards() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, old) = receiver.hook(&app, Some(&shop.project.id)).await;
    let (made, ends) = app.shell.rotate_webhook_secret(&hook, Duration::from_hours(1)).await.unwrap();
    let new = made.secret.expose().to_string();
    crate::support::is_secret("a webhook's new signing secret", &new);
    assert_ne!(new, old);

    for (span, by) in [(Duration::from_mins(59), vec![&new, &old]), (Duration::from_mins(1), vec![&new])] {
        app.clock.advance(span);
        shop.key("orders").create().await;
        app.send_webhooks().await;
        let received = receiver.received();
        let signed = received.last().unwrap().signed_by(&[&new, &old]);
        assert_eq!(signed, by, "at {}", app.now());
    }
    assert_eq!(ends.secs(), app.now());
    let too_long = app.shell.rotate_webhook_secret(&hook, Duration::from_hours(7 * 24 + 1)).await;
    assert!(too_long.unwrap_err().to_string().contains("seven days"));
}

#[tokio::test]
async fn what_happens_while_a_webhook_is_paused_waits_for_it() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    app.set_webhook(&hook, WebhookState::Paused).await;
    shop.key("orders").create().await;
    assert_eq!(app.send_webhooks().await, 0);
    app.clock.advance(Duration::from_hours(24));
    app.set_webhook(&hook, WebhookState::Active).await;
    assert_eq!(app.send_webhooks().await, 1);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_holds_up_no_other() {
    let app = App::with_webhooks().await;
    let (silent, quick) = (Receiver::start().await, Receiver::start().await);
    silent.usually(Reply::Silence);
    let shop = app.tenant("shop").await;
    silent.hook(&app, Some(&shop.project.id)).await;
    quick.hook(&app, Some(&shop.project.id)).await;
    for _ in 0..40 {
        shop.key("orders").create().await;
    }
    // Turns of the loop, of which none waits for the silent one.
    let sender = &app.server.webhooks;
    while quick.received().len() < 40 {
        sender.step().await.unwrap();
        sender.wait().await;
    }
    assert!(silent.connections() <= 4, "{} connections", silent.connections());
    sender.stop().await;
    // What was broken off is somebody's again when the lease is over.
    app.clock.advance(Duration::from_mins(1));
    silent.usually(Reply::Status(200));
    app.send_webhooks().await;
    let messages = |receiver: &Receiver| {
        let received = receiver.received();
        let ids = received.iter().map(|received| received.header("webhook-id").to_owned());
        ids.collect::<BTreeSet<_>>()
    };
    assert_eq!(messages(&silent).len(), 40);
    assert_eq!(messages(&silent), messages(&quick), "one event, one id");
}

#[tokio::test]
async fn a_message_is_sent_again_when_somebody_asks_for_it() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    shop.key("orders").create().await;
    app.send_webhooks().await;
    let message = deliveries(&app, &hook).await.remove(0).message;
    app.shell.redeliver(&hook, &message).await.unwrap();
    app.shell.test_webhook(&hook).await.unwrap();
    assert_eq!(app.send_webhooks().await, 2);
    let received = receiver.received();
    let types: Vec<_> = received.iter().map(|received| received.json()["type"].clone()).collect();
    assert_eq!(types.iter().filter(|kind| **kind == "key.create").count(), 2);
    assert_eq!(types.iter().filter(|kind| **kind == "webhook.test").count(), 1);
    let ids: Vec<_> = received
        .iter()
        .filter(|received| received.json()["type"] == "key.create")
        .map(|received| received.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids, [message.as_str(), message.as_str()]);
    let other = "msg_0000000000000000000000".parse().unwrap();
    assert_eq!(app.shell.redeliver(&hook, &other).await.unwrap_err().to_string(), "there is no such message");
}

#[tokio::test]
async fn what_the_loop_of_a_server_sends_arrives_and_stopping_waits_for_what_is_under_way() {
    let receiver = Receiver::start().await;
    let app = App::with_webhooks().await;
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    let gate = Arc::new(Semaphore::new(0));
    receiver.usually(Reply::Held(gate.clone()));
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    // A tenth of this is for what is on its way to receivers.
    let patience = Patience { grace: DEADLINE * 10, ..Patience::default() };
    let wire = app.listen_on(listener, patience);
    shop.key("orders").create().await;
    receiver.until(1).await;

    tokio::join!(wire.stop(), async { gate.add_permits(1) });

    assert_eq!(deliveries(&app, &hook).await[0].state, "delivered", "it was not broken off");
    shop.key("orders").create().await;
    assert_eq!(receiver.received().len(), 1, "nobody sends any more");
}

#[tokio::test]
async fn a_receiver_that_asks_to_wait_is_left_alone_for_that_long_but_not_for_longer_than_an_hour() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    for (asked, least, most) in [
        ("120", 120, 120),
        ("0", 4, 6),
        ("999999999999999999999999", 4, 6),
        ("-5", 4, 6),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 4, 6),
        ("86400", 3600, 3600),
        ("18446744073709551615", 3600, 3600),
    ] {
        receiver.reply([Reply::Headed(503, format!("Retry-After: {asked}\r\n"))]);
        shop.key("orders").create().await;
        app.send_webhooks().await;
        let row = deliveries(&app, &hook).await.remove(0);
        let waits = row.next_at.unwrap().since(row.tried_at.unwrap()).as_secs();
        assert!((least..=most).contains(&waits), "{asked}: {waits} s");
        app.clock.advance(Duration::from_hours(2));
        app.send_webhooks().await;
    }
}
