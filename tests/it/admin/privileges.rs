//! Who may do what to whose keys (threats S16, S50): a table of callers, acts and targets, of which each cell is
//! tried on a key of its own.

use axum::http::Method;
use portcullis::domain::ProjectId;
use portcullis::keys::acts::KeyAct;
use serde_json::{Value, json};

use super::{Administrator, key_of};
use crate::support::{Answer, App, Key, Listed as _};

const KEYS: &str = "/admin/v1/keys";

/// What is tried.
const ACTS: [Act; 14] = [
    Act { name: "create", takes: None },
    Act { name: "show", takes: None },
    Act { name: "list secrets", takes: None },
    Act { name: "rename", takes: Some(r#"{"name":"mine"}"#) },
    Act { name: "raise", takes: None },
    Act { name: "clear the allowlist", takes: Some(r#"{"allowlist":null}"#) },
    Act { name: "outlive", takes: Some(r#"{"expires_at":null}"#) },
    Act { name: "unblock", takes: None },
    Act { name: "regenerate", takes: None },
    Act { name: "secrets", takes: None },
    Act { name: "expire", takes: None },
    Act { name: "block", takes: None },
    Act { name: "delete", takes: None },
    Act { name: "revoke-tokens", takes: None },
];

#[derive(Clone, Copy)]
struct Act {
    name: &'static str,
    /// The patch, if it is one that fits every target.
    takes: Option<&'static str>,
}

/// Whose key it is tried on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The project's that some callers are limited to.
    Shop,
    /// Another project's.
    Mill,
    /// An administrator's, who holds everything.
    Administrator,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is done.
    Done,
    /// The right is not held, or not there: 403.
    Beyond,
    /// As if there were no such key: 404.
    Unseen,
    /// The token opens nothing here: 401.
    Stranger,
}

use Outcome::{Beyond, Done, Stranger, Unseen};

impl Outcome {
    /// Whether it is told by this status.
    pub(super) fn is(self, status: u16) -> bool {
        match self {
            Done => (200..300).contains(&status),
            Stranger => status == 401,
            Beyond => status == 403,
            Unseen => status == 404,
        }
    }
}

/// What the outcome has to be, by who asks; in the words of the threats, not of the code.
#[expect(clippy::match_same_arms, reason = "a table, caller by caller")]
fn expected(caller: &str, act: &str, target: Target) -> Outcome {
    let reads = matches!(act, "show" | "list secrets");
    // A key is not worth more to anybody by these.
    let stops = matches!(act, "block" | "delete" | "revoke-tokens" | "expire");
    match (caller, target) {
        ("a tenant", _) => Stranger,
        ("an auditor" | "a steward of the shop", _) => Beyond,
        ("a reader", _) => {
            if reads {
                Done
            } else {
                Beyond
            }
        }
        // Whoever makes a key says where: it is no secret that there are other projects.
        ("a keeper of the shop", Target::Mill | Target::Administrator) if act == "create" => Beyond,
        ("a keeper of the shop", Target::Shop) => Done,
        ("a keeper of the shop", _) => Unseen,
        ("a reader of the shop", _) if !reads => Beyond,
        ("a reader of the shop", Target::Shop) => Done,
        ("a reader of the shop", _) => Unseen,
        ("a guard of the shop", _) if act != "revoke-tokens" => Beyond,
        ("a guard of the shop", Target::Shop) => Done,
        ("a guard of the shop", _) => Unseen,
        ("a keeper", Target::Shop | Target::Mill) => Done,
        // Whoever may stop keys stops any; none becomes more by the hand of somebody who has less.
        ("a keeper", Target::Administrator) => {
            if reads || stops {
                Done
            } else {
                Beyond
            }
        }
        ("the first administrator", _) => Done,
        _ => panic!("{caller} {act} {target:?}"),
    }
}

pub(super) struct Scene<'a> {
    pub(super) app: &'a App,
    pub(super) shop: ProjectId,
    pub(super) mill: ProjectId,
    pub(super) callers: Vec<(&'static str, Administrator<'a>)>,
}

impl<'a> Scene<'a> {
    pub(super) async fn set(app: &'a App) -> Self {
        let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
        let of_shop = |right: &str| format!("portcullis:project:{}:{right}", shop.project.id);
        let tenant = shop.key("orders portcullis:introspect").create().await.token("").await;
        let mut callers = vec![
            ("the first administrator", app.administrator("").await),
            ("a reader", app.administrator("portcullis:keys:read").await),
            ("an auditor", app.administrator("portcullis:audit:read").await),
            ("a steward of the shop", app.administrator(&of_shop("projects:write")).await),
            ("a keeper of the shop", app.administrator(&of_shop("keys:write")).await),
            ("a reader of the shop", app.administrator(&of_shop("keys:read")).await),
            ("a guard of the shop", app.administrator(&of_shop("tokens:revoke")).await),
            ("a tenant", Administrator { app, token: tenant }),
        ];
        let mut keeper = key_of(&"portcullis", "keeper", &["portcullis:keys:write"]);
        keeper["allowlist"] = json!(["192.0.2.0/24"]);
        keeper["expires_at"] = json!(app.now() + 3600);
        let keeper = callers[0].1.make_key(&keeper).await;
        app.follow().await;
        callers.push(("a keeper", Administrator::with(&keeper).await));
        Self { app, shop: shop.project.id.clone(), mill: mill.project.id.clone(), callers }
    }

    /// A key to try it on, in the state in which it can be tried.
    async fn key(&self, target: Target, act: &str) -> Key<'a> {
        let whole = &self.callers[0].1;
        let mut body = match target {
            Target::Shop => key_of(&self.shop, "k", &["orders"]),
            Target::Mill => key_of(&self.mill, "k", &["orders"]),
            Target::Administrator => {
                key_of(&"portcullis", "k", &["portcullis:keys:write", "portcullis:signing:write"])
            }
        };
        body["allowlist"] = json!(["192.0.2.0/24"]);
        body["expires_at"] = json!(self.app.now() + 60);
        let key = whole.make_key(&body).await;
        if act == "unblock" {
            key.act(KeyAct::Block).await;
        }
        self.app.follow().await;
        key
    }

    async fn attempt(&self, who: &Administrator<'_>, act: Act, target: Target, key: &Key<'_>) -> Answer {
        let path = format!("{KEYS}/{}", key.id);
        let patch = async |body: &Value| {
            who.send(Method::PATCH, &path).header("if-match", "*").json(body).send().await
        };
        match act {
            Act { takes: Some(body), .. } => patch(&serde_json::from_str(body).unwrap()).await,
            Act { name: "create", .. } => {
                let all = ["portcullis:audit:read"];
                let permissions: &[&str] = if target == Target::Administrator { &all } else { &["orders"] };
                who.post(KEYS, &key_of(&key.project, "new", permissions)).await
            }
            Act { name: "raise", .. } => {
                let administrators = json!({ "permissions": ["portcullis:audit:read"] });
                let tenants = json!({ "permissions": ["orders", "vouchers"] });
                patch(if target == Target::Administrator { &administrators } else { &tenants }).await
            }
            Act { name: "show", .. } => who.get(&path).await,
            Act { name: "list secrets", .. } => who.get(&format!("{path}/secrets")).await,
            Act { name: "expire", .. } => {
                let secret = self.app.shell.record(&key.id).await.unwrap().secrets[0].digest.id();
                who.post(&format!("{path}/secrets/{secret}/expire"), &json!({})).await
            }
            Act { name, .. } => who.post(&format!("{path}/{name}"), &json!({})).await,
        }
    }

    /// All that can be seen of a key, and how much was done at all.
    async fn traces(&self, key: &Key<'_>) -> (Value, usize) {
        let seen = self.callers[0].1.get(&format!("{KEYS}/{}", key.id)).await.json();
        (seen, self.app.shell.store.audit(0, 100_000).await.unwrap().len())
    }
}

#[tokio::test]
async fn every_caller_may_do_to_every_key_what_the_table_says_and_nothing_else() {
    let app = App::start().await;
    let scene = Scene::set(&app).await;
    let mut cells = 0;
    for (caller, who) in &scene.callers {
        for act in ACTS {
            for target in [Target::Shop, Target::Mill, Target::Administrator] {
                let key = scene.key(target, act.name).await;
                let before = scene.traces(&key).await;

                let answer = scene.attempt(who, act, target, &key).await;

                let what = format!("{caller}: {} {target:?}: {} {}", act.name, answer.status, answer.text());
                let wanted = expected(caller, act.name, target);
                assert!(wanted.is(answer.status), "{wanted:?} {what}");
                if wanted != Done {
                    assert_eq!(scene.traces(&key).await, before, "something was done: {what}");
                    assert!(!answer.text().contains("psk_"), "{what}");
                    assert!(!answer.text().contains(key.id.as_str()), "{what}");
                } else if let Some(secret) = answer.json()["secret"].as_str() {
                    crate::support::is_secret("a secret of the table", secret);
                }
                cells += 1;
            }
        }
    }
    assert_eq!(cells, scene.callers.len() * ACTS.len() * 3);
}

/// Nobody lifts themselves up: whoever may edit keys may edit their own, within what they hold.
#[tokio::test]
async fn nobody_raises_their_own_key_and_nobody_raises_it_for_them_who_has_no_more() {
    let app = App::start().await;
    let scene = Scene::set(&app).await;
    let (_, keeper) = scene.callers.iter().find(|(name, _)| *name == "a keeper").unwrap();
    let listed = keeper.get(&format!("{KEYS}?project=portcullis&q=keeper")).await.json();
    let own = format!("{KEYS}/{}", listed["items"][0]["key_id"].as_str().unwrap());
    let before = keeper.get(&own).await.text();
    for more in [
        json!({ "permissions": ["portcullis:keys:write", "portcullis:projects:write"] }),
        json!({ "permissions": ["portcullis:keys:write", "portcullis:introspect"] }),
        json!({ "allowlist": [] }),
        json!({ "allowlist": ["192.0.2.0/24", "198.51.100.7"] }),
        json!({ "allowlist": ["::/0"] }),
        json!({ "expires_at": app.now() + 3601 }),
        json!({ "expires_at": null }),
    ] {
        let refused = keeper.send(Method::PATCH, &own).header("if-match", "*").json(&more).send().await;
        assert_eq!(refused.problem(), super::no(403, "insufficient_scope"), "{more}");
    }
    assert_eq!(keeper.get(&own).await.text(), before);
    let renamed = keeper.patch(&own, &json!({ "name": "me" })).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text());
}

/// A right that was taken back, or whose key ended, does nothing from then on, by no token that is out.
#[tokio::test]
async fn a_right_that_was_taken_away_is_gone_with_the_tokens_that_had_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let target = shop.key("orders").create().await;
    let whole = app.administrator("").await;
    for (act, body) in [
        ("PATCH", json!({ "permissions": ["portcullis:audit:read"] })),
        ("PATCH", json!({ "allowlist": ["198.51.100.0/24"] })),
        ("block", json!({})),
        ("delete", json!({})),
        ("revoke-tokens", json!({})),
    ] {
        let key = whole.make_key(&key_of(&"portcullis", "deputy", &["portcullis:keys:write"])).await;
        app.follow().await;
        let deputy = Administrator::with(&key).await;
        let (path, block) = (format!("{KEYS}/{}", key.id), format!("{KEYS}/{}/block", target.id));
        assert_eq!(deputy.get(&path).await.status, 200);
        let done = if act == "PATCH" {
            whole.patch(&path, &body).await
        } else {
            whole.post(&format!("{path}/{act}"), &body).await
        };
        assert_eq!(done.status, 200, "{}", done.text());
        let refused = deputy.post(&block, &json!({})).await;
        assert_eq!(refused.problem(), super::no(401, "invalid_token"), "{act} {body}");
        assert_eq!(refused.json()["reason"], "revoked", "{act} {body}");
    }
    assert_eq!(whole.get(&format!("{KEYS}/{}", target.id)).await.json()["state"], "active");
}
