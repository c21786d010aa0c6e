//! The story itself, chapter by chapter.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portcullis_guard::{
    Audience, Freshness, Gate, KeySet, Place, Refusal, Required, RevocationList, ScopeSet, Verifier, Whose,
};

use super::client::{Client, Speaker};
use super::process::ServerProcess;
use super::{PROMISED, chapter, check, say};
use crate::cli::failure::Failure;
use crate::cli::session::surroundings;
use crate::config::{Environment, Flags, Settings};
use crate::domain::audit::Actor;
use crate::domain::grant::default_audience;
use crate::domain::{CatalogueScope, KeyDetails, KeyId, ProjectId, ProjectKind, Reason, Secret};
use crate::installation::{Installation, Terms};
use crate::keys::acts::{Acts, KeyAct, Why};
use crate::time::Clock;

/// Where the key may be used from, and two places: inside and outside.
const OFFICE: &str = "203.0.113.0/24";
const INSIDE: &str = "203.0.113.7";
const OUTSIDE: &str = "198.51.100.9";

/// What the story is about.
struct Stage<'a> {
    client: &'a Client,
    clock: Arc<dyn Clock>,
    shell: Acts,
    project: ProjectId,
    key: KeyId,
    secret: Secret,
}

impl Stage<'_> {
    fn holder(&self) -> Speaker<'_> {
        Speaker { id: &self.key, secret: &self.secret, address: INSIDE }
    }

    async fn act(&self, act: KeyAct, reason: Reason) -> Result<(), Failure> {
        let why = Why { reason, note: Some("portcullis demo".to_owned()) };
        self.shell.act_on_key(&self.key, act, &why).await?;
        Ok(())
    }
}

/// Tells it.
pub(super) async fn tell(server: &ServerProcess, client: &Client, folder: &Path) -> Result<(), Failure> {
    chapter("A server")?;
    check(
        !server.url.is_empty(),
        &format!("`portcullis serve` is ready on {} after {:?}", server.url, server.ready_after),
    )?;
    let stage = set_up(client, folder).await?;
    let token = exchange(&stage).await?;
    refusals(&stage).await?;
    judgements(&stage, &server.url, &token).await?;
    drop_the_gate(&stage, &token).await?;
    let token = raise_it_again(&stage, &token).await?;
    regenerate(stage, &token).await
}

async fn set_up<'a>(client: &'a Client, folder: &Path) -> Result<Stage<'a>, Failure> {
    chapter("A project, its scopes, a key (from the shell, beside the running server)")?;
    let folder = folder.to_str().unwrap_or_default().to_owned();
    let environment = Environment::from_iter([("PORTCULLIS_DATA_DIR", folder)]);
    let settings = Settings::load(&Flags::default(), &environment)?;
    let surroundings = surroundings();
    let clock = surroundings.clock.clone();
    let installation = Installation::open(&settings, &Terms::default(), surroundings).await?;
    let shell = installation.acts(Actor::Local(rustix::process::getuid().as_raw()));
    let project = shell.create_project("Orchid shop", ProjectKind::Sandbox).await?.id;
    say(&format!("  project create \"Orchid shop\"            → {project}"))?;
    for (scope, includes) in [("api", "campaigns vouchers"), ("campaigns", ""), ("vouchers", "")] {
        let includes = includes.parse().expect("constant scopes");
        let entry = CatalogueScope { description: String::new(), includes };
        shell.set_scope(&project, scope.parse().expect("a constant scope"), entry).await?;
    }
    say("  scope set api --include campaigns,vouchers → an umbrella over two scopes")?;
    let details = KeyDetails {
        name: "broker".to_owned(),
        permissions: "api".parse().expect("a constant scope"),
        allowlist: OFFICE.parse().expect("a constant network"),
        ..KeyDetails::default()
    };
    let (key, secret) = shell.create_key(&project, details).await?;
    say(&format!("  key create --permission api --allow {OFFICE} → {}", key.id))?;
    Ok(Stage { client, clock, shell, project, key: key.id, secret })
}

async fn exchange(stage: &Stage<'_>) -> Result<String, Failure> {
    chapter("The key becomes a narrowed token")?;
    let granted = eventually(stage, 200, || stage.client.token(stage.holder(), "vouchers")).await?;
    check(granted.status == 200, &format!("asked for `vouchers` from {INSIDE}: granted"))?;
    let lifetime = granted.body["expires_in"].as_u64();
    check(
        lifetime == Some(900) && granted.text("scope") == "vouchers",
        "it lives 900 s and may do `vouchers`, nothing else",
    )?;
    Ok(granted.text("access_token").to_owned())
}

async fn refusals(stage: &Stage<'_>) -> Result<(), Failure> {
    chapter("What the key does not get")?;
    let holder = stage.holder();
    let beyond = stage.client.token(holder, "payments").await?;
    check(
        beyond.error() == "invalid_scope",
        &format!("a scope beyond the key: invalid_scope ({})", beyond.why()),
    )?;
    let outside = stage.client.token(Speaker { address: OUTSIDE, ..holder }, "vouchers").await?;
    check(
        outside.error() == "unauthorized_client",
        &format!("the right secret from {OUTSIDE}: unauthorized_client"),
    )?;
    let (_, wrong) = Secret::generate(ProjectKind::Sandbox, &[7; 48]);
    let stranger = stage.client.token(Speaker { secret: &wrong, ..holder }, "vouchers").await?;
    let told = format!("a wrong secret: {} {} ({})", stranger.status, stranger.error(), stranger.why());
    check(stranger.error() == "invalid_client" && stranger.status == 401, &told)
}

