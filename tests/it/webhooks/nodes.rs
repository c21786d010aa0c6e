//! Several nodes, and nodes that end between an act and what is told of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::support::{ALLOW, App, Build, LOOPBACK, Receiver, Reply, deliveries};

fn build() -> Build {
    Build::default().set(ALLOW, LOOPBACK)
}

#[tokio::test]
async fn an_event_is_told_by_whoever_starts_next_when_its_node_ended_after_the_commit() {
    let receiver = Receiver::start().await;
    let app = App::with_webhooks().await;
    let shop = app.tenant("shop").await;
    let (_, secret) = receiver.hook(&app, Some(&shop.project.id)).await;
    shop.key("orders").create().await;
    // Nothing of the node that carried it out is left but what it has committed.
    let next = app.second_node(build()).await;
    assert_eq!(next.send_webhooks().await, 1);
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].signed_by(&[&secret]), [&secret], "the secret is sealed for every node");
}

#[tokio::test]
async fn two_nodes_send_each_message_once() {
    let receiver = Receiver::start().await;
    let app = App::with_webhooks().await;
    let other = app.second_node(build()).await;
    let shop = app.tenant("shop").await;
    receiver.hook(&app, Some(&shop.project.id)).await;
    for _ in 0..20 {
        shop.key("orders").create().await;
    }
    let (one, two) = tokio::join!(app.send_webhooks(), other.send_webhooks());
    assert_eq!(one + two, 20, "{one} and {two}");
    let received = receiver.received();
    let ids: BTreeSet<_> = received.iter().map(|received| received.header("webhook-id").to_owned()).collect();
    assert_eq!((received.len(), ids.len()), (20, 20));
}

#[tokio::test]
async fn what_a_node_has_taken_and_not_sent_is_sent_by_another_when_the_lease_has_ended() {
    let receiver = Receiver::start().await;
    let app = App::with_webhooks().await;
    let other = app.second_node(build()).await;
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    shop.key("orders").create().await;
    let gate = Arc::new(Semaphore::new(0));
    receiver.usually(Reply::Held(gate));
    assert_eq!(app.server.webhooks.step().await.unwrap(), 1);
    receiver.until(1).await;
    assert_eq!(other.send_webhooks().await, 0, "it is being tried");
    app.server.webhooks.stop().await;
    app.clock.advance(Duration::from_secs(59));
    assert_eq!(other.send_webhooks().await, 0, "nobody knows yet that it is not");
    app.clock.advance(Duration::from_secs(1));
    receiver.usually(Reply::Status(200));
    assert_eq!(other.send_webhooks().await, 1);
    let received = receiver.received();
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    let row = deliveries(&app, &hook).await.remove(0);
    assert_eq!((row.state.as_str(), row.attempts), ("delivered", 2));
}

#[tokio::test]
async fn a_node_that_was_slower_than_its_lease_changes_nothing_of_what_another_has_found() {
    let receiver = Receiver::start().await;
    let app = App::with_webhooks().await;
    let other = app.second_node(build()).await;
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    shop.key("orders").create().await;
    let gate = Arc::new(Semaphore::new(0));
    receiver.reply([Reply::Held(gate.clone()), Reply::Status(500)]);
    app.server.webhooks.step().await.unwrap();
    receiver.until(1).await;
    app.clock.advance(Duration::from_mins(1));
    other.server.webhooks.step().await.unwrap();
    other.server.webhooks.finish().await;
    let found = deliveries(&app, &hook).await.remove(0);
    assert_eq!((found.attempts, found.status), (2, Some(500)));
    gate.add_permits(1);
    app.server.webhooks.finish().await;
    assert_eq!(deliveries(&app, &hook).await.remove(0), found);
}
