//! `portcullis serve`: all set-up included, until it is told to stop.

use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;
use super::output::Output;
use super::session::surroundings;
use crate::config::Settings;
use crate::http::{Listener, Listeners, Running, look_at_certificate};
use crate::installation::{self, AdminKey, Installation, Lock, Terms, derive_issuer};
use crate::time::Clock;
use crate::tls::Certificate;
use crate::web::{Parts, Server};

/// What only this command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Issue tokens under another name than before; every token that is out is refused then.
    #[arg(long)]
    accept_new_issuer: bool,
}

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(settings: Settings, args: Args, output: Output) -> Result<(), Failure> {
    let surroundings = surroundings();
    let certificate = certificate(&settings, surroundings.clock.as_ref())?;
    let _lock = Lock::take(&settings.data_dir).map_err(installation::Error::from)?;
    let (public, bound) = bind("public", settings.listen_public, certificate.as_ref())?;
    let admin =
        settings.listen_admin.map(|address| bind("admin", address, certificate.as_ref())).transpose()?;
    let (admin, bound_admin) = admin.unzip();
    let urls = Urls {
        public: settings.listener_url(bound),
        admin: bound_admin.map(|bound| settings.listener_url(bound)),
    };
    let installation =
        Installation::open(&settings, &terms(&settings, &args, bound), surroundings.clone()).await?;
    let (issuer, admin_key) = (installation.issuer.clone(), installation.admin_key);
    let (server, writer) = Server::build(Parts {
        issuer: issuer.clone(),
        clock: surroundings.clock,
        entropy: surroundings.entropy,
        store: installation.store.clone(),
        issued: installation.store,
        data_keys: installation.data_keys,
        revocation: settings.revocation,
        throttle: settings.throttle,
        client_address: settings.client_address,
        default_project: settings.default_project,
        rotate_every: settings.rotate_every,
        issuance_retention: settings.issuance_retention,
        webhook_networks: settings.webhook_networks,
    })
    .await?;
    server.sync.step().await?;
    let running = Running::start(Listeners { public, admin }, server, writer).map_err(Failure::System)?;
    let mut stopping = Stopping::new().map_err(Failure::System)?;
    announce(output, &urls, &issuer, admin_key.as_ref())?;
    stopping.wait(certificate).await;
    tracing::info!("stopping");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// A listener of this name, and the address that it has then.
fn bind(
    listener: &'static str,
    address: SocketAddr,
    certificate: Option<&Arc<Certificate>>,
) -> Result<(Listener, SocketAddr), Failure> {
    let cannot_listen = |source| Failure::Listen { listener, address, source };
    let mut bound = Listener::bind(address).map_err(cannot_listen)?;
    if let Some(certificate) = certificate {
        bound = bound.with_tls(certificate.clone());
    }
    let address = bound.address().map_err(cannot_listen)?;
    Ok((bound, address))
}

/// Where the listeners are.
struct Urls {
    public: String,
    admin: Option<String>,
}

/// What the listeners prove themselves with, if it is to; what is odd about it is only said.
fn certificate(settings: &Settings, clock: &dyn Clock) -> Result<Option<Arc<Certificate>>, Failure> {
    let Some(files) = settings.tls.clone() else { return Ok(None) };
    let certificate = Certificate::open(files)?;
    for concern in certificate.looks()?.concerns(clock.now()) {
        tracing::warn!(fix = concern.fix, "{}", concern.what);
    }
    Ok(Some(Arc::new(certificate)))
}

/// With a free port of the system's choice the address says nothing about the issuer of an
/// installation that is there already.
fn terms(settings: &Settings, args: &Args, bound: SocketAddr) -> Terms {
    Terms {
        issuer: derive_issuer(settings, bound),
        for_founding_only: settings.issuer.is_none() && settings.listen_public.port() == 0,
        found: true,
        accept_new_issuer: args.accept_new_issuer,
    }
}

/// One line when ready: for people on a terminal, otherwise for programs.
fn announce(output: Output, urls: &Urls, issuer: &str, admin_key: Option<&AdminKey>) -> Result<(), Failure> {
    let terminal = io::stdout().is_terminal();
    if let Some(admin) = admin_key {
        let (id, path) = (&admin.key.id, admin.path.display());
        tracing::info!(key.id = %id, path = %path, "the first administrator's key was written");
        if terminal {
            let secret = admin.secret.expose();
            output.say(&format!(
                "First administrator's key, shown once and kept in {path}:\n  key id  {id}\n  secret  {secret}"
            ))?;
        }
    }
    let Urls { public, admin } = urls;
    if terminal {
        let administrators = admin.as_ref().map(|url| format!(", for administrators on {url}"));
        let administrators = administrators.unwrap_or_default();
        output.say(&format!(
            "Portcullis is ready on {public}{administrators}; it issues tokens as {issuer}. Stop it with Ctrl-C."
        ))
    } else {
        output.say(&json!({ "ready": true, "public": public, "admin": admin, "issuer": issuer }).to_string())
    }
}

/// The signals that stop the server; caught from before it says that it is ready.
struct Stopping {
    terminate: Signal,
    interrupt: Signal,
    /// Not an end: look at the certificate now.
    hang_up: Signal,
    /// Caught, and not waited for: a file that may not grow is an error of the write, not the end.
    _file_size: Signal,
}

impl Stopping {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }

    async fn wait(&mut self, certificate: Option<Arc<Certificate>>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {
                    if let Some(certificate) = certificate.clone() {
                        look_at_certificate(certificate).await;
                    }
                }
            }
        }
    }
}
