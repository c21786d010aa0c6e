//! Settings: flag, else environment, else `portcullis.toml`, else default. Responsible for turning
//! text into checked values, and the only place that reads the environment. Not for what the
//! settings mean: each part of the house takes its own.

mod database;
mod effective;
mod environment;
mod error;
mod file;
mod flags;
mod issuer;
mod layers;
mod master_key;
mod parse;
mod table;
#[cfg(test)]
mod tests;
mod tls;
mod traces;

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use ipnet::IpNet;
use portcullis_guard::{ForwardedHeader, ProjectId};
use tracing::Level;

pub use self::{
    database::{DatabaseServer, DatabaseUrl},
    effective::Effective,
    environment::{Environment, SECRET_VARIABLES},
    error::{Error, Origin, Problem},
    flags::Flags,
    issuer::{PlainHttp, server_url},
    master_key::MasterKeySetting,
    parse::duration,
    table::{SETTINGS, Setting},
    tls::{Tls, TlsFile},
    traces::Traces,
};
use self::{file::File, layers::Layers};

/// The promise of a minute less the 20 s for which a proxy may keep an answer.
const OLDEST_LIST: Duration = Duration::from_secs(40);

/// All settings, checked.
#[derive(Debug)]
pub struct Settings {
    /// The folder of the database, the master key and the first admin key.
    pub data_dir: PathBuf,
    /// The database on a server; none = a file in `data_dir`.
    pub database: Option<DatabaseServer>,
    /// The `iss` of every token; none = the URL of the public listener.
    pub issuer: Option<String>,
    /// Where the public listener binds; port 0 takes a free one.
    pub listen_public: SocketAddr,
    /// Where the administrators' listener binds, likewise; none = it is off.
    pub listen_admin: Option<SocketAddr>,
    /// What the listener proves itself with; none = plain HTTP.
    pub tls: Option<Tls>,
    /// How the revocation list is kept current.
    pub revocation: Revocation,
    /// Whose word counts for a caller's address.
    pub client_address: ClientAddress,
    /// The age at which a signing key's successor is announced.
    pub rotate_every: Duration,
    /// How long the issuance log keeps a token.
    pub issuance_retention: Duration,
    /// When failed authentication is slowed down.
    pub throttle: Throttle,
    /// Whose tokens pass at `/verify` where the proxy names no project.
    pub default_project: Option<ProjectId>,
    /// Private networks to which webhooks may be sent.
    pub webhook_networks: Vec<IpNet>,
    /// What is logged and how.
    pub log: Log,
    /// Where traces are sent; none = nowhere.
    pub traces: Option<Traces>,
    /// The master key, if the environment holds it; otherwise it is a file in `data_dir`.
    pub master_key: Option<MasterKeySetting>,
    /// What a rotation puts in its place, if the environment holds one.
    pub new_master_key: Option<MasterKeySetting>,
}

/// How the revocation list is kept current; `poll < max_age`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// How often the feed is read.
    pub poll: Duration,
    /// The age beyond which our copy admits nobody.
    pub max_age: Duration,
}

/// Whose word counts for a caller's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// The proxies that are believed; none by default.
    pub trusted_proxies: Vec<IpNet>,
    /// The one header that they report in.
    pub header: ForwardedHeader,
}

/// How many authentications may fail in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Of one key from one address.
    pub key_failures: NonZeroU32,
    /// From one address, whatever the key.
    pub address_failures: NonZeroU32,
}

/// What is logged and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The shape of a line.
    pub format: LogFormat,
    /// The least important level that is still written.
    pub level: Level,
    /// Whether somebody asked for that level.
    pub level_is_set: bool,
}

impl Log {
    /// For a command that ends by itself: its answer is enough, unless somebody asked for more.
    #[must_use]
    pub fn of_a_command(self) -> Self {
        let level = if self.level_is_set { self.level } else { Level::WARN };
        Self { level, ..self }
    }
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, otherwise JSON.
    Auto,
    /// For people.
    Pretty,
    /// One object per line.
    Json,
}

