//! A throw-away certificate authority, and connections that believe it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis::config::{Environment, Flags, Settings};
use portcullis::http::{Listener, Patience};
use portcullis::tls::Certificate;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{App, Wire};

/// Vouches for servers of the test, whose files are in a folder of its own.
pub(crate) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        // OpenSSL takes a certificate with its issuer's name for the issuer's own.
        params.distinguished_name.push(DnType::CommonName, "An authority of tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), root.pem()).unwrap();
        Self { folder, root: root.der().clone(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for this machine and its key, as PEM, that ends with this year.
    pub(crate) fn certify(&self, year: i32) -> (String, String) {
        self.certify_as(&["localhost", "127.0.0.1"], year)
    }

    /// The same for other names.
    pub(crate) fn certify_as(&self, names: &[&str], year: i32) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// Puts a new certificate and its key in place; what a client sees of it.
    pub(crate) fn renew(&self) -> CertificateDer<'static> {
        use rustls::pki_types::pem::PemObject as _;
        let (cert, key) = self.certify(2999);
        fs::write(self.path("cert.pem"), &cert).unwrap();
        fs::write(self.path("key.pem"), key).unwrap();
        CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()
    }

    /// The files as the settings name them.
    pub(crate) fn certificate(&self) -> Arc<Certificate> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let environment: Environment = [
            ("PORTCULLIS_TLS_CERT", text(&self.path("cert.pem"))),
            ("PORTCULLIS_TLS_KEY", text(&self.path("key.pem"))),
        ]
        .into_iter()
        .collect();
        let settings = Settings::load(&Flags::default(), &environment).unwrap();
        Arc::new(Certificate::open(settings.tls.unwrap()).unwrap())
    }

    /// What a client of this authority connects with.
    fn connector(&self, version: &'static SupportedProtocolVersion, protocol: &str) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_protocol_versions(&[version]).unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        TlsConnector::from(Arc::new(config))
    }
}

/// A server that speaks TLS, and the authority that vouches for it.
pub(crate) struct Secure {
    pub(crate) authority: Authority,
    pub(crate) certificate: Arc<Certificate>,
    pub(crate) wire: Wire,
}

impl App {
    pub(crate) fn listen_securely(&self, patience: Patience) -> Secure {
        let authority = Authority::new();
        authority.renew();
        let certificate = authority.certificate();
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let wire = self.listen_on(listener.with_tls(certificate.clone()), patience);
        Secure { authority, certificate, wire }
    }
}

impl Secure {
    pub(crate) async fn connect(
        &self,
        version: &'static SupportedProtocolVersion,
        protocol: &str,
    ) -> TlsStream<TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let connector = self.authority.connector(version, protocol);
        let stream = connector.connect(name, self.wire.connect().await).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        stream
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.wire.address.port())
    }
}
