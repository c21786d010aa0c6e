//! What lies sealed in a database, opened by other code than the program's.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::Finder;

/// 64 hex digits as bytes.
pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn open(key: &[u8], name: &str, sealed: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let (nonce, body) = sealed.split_at(NONCE_LEN);
    let mut body = body.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    key.open_in_place(nonce, Aad::from(name.as_bytes()), &mut body).unwrap().to_vec()
}

/// Everything that a database seals, and the master key that it is sealed under.
pub(super) async fn learn(finder: &mut Finder, database: &Path, master: &str) {
    let master_key = unhex(master);
    finder.key("the master key", &master_key);
    finder.bytes("the master key's digits", master.trim().to_lowercase().as_bytes());
    finder.bytes("the master key's digits", master.trim().to_uppercase().as_bytes());
    let mut connection = SqliteConnectOptions::new().filename(database).connect().await.unwrap();
    let data_keys: Vec<(String, Vec<u8>)> =
        sqlx::query_as("SELECT name, sealed FROM data_keys").fetch_all(&mut connection).await.unwrap();
    let signing_keys: Vec<(String, Vec<u8>, String, String)> =
        sqlx::query_as("SELECT kid, sealed, algorithm, purpose FROM signing_keys")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    connection.close().await.unwrap();
    let mut sealing = Vec::new();
    for (name, sealed) in data_keys.iter().filter(|(name, _)| name != "check") {
        let key = open(&master_key, name, sealed);
        finder.key(&format!("the data key `{name}`"), &key);
        if name == "signing" {
            sealing = key;
        }
    }
    assert!(
        signing_keys.iter().any(|key| key.3 == "feed") && signing_keys.iter().any(|key| key.3 == "tokens")
    );
    for (kid, sealed, algorithm, purpose) in signing_keys {
        let name = if purpose == "feed" { format!("feed {kid}") } else { kid.clone() };
        let pkcs8 = open(&sealing, &name, &sealed);
        finder.bytes(&format!("the private half of {kid}"), private(&algorithm, &pkcs8));
    }
}

/// What is private in a private key (PKCS#8).
fn private<'a>(algorithm: &str, pkcs8: &'a [u8]) -> &'a [u8] {
    match algorithm {
        "ES256" => &pkcs8[36..68],
        "EdDSA" => &pkcs8[16..48],
        // The primes, and what follows from them.
        _ => &pkcs8[pkcs8.len() - 600..],
    }
}
