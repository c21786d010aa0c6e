//! A server, as its clients reach it.

use std::error::Error as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Method, RequestBuilder};
use serde_json::Value;
use url::Url;

use super::failure::Failure;
use crate::config::{self, PlainHttp};

/// How long an answer may take, with the connection that it comes by.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// More than any answer of the public listener.
const LONGEST_ANSWER: usize = 1024 * 1024;
/// More than any bundle of authorities, in bytes.
const LONGEST_BUNDLE: u64 = 1024 * 1024;

/// How a server is reached.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Reach {
    /// Believe the authorities in this file alone, PEM [default: those of the system].
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Speak plain http with another machine: everybody on the way can read secret and token.
    #[arg(long)]
    plain_http: bool,
}

/// A server to speak with.
#[derive(Debug)]
pub(super) struct Remote {
    http: Client,
    url: String,
    /// The longest answer that is read, in bytes.
    longest: usize,
}

impl Reach {
    /// By TLS, and without it on the machine itself alone.
    pub(super) fn believing(ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, plain_http: false }
    }

    /// The server of this URL, which this option or file named. What it is sent is sent nowhere else.
    pub(super) fn server(&self, named_by: &str, url: &str) -> Result<Remote, Failure> {
        self.server_within(named_by, url, PATIENCE)
    }

    fn server_within(&self, named_by: &str, url: &str, patience: Duration) -> Result<Remote, Failure> {
        let url = self.url(url).map_err(|why| Failure::Usage(format!("{named_by}: {why}")))?;
        if self.ca_file.is_some() && !url.starts_with("https:") {
            let why = "--ca-file: a server without TLS proves nothing; name an https URL";
            return Err(Failure::Usage(why.to_owned()));
        }
        let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(patience);
        let client = if url.starts_with("https:") {
            self.trust(client.https_only(true))?
        } else {
            // Nothing to prove: the system's authorities need not even be there.
            client.tls_certs_only([])
        };
        let http = client.build().map_err(|error| match &self.ca_file {
            Some(file) => no_authority(file, &chain(&error)),
            // The system has no authorities, or none that can be read.
            None => Failure::Remote {
                url: url.clone(),
                why: format!("{}; name whom to believe with --ca-file", chain(&error)),
            },
        })?;
        Ok(Remote { http, url, longest: LONGEST_ANSWER })
    }

    fn url(&self, url: &str) -> Result<String, String> {
        let anywhere = config::server_url(url, PlainHttp::Anywhere);
        if self.plain_http {
            return anywhere;
        }
        config::server_url(url, PlainHttp::OnThisMachine).map_err(|why| match anywhere {
            Ok(_) => format!("{why}; or, where nobody listens on the way, add --plain-http"),
            Err(_) => why,
        })
    }

    fn trust(&self, client: ClientBuilder) -> Result<ClientBuilder, Failure> {
        let Some(file) = &self.ca_file else { return Ok(client) };
        let bundle = bundle(file).map_err(|source| Failure::Input { path: file.clone(), source })?;
        match Certificate::from_pem_bundle(&bundle) {
            Ok(authorities) if !authorities.is_empty() => Ok(client.tls_certs_only(authorities)),
            _ => Err(no_authority(file, "it holds no certificate as PEM")),
        }
    }
}

fn bundle(file: &Path) -> io::Result<Vec<u8>> {
    let mut bundle = Vec::new();
    File::open(file)?.take(LONGEST_BUNDLE + 1).read_to_end(&mut bundle)?;
    if bundle.len() as u64 > LONGEST_BUNDLE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long for certificates"));
    }
    Ok(bundle)
}

fn no_authority(file: &Path, why: &str) -> Failure {
    let source = io::Error::new(io::ErrorKind::InvalidData, why);
    Failure::Input { path: file.to_owned(), source }
}

/// What happened, with all that caused it. Of what was sent there is nothing in it.
fn chain(error: &reqwest::Error) -> String {
    let mut said = match error {
        error if error.is_timeout() => "it does not answer in time".to_owned(),
        error if error.is_connect() => "no connection".to_owned(),
        error if error.is_builder() => "no client".to_owned(),
        _ => "no answer".to_owned(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.ends_with(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said
}

impl Remote {
    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    /// The same, of which answers of so many bytes are read.
    pub(super) fn reading(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// A request to the operation at these segments of a path.
    pub(super) fn to(&self, method: Method, path: &[&str], query: &[(&str, String)]) -> RequestBuilder {
        let mut url = Url::parse(&self.url).expect("it was looked at when the server was named");
        url.path_segments_mut().expect("http has paths").pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.http.request(method, url)
    }

    /// A public document.
    pub(super) async fn document(&self, path: &str) -> Result<String, Failure> {
        let (status, body) = self.send(self.http.get(format!("{}{path}", self.url))).await?;
        if status == 200 { Ok(body) } else { Err(self.failed(format!("it answers {status} for {path}"))) }
    }

    /// Status and body of an answer. A redirection is an answer: nothing follows it.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<(u16, String), Failure> {
        let failed = |error: reqwest::Error| self.failed(chain(&error.without_url()));
        let mut answer = request.send().await.map_err(failed)?;
        let (status, mut body) = (answer.status().as_u16(), Vec::new());
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > self.longest {
                return Err(self.failed("its answer is too long".to_owned()));
            }
            body.extend_from_slice(&piece);
        }
        let body = String::from_utf8(body).map_err(|_| self.failed("its answer is no text".to_owned()))?;
        Ok((status, body))
    }

    pub(super) fn failed(&self, why: String) -> Failure {
        Failure::Remote { url: self.url.clone(), why }
    }

    /// What a refusal means: whether to try again later, or to ask for something else.
    pub(super) fn refused(&self, status: u16, body: &str) -> Failure {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().replace(char::is_control, " ");
        match (status, text("error")) {
            (429 | 500.., error) => self.failed(format!("it answers {status} {error}")),
            (300..400, _) => self.failed(format!("it answers {status}, which leads elsewhere")),
            (_, error) if error.is_empty() => {
                self.failed(format!("it answers {status}, and not as OAuth says"))
            }
            (_, error) => Failure::Refused { error, why: text("error_description") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_never_answers_is_given_up() {
        // The system accepts for it; nobody reads.
        let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", mute.local_addr().unwrap());
        let remote = Reach::default().server_within("--server", &url, Duration::from_millis(50)).unwrap();
        let given_up = remote.document("/").await.unwrap_err();
        assert!(given_up.to_string().contains("it does not answer in time"), "{given_up}");
    }
}
