//! The table of settings. Flags, environment, file and help all follow from it, so that a setting
//! is added here, and read in [`Settings::load`](super::Settings::load).

/// One setting and the names it goes by.
#[derive(Debug)]
pub struct Setting {
    /// Its path in `portcullis.toml`, and its name in messages.
    pub name: &'static str,
    /// The long flag, without the dashes.
    pub flag: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// What holds when nobody sets it; empty where the meaning of "unset" stands in `help`.
    pub default: &'static str,
    /// One line for `--help`.
    pub help: &'static str,
    /// Whether the file may give an array; flags and environment separate with commas.
    pub list: bool,
}

/// All settings of this release but the master key, which comes from the environment alone.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "data_dir",
        flag: "data-dir",
        env: "PORTCULLIS_DATA_DIR",
        default: "./portcullis-data",
        help: "Folder of the database, the master key and the first admin key",
        list: false,
    },
    Setting {
        name: "issuer",
        flag: "issuer",
        env: "PORTCULLIS_ISSUER",
        default: "",
        help: "Public URL, the `iss` of every token; when unset, the URL of the public listener",
        list: false,
    },
    Setting {
        name: "database",
        flag: "database",
        env: "PORTCULLIS_DATABASE",
        default: "",
        help: "postgres:// URL of a database on a server; when unset, a file in data_dir",
        list: false,
    },
    Setting {
        name: "listen.public",
        flag: "listen-public",
        env: "PORTCULLIS_LISTEN_PUBLIC",
        default: "127.0.0.1:8080",
        help: "Address of the public listener; port 0 takes a free one",
        list: false,
    },
    Setting {
        name: "listen.admin",
        flag: "listen-admin",
        env: "PORTCULLIS_LISTEN_ADMIN",
        default: "127.0.0.1:8081",
        help: "Address of the administrators' listener, or off; unset, a free port where listen.public takes one",
        list: false,
    },
    Setting {
        name: "tls.cert",
        flag: "tls-cert",
        env: "PORTCULLIS_TLS_CERT",
        default: "",
        help: "PEM file of the certificate and its chain; with tls.key the listener speaks TLS, when unset plain HTTP",
        list: false,
    },
    Setting {
        name: "tls.key",
        flag: "tls-key",
        env: "PORTCULLIS_TLS_KEY",
        default: "",
        help: "PEM file of the certificate's private key",
        list: false,
    },
    Setting {
        name: "store.connections",
        flag: "store-connections",
        env: "PORTCULLIS_STORE_CONNECTIONS",
        default: "10",
        help: "Connections of this process to a database on a server, at most",
        list: false,
    },
    Setting {
        name: "store.listen",
        flag: "store-listen",
        env: "PORTCULLIS_STORE_LISTEN",
        default: "on",
        help: "on, or off where notifications of the database do not arrive (poolers)",
        list: false,
    },
    Setting {
        name: "store.prepare",
        flag: "store-prepare",
        env: "PORTCULLIS_STORE_PREPARE",
        default: "on",
        help: "on, or off where each transaction gets another connection (poolers)",
        list: false,
    },
    Setting {
        name: "revocation.poll",
        flag: "revocation-poll",
        env: "PORTCULLIS_REVOCATION_POLL",
        default: "5s",
        help: "How often the revocation list is read",
        list: false,
    },
    Setting {
        name: "revocation.max_age",
        flag: "revocation-max-age",
        env: "PORTCULLIS_REVOCATION_MAX_AGE",
        default: "30s",
        help: "Age beyond which the revocation list admits nobody, at most 40s",
        list: false,
    },
    Setting {
        name: "client_address.trusted_proxies",
        flag: "client-address-trusted-proxies",
        env: "PORTCULLIS_CLIENT_ADDRESS_TRUSTED_PROXIES",
        default: "",
        help: "Networks of the proxies whose forwarded addresses are believed; when unset, none",
        list: true,
    },
    Setting {
        name: "client_address.header",
        flag: "client-address-header",
        env: "PORTCULLIS_CLIENT_ADDRESS_HEADER",
        default: "x-forwarded-for",
        help: "The one header in which proxies report addresses: x-forwarded-for or forwarded",
        list: false,
    },
    Setting {
        name: "signing.rotate_every",
        flag: "signing-rotate-every",
        env: "PORTCULLIS_SIGNING_ROTATE_EVERY",
        default: "30d",
        help: "Age at which a signing key's successor is announced",
        list: false,
    },
    Setting {
        name: "issuance.retention",
        flag: "issuance-retention",
        env: "PORTCULLIS_ISSUANCE_RETENTION",
        default: "30d",
        help: "How long the issuance log keeps a token, at least 1d",
        list: false,
    },
    Setting {
        name: "throttle.key_failures",
        flag: "throttle-key-failures",
        env: "PORTCULLIS_THROTTLE_KEY_FAILURES",
        default: "10",
        help: "Failed authentications a minute of one key from one address before 429",
        list: false,
    },
    Setting {
        name: "throttle.address_failures",
        flag: "throttle-address-failures",
        env: "PORTCULLIS_THROTTLE_ADDRESS_FAILURES",
        default: "100",
        help: "Failed authentications a minute from one address before 429",
        list: false,
    },
    Setting {
        name: "verify.default_project",
        flag: "verify-default-project",
        env: "PORTCULLIS_VERIFY_DEFAULT_PROJECT",
        default: "",
        help: "Project whose tokens pass at /verify where the proxy names none; when unset, it must",
        list: false,
    },
    Setting {
        name: "webhooks.allow_networks",
        flag: "webhooks-allow-networks",
        env: "PORTCULLIS_WEBHOOKS_ALLOW_NETWORKS",
        default: "",
        help: "Private networks to which webhooks may be sent, also in plain HTTP; when unset, public addresses only",
        list: true,
    },
    Setting {
        name: "log.format",
        flag: "log-format",
        env: "PORTCULLIS_LOG_FORMAT",
        default: "auto",
        help: "auto (pretty on a terminal, else json), pretty or json",
        list: false,
    },
    Setting {
        name: "log.level",
        flag: "log-level",
        env: "PORTCULLIS_LOG_LEVEL",
        default: "info",
        help: "error, warn, info, debug or trace",
        list: false,
    },
    Setting {
        name: "traces.endpoint",
        flag: "traces-endpoint",
        env: "PORTCULLIS_TRACES_ENDPOINT",
        default: "",
        help: "Collector that traces are sent to by OTLP over HTTP, as http://127.0.0.1:4318; when unset, none",
        list: false,
    },
    Setting {
        name: "traces.share",
        flag: "traces-share",
        env: "PORTCULLIS_TRACES_SHARE",
        default: "0.1",
        help: "Share of the requests that are traced, above 0 and at most 1",
        list: false,
    },
];

/// The sections of the file: `listen`, `revocation`, …; a name may come more than once.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().filter_map(|setting| setting.name.split_once('.')).map(|(section, _)| section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_and_variable_follow_from_the_name() {
        for setting in SETTINGS {
            let words = setting.name.replace('.', "_");
            assert_eq!(setting.flag, words.replace('_', "-"));
            assert_eq!(setting.env, format!("PORTCULLIS_{}", words.to_uppercase()));
        }
    }
}
