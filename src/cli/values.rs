//! Values of arguments, parsed at the door: what cannot be used is answered with the argument and
//! the fix.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::config;
use crate::domain::api_key::check_end;
use crate::domain::hygiene::Days;
use crate::domain::{Allowlist, AuthMethod, Lifetime, Reason, ScopeSet, Timestamp};
use crate::keys::acts::Why;

use super::failure::Failure;
use super::moment;

/// Scope values, divided by commas or spaces. None at all is a variable that nobody set.
pub(super) fn scopes(text: &str) -> Result<ScopeSet, String> {
    let words = text.split(|c: char| c == ',' || c.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let scopes: Result<ScopeSet, _> = words.map(str::parse).collect();
    match scopes {
        Ok(scopes) if scopes.is_empty() => Err("it is empty; name scopes, such as orders:read".to_owned()),
        scopes => scopes.map_err(|error| error.to_string()),
    }
}

/// Networks, divided by commas or spaces. None at all would be every address.
pub(super) fn networks(text: &str) -> Result<Allowlist, String> {
    match text.parse::<Allowlist>() {
        Ok(networks) if networks.is_unrestricted() => {
            Err("it is empty; name networks, such as 10.0.0.0/8".to_owned())
        }
        networks => networks.map_err(|error| error.to_string()),
    }
}

/// All scopes of a repeated argument.
pub(super) fn all_scopes(given: &[ScopeSet]) -> ScopeSet {
    given.iter().flat_map(ScopeSet::iter).cloned().collect()
}

/// Permissions after an edit: those given, or else those before it with some more and some fewer.
pub(super) fn edited(
    before: &ScopeSet,
    given: &[ScopeSet],
    (added, removed): (&[ScopeSet], &[ScopeSet]),
) -> ScopeSet {
    if !given.is_empty() {
        return all_scopes(given);
    }
    let removed = all_scopes(removed);
    let kept = before.iter().filter(|scope| !removed.contains(scope)).cloned();
    kept.chain(all_scopes(added).iter().cloned()).collect()
}

/// All networks of a repeated argument.
pub(super) fn all_networks(given: &[Allowlist]) -> Result<Allowlist, Failure> {
    let networks = given.iter().flat_map(|list| list.networks().iter().copied());
    Allowlist::new(networks).map_err(|error| Failure::Usage(format!("--allow: {error}")))
}

/// How long a token lives: `15m`, or seconds.
pub(super) fn lifetime(text: &str) -> Result<Lifetime, String> {
    let secs = if let Ok(secs) = text.parse::<u32>() {
        Some(secs)
    } else {
        let span = span(text)?;
        u32::try_from(span.as_secs()).ok().filter(|_| span.subsec_millis() == 0)
    };
    secs.and_then(Lifetime::from_secs)
        .ok_or_else(|| "a token lives 1 to 900 whole seconds; write 15m, or seconds such as 900".to_owned())
}

/// A way to authenticate.
pub(super) fn auth_method() -> impl TypedValueParser<Value = AuthMethod> {
    PossibleValuesParser::new(AuthMethod::ALL.map(AuthMethod::as_str))
        .try_map(|word| word.parse::<AuthMethod>())
}

/// A span of time: `24h`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    config::duration(text).map_err(|problem| problem.to_string())
}

/// Whole days: `90d`, or 90.
pub(super) fn days(text: &str) -> Result<Days, String> {
    let days = text.strip_suffix('d').unwrap_or(text).parse().ok().and_then(Days::new);
    days.ok_or_else(|| "write whole days, such as 90d, at most a hundred years".to_owned())
}

/// When a key ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expiry {
    /// So long from now.
    In(Duration),
    /// At this time.
    At(Timestamp),
}

