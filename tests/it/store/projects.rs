//! Projects, their catalogues and audiences.

use portcullis::domain::edit::ProjectEdit;
use portcullis::domain::{Audience, Catalogue, CatalogueScope, Position, Project, ProjectId};
use portcullis::store::Error;

use crate::support::raw_keys;

use super::database::Database;
use super::fixtures::{new_project, project_change, set_scope, shop};

on_every_engine!(founded:
    a_project_is_read_back_as_it_was_made,
    a_project_id_is_used_once,
    projects_are_listed_by_id_in_pages,
    a_scope_is_set_replaced_and_removed,
    an_audience_belongs_to_one_project,
    raw_keys_are_let_pass_and_no_longer,
    what_is_not_there_cannot_be_removed,
    an_edit_moves_the_project_and_none_of_its_keys,
    an_edit_of_a_project_that_has_changed_meanwhile_conflicts,
    a_record_has_its_projects_catalogue_and_audiences,
);

fn other() -> ProjectId {
    "prj_other".parse().unwrap()
}

async fn change(db: &Database, id: &ProjectId, edit: ProjectEdit) -> Result<Position, Error> {
    let project = db.project(id).await.unwrap().expect("the project is there");
    db.change_project(&project_change(&project, edit)).await
}

async fn a_project_is_read_back_as_it_was_made(db: &Database) {
    let new = new_project(other());
    let changed = db.create_project(&new).await.unwrap();
    let made = Project { changed, ..new.project };
    assert_eq!(db.project(&other()).await.unwrap(), Some(made));
    assert_eq!(db.project(&"prj_none".parse().unwrap()).await.unwrap(), None);
}

async fn a_project_id_is_used_once(db: &Database) {
    let before = db.traces().await;
    assert_refused!(db.create_project(&new_project(shop())).await, Error::Taken("project id"));
    assert_eq!(db.traces().await, before);
}

async fn projects_are_listed_by_id_in_pages(db: &Database) {
    db.create_project(&new_project(other())).await.unwrap();
    let first = db.projects(None, 2).await.unwrap();
    let second = db.projects(first.last().map(|project| &project.id), 2).await.unwrap();
    let ids: Vec<&str> = first.iter().chain(&second).map(|project| project.id.as_str()).collect();
    assert_eq!((first.len(), ids), (2, vec!["portcullis", "prj_other", "prj_shop"]));
}

async fn a_scope_is_set_replaced_and_removed(db: &Database) {
    let catalogue = |entries: &[(&str, &str, &str)]| -> Catalogue {
        let entry = |text: &str, includes: &str| CatalogueScope {
            description: text.into(),
            includes: includes.parse().unwrap(),
        };
        entries
            .iter()
            .map(|(scope, text, includes)| (scope.parse().unwrap(), entry(text, includes)))
            .collect()
    };
    change(db, &shop(), set_scope("api", "all of it", "orders vouchers")).await.unwrap();
    change(db, &shop(), set_scope("orders", "", "")).await.unwrap();
    let both = catalogue(&[("api", "all of it", "orders vouchers"), ("orders", "", "")]);
    assert_eq!(db.catalogue(&shop()).await.unwrap(), both);

    change(db, &shop(), set_scope("api", "less", "vouchers")).await.unwrap();
    change(db, &shop(), ProjectEdit::RemoveScope("orders".parse().unwrap())).await.unwrap();
    assert_eq!(db.catalogue(&shop()).await.unwrap(), catalogue(&[("api", "less", "vouchers")]));
    assert_eq!(db.catalogue(&ProjectId::administration()).await.unwrap(), Catalogue::default());
}

