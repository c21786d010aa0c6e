//! A server of the test's own: the real router, a real database; only clock and randomness are
//! replaced.

mod app;
mod clock;
mod cluster;
mod engine;
mod entropy;
mod finder;
mod latch;
mod link;
mod listed;
mod patches;
mod postgres_server;
mod receiver;
mod request;
mod serving;
mod small_disk;
mod tenant;
mod through;
mod through_webhooks;
mod tls;
mod watch;
mod wire;

pub(crate) use app::{App, Build, ISSUER};
pub(crate) use clock::TestClock;
pub(crate) use cluster::{PASSWORD as POSTGRES_PASSWORD, PostgresDatabase, free_port};
pub(crate) use engine::Engine;
pub(crate) use entropy::Seeded;
pub(crate) use finder::Finder;
pub(crate) use latch::Latch;
pub(crate) use link::Link;
pub(crate) use listed::{Listed, all_keys_of, all_tokens_of, keys_of};
pub(crate) use patches::{limited_to, on_leak, raw_keys, signed_by};
pub(crate) use postgres_server::{
    CHANGES, PostgresServer, TABLES, give_away, unprivileged_in, url_by as postgres_url,
};
pub(crate) use receiver::{ALLOW, LOOPBACK, Receiver, Reply, deliveries};
pub(crate) use request::{Answer, Send, escape, part};
pub(crate) use serving::{PROGRAM, Serving};
pub(crate) use tenant::{Key, Tenant};
pub(crate) use through::Hand;
pub(crate) use tls::{Authority, Secure};
pub(crate) use watch::{Watch, files, is_secret};
pub(crate) use wire::{DEADLINE, Wire, plain_client};
