//! Roles: kept by their project, held by its keys.

use portcullis::domain::edit::{KeyEdit, ProjectEdit};
use portcullis::domain::{KeyDetails, KeyId, Position, ProjectId, Role, RoleDetails, RoleName, ScopeSet};
use portcullis::store::{Error, Lookup};

use super::database::Database;
use super::fixtures::{NOW, details, key_change, new_key, new_project, project_change, shop};

on_every_engine!(founded:
    a_role_is_made_read_back_edited_and_deleted,
    roles_are_listed_by_name_in_pages_of_their_project,
    a_name_is_some_role_of_each_project,
    a_record_has_what_its_role_permits_in_the_snapshot_of_the_key,
    an_edit_of_a_role_moves_role_and_project_and_none_of_the_keys,
    a_role_that_keys_have_is_not_deleted,
    a_key_does_not_get_a_role_that_is_not_there,
    an_edit_of_a_key_decided_before_its_role_was_edited_conflicts,
    a_key_decided_before_its_role_was_edited_is_not_made,
);

fn name(raw: &str) -> RoleName {
    raw.parse().unwrap()
}

fn permitting(permissions: &str) -> RoleDetails {
    RoleDetails { description: "what it is for".into(), permissions: permissions.parse().unwrap() }
}

fn creation(name: RoleName, details: RoleDetails) -> ProjectEdit {
    ProjectEdit::CreateRole(Role { name, details, created_at: NOW, changed: Position::START })
}

async fn change(db: &Database, project: &ProjectId, edit: ProjectEdit) -> Result<Position, Error> {
    let project = db.project(project).await.unwrap().unwrap();
    db.change_project(&project_change(&project, edit)).await
}

async fn make(db: &Database, role: &str, permissions: &str) -> Position {
    change(db, &shop(), creation(name(role), permitting(permissions))).await.unwrap()
}

async fn edit(db: &Database, role: &str, permissions: &str) -> Result<Position, Error> {
    let role = db.role(&shop(), &name(role)).await.unwrap().unwrap();
    change(db, &shop(), ProjectEdit::EditRole { role, details: permitting(permissions) }).await
}

/// A key with this role.
async fn key_with(db: &Database, role: &str) -> KeyId {
    let mut new = new_key(shop());
    new.key.details.role = Some(name(role));
    db.create_key(&new).await.unwrap();
    new.key.id
}

async fn a_role_is_made_read_back_edited_and_deleted(db: &Database) {
    assert_eq!(db.role(&shop(), &name("support")).await.unwrap(), None);
    let made = make(db, "support", "orders:read portcullis:introspect").await;
    let role = db.role(&shop(), &name("support")).await.unwrap().unwrap();
    assert_eq!((role.changed, &role.details), (made, &permitting("orders:read portcullis:introspect")));

    let edited = edit(db, "support", "").await.unwrap();
    let after = db.role(&shop(), &name("support")).await.unwrap().unwrap();
    assert_eq!((after.changed, after.created_at), (edited, role.created_at));
    assert_eq!(after.details, permitting(""));

    change(db, &shop(), ProjectEdit::DeleteRole(name("support"))).await.unwrap();
    assert_eq!(db.role(&shop(), &name("support")).await.unwrap(), None);
    let again = change(db, &shop(), ProjectEdit::DeleteRole(name("support"))).await;
    assert_refused!(again, Error::Missing("role"));
    let edit = ProjectEdit::EditRole { role: after, details: permitting("a") };
    assert_refused!(change(db, &shop(), edit).await, Error::Missing("role"));
}

async fn roles_are_listed_by_name_in_pages_of_their_project(db: &Database) {
    for role in ["b", "B", "a.1", "a"] {
        make(db, role, "x").await;
    }
    let other: ProjectId = "prj_other".parse().unwrap();
    db.create_project(&new_project(other.clone())).await.unwrap();
    change(db, &other, creation(name("c"), permitting("x"))).await.unwrap();
    let first = db.roles(&shop(), None, 3).await.unwrap();
    let second = db.roles(&shop(), first.last().map(|role| &role.name), 3).await.unwrap();
    let names: Vec<&str> = first.iter().chain(&second).map(|role| role.name.as_str()).collect();
    assert_eq!((first.len(), names), (3, vec!["B", "a", "a.1", "b"]));
}

async fn a_name_is_some_role_of_each_project(db: &Database) {
    make(db, "support", "x").await;
    let before = db.traces().await;
    let twice = change(db, &shop(), creation(name("support"), permitting("y"))).await;
    assert_refused!(twice, Error::Taken("role"));
    assert_eq!(db.traces().await, before);
    let other: ProjectId = "prj_other".parse().unwrap();
    db.create_project(&new_project(other.clone())).await.unwrap();
    change(db, &other, creation(name("support"), permitting("y"))).await.unwrap();
    assert_eq!(db.role(&shop(), &name("support")).await.unwrap().unwrap().details, permitting("x"));
}

