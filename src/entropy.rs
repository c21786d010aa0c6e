//! The one place that draws random bytes for ids, secrets, tags and nonces. Tests draw from a seed.

use std::sync::Arc;

use aws_lc_rs::rand;

/// Supplies random bytes.
pub trait Entropy: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

impl dyn Entropy + '_ {
    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's randomness.
#[derive(Debug)]
pub struct SystemEntropy;

impl SystemEntropy {
    /// The operating system's randomness, shared.
    #[must_use]
    pub fn shared() -> Arc<dyn Entropy> {
        Arc::new(Self)
    }
}

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn fill(&self, buffer: &mut [u8]) {
        rand::fill(buffer).expect("an operating system that gives no randomness cannot run a token server");
    }
}
