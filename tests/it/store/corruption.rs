//! A damaged database: what cannot be is named, and nothing is guessed.

use portcullis::domain::edit::ProjectEdit;
use portcullis::domain::{KeyId, Position, ProjectId};
use portcullis::store::{Error, Lookup};

use super::database::Database;
use super::fixtures::{new_key, project_change, set_scope, shop, token};
use crate::support::Listed as _;
use crate::support::keys_of;

on_every_engine!(founded:
    what_cannot_be_read_of_a_key_is_named,
    what_cannot_be_read_of_a_project_is_named,
    what_cannot_be_read_of_the_feed_is_named,
    what_cannot_be_read_of_the_logs_is_named,
    an_allowlist_of_blanks_is_not_an_empty_one,
);

/// Asserts that the answer names this place.
fn assert_names<T: std::fmt::Debug>(answer: Result<T, Error>, place: (&str, &str, &str)) {
    match answer {
        Err(Error::Corrupt { table, column, row }) => assert_eq!((table, column, row.as_str()), place),
        answer => panic!("{answer:?} instead of {place:?}"),
    }
}

async fn only_key(db: &Database) -> KeyId {
    db.key().await.key.id
}

async fn what_cannot_be_read_of_a_key_is_named(db: &Database) {
    let damages = [
        ("UPDATE api_keys SET allowlist = '192.0.2.1/24'", "allowlist"),
        ("UPDATE api_keys SET audiences = 'https://a.example  https://b.example'", "audiences"),
        ("UPDATE api_keys SET permissions = 'orders:'", "permissions"),
        ("UPDATE api_keys SET auth_methods = 'bearer smoke_signal'", "auth_methods"),
        ("UPDATE api_keys SET auth_methods = ' '", "auth_methods"),
        ("UPDATE api_keys SET live_tokens = 4294967296", "live_tokens"),
        ("UPDATE api_keys SET changed = -1", "changed"),
    ];
    let id = only_key(db).await;
    for (damage, column) in damages {
        db.tamper(damage).await;
        let place = ("api_keys", column, id.as_str());
        assert_names(db.mint_record(&Lookup::Id(id.clone())).await, place);
        assert_names(keys_of(db.as_ref(), &shop()).await, place);
        db.tamper(
            "UPDATE api_keys \
             SET allowlist = '', audiences = '', permissions = '', auth_methods = '', live_tokens = NULL, \
             changed = 1",
        )
        .await;
    }
    db.tamper("UPDATE api_key_secrets SET digest = x'00' WHERE id = 2").await;
    let place = ("api_key_secrets", "digest", "2");
    assert_names(db.mint_record(&Lookup::Id(id.clone())).await, place);
    db.tamper("UPDATE api_key_secrets SET digest = zeroblob(32), last_used_from = 'home' WHERE id = 2").await;
    let place = ("api_key_secrets", "last_used_from", "2");
    assert_names(db.mint_record(&Lookup::Id(id)).await, place);
}

async fn an_allowlist_of_blanks_is_not_an_empty_one(db: &Database) {
    let id = only_key(db).await;
    db.tamper("UPDATE api_keys SET allowlist = ' '").await;
    let place = ("api_keys", "allowlist", id.as_str());
    assert_names(db.mint_record(&Lookup::Id(id.clone())).await, place);
}

async fn what_cannot_be_read_of_a_project_is_named(db: &Database) {
    let edits =
        [set_scope("api", "", "orders"), ProjectEdit::AddAudience("https://a.example".parse().unwrap())];
    for edit in edits {
        let project = db.project(&shop()).await.unwrap().unwrap();
        db.change_project(&project_change(&project, edit)).await.unwrap();
    }
    db.tamper("UPDATE scope_includes SET included = 'a b'").await;
    assert_names(db.catalogue(&shop()).await, ("scope_includes", "included", "prj_shop api"));
    db.tamper("DELETE FROM scope_includes").await;
    db.tamper("UPDATE scopes SET scope = 'api:'").await;
    assert_names(db.catalogue(&shop()).await, ("scopes", "scope", "prj_shop api:"));
    db.tamper("UPDATE audiences SET audience = 'a b'").await;
    assert_names(db.audiences(&shop()).await, ("audiences", "audience", "a b"));
    db.tamper("UPDATE projects SET changed = -1 WHERE id = 'portcullis'").await;
    let place = ("projects", "changed", "portcullis");
    assert_names(db.project(&ProjectId::administration()).await, place);
    assert_names(db.projects(None, 10).await, place);
}

async fn what_cannot_be_read_of_the_feed_is_named(db: &Database) {
    db.tamper("UPDATE feed SET entry = '{\"revoke\":\"everybody\"}' WHERE position = 1").await;
    assert_names(db.feed_since(Position::START, u32::MAX).await, ("feed", "entry", "1"));
    db.tamper("UPDATE feed SET tag = x'00' WHERE position = 1").await;
    assert_names(db.feed_since(Position::new(1), u32::MAX).await, ("feed", "tag", "1"));
    db.tamper("DELETE FROM feed").await;
    assert_names(db.feed_since(Position::START, u32::MAX).await, ("feed", "position", "the newest"));
    db.tamper("UPDATE feed_counter SET position = -1").await;
    assert_names(db.feed_since(Position::START, u32::MAX).await, ("feed_counter", "position", "1"));
}

async fn what_cannot_be_read_of_the_logs_is_named(db: &Database) {
    let record = db.key().await;
    let token = token(&record);
    db.record(std::slice::from_ref(&token)).await.unwrap();
    let (id, jti) = (&record.key.id, token.jti.to_string());
    db.tamper("UPDATE issued_tokens SET scope = 'a:'").await;
    assert_names(db.issued(id, 10).await, ("issued_tokens", "scope", &jti));
    db.tamper("UPDATE issued_tokens SET scope = '', parent = x'00'").await;
    assert_names(db.issued(id, 10).await, ("issued_tokens", "parent", &jti));
    db.tamper("UPDATE audit SET hash = x'00' WHERE seq = 3").await;
    assert_names(db.audit(0, 10).await, ("audit", "hash", "3"));
    // Nothing is sealed over a hash that cannot be.
    let answer = db.create_key(&new_key(shop())).await;
    assert_names(answer, ("audit", "hash", "3"));
}
