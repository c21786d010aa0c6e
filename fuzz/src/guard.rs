//! What the guard parses.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_guard::{
    Allowlist, Audience, ForwardedHeader, Freshness, Gate, KeyId, KeySet, Place, ProjectId, Required,
    RevocationList, Scope, ScopeSet, SigningKeyId, Timestamp, TokenId, Unverified, Verifier, Whose,
    client_address,
};
use serde_json::json;

const ISSUER: &str = "https://auth.example.com";
const PROJECT: &str = "prj_0123456789abcdef";
const NOW: i64 = 1_800_000_000;

/// A judge, and one genuine token that it admits.
struct Court {
    judge: Verifier,
    genuine: String,
}

static COURT: LazyLock<Court> = LazyLock::new(|| {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any 32 bytes are a seed");
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = part(json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "k" }));
    let claims = part(json!({
        "iss": ISSUER, "sub": "pk_a", "aud": "https://api.example.com", "client_id": "pk_a",
        "exp": NOW + 900, "iat": NOW, "jti": "AAAAAAAAAAAAAAAAAAAAAA", "scope": "orders:read",
        "prj": PROJECT, "pos": 1,
    }));
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
    let public = URL_SAFE_NO_PAD.encode(pair.public_key());
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": public }] });
    let keys = KeySet::from_json(&keys.to_string()).expect("this is a key set");
    let project = PROJECT.parse().expect("this is a project");
    Court {
        judge: Verifier::new(ISSUER.into(), project, Arc::new(keys)),
        genuine: format!("{signed}.{signature}"),
    }
});

impl Court {
    fn admits(&self, token: &str) -> bool {
        let (list, scope) = (RevocationList::default(), ScopeSet::default());
        let gate = Gate { list: &list, freshness: Freshness::Fresh, now: Timestamp::from_secs(NOW) };
        let required =
            Required { scope: &scope, audience: Whose::Any, address: Place::NotJudged, origin: None };
        self.judge.judge(token, &required, &gate).is_ok()
    }
}

/// No bytes are admitted as a token, and the genuine one only as it was signed: the input is tried
/// as a token, and as edits of the genuine one, three bytes each (where, twice, and what).
pub fn token(input: &[u8]) {
    let court = &*COURT;
    assert!(court.admits(&court.genuine));
    if let Ok(text) = str::from_utf8(input) {
        assert!(text == court.genuine || !court.admits(text));
        if let Ok(unverified) = Unverified::read(text) {
            let _ = unverified.claims();
        }
    }
    let mut edited = court.genuine.clone().into_bytes();
    for edit in input.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % edited.len();
        edited[at] = edit[2];
    }
    if let Ok(text) = str::from_utf8(&edited) {
        assert!(text == court.genuine || !court.admits(text), "altered and admitted");
    }
}

/// A key set is read or refused; what it names has the form of a name.
pub fn jwks(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(keys) = KeySet::from_json(text) {
        assert!(keys.ids().all(|kid| !kid.as_str().is_empty()));
    }
}

/// Scope values and sets survive being written; cover is reflexive, and no wildcard covers what is
/// reserved or its own stem.
pub fn scope(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(scopes) = text.parse::<ScopeSet>() else { return };
    assert_eq!(scopes.to_string().parse().as_ref(), Ok(&scopes));
    assert!(scopes.covers_all(&scopes));
    for scope in scopes.iter() {
        assert_eq!(scope.as_str().parse::<Scope>().as_ref(), Ok(scope));
        assert!(scope.as_str().split(':').all(|segment| !segment.is_empty()));
        if let Some(stem) = scope.as_str().strip_suffix(":*").and_then(|stem| stem.parse::<Scope>().ok()) {
            assert!(!scope.covers(&stem), "{scope} and its stem");
        }
    }
}

/// An allowlist survives being written, is within itself, and is never wider than what it says.
pub fn network(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(list) = text.parse::<Allowlist>() else { return };
    assert_eq!(list.to_string().parse().as_ref(), Ok(&list));
    assert!(list.is_within(&list) && list.is_within(&Allowlist::default()));
    assert_eq!(list.is_unrestricted(), text.is_empty());
    assert_eq!(list.admits(None), list.is_unrestricted());
    for network in list.networks() {
        assert!(list.admits(Some(network.addr())) && network.trunc() == *network);
    }
}

/// The walk believes nobody it does not trust, and names no proxy while another hop is left.
pub fn forwarded(input: &[u8]) {
    let lossy = String::from_utf8_lossy(input);
    let lines: Vec<&str> = lossy.split('\n').collect();
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
        let walk = |lines: &[&str], is_proxy: &dyn Fn(IpAddr) -> bool| {
            client_address(Some(peer), header, lines, is_proxy)
        };
        assert_eq!(walk(&lines, &|_| false), Some(peer));
        assert_eq!(client_address(None, header, &lines, |_| true), None);
        let found = walk(&lines, &|hop| hop == peer);
        assert!(found.is_none_or(|address| address == address.to_canonical()));
        // Whatever stands to the left of an honest hop changes nothing.
        let honest = match header {
            ForwardedHeader::XForwardedFor => "192.0.2.7",
            ForwardedHeader::Forwarded => "for=192.0.2.7",
        };
        let with_honest: Vec<&str> = lines.iter().copied().chain([honest]).collect();
        assert_eq!(walk(&with_honest, &|hop| hop == peer), "192.0.2.7".parse().ok());
    }
}

/// Names survive being written.
pub fn id(input: &[u8]) {
    fn same<T: FromStr + ToString + PartialEq>(text: &str) {
        if let Ok(id) = text.parse::<T>() {
            assert!(id.to_string() == text);
            assert!(text.parse::<T>().is_ok_and(|again| again == id));
        }
    }
    let Ok(text) = str::from_utf8(input) else { return };
    same::<KeyId>(text);
    same::<ProjectId>(text);
    same::<SigningKeyId>(text);
    same::<TokenId>(text);
    same::<Audience>(text);
}
