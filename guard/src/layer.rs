//! A guard in front of a service: a tower layer and an axum extractor (RFC 6750), and the metadata of the
//! resource that they protect (RFC 9728).

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use ipnet::IpNet;
use serde_json::json;
use tower_layer::Layer;
use tower_service::Service;

use crate::claims::{Claims, VerifiedClaims};
use crate::error::{Class, Refusal};
use crate::feed::Guard;
use crate::forwarded::{ForwardedHeader, client_address};
use crate::scope::{InvalidScope, ScopeSet};
use crate::verify::{Place, Required};

/// Lets only those pass whose token covers a scope.
///
/// The client's address is the socket's peer (axum's `ConnectInfo`), unless proxies are trusted; where
/// it cannot be told, tokens that are bound to addresses are refused.
#[derive(Clone, Debug)]
pub struct RequireToken {
    guard: Guard,
    terms: Arc<Terms>,
}

#[derive(Clone, Debug)]
struct Terms {
    scope: ScopeSet,
    proxies: Vec<IpNet>,
    header: ForwardedHeader,
    metadata: Option<String>,
}

impl Guard {
    /// A layer that lets only those pass whose token covers this scope; any good token, if it is
    /// empty.
    ///
    /// # Errors
    /// [`InvalidScope`].
    pub fn require(&self, scope: &str) -> Result<RequireToken, InvalidScope> {
        let scope = scope.parse()?;
        let header = ForwardedHeader::default();
        let terms = Terms { scope, proxies: Vec::new(), header, metadata: None };
        Ok(RequireToken { guard: self.clone(), terms: Arc::new(terms) })
    }
}

impl RequireToken {
    /// Believes what these proxies write into this header about the client's address.
    #[must_use]
    pub fn behind(mut self, proxies: impl IntoIterator<Item = IpNet>, header: ForwardedHeader) -> Self {
        let terms = Arc::make_mut(&mut self.terms);
        (terms.proxies, terms.header) = (proxies.into_iter().collect(), header);
        self
    }

    /// Names, in each challenge, where the resource's metadata is (RFC 9728 §5.1).
    #[must_use]
    pub fn described_at(mut self, url: &str) -> Self {
        let visible = url.chars().filter(|c| c.is_ascii_graphic() && *c != '"' && *c != '\\');
        Arc::make_mut(&mut self.terms).metadata = Some(visible.collect());
        self
    }

    /// What is said of a request by what is known at this moment.
    fn judge<B>(&self, request: &Request<B>) -> Result<Admitted, Denied> {
        let token = bearer(request.headers())?;
        let required = self.required(self.address(request), origin(request.headers()));
        self.guard.judge(token, &required).map(Admitted).map_err(Denied::Refused)
    }

    /// The same, once the signing keys were asked for.
    async fn judge_after_keys(&self, (token, address, origin): &Presented) -> Result<Admitted, Denied> {
        let required = self.required(*address, origin.as_deref());
        let judged = self.guard.judge_after_keys(token, &required).await;
        judged.map(Admitted).map_err(Denied::Refused)
    }

    fn required<'a>(&'a self, address: Option<IpAddr>, origin: Option<&'a str>) -> Required<'a> {
        let audience = self.guard.audience();
        Required { scope: &self.terms.scope, audience, address: Place::From(address), origin }
    }

    /// What is judged of a request, to be judged later.
    fn presented<B>(&self, request: &Request<B>) -> Option<Presented> {
        let token = bearer(request.headers()).ok()?.to_owned();
        Some((token, self.address(request), origin(request.headers()).map(ToOwned::to_owned)))
    }

    fn address<B>(&self, request: &Request<B>) -> Option<IpAddr> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let lines = request.headers().get_all(self.terms.header.name()).iter();
        let lines: Vec<Cow<'_, str>> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        let is_proxy = |hop: IpAddr| self.terms.proxies.iter().any(|proxy| proxy.contains(&hop));
        client_address(peer, self.terms.header, &lines, is_proxy)
    }
}

/// Token, address and origin of a request.
type Presented = (String, Option<IpAddr>, Option<String>);

fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ORIGIN)?.to_str().ok()
}

/// The token of a request that was let pass, for handlers behind a [`RequireToken`].
#[derive(Clone, Debug)]
pub struct Admitted(Arc<VerifiedClaims>);

impl Admitted {
    /// What the token says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        self.0.claims()
    }
}

/// The layer is missing in front of a handler that wants to know who was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoLayer;

