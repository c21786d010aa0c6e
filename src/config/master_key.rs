//! The master key as the environment gives it. The environment only: a flag would show in the list
//! of processes, and the settings file is copied about.

use std::fmt;

use zeroize::Zeroizing;

use super::{
    Environment,
    error::{Error, Origin, Problem},
};

pub(super) const VARIABLE: &str = "PORTCULLIS_MASTER_KEY";
/// What a rotation takes the new one from.
pub(super) const NEW_VARIABLE: &str = "PORTCULLIS_NEW_MASTER_KEY";
const DIGITS: usize = 64;

/// The 32 bytes that seal every data key; wiped from memory when dropped.
pub struct MasterKeySetting(Zeroizing<[u8; DIGITS / 2]>);

impl MasterKeySetting {
    pub(super) fn read(environment: &Environment, variable: &'static str) -> Result<Option<Self>, Error> {
        let Some(text) = environment.value(variable, "master key")? else { return Ok(None) };
        match Self::parse(text) {
            Some(key) => Ok(Some(key)),
            None => Err(Problem::new(
                format!("it is not {DIGITS} hexadecimal digits"),
                "set it without spaces or line breaks, for example to the output of `openssl rand -hex 32`",
            )
            .of("master key", Origin::Environment(variable))),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        // Both checks first: `from_str_radix` takes a sign, and slicing needs whole characters.
        if text.len() != DIGITS || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut key = Zeroizing::new([0; DIGITS / 2]);
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(key))
    }

    /// The bytes, for sealing.
    #[must_use]
    pub fn expose(&self) -> &[u8; DIGITS / 2] {
        &self.0
    }
}

impl fmt::Debug for MasterKeySetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKeySetting(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<MasterKeySetting>, Error> {
        MasterKeySetting::read(&[(VARIABLE, value)].into_iter().collect(), VARIABLE)
    }

    #[test]
    fn sixty_four_hexadecimal_digits_are_the_key() {
        let key = read(&"0fA5".repeat(16)).unwrap().unwrap();

        assert_eq!(*key.expose(), *[0x0f, 0xa5].repeat(16));
        assert!(MasterKeySetting::read(&Environment::default(), VARIABLE).unwrap().is_none());
    }

    #[test]
    fn a_malformed_key_is_refused_without_repeating_it() {
        let almost = "deadbeef".repeat(8);
        for bad in ["", "deadbeef", &format!("{almost}\n"), &format!("+{}", &almost[1..]), &"é".repeat(32)] {
            let message = read(bad).unwrap_err().to_string();

            assert!(message.starts_with("master key (environment PORTCULLIS_MASTER_KEY): "), "{message}");
            assert!(message.contains("openssl rand -hex 32"), "{message}");
            assert!(!message.contains("deadbeef"), "{message}");
        }
    }

    #[test]
    fn debug_shows_neither_the_key_nor_its_variable() {
        let secret = "deadbeef".repeat(8);
        let environment: Environment = [(VARIABLE, &secret)].into_iter().collect();

        assert_eq!(format!("{:?}", read(&secret).unwrap().unwrap()), "MasterKeySetting(..)");
        assert!(!format!("{environment:?}").contains("deadbeef"));
    }
}
