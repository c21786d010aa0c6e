//! An installation elsewhere, through the administrators' API of its server. Each request goes with a token that
//! is worth as much as the request needs, and no more.

mod hygiene;
mod keys;
mod problem;
mod projects;
mod roles;
mod secret;
mod tokens;
mod webhooks;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;
use zeroize::Zeroizing;

use crate::admin::view::AppliedBy;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::remote::{PATIENCE, Reach, Remote};
use crate::cli::session::surroundings;
use crate::config::{self, PlainHttp};
use crate::domain::authority::{self, Right};
use crate::domain::{Position, ProjectId, Scope, Timestamp, base62};
use crate::entropy::Entropy;
use crate::installation::Surroundings;
use crate::keys::acts::{Done, Why};

use super::profile::Far;
use super::{Here, House, Wait};
use tokens::Purse;

/// How often a request is sent whose answer does not come.
const TRIES: u32 = 3;
/// How long it rests before the second try; then twice as long.
const REST: Duration = Duration::from_millis(300);

/// The installation.
pub(in crate::cli) struct Afar {
    admin: Remote,
    purse: Purse,
    /// The project that the key is limited to.
    project: Option<ProjectId>,
    entropy: Arc<dyn Entropy>,
}

/// More than any page of a list, in bytes.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;

/// The one project of what is asked for, if it is one; else it is all that the key may see.
fn one_project(within: &authority::Reach) -> Option<&ProjectId> {
    match within {
        authority::Reach::Within(projects) => projects.first(),
        authority::Reach::Everywhere => None,
    }
}

/// As the API takes times: none before 1970 or after the year 9999, where nothing is.
fn moment(at: Timestamp) -> String {
    at.secs().clamp(0, 253_402_300_799).to_string()
}

/// Whether a request may be sent again when nobody knows whether it was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// It changes nothing, or names itself, so that it is carried out once.
    Safely,
    /// It would be carried out twice, or be refused because it was carried out.
    Never,
}

/// An act on something: the operation, what it takes, and the state in which the thing was seen, if that matters.
struct Act<'a> {
    method: Method,
    path: &'a [&'a str],
    body: &'a Value,
    seen: Option<Position>,
}

impl Afar {
    pub(super) fn at(far: Far) -> Result<Self, Failure> {
        let Far { server, public, issuer, client_id, secret, ca_file, project } = far;
        let issuer = config::server_url(&issuer, PlainHttp::Anywhere);
        let issuer = issuer.map_err(|why| Failure::Usage(format!("issuer: {why}")))?;
        let to = |named_by: &str, url: &str| {
            // On the machine itself nothing has to be proven.
            let ca_file = ca_file.clone().filter(|_| url.starts_with("https:"));
            Reach::believing(ca_file).server(named_by, url)
        };
        let (admin, public) = (to("--server", &server)?.reading(LONGEST_ANSWER), to("public", &public)?);
        let Surroundings { clock, entropy } = surroundings();
        let purse = Purse::of(public, &issuer, (client_id, secret), clock);
        Ok(Self { admin, purse, project, entropy })
    }

    /// The scope by which a right is held: in this project, or in the one that the key is limited to.
    fn scope(&self, right: Right, project: Option<&ProjectId>) -> Scope {
        match project.or(self.project.as_ref()) {
            Some(project) => right.within(project),
            None => right.everywhere(),
        }
    }

    fn to(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.with_query(method, path, &[])
    }

    fn get(&self, path: &[&str], query: &[(&str, String)]) -> RequestBuilder {
        self.with_query(Method::GET, path, query)
    }

    fn with_query(&self, method: Method, path: &[&str], query: &[(&str, String)]) -> RequestBuilder {
        self.admin.to(method, &[&["admin", "v1"], path].concat(), query)
    }

    /// A request by which something is made, and made once.
    fn make(&self, path: &[&str]) -> RequestBuilder {
        let name = base62::encode::<22>(&self.entropy.bytes::<22>());
        self.to(Method::POST, path).header("idempotency-key", name)
    }

    /// What is answered to a request with a token for this scope.
    async fn ask<T: DeserializeOwned>(
        &self,
        scope: &[Scope],
        request: RequestBuilder,
        again: Again,
    ) -> Result<T, Failure> {
        let body = self.send(scope, request, again).await?;
        // What serde says could repeat some of it.
        serde_json::from_str(&body).map_err(|_| self.admin.failed("its answer cannot be read".to_owned()))
    }

    async fn send(
        &self,
        scope: &[Scope],
        request: RequestBuilder,
        again: Again,
    ) -> Result<Zeroizing<String>, Failure> {
        let mut rest = REST;
        for tried in 1..=TRIES {
            let last = tried == TRIES;
            let token = self.purse.token(scope).await?;
            let attempt = request.try_clone().expect("a body in memory");
            let failure = match self.admin.send(attempt.bearer_auth(token.as_str())).await {
                Ok((200..300, body)) => return Ok(Zeroizing::new(body)),
                // The token was good a moment ago; nothing was done.
                Ok((401, _)) if !last => {
                    self.purse.drop_tokens().await;
                    continue;
                }
                Ok((status @ (500.. | 429), body)) if again == Again::Safely && !last => {
                    problem::of(&self.admin, status, &body)
                }
                Ok((status, body)) => return Err(problem::of(&self.admin, status, &body)),
                Err(failure) if again == Again::Safely && !last => failure,
                Err(failure) => return Err(failure),
            };
            tracing::debug!(error = &failure as &dyn std::error::Error, "a request is sent again");
            sleep(rest).await;
            rest *= 2;
        }
        Err(self.admin.failed("it gives no answer".to_owned()))
    }

    /// The answer to an act, which may wait until it is applied.
    async fn act<T: DeserializeOwned>(
        &self,
        scope: &[Scope],
        Act { method, path, body, seen }: Act<'_>,
        wait: Wait,
    ) -> Result<T, Failure> {
        let query = wait
            .map(|at_most| vec![("wait", "applied".to_owned()), ("timeout", at_most.as_secs().to_string())]);
        let mut request = self.with_query(method, path, &query.unwrap_or_default()).json_of(body);
        if let Some(seen) = seen {
            request = request.header("if-match", format!("\"{seen}\""));
        }
        let Some(at_most) = wait else { return self.ask(scope, request, Again::Never).await };
        let mut progress = Progress::is_seen().then(|| Progress::of(None, 1));
        if let Some(progress) = &mut progress {
            progress.moved(0, || "waiting for every server".to_owned());
        }
        let answer = self.ask(scope, request.timeout(at_most + PATIENCE), Again::Never).await;
        if let Some(progress) = progress {
            progress.end();
        }
        answer
    }
}

impl House for Afar {
    fn here(&self) -> Option<&Here> {
        None
    }

    fn limited_to(&self) -> Option<&ProjectId> {
        self.project.as_ref()
    }
}

/// Parts of a request.
trait Parts: Sized {
    fn json_of(self, body: &Value) -> Self;
}

impl Parts for RequestBuilder {
    fn json_of(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }
}

/// What an act on a key or a project is answered with, as far as it matters here.
#[derive(serde::Deserialize)]
struct Acted {
    project: ProjectId,
    position: Position,
    #[serde(default)]
    tokens_revoked: bool,
    applied: Option<AppliedBy>,
}

impl Acted {
    fn done(&self) -> Done {
        Done { project: self.project.clone(), position: self.position, narrowed: self.tokens_revoked }
    }
}

/// Why somebody acts, as a body has it.
fn because(why: &Why) -> Value {
    serde_json::json!({ "reason": why.reason, "note": why.note })
}