impl IntoResponse for NoLayer {
    fn into_response(self) -> axum::response::Response {
        (StatusCode::INTERNAL_SERVER_ERROR, "nobody guards this place").into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Admitted {
    type Rejection = NoLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoLayer> {
        parts.extensions.get::<Self>().cloned().ok_or(NoLayer)
    }
}

/// Why nobody is let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denied {
    /// There is no token: the challenge names no error (RFC 6750 §3.1).
    Absent,
    /// More than one, or nothing that could be a token.
    Malformed,
    /// The token is refused.
    Refused(Refusal),
}

/// The one token in the `Authorization` header (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = lines.next().ok_or(Denied::Absent)?;
    if lines.next().is_some() {
        return Err(Denied::Malformed);
    }
    let line = line.to_str().map_err(|_| Denied::Malformed)?;
    let (scheme, token) = line.split_once(' ').unwrap_or((line, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denied::Absent);
    }
    let token = token.trim_matches(' ');
    let is_one = !token.is_empty() && !token.contains([' ', '\t', ',']);
    if is_one { Ok(token) } else { Err(Denied::Malformed) }
}

impl Denied {
    fn answer<B: From<String>>(self, terms: &Terms) -> Response<B> {
        let (status, error, reason, why) = self.tell();
        let body = json!({ "error": error, "error_description": why, "reason": reason });
        let mut answer = Response::new(B::from(body.to_string()));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        } else {
            headers.insert(header::WWW_AUTHENTICATE, self.challenge(terms));
        }
        answer
    }

    /// Status, error, reason, and a sentence.
    fn tell(self) -> (StatusCode, &'static str, &'static str, String) {
        let malformed = "the request must carry exactly one bearer token";
        match self {
            Self::Absent => {
                let why = "the request carries no bearer token".to_owned();
                (StatusCode::UNAUTHORIZED, "invalid_token", "absent", why)
            }
            Self::Malformed => {
                (StatusCode::BAD_REQUEST, "invalid_request", "invalid_request", malformed.to_owned())
            }
            Self::Refused(refusal) => {
                let (status, error) = match refusal.class() {
                    Class::Unknown => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
                    Class::Invalid => (StatusCode::UNAUTHORIZED, "invalid_token"),
                    Class::InsufficientScope => (StatusCode::FORBIDDEN, "insufficient_scope"),
                    Class::Forbidden => (StatusCode::FORBIDDEN, "invalid_token"),
                };
                (status, error, refusal.reason(), refusal.to_string())
            }
        }
    }

    /// RFC 6750 §3. What it says is ours or has passed the scope grammar, which has no quote.
    fn challenge(self, terms: &Terms) -> HeaderValue {
        let mut parts = vec!["Bearer realm=\"portcullis\"".to_owned()];
        if self != Self::Absent {
            let (_, error, _, why) = self.tell();
            parts.extend([format!("error=\"{error}\""), format!("error_description=\"{why}\"")]);
        }
        if self == Self::Refused(Refusal::Scope) {
            parts.push(format!("scope=\"{}\"", terms.scope));
        }
        parts.extend(terms.metadata.iter().map(|url| format!("resource_metadata=\"{url}\"")));
        HeaderValue::from_str(&parts.join(", ")).expect("what we say is visible ASCII")
    }
}

impl<S> Layer<S> for RequireToken {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, require: self.clone() }
    }
}

/// A service behind a guard.
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    require: RequireToken,
}

type Answering<R, E> = Pin<Box<dyn Future<Output = Result<R, E>> + Send>>;

impl<S, B, A> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    A: From<String> + 'static,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = Answering<Response<A>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let clone = self.inner.clone();
        // The one that said that it is ready.
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let require = self.require.clone();
        let mut judged = require.judge(&request);
        let unknown = matches!(judged, Err(Denied::Refused(Refusal::UnknownSigningKey)));
        let again = if unknown { require.presented(&request) } else { None };
        Box::pin(async move {
            if let Some(presented) = again {
                judged = require.judge_after_keys(&presented).await;
            }
            match judged {
                Ok(admitted) => {
                    request.extensions_mut().insert(admitted);
                    inner.call(request).await
                }
                Err(denied) => Ok(denied.answer(&require.terms)),
            }
        })
    }
}

/// The routes that describe a protected resource (RFC 9728 §3), for clients that do not know yet whom
/// to ask for a token: where its metadata belongs, and with it who issues tokens and for which scopes.
///
/// # Panics
/// Never: the answer is JSON.
pub fn protected_resource(guard: &Guard, resource: &str, scopes: &ScopeSet) -> Router {
    let document = json!({
        "resource": resource,
        "authorization_servers": [guard.issuer()],
        "bearer_methods_supported": ["header"],
        "scopes_supported": scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    let after_scheme = resource.split_once("://").map_or(resource, |(_, rest)| rest);
    let path = after_scheme.split_once('/').map_or("", |(_, path)| path).trim_end_matches('/');
    let well_known = "/.well-known/oauth-protected-resource";
    let place = if path.is_empty() { well_known.to_owned() } else { format!("{well_known}/{path}") };
    let answer = move || async move { Ok::<_, Infallible>(Json(document)) };
    Router::new().without_v07_checks().route(&place, get(answer))
}
