//! The certificate of the listener.

use super::Finding;
use crate::config::Tls;
use crate::time::Clock;
use crate::tls::Certificate;

const CHECK: &str = "certificate";

pub(super) fn examine(files: &Tls, clock: &dyn Clock) -> Finding {
    let looks = match Certificate::check(files) {
        Ok(looks) => looks,
        Err(error) => return Finding::wrong(CHECK, error.to_string(), "put a pair of files there that fits"),
    };
    let seen = format!("for {}, until {}", looks.names.join(", "), looks.ends);
    let concerns = looks.concerns(clock.now());
    let join = |parts: Vec<&str>| parts.join("; ");
    let what = join(concerns.iter().map(|concern| concern.what.as_str()).collect());
    let fix = join(concerns.iter().map(|concern| concern.fix.as_str()).collect());
    if concerns.is_empty() {
        Finding::ok(CHECK, seen)
    } else if concerns.iter().any(|concern| concern.keeps_clients_out) {
        Finding::wrong(CHECK, format!("{what} ({seen})"), fix)
    } else {
        Finding::warning(CHECK, format!("{what} ({seen})"), fix)
    }
}