impl Settings {
    /// Reads and checks every setting.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be used, with its source and the fix.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, Error> {
        environment.refuse_unknown()?;
        let layers = Layers { flags, environment, file: File::find(flags, environment)? };
        Self::of(&layers)
    }

    /// The URL of a listener, bound there.
    #[must_use]
    pub fn listener_url(&self, bound: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{bound}")
    }

    fn of(layers: &Layers<'_>) -> Result<Self, Error> {
        let level = layers.find("log.level")?;
        let listen_public = layers.read("listen.public", parse::listener)?;
        Ok(Self {
            data_dir: layers.read("data_dir", parse::folder)?,
            database: database::server(layers)?,
            issuer: layers.read("issuer", issuer::issuer)?,
            listen_public,
            listen_admin: listen_admin(layers, listen_public)?,
            tls: tls::tls(layers)?,
            revocation: revocation(layers)?,
            client_address: ClientAddress {
                trusted_proxies: layers.read("client_address.trusted_proxies", parse::networks)?,
                header: layers.read("client_address.header", forwarded_header)?,
            },
            rotate_every: rotate_every(layers)?,
            issuance_retention: issuance_retention(layers)?,
            throttle: Throttle {
                key_failures: layers.read("throttle.key_failures", parse::count)?,
                address_failures: layers.read("throttle.address_failures", parse::count)?,
            },
            default_project: layers.read("verify.default_project", default_project)?,
            webhook_networks: layers.read("webhooks.allow_networks", parse::networks)?,
            log: Log {
                format: layers.read("log.format", log_format)?,
                level: level.by(log_level)?,
                level_is_set: level.origin != Origin::Default,
            },
            traces: traces::traces(layers)?,
            master_key: MasterKeySetting::read(layers.environment, master_key::VARIABLE)?,
            new_master_key: MasterKeySetting::read(layers.environment, master_key::NEW_VARIABLE)?,
        })
    }
}

/// Whoever lets the system choose one port has several servers on a machine: the other port is not one
/// that they would all want.
fn listen_admin(layers: &Layers<'_>, public: SocketAddr) -> Result<Option<SocketAddr>, Error> {
    let found = layers.find("listen.admin")?;
    let mut address = found.by(parse::listener_or_off)?;
    if let Some(address) = &mut address
        && found.origin == Origin::Default
        && public.port() == 0
    {
        address.set_port(0);
    }
    Ok(address)
}

fn revocation(layers: &Layers<'_>) -> Result<Revocation, Error> {
    let poll_found = layers.find("revocation.poll")?;
    let poll = poll_found.by(duration)?;
    let max_age_found = layers.find("revocation.max_age")?;
    let max_age = max_age_found.by(duration)?;
    if max_age > OLDEST_LIST {
        return Err(max_age_found.blame(Problem::new(
            format!(
                "{max_age:?} is more than {OLDEST_LIST:?}, so a revoked token could live beyond a minute"
            ),
            format!("write {OLDEST_LIST:?} or less"),
        )));
    }
    if max_age <= poll {
        return Err(max_age_found.blame(Problem::new(
            format!("{max_age:?} is not more than revocation.poll, {poll:?} ({})", poll_found.origin),
            "poll more often or let the list grow older",
        )));
    }
    Ok(Revocation { poll, max_age })
}

/// A successor is announced ten minutes ahead; a rotation in less than an hour would only fill the
/// published set.
fn rotate_every(layers: &Layers<'_>) -> Result<Duration, Error> {
    let found = layers.find("signing.rotate_every")?;
    let every = found.by(duration)?;
    if every < Duration::from_hours(1) {
        return Err(found.blame(Problem::new(format!("{every:?} is less than an hour"), "write 1h or more")));
    }
    Ok(every)
}

/// Whoever looks into a leak looks back at least a day.
fn issuance_retention(layers: &Layers<'_>) -> Result<Duration, Error> {
    let found = layers.find("issuance.retention")?;
    let span = found.by(duration)?;
    if span < Duration::from_hours(24) {
        return Err(found.blame(Problem::new(format!("{span:?} is less than a day"), "write 1d or more")));
    }
    Ok(span)
}

/// A project's id, as Portcullis makes them.
fn default_project(text: &str) -> Result<Option<ProjectId>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let project = text.parse().ok().filter(|_| text.starts_with("prj_") && !parse::looks_secret(text));
    let wrong = || Problem::new("it is not a project's id", "write one that `portcullis project list` shows");
    project.map(Some).ok_or_else(wrong)
}

fn forwarded_header(text: &str) -> Result<ForwardedHeader, Problem> {
    let words =
        [("x-forwarded-for", ForwardedHeader::XForwardedFor), ("forwarded", ForwardedHeader::Forwarded)];
    parse::one_of(&words, text)
}

fn log_format(text: &str) -> Result<LogFormat, Problem> {
    let words = [("auto", LogFormat::Auto), ("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
    parse::one_of(&words, text)
}

fn log_level(text: &str) -> Result<Level, Problem> {
    let words = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    parse::one_of(&words, text)
}
