//! The secret half of an API key: its format, its checksum, its digest.
//!
//! `psk_<live|test>_<16 of the id>_<43 random><6 checksum>`: greppable, checkable offline, and it
//! names its key. Imported secrets have any form; they are looked up by their digest.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use aws_lc_rs::{constant_time, digest, hmac};
use portcullis_guard::{KeyId, Timestamp};
use zeroize::Zeroizing;

use super::base62;
use super::project::ProjectKind;

/// How many characters of a key id follow its prefix.
const ID_LENGTH: usize = 16;
/// How many characters carry the 256 random bits.
const RANDOM_LENGTH: usize = 43;
/// How many characters carry the checksum.
const CHECKSUM_LENGTH: usize = 6;

/// How secrets of ours begin.
pub(super) const PREFIX: &[u8] = b"psk_";
/// The longest of them, in bytes.
pub(super) const LONGEST: usize = PREFIX.len() + 5 + ID_LENGTH + 1 + RANDOM_LENGTH + CHECKSUM_LENGTH;

/// A secret in clear. It is shown once, and kept nowhere.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret as a caller presented it, whatever its form.
    #[must_use]
    pub fn presented(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// Makes the id and the secret of a new API key out of 48 random bytes.
    #[must_use]
    pub fn generate(kind: ProjectKind, random: &[u8; 48]) -> (KeyId, Self) {
        let name = base62::encode::<ID_LENGTH>(&random[..16]);
        let id = format!("pk_{}_{name}", kind.infix());
        let id = id.parse().expect("base62 and underscores are a well-formed key id");
        (id, Self::compose(kind.infix(), &name, &random[16..]))
    }

    /// Makes another secret for an API key of ours out of 32 random bytes; one that names its key
    /// if the key's id has our form.
    #[must_use]
    pub fn regenerate(key: &KeyId, kind: ProjectKind, random: &[u8; 32]) -> Self {
        let (infix, name) = parts_of_id(key).unwrap_or((kind.infix(), ""));
        Self::compose(infix, name, random)
    }

    fn compose(infix: &str, name: &str, random: &[u8]) -> Self {
        let random = Zeroizing::new(base62::encode::<RANDOM_LENGTH>(random));
        let mut text = Zeroizing::new(String::with_capacity(80));
        text.push_str("psk_");
        text.push_str(infix);
        text.push('_');
        text.push_str(name);
        text.push('_');
        text.push_str(&random);
        let checksum = checksum(text.as_bytes());
        text.push_str(&checksum);
        Self(text)
    }

    /// The text itself. It goes to the caller who asked for a new secret, and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its SHA-256, which is all that its digest needs of it.
    #[must_use]
    pub fn sha256(&self) -> SecretSha256 {
        let hash = digest::digest(&digest::SHA256, self.0.as_bytes());
        SecretSha256(Zeroizing::new(hash.as_ref().try_into().expect("SHA-256 gives 32 bytes")))
    }

    /// The key that this secret names, if it has our form and its checksum holds.
    #[must_use]
    pub fn names_key(&self) -> Option<KeyId> {
        let (length, key) = read(self.0.as_bytes())?;
        if length == self.0.len() { key } else { None }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The secret of ours that these bytes begin with, if its checksum holds: how long it is, and the key
/// that it names. A new secret of an imported key has its form, and names nobody.
pub(super) fn read(bytes: &[u8]) -> Option<(usize, Option<KeyId>)> {
    let (mark, rest) = bytes.strip_prefix(PREFIX)?.split_at_checked(5)?;
    if !matches!(mark, b"live_" | b"test_") {
        return None;
    }
    let named = if rest.first() == Some(&b'_') { 0 } else { ID_LENGTH };
    let (name, rest) = rest.split_at_checked(named)?;
    let (tail, _) = rest.strip_prefix(b"_")?.split_at_checked(RANDOM_LENGTH + CHECKSUM_LENGTH)?;
    if !name.iter().chain(tail).all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let length = PREFIX.len() + mark.len() + named + 1 + tail.len();
    let (body, given) = bytes[..length].split_at(length - CHECKSUM_LENGTH);
    if checksum(body).as_bytes() != given {
        return None;
    }
    let id = || format!("pk_{}{}", str::from_utf8(mark).ok()?, str::from_utf8(name).ok()?).parse().ok();
    Some((length, if named > 0 { id() } else { None }))
}

/// The SHA-256 of a secret: by this alone a secret can be brought in from elsewhere. It is as worthy
/// of protection as a password's hash, and kept nowhere.
pub struct SecretSha256(Zeroizing<[u8; 32]>);

impl SecretSha256 {
    /// In hexadecimal digits, for somebody who is known to have the secret.
    #[must_use]
    pub fn to_hex(&self) -> String {
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
    }
}

/// A text that is no [`SecretSha256`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct InvalidSha256;

impl FromStr for SecretSha256 {
    type Err = InvalidSha256;

    fn from_str(raw: &str) -> Result<Self, InvalidSha256> {
        let mut bytes = Zeroizing::new([0; 32]);
        if raw.len() != 64 || !raw.is_ascii() {
            return Err(InvalidSha256);
        }
        for (byte, digits) in bytes.iter_mut().zip(raw.as_bytes().chunks(2)) {
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            let (high, low) = digit(0).zip(digit(1)).ok_or(InvalidSha256)?;
            *byte = u8::try_from(high << 4 | low).expect("two hexadecimal digits are a byte");
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for SecretSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretSha256(..)")
    }
}

/// CRC-32/ISO-HDLC of all before it, in zero-padded base 62.
fn checksum(body: &[u8]) -> String {
    base62::encode::<CHECKSUM_LENGTH>(&crc32fast::hash(body).to_be_bytes())
}

/// `live` and `…` of `pk_live_…`.
fn parts_of_id(key: &KeyId) -> Option<(&str, &str)> {
    let (infix, name) = key.as_str().strip_prefix("pk_")?.split_once('_')?;
    let ours = matches!(infix, "live" | "test") && name.len() == ID_LENGTH && base62::is_base62(name);
    ours.then_some((infix, name))
}

/// The key of the digests. Without it a copy of the database cannot even be searched for a
/// guessed secret.
pub struct Pepper(hmac::Key);

impl Pepper {
    /// From 32 random bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The digest under which a secret is stored: HMAC-SHA-256 of its SHA-256, so that secrets can
    /// also be imported by their SHA-256 alone.
    #[must_use]
    pub fn digest(&self, secret: &Secret) -> SecretDigest {
        self.digest_of(&secret.sha256())
    }

    /// The digest of a secret of which the SHA-256 is known.
    #[must_use]
    pub fn digest_of(&self, secret: &SecretSha256) -> SecretDigest {
        let tag = hmac::sign(&self.0, secret.0.as_slice());
        SecretDigest(tag.as_ref().try_into().expect("HMAC-SHA-256 gives 32 bytes"))
    }

    /// A mark under which we know again what we gave out for one purpose, on every node. Its key is one of
    /// its own, so that no mark is ever the digest of a secret.
    #[must_use]
    pub fn mark(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 16] {
        let own = hmac::sign(&self.0, format!("portcullis mark: {purpose}, version 1").as_bytes());
        let mut mark = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, own.as_ref()));
        for part in parts {
            // With their lengths: no byte can move from one to the next.
            mark.update(&(part.len() as u64).to_be_bytes());
            mark.update(part);
        }
        mark.sign().as_ref()[..16].try_into().expect("HMAC-SHA-256 gives 32 bytes")
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(..)")
    }
}

/// A secret as it is stored. Two of them are compared in constant time, and in no other way.
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// From the stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are digests of the same secret, in a time that tells nothing.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

/// The most live secrets that one key may hold.
pub const MOST_SECRETS: usize = 5;

/// One of a key's secrets as it is stored.
#[derive(Debug)]
pub struct StoredSecret {
    /// Its digest.
    pub digest: SecretDigest,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing; never, if absent.
    pub expires_at: Option<Timestamp>,
    /// When and from where it was used last, as far as that was written down.
    pub last_used: Option<LastUse>,
}

/// When, to the minute, and from where a secret was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// The minute.
    pub at: Timestamp,
    /// The address, if there was one.
    pub from: Option<IpAddr>,
}

