//! What PostgreSQL's errors mean.

use std::io::ErrorKind;

use rustls::{CertificateError, Error as TlsError};
use sqlx::postgres::PgDatabaseError;

use crate::store::error::{Error, Unavailable};

/// What an error of PostgreSQL means; none if this is not one. The codes are `SQLSTATE`s,
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(in crate::store) fn refusal(error: &sqlx::Error) -> Option<fn(sqlx::Error) -> Error> {
    let refusal = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    Some(match refusal.code() {
        // Lock not available.
        "55P03" => |error| Unavailable::Locked(error).into(),
        // Deadlock, serialization failure: the whole transaction is undone.
        "40P01" | "40001" => |error| Unavailable::Undone(error).into(),
        // Read-only transaction: the server is a standby now.
        "25006" => |_| Unavailable::Standby.into(),
        // Disk full.
        "53100" => |error| Unavailable::Full(error).into(),
        // Statement cancelled by its time limit; too many connections.
        "57014" | "53300" => |_| Unavailable::Slow.into(),
        // Data or index corrupted.
        "XX001" | "XX002" => |_| Unavailable::Damaged.into(),
        _ => constraint(refusal.constraint()?)?,
    })
}

/// Why there is no connection: that the server has not proven who it is, or whatever else.
pub(super) fn not_connected(error: sqlx::Error) -> Error {
    match unproven(&error) {
        Some(meaning) => meaning(error),
        None => error.into(),
    }
}

/// Why a connection was not made that must be safe from others.
fn unproven(error: &sqlx::Error) -> Option<fn(sqlx::Error) -> Error> {
    macro_rules! because {
        ($why:literal) => {
            |source| Unavailable::Unproven { why: $why, source }.into()
        };
    }
    Some(match error {
        sqlx::Error::Tls(why) if why.to_string().contains("does not support TLS") => because!(
            "its server does not speak TLS, which sslmode in the setting `database` asks for; set ssl = on there"
        ),
        sqlx::Error::Tls(_) => because!(
            "TLS cannot be had as the setting `database` says; look at its sslmode, sslrootcert, sslcert, sslkey"
        ),
        sqlx::Error::Io(io) if io.kind() == ErrorKind::NotFound => because!(
            "a file that the setting `database` names is not there: sslrootcert, sslcert, sslkey, or the folder \
             of its socket"
        ),
        // A certificate that is not believed comes as an error of the link.
        sqlx::Error::Io(io) => match io.get_ref()?.downcast_ref::<TlsError>()? {
            TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => because!(
                "its server's certificate is for another name; write the host in the setting `database` as the \
                 certificate has it"
            ),
            TlsError::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => because!("its server's certificate has expired; renew it there"),
            TlsError::InvalidCertificate(_) => because!(
                "its server's certificate is not believed; name who signed it, a PEM file, in the setting \
                 `database`: ?sslmode=verify-full&sslrootcert=/path/to/ca.pem"
            ),
            _ => because!("its server and this program do not agree on how to speak TLS"),
        },
        _ => return None,
    })
}

/// What a violated constraint means, by its name in the migrations.
fn constraint(name: &str) -> Option<fn(sqlx::Error) -> Error> {
    match name {
        "api_keys_pkey" => Some(|_| Error::Taken("key id")),
        "api_key_secrets_digest" => Some(|_| Error::Taken("secret")),
        // The role was deleted since it was looked for.
        "api_keys_role" => Some(|_| Error::Missing("role")),
        "audiences_pkey" => Some(|_| Error::Taken("audience")),
        "creations_pkey" => Some(|_| Error::Taken("idempotency key")),
        "projects_pkey" => Some(|_| Error::Taken("project id")),
        "roles_pkey" => Some(|_| Error::Taken("role")),
        _ => None,
    }
}