async fn a_record_has_what_its_role_permits_in_the_snapshot_of_the_key(db: &Database) {
    make(db, "support", "reports:read vouchers").await;
    let key = key_with(db, "support").await;
    for permissions in ["reports:read vouchers", "refunds", ""] {
        let by = Lookup::Id(key.clone());
        let part = db.key_part(&by).await.unwrap();
        let record = db.mint_record(&by).await.unwrap();
        let (part_at, part) = (part.position, part.value.unwrap());
        let role: ScopeSet = permissions.parse().unwrap();
        assert_eq!((part_at, &part.role), (record.position, &role));
        let record = record.value.unwrap();
        assert_eq!(record.role, role);
        let mut all = details().permissions;
        all.extend(role.iter().cloned());
        assert_eq!(record.permissions(), &all);
        assert_eq!(record.key.details.role, Some(name("support")));
        if permissions.starts_with("reports") {
            edit(db, "support", "refunds").await.unwrap();
        } else {
            edit(db, "support", "").await.unwrap();
        }
    }
    // Of a role of this name in another project nothing comes.
    let bare = db.key().await;
    assert_eq!((&bare.role, bare.permissions()), (&ScopeSet::default(), &details().permissions));
}

async fn an_edit_of_a_role_moves_role_and_project_and_none_of_the_keys(db: &Database) {
    let others = make(db, "other", "x").await;
    make(db, "support", "x").await;
    let key = key_with(db, "support").await;
    let before = db.record_of(&key).await;
    let position = edit(db, "support", "y").await.unwrap();
    let after = db.record_of(&key).await;
    assert_eq!((after.key.changed, after.project.changed), (before.key.changed, position));
    assert_eq!(db.role(&shop(), &name("support")).await.unwrap().unwrap().changed, position);
    assert_eq!(db.role(&shop(), &name("other")).await.unwrap().unwrap().changed, others);
    let published = db.whole_feed().await.pop().unwrap();
    assert_eq!((published.position, published.entry.kind()), (position, "project"));
    let widened = edit(db, "support", "y z").await.unwrap();
    let published = db.whole_feed().await.pop().unwrap();
    assert_eq!((published.position, published.entry.kind()), (widened, "project_changed"));
}

async fn a_role_that_keys_have_is_not_deleted(db: &Database) {
    make(db, "support", "x").await;
    let keys = [key_with(db, "support").await, key_with(db, "support").await];
    assert_eq!(db.keys_with_role(&shop(), &name("support")).await.unwrap(), 2);
    let before = db.traces().await;
    let delete = || ProjectEdit::DeleteRole(name("support"));
    assert_refused!(change(db, &shop(), delete()).await, Error::InUse { what: "role", keys: 2 });
    assert_eq!(db.traces().await, before);

    let record = db.record_of(&keys[0]).await;
    let without = KeyDetails { role: None, ..record.key.details.clone() };
    let edit = KeyEdit::Details { details: without, role: ScopeSet::default() };
    db.change_key(&key_change(&record, edit)).await.unwrap();
    db.change_key(&key_change(&db.record_of(&keys[1]).await, KeyEdit::Block)).await.unwrap();
    assert_refused!(change(db, &shop(), delete()).await, Error::InUse { what: "role", keys: 1 });
    // A deleted key needs none any more.
    db.change_key(&key_change(&db.record_of(&keys[1]).await, KeyEdit::Delete)).await.unwrap();
    change(db, &shop(), delete()).await.unwrap();
    assert_eq!(db.record_of(&keys[1]).await.key.details.role, None);
}

async fn a_key_does_not_get_a_role_that_is_not_there(db: &Database) {
    let other: ProjectId = "prj_other".parse().unwrap();
    db.create_project(&new_project(other.clone())).await.unwrap();
    change(db, &other, creation(name("theirs"), permitting("x"))).await.unwrap();
    let before = db.traces().await;
    for role in ["none", "theirs"] {
        let mut new = new_key(shop());
        new.key.details.role = Some(name(role));
        assert_refused!(db.create_key(&new).await, Error::Missing("role"));
    }
    assert_eq!(db.traces().await, before);
}

async fn an_edit_of_a_key_decided_before_its_role_was_edited_conflicts(db: &Database) {
    make(db, "support", "x").await;
    let record = db.key().await;
    edit(db, "support", "y").await.unwrap();
    let given = KeyDetails { role: Some(name("support")), ..record.key.details.clone() };
    let stale = KeyEdit::Details { details: given, role: "x".parse().unwrap() };
    assert_refused!(db.change_key(&key_change(&record, stale)).await, Error::Conflict);
}

async fn a_key_decided_before_its_role_was_edited_is_not_made(db: &Database) {
    make(db, "support", "x").await;
    let mut new = new_key(shop());
    new.key.details.role = Some(name("support"));
    new.decided_on = Some(db.project(&shop()).await.unwrap().unwrap().changed);
    edit(db, "support", "y").await.unwrap();
    let before = db.traces().await;
    assert_refused!(db.create_key(&new).await, Error::Conflict);
    assert_eq!(db.traces().await, before);
    new.decided_on = Some(db.project(&shop()).await.unwrap().unwrap().changed);
    db.create_key(&new).await.unwrap();
}
