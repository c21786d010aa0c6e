//! Sealing at rest: the master key seals random data keys, and those seal the rest.
//!
//! AES-256-GCM; a sealed value is nonce, ciphertext, mark. The name of the value is bound in, so
//! that nobody can put one sealed value in the place of another.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::domain::{Pepper, Timestamp};
use crate::entropy::Entropy;
use crate::store::SealedKey;

/// What the check value says once it is opened.
const CHECK: &[u8] = b"portcullis";

/// The key that seals the data keys. It is never in the database.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// From its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// A new one.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(entropy.bytes()))
    }

    /// From 64 hex digits, as the file and the environment hold it.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (place, byte) in key.iter_mut().enumerate() {
            let digits = &text[2 * place..2 * place + 2];
            *byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        }
        Some(Self(key))
    }

    /// As 64 hex digits.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).expect("a nibble is a hex digit");
        Zeroizing::new(self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    fn sealing(&self) -> SealingKey {
        SealingKey::new(&self.0)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// The database was sealed under another master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this master key does not open this database; it was sealed under another one")]
pub struct WrongMasterKey;

/// A sealed value that cannot be opened: changed, moved, or sealed under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value is damaged")]
pub struct Damaged;

/// A key that seals values under their names.
pub struct SealingKey(LessSafeKey);

impl SealingKey {
    fn new(bytes: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("AES-256 takes 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Seals a value under its name.
    #[must_use]
    pub fn seal(&self, name: &str, plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = entropy.bytes();
        let mut body = plain.to_vec();
        let bound = Aad::from(name.as_bytes());
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut body)
            .expect("what we seal is far below the limit of AES-GCM");
        [nonce.as_slice(), &body].concat()
    }

    /// Opens a value that was sealed under this name.
    ///
    /// # Errors
    /// [`Damaged`].
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Damaged)?;
        let mut body = Zeroizing::new(body.to_vec());
        let bound = Aad::from(name.as_bytes());
        let opened = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), bound, &mut body);
        let length = opened.map_err(|_| Damaged)?.len();
        body.truncate(length);
        Ok(body)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

/// The opened data keys.
#[derive(Debug)]
pub struct DataKeys {
    /// What the digests of secrets are keyed with.
    pub pepper: Arc<Pepper>,
    /// What private signing keys are sealed under.
    pub signing: Arc<SealingKey>,
}

impl DataKeys {
    /// Makes new ones: opened, and as the database keeps them.
    #[must_use]
    pub fn generate(master: &MasterKey, at: Timestamp, entropy: &dyn Entropy) -> (Self, Vec<SealedKey>) {
        let (pepper, signing) = (Zeroizing::new(entropy.bytes()), Zeroizing::new(entropy.bytes()));
        let values: [(&str, &[u8]); 3] =
            [("check", CHECK), ("pepper", pepper.as_slice()), ("signing", signing.as_slice())];
        let sealing = master.sealing();
        let seal = |(name, value): (&str, &[u8])| SealedKey {
            name: name.to_owned(),
            sealed: sealing.seal(name, value, entropy),
            created_at: at,
        };
        (Self::new(&pepper, &signing), values.into_iter().map(seal).collect())
    }

    /// Opens those of a database.
    ///
    /// # Errors
    /// [`WrongMasterKey`], also where one of them is missing or damaged.
    pub fn open(master: &MasterKey, sealed: &[SealedKey]) -> Result<Self, WrongMasterKey> {
        let sealing = master.sealing();
        let open = |name: &str| {
            let found = sealed.iter().find(|key| key.name == name).ok_or(WrongMasterKey)?;
            sealing.open(name, &found.sealed).map_err(|Damaged| WrongMasterKey)
        };
        let key = |name| -> Result<Zeroizing<[u8; 32]>, WrongMasterKey> {
            Ok(Zeroizing::new(open(name)?.as_slice().try_into().map_err(|_| WrongMasterKey)?))
        };
        if open("check")?.as_slice() != CHECK {
            return Err(WrongMasterKey);
        }
        Ok(Self::new(&*key("pepper")?, &*key("signing")?))
    }

    /// Those of a database, sealed under another master key; their names and times stay.
    ///
    /// # Errors
    /// [`WrongMasterKey`], also where one of them is damaged.
    pub fn reseal(
        old: &MasterKey,
        new: &MasterKey,
        sealed: &[SealedKey],
        entropy: &dyn Entropy,
    ) -> Result<Vec<SealedKey>, WrongMasterKey> {
        let (old, new) = (old.sealing(), new.sealing());
        let reseal = |key: &SealedKey| {
            let plain = old.open(&key.name, &key.sealed).map_err(|Damaged| WrongMasterKey)?;
            Ok(SealedKey { sealed: new.seal(&key.name, &plain, entropy), ..key.clone() })
        };
        sealed.iter().map(reseal).collect()
    }

    fn new(pepper: &[u8; 32], signing: &[u8; 32]) -> Self {
        Self { pepper: Arc::new(Pepper::new(pepper)), signing: Arc::new(SealingKey::new(signing)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn data_keys_open_under_their_master_key_only() {
        let master = MasterKey::generate(&SystemEntropy);
        let (_, sealed) = DataKeys::generate(&master, Timestamp::from_secs(0), &SystemEntropy);
        assert!(DataKeys::open(&master, &sealed).is_ok());
        assert!(DataKeys::open(&MasterKey::generate(&SystemEntropy), &sealed).is_err());
        let mut swapped = sealed.clone();
        swapped[1].name = "signing".into();
        swapped[2].name = "pepper".into();
        assert!(DataKeys::open(&master, &swapped).is_err(), "a sealed value is bound to its name");
        for place in 0..sealed[1].sealed.len() {
            let mut edited = sealed.clone();
            edited[1].sealed[place] ^= 1;
            assert!(DataKeys::open(&master, &edited).is_err(), "byte {place}");
        }
    }

    #[test]
    fn data_keys_that_were_sealed_anew_are_the_same_and_open_under_the_new_master_key_only() {
        let [old, new] = [0, 1].map(|_| MasterKey::generate(&SystemEntropy));
        let (_, mut sealed) = DataKeys::generate(&old, Timestamp::from_secs(0), &SystemEntropy);
        // One of a later release, which this one knows nothing of.
        let later = old.sealing().seal("sessions", b"later", &SystemEntropy);
        sealed.push(SealedKey { name: "sessions".into(), sealed: later, ..sealed[0].clone() });
        let anew = DataKeys::reseal(&old, &new, &sealed, &SystemEntropy).unwrap();
        assert!(DataKeys::open(&new, &anew).is_ok() && DataKeys::open(&old, &anew).is_err());
        for (before, after) in sealed.iter().zip(&anew) {
            assert_eq!((&before.name, before.created_at), (&after.name, after.created_at));
            let [was, is] = [(&old, before), (&new, after)]
                .map(|(master, key)| master.sealing().open(&key.name, &key.sealed).unwrap());
            assert_eq!(was, is);
        }
        assert!(DataKeys::reseal(&new, &old, &sealed, &SystemEntropy).is_err());
    }

    #[test]
    fn a_master_key_is_64_hex_digits() {
        let master = MasterKey::generate(&SystemEntropy);
        let again = MasterKey::from_hex(&master.to_hex()).unwrap();
        assert_eq!(*again.to_hex(), *master.to_hex());
        let plus = "+f".repeat(32);
        for wrong in ["", "00", &"g0".repeat(32), &plus, &"0".repeat(65), &"é".repeat(32)] {
            assert!(MasterKey::from_hex(wrong).is_none(), "{wrong}");
        }
    }
}
