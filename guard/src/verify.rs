//! The judge: may this token pass? One order of steps, the same everywhere (design section 3).
//!
//! The signature is checked on the bytes as they came; header and claims
//! are read by types of our own, because a JWT library's defaults accept a missing `aud`, a
//! foreign `typ`, an unknown `crit` and an `exp` of this very second.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::claims::{Claims, MAX_TOKEN_BYTES, UnverifiedClaims, VerifiedClaims, present};
use crate::error::Refusal;
use crate::id::{Audience, ProjectId, SigningKeyId};
use crate::jwks::{ALGORITHMS, Identity, KeySet};
use crate::revocation::{Freshness, RevocationList};
use crate::scope::ScopeSet;
use crate::time::Timestamp;

/// Judges the tokens of one issuer and one project.
#[derive(Clone, Debug)]
pub struct Verifier {
    issuer: Arc<str>,
    project: ProjectId,
    keys: Arc<KeySet>,
    algorithms: [Option<Algorithm>; 3],
    leeway: Duration,
}

/// What a request needs of the token that it came with.
#[derive(Clone, Copy, Debug)]
pub struct Required<'a> {
    /// The scope values that must all be covered.
    pub scope: &'a ScopeSet,
    /// Who is asking.
    pub audience: Whose<'a>,
    /// Where the request comes from.
    pub address: Place,
    /// The web origin of the request, if it named one.
    pub origin: Option<&'a str>,
}

/// Which audiences the judge speaks for.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// Any: for the token server's own answers about a token to whoever minted it.
    Any,
    /// One of these must be in the token's `aud`.
    OneOf(&'a [Audience]),
}

/// What is known of where a request comes from.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// The asker judges the address itself.
    NotJudged,
    /// The request's address; `None` if it cannot be told, which no restricted token survives.
    From(Option<IpAddr>),
}

/// What the judge knows at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    /// The revocations.
    pub list: &'a RevocationList,
    /// What that list is worth.
    pub freshness: Freshness,
    /// Now.
    pub now: Timestamp,
}

/// A token taken apart; nothing of it is checked but its shape, type and header.
#[derive(Debug)]
pub struct Unverified<'a> {
    header: Header,
    signed: &'a str,
    claims: &'a str,
    signature: &'a str,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

impl<'a> Unverified<'a> {
    /// Size, shape, type, critical extensions.
    ///
    /// # Errors
    /// [`Refusal::TooLong`], [`Refusal::Malformed`], [`Refusal::Type`], [`Refusal::Critical`].
    pub fn read(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        if claims.contains('.') || signature.is_empty() {
            return Err(Refusal::Malformed);
        }
        let header: Header = read_json(header).ok_or(Refusal::Malformed)?;
        let typ = header.typ.as_deref().unwrap_or_default();
        if !["at+jwt", "application/at+jwt"].iter().any(|ours| typ.eq_ignore_ascii_case(ours)) {
            return Err(Refusal::Type);
        }
        if header.crit.is_some() {
            return Err(Refusal::Critical);
        }
        Ok(Self { header, signed, claims, signature })
    }

    /// What the token says of itself. Nobody has vouched for it yet.
    ///
    /// # Errors
    /// [`Refusal::Claims`] if a claim is missing or of the wrong type.
    pub fn claims(&self) -> Result<UnverifiedClaims, Refusal> {
        read_json::<Claims>(self.claims).map(UnverifiedClaims).ok_or(Refusal::Claims)
    }
}

impl Verifier {
    /// A judge for the tokens of this issuer and project, signed by one of these keys with any of
    /// the [`ALGORITHMS`], without leeway.
    #[must_use]
    pub fn new(issuer: Arc<str>, project: ProjectId, keys: Arc<KeySet>) -> Self {
        Self { issuer, project, keys, algorithms: ALGORITHMS.map(Some), leeway: Duration::ZERO }
    }

    /// The same judge, accepting only these of the [`ALGORITHMS`].
    #[must_use]
    pub fn only(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = ALGORITHMS.map(|ours| algorithms.contains(&ours).then_some(ours));
        self
    }

