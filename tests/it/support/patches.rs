//! One thing of a project that is to change.

use std::num::NonZeroU32;

use portcullis::domain::{OnLeak, ProjectPatch, SigningAlgorithm};

pub(crate) fn signed_by(algorithm: SigningAlgorithm) -> ProjectPatch {
    ProjectPatch { algorithm: Some(algorithm), ..ProjectPatch::default() }
}

pub(crate) fn limited_to(live_tokens: Option<NonZeroU32>) -> ProjectPatch {
    ProjectPatch { live_tokens: Some(live_tokens), ..ProjectPatch::default() }
}

pub(crate) fn raw_keys(pass: bool) -> ProjectPatch {
    ProjectPatch { raw_keys: Some(pass), ..ProjectPatch::default() }
}

pub(crate) fn on_leak(policy: OnLeak) -> ProjectPatch {
    ProjectPatch { on_leak: Some(policy), ..ProjectPatch::default() }
}
