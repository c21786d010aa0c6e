//! Who may do what to whose roles (threats S16, S50), in the manner of the table of keys: each cell is tried on a
//! role of its own.

use axum::http::Method;
use serde_json::{Value, json};

use super::privileges::Outcome::{self, Beyond, Done, Stranger, Unseen};
use super::privileges::{Scene, Target};
use super::{Administrator, key_of};
use crate::support::{Answer, App, Listed as _};

const ACTS: [&str; 8] = ["list", "show", "make", "describe", "raise", "lower", "delete", "give"];

/// What the outcome has to be, by who asks.
#[expect(clippy::match_same_arms, reason = "a table, caller by caller")]
fn expected(caller: &str, act: &str, target: Target) -> Outcome {
    let reads = matches!(act, "list" | "show");
    match (caller, target) {
        ("a tenant", _) => Stranger,
        ("an auditor" | "a steward of the shop" | "a guard of the shop", _) => Beyond,
        ("a reader", _) => {
            if reads {
                Done
            } else {
                Beyond
            }
        }
        ("a keeper of the shop", Target::Shop) => Done,
        // The path names the project, but for a key, which is looked for.
        ("a keeper of the shop", _) => {
            if act == "give" {
                Unseen
            } else {
                Beyond
            }
        }
        ("a reader of the shop", Target::Shop) => {
            if reads {
                Done
            } else {
                Beyond
            }
        }
        ("a reader of the shop", _) => Beyond,
        ("a keeper", Target::Shop | Target::Mill) => Done,
        // Who holds less may take away, and gives nothing.
        ("a keeper", Target::Administrator) => {
            if matches!(act, "make" | "raise" | "give") {
                Beyond
            } else {
                Done
            }
        }
        ("the first administrator", _) => Done,
        _ => panic!("{caller} {act} {target:?}"),
    }
}

struct Tried<'a> {
    scene: &'a Scene<'a>,
    /// The roles of a project.
    roles: String,
    /// A role that no key has.
    role: String,
    /// A key of the project, without any.
    key: String,
    target: Target,
}

impl<'a> Tried<'a> {
    async fn on(scene: &'a Scene<'a>, target: Target, number: usize) -> Self {
        let whole = &scene.callers[0].1;
        let project = match target {
            Target::Shop => scene.shop.to_string(),
            Target::Mill => scene.mill.to_string(),
            Target::Administrator => "portcullis".to_owned(),
        };
        let roles = format!("/admin/v1/projects/{project}/roles");
        let role = format!("role-{number}");
        let body = json!({ "role": role, "permissions": permissions(target, 1) });
        let made = whole.post(&roles, &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let mut key = key_of(&project, "k", &[]);
        key["allowlist"] = json!(["192.0.2.0/24"]);
        key["expires_at"] = json!(scene.app.now() + 60);
        let key = format!("/admin/v1/keys/{}", whole.make_key(&key).await.id);
        scene.app.follow().await;
        Self { scene, role: format!("{roles}/{role}"), roles, key, target }
    }

    async fn attempt(&self, who: &Administrator<'_>, act: &str) -> Answer {
        let patch = async |path: &str, body: Value| {
            who.send(Method::PATCH, path).header("if-match", "*").json(&body).send().await
        };
        match act {
            "list" => who.get(&self.roles).await,
            "show" => who.get(&self.role).await,
            "make" => {
                let name = format!("{}-new", self.role.rsplit('/').next().unwrap());
                let body = json!({ "role": name, "permissions": permissions(self.target, 2) });
                who.post(&self.roles, &body).await
            }
            "describe" => patch(&self.role, json!({ "description": "for nights" })).await,
            "raise" => patch(&self.role, json!({ "permissions": permissions(self.target, 2) })).await,
            "lower" => patch(&self.role, json!({ "permissions": [] })).await,
            "delete" => who.post(&format!("{}/delete", self.role), &json!({})).await,
            _ => patch(&self.key, json!({ "role": self.role.rsplit('/').next().unwrap() })).await,
        }
    }

    /// All that can be seen of the roles and the key, and how much was done at all.
    async fn traces(&self) -> (String, String, usize) {
        let whole = &self.scene.callers[0].1;
        let rows = self.scene.app.shell.store.audit(0, 100_000).await.unwrap().len();
        let roles = whole.get(&format!("{}?limit=1000", self.roles)).await.text();
        (roles, whole.get(&self.key).await.text(), rows)
    }
}

/// So many of them, of which the keeper holds none.
fn permissions(target: Target, count: usize) -> Vec<&'static str> {
    let all = if target == Target::Administrator {
        ["portcullis:audit:read", "portcullis:signing:write"]
    } else {
        ["orders", "vouchers"]
    };
    all[..count].to_vec()
}

#[tokio::test]
async fn every_caller_may_do_to_every_role_what_the_table_says_and_nothing_else() {
    let app = App::start().await;
    let mut scene = Scene::set(&app).await;
    let (mut cells, callers) = (0, scene.callers.len());
    for caller in 0..callers {
        for act in ACTS {
            for target in [Target::Shop, Target::Mill, Target::Administrator] {
                let (caller, who) = &scene.callers[caller];
                let tried = Tried::on(&scene, target, cells).await;
                let before = tried.traces().await;

                let answer = tried.attempt(who, act).await;

                let what = format!("{caller}: {act} {target:?}: {} {}", answer.status, answer.text());
                let wanted = expected(caller, act, target);
                assert!(wanted.is(answer.status), "{wanted:?} {what}");
                if wanted != Done {
                    assert_eq!(tried.traces().await, before, "something was done: {what}");
                } else if target == Target::Administrator {
                    // An administrators' role that permits less ends the tokens of all of them.
                    scene = Scene::set(&app).await;
                }
                cells += 1;
            }
        }
    }
    assert_eq!(cells, callers * ACTS.len() * 3);
}
