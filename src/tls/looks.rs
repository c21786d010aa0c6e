//! What there is to see of a certificate: names, end, and who may read its key.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use x509_cert::certificate::Certificate as X509;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::files;
use crate::config::{Error, Tls};
use crate::domain::Timestamp;

/// Whoever renews certificates does so well before this.
const SOON: Duration = Duration::from_hours(14 * 24);

/// What there is to see of certificate and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looks {
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// When it begins to count.
    pub begins: Timestamp,
    /// When it no longer counts.
    pub ends: Timestamp,
    /// Where its key is.
    key: String,
    /// Who may do what with that file.
    mode: u32,
}

/// Something that is not as it should be, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// What it is.
    pub what: String,
    /// What to do.
    pub fix: String,
    /// Whether clients refuse the server for it.
    pub keeps_clients_out: bool,
}

impl Looks {
    pub(super) fn at(files: &Tls) -> Result<Self, Error> {
        let chain = files::chain(&files::read(&files.cert)?, &files.cert)?;
        let odd = || files.cert.blame("its first certificate is not X.509", "write the server's certificate");
        let certificate = X509::from_der(chain.first().ok_or_else(odd)?).map_err(|_| odd())?;
        let facts = certificate.tbs_certificate();
        let at = |time: x509_cert::time::Time| {
            Timestamp::from_secs(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
        };
        let names = facts.get_extension::<SubjectAltName>().ok().flatten().map(|(_, names)| names.0);
        let metadata = files.key.path.metadata();
        let metadata = metadata
            .map_err(|error| files.key.blame(&error.to_string(), "name a file that the server may read"))?;
        Ok(Self {
            names: names.iter().flatten().filter_map(name).collect(),
            begins: at(facts.validity().not_before),
            ends: at(facts.validity().not_after),
            key: files.key.path.display().to_string(),
            mode: metadata.mode() & 0o777,
        })
    }

    /// What is not as it should be.
    #[must_use]
    pub fn concerns(&self, now: Timestamp) -> Vec<Concern> {
        let Self { names, begins, ends, key, mode } = self;
        let renew = || "put a newer one in its place; it is taken up without a restart".to_owned();
        let concern = |what, fix, keeps_clients_out| Concern { what, fix, keeps_clients_out };
        let mut all = Vec::new();
        if *ends <= now {
            all.push(concern(format!("the certificate ended at {ends}"), renew(), true));
        } else if *ends <= now.after(SOON) {
            all.push(concern(format!("the certificate ends at {ends}"), renew(), false));
        }
        if *begins > now {
            let fix = "set the clock of this machine right, or wait".to_owned();
            all.push(concern(format!("the certificate begins at {begins}"), fix, true));
        }
        if names.is_empty() {
            let fix = "use one with the names of this server as subject alternative names".to_owned();
            all.push(concern("the certificate names no server".to_owned(), fix, true));
        }
        // A group of its own for keys is usual: that it may read is no fault.
        if mode & 0o027 != 0 {
            let what = format!("{key} can be read or written by others ({mode:04o})");
            all.push(concern(what, format!("run `chmod 600 {key}`"), false));
        }
        all
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = || <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).to_string());
            let v6 = || <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).to_string());
            v4().or_else(v6)
        }
        _ => None,
    }
}
