//! Private signing keys that come and go as PEM, made and read by openssl.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Home, Ran, terminal};

/// What this program takes, and what it is called then.
const GOOD: [(&str, &str); 4] = [
    ("EC -pkeyopt ec_paramgen_curve:P-256", "ES256"),
    ("ED25519", "EdDSA"),
    ("RSA -pkeyopt rsa_keygen_bits:2048", "RS256"),
    ("RSA -pkeyopt rsa_keygen_bits:3072", "RS256"),
];

impl Home {
    fn openssl(&self, line: &str) -> String {
        let mut openssl = Command::new("openssl");
        openssl.args(line.split(' ')).current_dir(self.path(""));
        let ran = Ran::of(openssl);
        assert_eq!(ran.status, 0, "{line}: {}", ran.stderr);
        ran.stdout
    }

    /// A new private key in a file.
    fn pem(&self, kind: &str, file: &str) -> String {
        self.openssl(&format!("genpkey -algorithm {kind} -out {file}"));
        self.read(file)
    }

    /// The public half, as openssl sees it.
    fn public(&self, file: &str) -> String {
        self.openssl(&format!("pkey -in {file} -pubout"))
    }

    /// Those that sign tokens.
    fn signing_keys(&self) -> Vec<Value> {
        let mut keys = self.json(&["signing-key", "list"])["items"].as_array().unwrap().clone();
        keys.retain(|key| key["purpose"] == "tokens");
        keys
    }

    fn last_act(&self) -> Value {
        self.json(&["audit", "list"])["items"].as_array().unwrap().last().unwrap().clone()
    }
}