impl FromStr for Expiry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(secs) = text.parse() {
            return Ok(Self::At(Timestamp::from_secs(secs)));
        }
        let at = moment::parse(text).map(Self::At);
        at.or_else(|| config::duration(text).ok().map(Self::In)).ok_or(
            "write a span such as 30d, a date such as 2027-01-31 or 2027-01-31T12:00:00Z, or Unix seconds",
        )
    }
}

impl Expiry {
    /// The point in time, where a span counts backwards.
    pub(super) fn ago(self, now: Timestamp) -> Timestamp {
        match self {
            Self::In(span) => now.before(span),
            Self::At(at) => at,
        }
    }

    /// The point in time, which must be ahead.
    pub(super) fn from(self, now: Timestamp) -> Result<Timestamp, Failure> {
        let at = match self {
            Self::In(span) => now.after(span),
            Self::At(at) => at,
        };
        check_end(at, now).map_err(|why| Failure::Usage(format!("--expires: {at} is {why}")))?;
        Ok(at)
    }
}

/// A text that a row may contain, as the administrators' API takes it.
pub(super) fn looked_for(text: &str) -> Result<String, &'static str> {
    let fits = (1..=512).contains(&text.len()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("write 1 to 512 bytes without control characters") }
}

/// A limit of live tokens; without a number there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit(pub(super) Option<NonZeroU32>);

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = || text.parse().map(Some).map_err(|_| "write a number from 1 on, or `unlimited`");
        if text == "unlimited" { Ok(Self(None)) } else { number().map(Self) }
    }
}

/// Why somebody acts, as every act on a key takes it.
#[derive(Debug, clap::Args)]
pub(super) struct WhyArgs {
    /// Why, for the audit log.
    #[arg(long, value_parser = reason(), default_value = Reason::Unspecified.as_str())]
    reason: Reason,
    /// What else there is to say about it, for the audit log.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl From<WhyArgs> for Why {
    fn from(WhyArgs { reason, note }: WhyArgs) -> Self {
        Self { reason, note }
    }
}

fn reason() -> impl TypedValueParser<Value = Reason> {
    PossibleValuesParser::new(Reason::ALL.map(Reason::as_str)).try_map(|word| word.parse::<Reason>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_span_or_seconds_up_to_fifteen_minutes() {
        for (text, secs) in [("15m", 900), ("900", 900), ("1s", 1), ("1", 1), ("1000ms", 1)] {
            assert_eq!(lifetime(text).unwrap().secs(), secs, "{text}");
        }
        for text in ["", "0", "901", "16m", "1500ms", "-1", "15", "1h"] {
            assert_eq!(lifetime(text).is_ok(), text == "15", "{text}");
        }
    }

    #[test]
    fn an_expiry_is_ahead_and_within_a_hundred_years() {
        let now = Timestamp::from_secs(1_795_305_600);
        let from = |text: &str| text.parse::<Expiry>().unwrap().from(now);
        assert_eq!(from("30d").unwrap(), Timestamp::from_secs(1_797_897_600));
        assert_eq!(from("2026-11-23").unwrap(), Timestamp::from_secs(1_795_392_000));
        assert_eq!(from("1795305601").unwrap(), Timestamp::from_secs(1_795_305_601));
        for wrong in ["1795305600", "2026-11-22", "30", "1795305601000", "2150-01-01", "-5"] {
            assert!(from(wrong).unwrap_err().to_string().starts_with("--expires: "), "{wrong}");
        }
        for wrong in ["", "soon", "30 d", "2026-11-22T06:00"] {
            assert!(wrong.parse::<Expiry>().unwrap_err().starts_with("write a span"), "{wrong}");
        }
    }

    #[test]
    fn an_empty_list_is_refused_where_it_would_mean_something_else() {
        assert!(networks("").unwrap_err().starts_with("it is empty"));
        assert!(networks(",").is_err());
        assert!(scopes("").unwrap_err().starts_with("it is empty"));
        assert_eq!(scopes("a,b c").unwrap().to_string(), "a b c");
        assert!(scopes("a:").unwrap_err().contains("scope value"));
    }
}
