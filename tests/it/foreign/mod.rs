//! Clients that others wrote, unmodified (`tests/foreign`): they get their tokens, ask after them and revoke
//! them as they would anywhere, and libraries that know nothing of us verify what we sign.

mod crates;
mod documents;
mod guards;
mod webhooks;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use portcullis::domain::SigningAlgorithm;
use portcullis::http::{Listener, Patience};
use portcullis::time::SystemClock;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{App, Authority, Build, Key, TestClock, Wire, signed_by};

/// Longer than any of them takes.
const DEADLINE: Duration = Duration::from_mins(1);
/// How long a signing key is announced before it signs.
const ANNOUNCED: Duration = Duration::from_mins(10);

/// A server on a socket whose URL is its issuer, by a clock that is near to that of the clients.
struct Abroad {
    app: App,
    url: String,
    wire: Wire,
    /// Who vouches for it, if it speaks TLS.
    authority: Option<Authority>,
}

impl Abroad {
    async fn start() -> Self {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self::start_on(listener, "http", None).await
    }

    async fn start_securely() -> Self {
        let authority = Authority::new();
        authority.renew();
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = listener.with_tls(authority.certificate());
        Self::start_on(listener, "https", Some(authority)).await
    }

    async fn start_on(listener: Listener, scheme: &str, authority: Option<Authority>) -> Self {
        let url = format!("{scheme}://{}", listener.address().unwrap());
        // What passes here has passed out there, so nothing that is signed is of the future.
        let clock = TestClock::starting(SystemClock::shared().now().before(ANNOUNCED));
        let app = Build::default().set("PORTCULLIS_ISSUER", &url).clock(clock).start().await;
        let wire = app.listen_on(listener, Patience::default());
        Self { app, url, wire, authority }
    }

    /// Runs a client in this key's name until it ends, which it must do well; what it said.
    async fn client(&self, key: &Key<'_>, script: &str, more: &[(&str, &str)], input: &str) -> String {
        let place = tempfile::tempdir().unwrap();
        let mut client = command(script, place.path());
        client.env("ISSUER", &self.url).env("CLIENT_ID", key.id.as_str()).env("CLIENT_SECRET", &key.secret);
        client.envs(more.iter().copied()).kill_on_drop(true);
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = client.spawn().unwrap();
        client.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let done =
            timeout(DEADLINE, client.wait_with_output()).await.expect("the client does not end").unwrap();
        let (said, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{script}: {said}{errors}");
        said.into_owned()
    }

    /// A client that does all there is to do, by `client_secret_basic` and by `client_secret_post`.
    async fn goes_through(script: &str) {
        let abroad = Self::start().await;
        let shop = abroad.app.tenant("shop").await;
        let key = shop.key("orders:read").create().await;
        let said = abroad.client(&key, script, &[], "").await;
        assert_eq!(said.matches(": done").count(), 2, "{said}");
        abroad.wire.stop().await;
    }

    /// A library that verifies tokens of each algorithm by the published keys.
    async fn verifies(script: &str) {
        let abroad = Self::start().await;
        let app = &abroad.app;
        let shop = app.tenant("shop").await;
        let key = shop.key("orders:read").create().await;
        let algorithms = [
            (SigningAlgorithm::Es256, "ES256"),
            (SigningAlgorithm::EdDsa, "EdDSA"),
            (SigningAlgorithm::Rs256, "RS256"),
        ];
        for (algorithm, _) in algorithms {
            app.shell.edit_project(&shop.project.id, signed_by(algorithm)).await.unwrap();
            app.follow().await;
        }
        // In steps, so that the copy of the feed stays fresh.
        for _ in 0..ANNOUNCED.as_secs() / 20 {
            app.pass(Duration::from_secs(20)).await;
        }
        let mut tokens = Vec::new();
        for (algorithm, name) in algorithms {
            app.shell.edit_project(&shop.project.id, signed_by(algorithm)).await.unwrap();
            app.follow().await;
            tokens.push(format!("{name} {}", key.token("").await));
        }
        let keys = app.get("/.well-known/jwks.json").send().await.json().to_string();
        let audience = format!("{}/projects/{}", abroad.url, shop.project.id);

        let said = abroad
            .client(&key, script, &[("JWKS", &keys), ("AUDIENCE", &audience)], &tokens.join("\n"))
            .await;

        assert_eq!(said.matches(": done").count(), 3, "{said}");
        abroad.wire.stop().await;
    }
}

/// The program that runs a script, with the libraries that `scripts/test` installed.
fn command(script: &str, place: &Path) -> Command {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign");
    let installed = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("foreign");
    let there = |path: PathBuf| {
        assert!(path.exists(), "the foreign clients are not installed: run scripts/test");
        path
    };
    match Path::new(script).extension().and_then(|extension| extension.to_str()) {
        Some("mjs") => {
            // A module finds its libraries beside itself.
            std::os::unix::fs::symlink(there(installed.join("node_modules")), place.join("node_modules"))
                .unwrap();
            for name in ["client.mjs", script] {
                std::fs::copy(scripts.join(name), place.join(name)).unwrap();
            }
            let mut node = Command::new("node");
            node.arg(place.join(script));
            node
        }
        Some("py") => {
            let mut python = Command::new(there(installed.join("venv/bin/python")));
            // Loopback is all the transport there is.
            python.arg("-B").arg(scripts.join(script)).env("OAUTHLIB_INSECURE_TRANSPORT", "1");
            python
        }
        _ => {
            let mut shell = Command::new("bash");
            shell.arg(scripts.join(script));
            shell
        }
    }
}

macro_rules! foreign {
    ($($name:ident: $act:ident $script:literal,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                Abroad::$act($script).await;
            }
        )*
    };
}

foreign! {
    openid_client_goes_through: goes_through "with_openid_client.mjs",
    oauth4webapi_goes_through: goes_through "with_oauth4webapi.mjs",
    authlib_goes_through: goes_through "with_authlib.py",
    requests_oauthlib_goes_through: goes_through "with_requests_oauthlib.py",
    curl_goes_through: goes_through "with_curl.sh",
    pyjwt_verifies_signed_introspection: goes_through "with_signed_introspection.py",
    jose_verifies_tokens_of_every_algorithm_by_the_published_keys: verifies "with_jose.mjs",
    pyjwt_verifies_tokens_of_every_algorithm_by_the_published_keys: verifies "with_pyjwt.py",
}