#[test]
fn a_key_made_elsewhere_is_announced_and_comes_out_as_it_went_in() {
    for (kind, algorithm) in GOOD {
        let home = Home::founded();
        home.pem(kind, "key.pem");

        let said =
            home.json(&["signing-key", "import", "key.pem", "--reason", "superseded", "--note", "moved"]);

        let new = &said["new"];
        assert_eq!((&new["algorithm"], &new["state"]), (&json!(algorithm), &json!("announced")), "{said}");
        let times = ["announced_at", "signs_from"].map(|name| new[name].as_i64().unwrap());
        assert!(times[1] - times[0] >= 600, "nobody knows it yet: {said}");
        let kid = new["kid"].as_str().unwrap();
        let act = home.last_act();
        assert_eq!((&act["act"], &act["target"]), (&json!("signing_key.import"), &json!(kid)));
        assert!(
            act["detail"].to_string().contains("superseded") && act["detail"].to_string().contains("moved")
        );
        let retires =
            |key: &&Value| key["purpose"] == "tokens" && key["algorithm"] == algorithm && key["kid"] != kid;
        for older in home.signing_keys().iter().filter(retires) {
            assert_eq!(older["retires_at"].as_i64(), Some(times[1]), "{older}");
        }

        let why = ["--reason", "cessation_of_operation"];
        let said = home.json(&[&["signing-key", "export", kid, "out.pem"], &why[..]].concat());

        assert_eq!(said, json!({ "kid": kid, "algorithm": algorithm, "file": "out.pem" }));
        assert_eq!(home.path("out.pem").metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(home.public("out.pem"), home.public("key.pem"), "{kind}");
        let act = home.last_act();
        assert_eq!((&act["act"], &act["target"]), (&json!("signing_key.export"), &json!(kid)));
        assert!(act["detail"].to_string().contains("cessation_of_operation"), "{act}");
        home.done(&["audit", "verify"]);
    }
}

#[test]
fn a_key_that_is_here_or_was_is_not_imported_again() {
    let home = Home::founded();
    home.pem("ED25519", "key.pem");
    let kid = home.json(&["signing-key", "import", "key.pem"])["new"]["kid"].as_str().unwrap().to_owned();
    let before = home.signing_keys();

    let (status, code, message) = home.failed(&["signing-key", "import", "key.pem"]);
    assert_eq!((status, code.as_str()), (1, "refused"));
    assert_eq!(
        message,
        format!("the signing key {kid} is announced here already; there is nothing to import")
    );
    assert_eq!(home.signing_keys(), before);

    home.done(&["signing-key", "retire", &kid, "--now"]);
    let before = home.signing_keys();
    let (status, _, message) = home.failed(&["signing-key", "import", "key.pem"]);
    assert_eq!(status, 1);
    assert!(
        message.ends_with("is gone here; one that is gone never comes back, import another"),
        "{message}"
    );
    assert_eq!(home.signing_keys(), before);
    let (status, code, message) = home.failed(&["signing-key", "export", &kid, "out.pem"]);
    assert_eq!((status, code.as_str()), (1, "not_found"));
    assert!(message.contains("`portcullis signing-key list`") && !home.path("out.pem").exists(), "{message}");
}

/// Threat S40 too: whatever it is, it may be somebody's private key.
#[test]
fn what_is_no_usable_private_key_is_refused_with_the_fix_and_not_repeated() {
    let home = Home::founded();
    let (good, other) = (home.pem("ED25519", "good.pem"), home.pem(GOOD[0].0, "other.pem"));
    home.openssl("ecparam -genkey -name prime256v1 -out sec1.pem");
    home.openssl("genrsa -traditional -out pkcs1.pem 2048");
    home.openssl("genpkey -algorithm ED25519 -aes256 -pass pass:orchid -out encrypted.pem");
    home.openssl("pkey -in other.pem -pubout -out public.pem");
    for (kind, file) in [
        ("RSA -pkeyopt rsa_keygen_bits:1024", "weak.pem"),
        ("RSA-PSS -pkeyopt rsa_keygen_bits:2048", "pss.pem"),
        ("EC -pkeyopt ec_paramgen_curve:P-384", "p384.pem"),
        ("EC -pkeyopt ec_paramgen_curve:secp256k1", "k256.pem"),
        ("ED448", "ed448.pem"),
        ("X25519", "x25519.pem"),
    ] {
        home.pem(kind, file);
    }
    let write = |file: &str, text: &str| fs::write(home.path(file), text).unwrap();
    write("empty.pem", "");
    write("both.pem", &format!("{good}{other}"));
    write("cut.pem", &other[..other.len() / 2]);
    write("der.pem", &other.replace("-----BEGIN", "-----BEGUN"));
    write("long.pem", &good.repeat(1000));
    let (body, end) = other.split_once("\n-----END").unwrap();
    let damaged = format!("{}AAAA\n-----END{end}", &body[..body.len() - 4]);
    write("damaged.pem", &damaged);
    let before = home.signing_keys();

    for (file, fix) in [
        ("sec1.pem", "`openssl pkcs8 -topk8 -nocrypt"),
        ("pkcs1.pem", "`openssl pkcs8 -topk8 -nocrypt"),
        ("encrypted.pem", "decrypt it first: `openssl pkcs8"),
        ("public.pem", "it is no private key; a private key begins with"),
        ("weak.pem", "an RSA key must have 2048 to 8192 bits"),
        ("pss.pem", "of a kind that signs no tokens"),
        ("p384.pem", "only P-256 and Ed25519 sign tokens"),
        ("k256.pem", "only P-256 and Ed25519 sign tokens"),
        ("ed448.pem", "only P-256 and Ed25519 sign tokens"),
        ("x25519.pem", "only P-256 and Ed25519 sign tokens"),
        ("empty.pem", "this is no PEM"),
        ("cut.pem", "this is no PEM"),
        ("der.pem", "this is no PEM"),
        ("both.pem", "leave only the one private key"),
        ("long.pem", "too long"),
        ("damaged.pem", "it is damaged"),
        ("nothere.pem", "nothere.pem: No such file"),
    ] {
        let (status, _, message) = home.failed(&["signing-key", "import", file]);
        assert_eq!(status, 1, "{file}: {message}");
        assert!(message.contains(fix), "{file}: {message}");
        let content = fs::read(home.path(file)).unwrap_or_default();
        let lines = content.split(|b| *b == b'\n').filter(|line| line.len() > 10 && !line.starts_with(b"-"));
        for line in lines {
            assert!(!message.contains(&*String::from_utf8_lossy(&line[..10])), "{file}: {message}");
        }
    }
    // What the messages advise helps.
    home.openssl("pkcs8 -in encrypted.pem -passin pass:orchid -out plain.pem");
    home.openssl("pkcs8 -topk8 -nocrypt -in sec1.pem -out pkcs8.pem");
    assert_eq!(home.signing_keys(), before);
    home.done(&["signing-key", "import", "plain.pem"]);
    home.done(&["signing-key", "import", "pkcs8.pem"]);
}

#[test]
fn an_export_overwrites_nothing_and_shows_nothing_to_onlookers() {
    let home = Home::founded();
    let kid = home.signing_keys()[0]["kid"].as_str().unwrap().to_owned();
    fs::write(home.path("there.pem"), "mine").unwrap();
    let acts = home.json(&["audit", "list"]);

    let (status, code, _) = home.failed(&["signing-key", "export", &kid, "there.pem"]);
    assert_eq!((status, code.as_str(), home.read("there.pem").as_str()), (1, "exists", "mine"));
    let (status, screen) = terminal::run(home.command(&["signing-key", "export", &kid, "-"]), "");
    assert_eq!(status, 2, "{screen}");
    assert!(screen.contains("not shown on a terminal") && !screen.contains("BEGIN"), "{screen}");
    assert_eq!(home.json(&["audit", "list"]), acts, "nobody has seen anything");

    let text = home.done(&["signing-key", "export", &kid, "-"]);
    fs::write(home.path("out.pem"), &text).unwrap();
    home.public("out.pem");
    assert_eq!(home.last_act()["act"], "signing_key.export");
    let said = home.done(&["signing-key", "export", &kid, "file.pem"]);
    assert!(said.contains("is in file.pem") && !said.contains("BEGIN"), "{said}");
    assert_eq!(home.read("file.pem"), text);
}

#[test]
fn a_key_can_come_from_another_program() {
    let home = Home::founded();
    home.pem("ED25519", "key.pem");
    let mut import = home.command(&["signing-key", "import", "-"]);
    import.stdin(Stdio::from(fs::File::open(home.path("key.pem")).unwrap()));
    let ran = Ran::of(import);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(home.signing_keys().len(), 2);
}

/// One thumbprint in 64 does, and the emergency may come with that one.
#[test]
fn a_signing_key_whose_name_begins_with_a_hyphen_is_a_signing_key() {
    let home = Home::founded();
    let kid = "-uoSdjITe_UpQn-uVnEvnLfzOfyXBS5aeRQQdIcfrBo";
    for arguments in [
        &["signing-key", "retire", kid, "--now"][..],
        &["signing-key", "retire", "--now", kid],
        &["signing-key", "retire", "--reason", "superseded", kid, "--now"],
        &["signing-key", "export", kid, "out.pem"],
    ] {
        let (status, code, message) = home.failed(arguments);
        assert_eq!((status, code.as_str()), (1, "not_found"), "{arguments:?}: {message}");
    }
    let (status, _, message) = home.failed(&["signing-key", "retire", "--now"]);
    assert_eq!(status, 2, "{message}");
}