async fn an_audience_belongs_to_one_project(db: &Database) {
    db.create_project(&new_project(other())).await.unwrap();
    let audience: Audience = "https://api.example".parse().unwrap();
    change(db, &shop(), ProjectEdit::AddAudience(audience.clone())).await.unwrap();
    for id in [other(), shop()] {
        let before = db.traces().await;
        let answer = change(db, &id, ProjectEdit::AddAudience(audience.clone())).await;
        assert_refused!(answer, Error::Taken("audience"));
        assert_eq!(db.traces().await, before);
    }
    assert_eq!(db.audiences(&shop()).await.unwrap().as_slice(), std::slice::from_ref(&audience));
    assert!(db.audiences(&other()).await.unwrap().is_empty());

    change(db, &shop(), ProjectEdit::RemoveAudience(audience.clone())).await.unwrap();
    change(db, &other(), ProjectEdit::AddAudience(audience.clone())).await.unwrap();
    assert_eq!(db.audiences(&other()).await.unwrap(), [audience]);
}

async fn raw_keys_are_let_pass_and_no_longer(db: &Database) {
    for allowed in [true, false, true] {
        change(db, &shop(), ProjectEdit::Patch(raw_keys(allowed))).await.unwrap();
        assert_eq!(db.project(&shop()).await.unwrap().unwrap().raw_keys, allowed);
        assert_eq!(db.key().await.project.raw_keys, allowed);
    }
    let all = db.projects(None, 9).await.unwrap();
    assert!(all.iter().all(|project| project.raw_keys == (project.id == shop())), "and of no other project");
}

async fn what_is_not_there_cannot_be_removed(db: &Database) {
    db.create_project(&new_project(other())).await.unwrap();
    let audience: Audience = "https://api.example".parse().unwrap();
    change(db, &other(), ProjectEdit::AddAudience(audience.clone())).await.unwrap();
    change(db, &other(), set_scope("api", "", "")).await.unwrap();
    let before = db.traces().await;

    // Another project's is not there either.
    let answer = change(db, &shop(), ProjectEdit::RemoveAudience(audience)).await;
    assert_refused!(answer, Error::Missing("audience"));
    let answer = change(db, &shop(), ProjectEdit::RemoveScope("api".parse().unwrap())).await;
    assert_refused!(answer, Error::Missing("scope"));
    let mut nobody = db.project(&shop()).await.unwrap().unwrap();
    nobody.id = "prj_none".parse().unwrap();
    let answer = db.change_project(&project_change(&nobody, set_scope("api", "", ""))).await;
    assert_refused!(answer, Error::Missing("project"));

    assert_eq!(db.traces().await, before);
}

async fn an_edit_moves_the_project_and_none_of_its_keys(db: &Database) {
    let before = db.key().await;
    let position = change(db, &shop(), set_scope("api", "", "")).await.unwrap();
    let after = db.record_of(&before.key.id).await;
    assert_eq!(after.project.changed, position);
    assert_eq!(after.key.changed, before.key.changed);
    assert_eq!(after.position, position);
}

async fn an_edit_of_a_project_that_has_changed_meanwhile_conflicts(db: &Database) {
    let project = db.project(&shop()).await.unwrap().unwrap();
    db.change_project(&project_change(&project, set_scope("api", "first", ""))).await.unwrap();
    let answer = db.change_project(&project_change(&project, set_scope("api", "second", ""))).await;
    assert_refused!(answer, Error::Conflict);
    let catalogue = db.catalogue(&shop()).await.unwrap();
    assert!(catalogue.iter().all(|(_, entry)| entry.description == "first"));
}

async fn a_record_has_its_projects_catalogue_and_audiences(db: &Database) {
    let audiences: [Audience; 2] =
        ["https://a.example".parse().unwrap(), "https://b.example".parse().unwrap()];
    for audience in audiences.iter().rev() {
        change(db, &shop(), ProjectEdit::AddAudience(audience.clone())).await.unwrap();
    }
    change(db, &shop(), set_scope("api", "", "orders")).await.unwrap();
    let record = db.key().await;
    assert_eq!(*record.audiences, audiences);
    assert_eq!(*record.catalogue, db.catalogue(&shop()).await.unwrap());
    assert_eq!(record.catalogue.iter().count(), 1);
}
