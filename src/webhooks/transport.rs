//! The connection to a receiver (threat S38): only to addresses that may be connected to, by no proxy, along
//! no redirection, within a time; of the answer nothing is read but its head.

use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response};
use url::Host;

use crate::domain::webhook::{Brought, Destinations, Outcome, WebhookUrl, asked};

use super::names::{Forbidden, Lookup, Permitted};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a receiver may take to answer, all in all.
const ANSWER: Duration = Duration::from_secs(15);

/// A message as it goes out.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where to.
    pub url: &'a WebhookUrl,
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`.
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: &'a str,
    /// The body.
    pub body: &'a str,
}

/// Speaks to receivers.
pub struct Transport {
    names: Arc<dyn Lookup>,
    destinations: Arc<Destinations>,
    /// Who vouches for receivers, instead of the authorities that this machine trusts.
    roots: Option<Vec<Certificate>>,
    answer: Duration,
    /// For https, and for plain HTTP. Each is made when it is needed: the one reads the machine's authorities.
    clients: [OnceLock<Client>; 2],
}

impl Transport {
    /// Connects to what these destinations permit.
    #[must_use]
    pub fn new(destinations: Arc<Destinations>, names: Arc<dyn Lookup>) -> Self {
        Self { names, destinations, roots: None, answer: ANSWER, clients: Default::default() }
    }

    /// Receivers are vouched for by these alone.
    #[must_use]
    pub fn trusting(self, roots: Vec<Certificate>) -> Self {
        Self { roots: Some(roots), ..self }
    }

    /// Receivers have so long to answer.
    #[must_use]
    pub fn within(self, answer: Duration) -> Self {
        Self { answer, ..self }
    }

    /// Where it may connect to.
    #[must_use]
    pub const fn destinations(&self) -> &Arc<Destinations> {
        &self.destinations
    }

    /// Sends a message; what came of it.
    pub async fn post(&self, request: &Request<'_>) -> Brought {
        let plain = request.url.is_plain();
        // A client asks nobody about an address that stands in the URL.
        if literal(request.url).is_some_and(|address| !self.destinations.permit(address, plain)) {
            return Outcome::Forbidden.into();
        }
        let Some(client) = self.client(plain) else { return Outcome::Unreachable.into() };
        let sent = client
            .post(request.url.as_url().clone())
            .header(USER_AGENT, concat!("Portcullis/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", request.id)
            .header("webhook-timestamp", request.timestamp)
            .header("webhook-signature", request.signature)
            .body(request.body.to_owned())
            .send()
            .await;
        match sent {
            // What follows the head is nobody's business, and of any length.
            Ok(answer) => brought_by(&answer),
            Err(error) => outcome_of(&error).into(),
        }
    }

    fn client(&self, plain: bool) -> Option<&Client> {
        let place = &self.clients[usize::from(plain)];
        if let Some(client) = place.get() {
            return Some(client);
        }
        match self.build(plain) {
            Ok(client) => Some(place.get_or_init(|| client)),
            Err(error) => {
                let told = &error as &dyn StdError;
                tracing::error!(error = told, "nothing can be sent to webhooks: there is no HTTP client");
                None
            }
        }
    }

    fn build(&self, plain: bool) -> Result<Client, reqwest::Error> {
        let names = Permitted { names: self.names.clone(), destinations: self.destinations.clone(), plain };
        // A connection that is kept was looked at once, and is looked at no more: none is kept.
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT)
            .timeout(self.answer)
            .dns_resolver(Arc::new(names));
        match (plain, &self.roots) {
            (true, _) => client.tls_certs_only([]).build(),
            (false, Some(roots)) => client.https_only(true).tls_certs_only(roots.iter().cloned()).build(),
            (false, None) => client.https_only(true).build(),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("destinations", &self.destinations).finish_non_exhaustive()
    }
}

fn literal(url: &WebhookUrl) -> Option<IpAddr> {
    match url.as_url().host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

fn brought_by(answer: &Response) -> Brought {
    let asks = answer.headers().get(RETRY_AFTER).and_then(|line| asked(line.to_str().ok()?));
    Brought { outcome: Outcome::of_status(answer.status().as_u16()), asks }
}

fn outcome_of(error: &reqwest::Error) -> Outcome {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(found) = cause {
        if found.is::<Forbidden>() {
            return Outcome::Forbidden;
        }
        cause = found.source();
    }
    if error.is_timeout() { Outcome::Late } else { Outcome::Unreachable }
}