async fn judgements(stage: &Stage<'_>, issuer: &str, token: &str) -> Result<(), Failure> {
    chapter("What the token is worth")?;
    let form = format!("token={token}");
    let seen = stage.client.post("/oauth/introspect", stage.holder(), form).await?;
    check(seen.body["active"] == true, "introspection (RFC 7662): active")?;
    let stolen = stage.client.verify(token, OUTSIDE).await?;
    check(
        stolen.status == 403 && stolen.text("reason") == "address",
        &format!("carried off to {OUTSIDE}: 403, address"),
    )?;
    let keys = stage.client.get("/.well-known/jwks.json").await?;
    let keys = KeySet::from_json(&keys.body.to_string()).map_err(|error| Failure::Demo(error.to_string()))?;
    let judge = Verifier::new(issuer.into(), stage.project.clone(), Arc::new(keys));
    let offline = |scope: &str| judge_offline(stage, &judge, issuer, token, scope);
    check(
        offline("vouchers").is_ok(),
        "judged offline by the guard, public keys alone: may pass for `vouchers`",
    )?;
    check(offline("campaigns") == Err(Refusal::Scope), "… and not for `campaigns`: insufficient_scope")
}

fn judge_offline(
    stage: &Stage<'_>,
    judge: &Verifier,
    issuer: &str,
    token: &str,
    scope: &str,
) -> Result<(), Refusal> {
    let scope: ScopeSet = scope.parse().expect("a constant scope");
    let audience: [Audience; 1] = [default_audience(&stage.project, issuer)];
    let address = Place::From(INSIDE.parse().ok());
    let required = Required { scope: &scope, audience: Whose::OneOf(&audience), address, origin: None };
    let list = RevocationList::new();
    let gate = Gate { list: &list, freshness: Freshness::Fresh, now: stage.clock.now() };
    judge.judge(token, &required, &gate).map(drop)
}

async fn drop_the_gate(stage: &Stage<'_>, token: &str) -> Result<(), Failure> {
    chapter("The key leaked: block it (from the shell; the server is another process)")?;
    let alive = stage.client.verify(token, INSIDE).await?;
    check(alive.status == 200, "a moment before, the token passes")?;
    stage.act(KeyAct::Block, Reason::KeyCompromise).await?;
    let blocked_at = stage.clock.monotonic();
    let dead = eventually(stage, 401, || stage.client.verify(token, INSIDE)).await?;
    let took = stage.clock.monotonic().saturating_sub(blocked_at);
    let told =
        format!("key block --reason key_compromise: the token is refused {} ms later", took.as_millis());
    check(dead.status == 401 && dead.text("reason") == "revoked", &told)?;
    let mint = stage.client.token(stage.holder(), "vouchers").await?;
    check(
        mint.error() == "invalid_client",
        &format!("and there are no new ones: invalid_client ({})", mint.why()),
    )
}

async fn raise_it_again(stage: &Stage<'_>, old: &str) -> Result<String, Failure> {
    chapter("A false alarm: unblock it")?;
    stage.act(KeyAct::Unblock, Reason::Unspecified).await?;
    let fresh = eventually(stage, 200, || stage.client.token(stage.holder(), "vouchers")).await?;
    check(fresh.status == 200, "new tokens are minted again")?;
    let old = stage.client.verify(old, INSIDE).await?;
    check(old.status == 401, "the old token stays dead")?;
    Ok(fresh.text("access_token").to_owned())
}

async fn regenerate(stage: Stage<'_>, token: &str) -> Result<(), Failure> {
    chapter("Routine: regenerate the secret")?;
    let (_, new) = stage.shell.regenerate(&stage.key, Duration::ZERO, &Why::default()).await?;
    let old = eventually(&stage, 401, || stage.client.token(stage.holder(), "vouchers")).await?;
    check(old.error() == "invalid_client", "the old secret opens nothing any more")?;
    let minted = stage.client.token(Speaker { secret: &new, ..stage.holder() }, "vouchers").await?;
    check(minted.status == 200, "the new one does")?;
    let alive = stage.client.verify(token, INSIDE).await?;
    check(alive.status == 200, "tokens that are out live on")
}

/// Asks again and again until the answer has this status, at most as long as is promised: another
/// process acted, and the server follows it.
async fn eventually<'a, F>(
    stage: &Stage<'_>,
    status: u16,
    ask: impl Fn() -> F,
) -> Result<super::client::Answer, Failure>
where
    F: Future<Output = Result<super::client::Answer, Failure>> + 'a,
{
    let began = stage.clock.monotonic();
    loop {
        let answer = ask().await?;
        if answer.status == status || stage.clock.monotonic().saturating_sub(began) > PROMISED {
            return Ok(answer);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
