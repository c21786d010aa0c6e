//! Randomness: the one place that draws it.

use aws_lc_rs::rand;

/// Random bytes.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("an operating system that gives no randomness cannot run this");
    bytes
}