impl LastUse {
    /// A use at this time.
    #[must_use]
    pub fn of(at: Timestamp, from: Option<IpAddr>) -> Self {
        Self { at: Timestamp::from_secs(at.secs() - at.secs().rem_euclid(60)), from }
    }
}

impl StoredSecret {
    /// Whether it still counts.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// Whether `presented` is one of the live secrets. Each of [`MOST_SECRETS`] places is compared,
/// filled or not, so that neither their number nor the place of a match shows in the time.
#[must_use]
pub fn is_one_of(presented: &SecretDigest, stored: &[StoredSecret], now: Timestamp) -> bool {
    let nobodys = SecretDigest([0; 32]);
    let mut found = false;
    for place in 0..MOST_SECRETS.max(stored.len()) {
        let (digest, live) = stored.get(place).map_or((&nobodys, false), |s| (&s.digest, s.is_live(now)));
        found |= presented.is_same(digest) & live;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random<const N: usize>() -> [u8; N] {
        std::array::from_fn(|i| u8::try_from(i * 37 % 251).unwrap())
    }

    #[test]
    fn a_new_secret_names_its_key_and_survives_its_own_checksum() {
        let (id, secret) = Secret::generate(ProjectKind::Live, &random());
        assert!(id.as_str().starts_with("pk_live_") && id.as_str().len() == 24, "{id}");
        assert_eq!(secret.expose().len(), 4 + 5 + 17 + 43 + 6);
        assert_eq!(secret.names_key(), Some(id.clone()));
        let other = Secret::regenerate(&id, ProjectKind::Live, &random());
        assert_eq!(other.names_key(), Some(id));
    }

    #[test]
    fn the_secret_of_an_imported_key_names_nobody() {
        let id: KeyId = "3f1a-125l".parse().unwrap();
        let secret = Secret::regenerate(&id, ProjectKind::Sandbox, &random());
        assert!(secret.expose().starts_with("psk_test__"));
        assert_eq!(secret.names_key(), None);
    }

    #[test]
    fn a_mistyped_secret_is_told_by_its_checksum() {
        let (_, secret) = Secret::generate(ProjectKind::Live, &random());
        for at in 0..secret.expose().len() {
            let mut wrong = secret.expose().to_owned();
            let other = if &wrong[at..=at] == "x" { "y" } else { "x" };
            wrong.replace_range(at..=at, other);
            assert_eq!(Secret::presented(Zeroizing::new(wrong)).names_key(), None, "place {at}");
        }
        for cut in 0..secret.expose().len() {
            let short = Zeroizing::new(secret.expose()[..cut].to_owned());
            assert_eq!(Secret::presented(short).names_key(), None);
        }
        let longer = Zeroizing::new(format!("{}0", secret.expose()));
        assert_eq!(Secret::presented(longer).names_key(), None);
    }

    #[test]
    fn a_secret_and_its_sha256_have_the_same_digest() {
        let pepper = Pepper::new(&[7; 32]);
        let secret = Secret::presented(Zeroizing::new("correct horse battery staple".to_owned()));
        let hex = "c4bbcb1fbec99d65bf59d85c8cb62ee2db963f0fe106f483d9afa73bd4e39a8a";
        for hex in [hex.to_owned(), hex.to_uppercase()] {
            let given: SecretSha256 = hex.parse().unwrap();
            assert!(pepper.digest_of(&given).is_same(&pepper.digest(&secret)));
        }
        for wrong in ["", &hex[1..], &format!("{hex}0"), &hex.replace('c', "g"), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<SecretSha256>().unwrap_err(), InvalidSha256, "{wrong}");
        }
    }

    #[test]
    fn an_expired_secret_is_none() {
        let pepper = Pepper::new(&[7; 32]);
        let (_, secret) = Secret::generate(ProjectKind::Live, &random());
        let end = Timestamp::from_secs(100);
        let stored = [StoredSecret {
            digest: pepper.digest(&secret),
            created_at: Timestamp::from_secs(0),
            expires_at: Some(end),
            last_used: None,
        }];
        assert!(is_one_of(&pepper.digest(&secret), &stored, Timestamp::from_millis(99_999)));
        assert!(!is_one_of(&pepper.digest(&secret), &stored, end));
        assert!(!is_one_of(&SecretDigest([0; 32]), &stored, Timestamp::from_secs(0)));
    }

    #[test]
    fn nothing_prints_a_secret() {
        let (_, secret) = Secret::generate(ProjectKind::Live, &random());
        let digest = Pepper::new(&[7; 32]).digest(&secret);
        assert_eq!(
            format!("{secret:?} {:?} {digest:?} {:?}", secret.sha256(), Pepper::new(&[7; 32])),
            "Secret(..) SecretSha256(..) SecretDigest(..) Pepper(..)"
        );
    }
}