    /// The same judge for a machine whose clock runs ahead of the token server's by up to
    /// `leeway`; a token lives that much longer here.
    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Judges a token from its first byte to its last restriction.
    ///
    /// # Errors
    /// The first [`Refusal`] in the order of its variants.
    pub fn judge(
        &self,
        token: &str,
        required: &Required<'_>,
        gate: &Gate<'_>,
    ) -> Result<VerifiedClaims, Refusal> {
        let verified = self.check_signature(&Unverified::read(token)?)?;
        self.judge_verified(&verified, required, gate)?;
        Ok(verified)
    }

    /// Algorithm, signing key, signature, and that the claims are claims.
    ///
    /// # Errors
    /// [`Refusal::Algorithm`], [`Refusal::UnknownSigningKey`], [`Refusal::Signature`],
    /// [`Refusal::Claims`].
    pub fn check_signature(&self, token: &Unverified<'_>) -> Result<VerifiedClaims, Refusal> {
        let named = self.algorithms.iter().flatten().find(|ours| name(**ours) == token.header.alg);
        let algorithm = *named.ok_or(Refusal::Algorithm)?;
        let kid = token.header.kid.as_deref().ok_or(Refusal::UnknownSigningKey)?;
        let (kid, public) = self.keys.find(kid).ok_or(Refusal::UnknownSigningKey)?;
        if public.algorithm != algorithm {
            return Err(Refusal::Algorithm);
        }
        if !public.fits(token.signed, token.signature) {
            return Err(Refusal::Signature);
        }
        let UnverifiedClaims(claims) = token.claims()?;
        Ok(VerifiedClaims { kid: kid.clone(), claims })
    }

    /// Everything after the signature. What was verified once may be judged again and again;
    /// the verdict itself is never kept.
    ///
    /// # Errors
    /// The first [`Refusal`] from [`Refusal::Issuer`] on.
    pub fn judge_verified(
        &self,
        token: &VerifiedClaims,
        required: &Required<'_>,
        gate: &Gate<'_>,
    ) -> Result<(), Refusal> {
        let claims = token.claims();
        self.check_meant_for(claims, required.audience)?;
        if gate.now >= claims.exp.after(self.leeway) {
            return Err(Refusal::Expired);
        }
        if gate.freshness == Freshness::Stale {
            return Err(Refusal::Stale);
        }
        gate.list.check(token.kid(), claims)?;
        check_restrictions(claims, required)
    }

    /// Whether what was checked with this key would be checked with it again.
    pub(crate) fn accepts(&self, kid: &SigningKeyId, checked_with: &Identity) -> bool {
        let public = self.keys.by_id(kid).filter(|public| public.identity == *checked_with);
        public.is_some_and(|public| self.algorithms.contains(&Some(public.algorithm)))
    }

    /// The public key of this id.
    pub(crate) fn identity(&self, kid: &SigningKeyId) -> Option<Identity> {
        self.keys.by_id(kid).map(|public| public.identity.clone())
    }

    fn check_meant_for(&self, claims: &Claims, whose: Whose<'_>) -> Result<(), Refusal> {
        if *claims.iss != *self.issuer {
            return Err(Refusal::Issuer);
        }
        if claims.prj != self.project {
            return Err(Refusal::Project);
        }
        match whose {
            Whose::OneOf(ours) if !ours.iter().any(|audience| claims.aud.contains(audience)) => {
                Err(Refusal::Audience)
            }
            _ => Ok(()),
        }
    }
}

fn check_restrictions(claims: &Claims, required: &Required<'_>) -> Result<(), Refusal> {
    if !claims.scope.covers_all(required.scope) {
        return Err(Refusal::Scope);
    }
    match required.address {
        Place::From(address) if !claims.ips.admits(address) => return Err(Refusal::Address),
        _ => {}
    }
    let origins = claims.org.as_deref();
    if origins.is_some_and(|bound| !required.origin.is_some_and(|from| bound.iter().any(|o| **o == *from))) {
        return Err(Refusal::Origin);
    }
    // No proof can be presented yet: a bound token passes nowhere.
    if claims.cnf.is_some() { Err(Refusal::Proof) } else { Ok(()) }
}

pub(crate) fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::ES256 => "ES256",
        Algorithm::EdDSA => "EdDSA",
        Algorithm::RS256 => "RS256",
        _ => "",
    }
}

fn read_json<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    // serde would also read a struct from an array, by position: no header and no claims set is one.
    bytes.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(&bytes).ok())?
}
