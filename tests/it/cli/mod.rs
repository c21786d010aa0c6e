//! The commands: the real binary in a folder of the test's own.

mod audit;
mod audit_export;
mod audit_follow;
mod backup;
mod clients;
mod completions;
mod database;
mod doctor;
mod exec;
mod failures;
mod home;
mod hygiene;
mod import;
mod import_refused;
mod init;
mod keys;
mod killed;
mod leaks;
mod master_key;
mod nodes;
mod postgres;
mod projects;
mod redact;
mod roles;
mod scan;
mod secrets;
mod secure_clients;
mod signing_keys;
mod terminal;
mod tls;
mod tokens;
mod waiting;
mod webhooks;

use home::{Home, Ran};
use redact::{redacted, shape};
