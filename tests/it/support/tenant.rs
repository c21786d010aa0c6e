//! Projects and keys of the test's own.

use portcullis::domain::{
    ApiKey, CatalogueScope, KeyDetails, KeyId, KeyState, Position, Project, ProjectId, Secret,
};
use portcullis::keys::acts::{KeyAct, Why};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Answer, App, Send, is_secret};

/// A project.
pub(crate) struct Tenant<'a> {
    pub(crate) app: &'a App,
    pub(crate) project: Project,
}

/// An API key and its secret.
pub(crate) struct Key<'a> {
    pub(crate) app: &'a App,
    pub(crate) id: KeyId,
    pub(crate) project: ProjectId,
    pub(crate) secret: String,
}

/// A key in the making.
pub(crate) struct KeyDraft<'a> {
    tenant: &'a Tenant<'a>,
    pub(crate) details: KeyDetails,
}

impl<'a> Tenant<'a> {
    pub(crate) async fn create(app: &'a App, name: &str) -> Self {
        let kind = portcullis::domain::ProjectKind::Live;
        let project = app.shell.create_project(name, kind).await.unwrap();
        app.follow().await;
        Self { app, project }
    }

    /// Defines a scope and what it includes.
    pub(crate) async fn scope(&self, scope: &str, includes: &str) {
        let entry = CatalogueScope { description: String::new(), includes: includes.parse().unwrap() };
        self.app.shell.set_scope(&self.project.id, scope.parse().unwrap(), entry).await.unwrap();
        self.app.follow().await;
    }

    pub(crate) async fn audience(&self, audience: &str) {
        self.app.shell.add_audience(&self.project.id, audience.parse().unwrap()).await.unwrap();
        self.app.follow().await;
    }

    /// A key whose id and secret somebody else made up, as importing one will make it.
    pub(crate) async fn import(&'a self, id: &str, secret: &str, permissions: &str) -> Key<'a> {
        let (app, id, project) = (self.app, id.parse::<KeyId>().unwrap(), self.project.id.clone());
        let key = ApiKey {
            id: id.clone(),
            project: project.clone(),
            state: KeyState::Active,
            details: self.key(permissions).details,
            created_at: self.project.created_at,
            changed: Position::START,
        };
        let presented = Secret::presented(Zeroizing::new(secret.to_owned()));
        app.shell.store.create_key(&app.shell.new_key(&key, &presented)).await.unwrap();
        app.follow().await;
        Key { app, id, project, secret: secret.to_owned() }
    }

    pub(crate) fn key(&'a self, permissions: &str) -> KeyDraft<'a> {
        let permissions = permissions.parse().unwrap();
        KeyDraft {
            tenant: self,
            details: KeyDetails { name: "key".into(), permissions, ..Default::default() },
        }
    }
}

impl App {
    /// The first administrator's key.
    pub(crate) fn admin(&self) -> Key<'_> {
        let file = std::fs::read(self.data_dir().join("admin-key.json")).unwrap();
        let file: Value = serde_json::from_slice(&file).unwrap();
        let text = |name: &str| file[name].as_str().unwrap().to_owned();
        let (id, project) = (text("key_id").parse().unwrap(), text("project").parse().unwrap());
        is_secret("the administrator's secret", &text("secret"));
        Key { app: self, id, project, secret: text("secret") }
    }
}

impl<'a> KeyDraft<'a> {
    pub(crate) fn allow(mut self, networks: &str) -> Self {
        self.details.allowlist = networks.parse().unwrap();
        self
    }

    pub(crate) fn audiences(mut self, audiences: &[&str]) -> Self {
        self.details.audiences = audiences.iter().map(|audience| audience.parse().unwrap()).collect();
        self
    }

    pub(crate) fn with(mut self, edit: impl FnOnce(&mut KeyDetails)) -> Self {
        edit(&mut self.details);
        self
    }

    pub(crate) async fn create(self) -> Key<'a> {
        let app = self.tenant.app;
        let (key, secret) = app.shell.create_key(&self.tenant.project.id, self.details).await.unwrap();
        app.follow().await;
        is_secret("an API secret", secret.expose());
        Key { app, id: key.id, project: key.project, secret: secret.expose().to_owned() }
    }
}

impl Key<'_> {
    /// A form in this key's name.
    pub(crate) fn post(&self, path: &str, form: &str) -> Send {
        self.app.post(path, form).basic(self.id.as_str(), &self.secret)
    }

    /// A request for a token, with further parameters.
    pub(crate) fn ask(&self, more: &str) -> Send {
        self.post("/oauth/token", &format!("grant_type=client_credentials&{more}"))
    }

    /// A token of this scope; of everything, if empty.
    pub(crate) async fn token(&self, scope: &str) -> String {
        self.ask(&format!("scope={}", scope.replace(' ', "+"))).send().await.token()
    }

    pub(crate) async fn introspect(&self, token: &str) -> Answer {
        self.post("/oauth/introspect", &format!("token={token}")).send().await
    }

    /// An act of the shell, beside the running server; the server has not heard of it yet.
    pub(crate) async fn act(&self, act: KeyAct) {
        self.app.shell.act_on_key(&self.id, act, &Why::default()).await.unwrap();
    }

    /// An edit of the shell, likewise; tells whether it killed the tokens that are out.
    pub(crate) async fn edit(&self, edit: impl FnOnce(&mut KeyDetails) + std::marker::Send) -> bool {
        let edit = |mut details: KeyDetails| {
            edit(&mut details);
            details
        };
        self.app.shell.edit_key(&self.id, edit, &Why::default()).await.unwrap().narrowed
    }
}
