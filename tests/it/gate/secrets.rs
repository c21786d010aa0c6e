//! Several secrets at once: each opens until its own end, and no token notices (promise P3).

use std::time::Duration;

use portcullis::domain::SecretId;
use portcullis::domain::edit::EditRefused;
use portcullis::keys::acts::{Error, KeyAct, Why};
use portcullis::store::Error as StoreError;

use super::{House, furnish};
use crate::support::{App, Build, Key};

/// The same key with a further secret, and that secret's name.
async fn further<'a>(key: &Key<'a>, span: Option<Duration>) -> (Key<'a>, SecretId) {
    use portcullis::time::Clock as _;
    let app = key.app;
    let end = span.map(|span| app.clock.now().after(span));
    let (done, made) = app.shell.add_secret(&key.id, end, &Why::default()).await.unwrap();
    assert!(!done.narrowed);
    app.follow().await;
    let secret = made.secret.expose().to_owned();
    (Key { secret, project: key.project.clone(), id: key.id.clone(), app }, made.id)
}

async fn expire(key: &Key<'_>, secret: &SecretId, delay: Duration) -> Result<(), Error> {
    let done = key.app.shell.expire_secret(&key.id, secret, delay, &Why::default()).await?;
    assert!(!done.narrowed);
    key.app.follow().await;
    Ok(())
}

fn refused(status: u16) -> (u16, String) {
    (status, "invalid_client".into())
}

#[tokio::test]
async fn a_further_secret_opens_beside_the_first() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let first = shop.key("api").create().await;
    let token = first.token("").await;

    let (second, _) = further(&first, None).await;

    assert!(house.admits(&token).await);
    for key in [&first, &second] {
        assert!(house.admits(&key.token("").await).await);
    }
    assert_ne!(first.secret, second.secret);
}

/// Threat S11: until its deadline and not after, on every node, remembered or not.
#[tokio::test]
async fn a_secret_opens_until_its_own_end_on_every_node() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let first = shop.key("api").create().await;
    let (second, _) = further(&first, Some(Duration::from_secs(20))).await;
    let node = app.second_node(Build::default()).await;
    let there = |key: &Key<'_>| {
        node.post("/oauth/token", "grant_type=client_credentials").basic(key.id.as_str(), &key.secret)
    };
    let token = second.token("").await;

    app.pass(Duration::from_millis(19_999)).await;
    node.follow().await;
    assert_eq!((second.ask("").send().await.status, there(&second).send().await.status), (200, 200));
    app.pass(Duration::from_millis(1)).await;
    assert_eq!(second.ask("").send().await.refusal(), refused(401));
    assert_eq!(there(&second).send().await.refusal(), refused(401));
    assert_eq!((first.ask("").send().await.status, there(&first).send().await.status), (200, 200));
    assert!(house.admits(&token).await);
}

#[tokio::test]
async fn a_secret_that_is_ended_opens_nothing_and_disturbs_no_token() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let first = shop.key("api").create().await;
    let (second, id) = further(&first, None).await;
    let (token, other) = (second.token("").await, first.token("").await);

    expire(&first, &id, Duration::ZERO).await.unwrap();

    assert_eq!(second.ask("").send().await.refusal(), refused(401));
    assert_eq!(second.post("/oauth/introspect", "token=x").send().await.refusal(), refused(401));
    assert!(house.admits(&token).await && house.admits(&other).await);
    assert_eq!(first.ask("").send().await.status, 200);
    // It is gone, so there is nothing left to end.
    let again = expire(&first, &id, Duration::ZERO).await;
    assert!(matches!(again, Err(Error::Store(StoreError::Missing("secret")))));
}

#[tokio::test]
async fn an_end_can_be_stated_ahead_and_brought_forward() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let first = shop.key("api").create().await;
    let (second, id) = further(&first, None).await;
    expire(&first, &id, Duration::from_hours(1)).await.unwrap();
    expire(&first, &id, Duration::from_hours(2)).await.unwrap();
    app.pass(Duration::from_millis(3_599_999)).await;
    assert_eq!(second.ask("").send().await.status, 200);
    app.pass(Duration::from_millis(1)).await;
    assert_eq!(second.ask("").send().await.refusal(), refused(401), "the second end prolonged nothing");
}

#[tokio::test]
async fn a_sixth_live_secret_is_refused_and_one_that_ended_leaves_its_place() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let first = shop.key("api").create().await;
    let (_, brief) = further(&first, Some(Duration::from_mins(1))).await;
    for _ in 0..3 {
        further(&first, None).await;
    }
    let sixth = app.shell.add_secret(&first.id, None, &Why::default()).await;
    assert!(matches!(sixth, Err(Error::Edit(EditRefused::TooManySecrets))));

    app.pass(Duration::from_mins(1)).await;
    let (fifth, id) = further(&first, None).await;
    assert_eq!((first.ask("").send().await.status, fifth.ask("").send().await.status), (200, 200));
    assert_ne!(brief, id);
}

#[tokio::test]
async fn a_deleted_key_gets_no_secret_and_a_blocked_one_does() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let first = shop.key("api").create().await;
    first.act(KeyAct::Block).await;
    let (second, _) = further(&first, None).await;
    assert_eq!(second.ask("").send().await.refusal(), refused(401));
    first.act(KeyAct::Unblock).await;
    app.follow().await;
    assert_eq!(second.ask("").send().await.status, 200);
    first.act(KeyAct::Delete).await;
    let none = app.shell.add_secret(&first.id, None, &Why::default()).await;
    assert!(matches!(none, Err(Error::Edit(EditRefused::Deleted))));
}
