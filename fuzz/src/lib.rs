//! The bodies of the fuzz targets: each takes arbitrary bytes to a parser that strangers reach and
//! holds it to what must be true of any input. They are run without bound by `cargo fuzz`, and
//! bounded by the suite (`tests/it/fuzz`), which includes this file.

pub mod feed;
pub mod guard;
pub mod leak;
pub mod server;

/// A body.
pub type Body = fn(&[u8]);

/// Every body that needs nothing but its input, by the name of its target.
pub const BODIES: [(&str, Body); 12] = [
    ("token", guard::token),
    ("jwks", guard::jwks),
    ("feed", feed::feed),
    ("events", feed::events),
    ("metadata", feed::metadata),
    ("scope", guard::scope),
    ("network", guard::network),
    ("forwarded", guard::forwarded),
    ("id", guard::id),
    ("form", server::form),
    ("secret", server::secret),
    ("leak", leak::leak),
];
