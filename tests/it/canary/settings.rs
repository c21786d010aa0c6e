//! A secret that was put into the wrong setting: refused, and not repeated to whoever reads the log.

use std::fs;

use portcullis::config::{Environment, Flags, SETTINGS, Settings};
use rcgen::KeyPair;

use crate::support::Finder;

/// As they would be pasted.
fn secrets() -> Vec<(&'static str, String)> {
    let key = KeyPair::generate().unwrap().serialize_pem();
    vec![
        (
            "a secret",
            "psk_live_0123456789abcdef_XkD0f3q9ZrT7mB2wLs8vYc5nHj1aGe6uPiO4tRyEdFq00abc9".to_owned(),
        ),
        ("a master key", "8f3a61c9e07b5d24".repeat(4)),
        ("a private key", key.trim().to_owned()),
        (
            "a token",
            "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlIHNpZ25hdHVyZSBzaWduYXR1cmU".to_owned(),
        ),
    ]
}

/// What is said to this environment.
fn refusal(variables: &[(&str, &str)]) -> String {
    let environment = variables.iter().copied().collect::<Environment>();
    let error = Settings::load(&Flags::default(), &environment).unwrap_err();
    format!("{error}\n{error:?}")
}

#[test]
fn a_secret_in_a_setting_that_it_does_not_belong_to_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portcullis.toml");
    let path = file.to_str().unwrap();
    for (name, secret) in secrets() {
        let mut finder = Finder::default();
        finder.bytes(name, secret.as_bytes());
        let mut said = vec![("config".to_owned(), refusal(&[("PORTCULLIS_CONFIG", &secret)]))];
        for setting in SETTINGS {
            // The files of TLS go together.
            let other = match setting.name {
                "tls.cert" => Some(("PORTCULLIS_TLS_KEY", "key.pem")),
                "tls.key" => Some(("PORTCULLIS_TLS_CERT", "cert.pem")),
                _ => None,
            };
            let among_good_ones = format!("10.0.0.0/8,{secret} ");
            let with = |more| other.into_iter().chain([more]).collect::<Vec<_>>();
            said.push((setting.env.to_owned(), refusal(&with((setting.env, &secret)))));
            if !["data_dir", "tls.cert", "tls.key", "leaks.signers"].contains(&setting.name) {
                said.push((setting.env.to_owned(), refusal(&with((setting.env, &among_good_ones)))));
            }
            fs::write(&file, format!("{} = '''{secret}'''", setting.name)).unwrap();
            said.push((setting.name.to_owned(), refusal(&with(("PORTCULLIS_CONFIG", path)))));
        }
        for text in [
            format!("'{}' = 1", secret.lines().next_back().unwrap()),
            format!("[log]\n\"{}\" = 1", secret.escape_default()),
            format!("log.level = {secret}"),
            secret.clone(),
        ] {
            fs::write(&file, text).unwrap();
            said.push(("the file".to_owned(), refusal(&[("PORTCULLIS_CONFIG", path)])));
        }
        for (place, message) in said {
            assert_eq!(finder.find(&place, message.as_bytes()), Vec::<String>::new());
            assert!(message.contains(&place) || place == "the file", "{place}: {message}");
        }
    }
}
