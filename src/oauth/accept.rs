//! What a caller wants to be answered in: `Accept` (RFC 9110 §12.5.1). JSON is what everybody gets who
//! does not ask for something else.

use axum::http::{HeaderMap, header};

const JSON: &str = "application/json";

/// How much a media type is wanted.
#[derive(Clone, Copy, Default)]
struct Wish {
    /// From 0, not at all, to 1000.
    thousandths: u16,
    /// 3 for the type itself, 2 for `type/*`, 1 for `*/*`, 0 for nothing that fits.
    named: u8,
}

/// Whether this media type is wanted rather than JSON: more, or just as much and by its own name.
pub(super) fn is_preferred_to_json(headers: &HeaderMap, media_type: &str) -> bool {
    if !headers.contains_key(header::ACCEPT) {
        return false;
    }
    let (this, json) = (Wish::of(headers, media_type), Wish::of(headers, JSON));
    let just_as_much = this.thousandths == json.thousandths && this.thousandths > 0;
    this.thousandths > json.thousandths || just_as_much && this.named == 3
}

impl Wish {
    /// What the most specific range that fits says of it, and the kindest of several. A range that cannot be
    /// read, or whose weight cannot, says nothing.
    fn of(headers: &HeaderMap, media_type: &str) -> Self {
        let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let wishes = lines.flat_map(|line| line.split(',')).filter_map(|item| Self::read(item, media_type));
        wishes.max_by_key(|wish| (wish.named, wish.thousandths)).unwrap_or_default()
    }

    /// What one range says of it. Parameters but for `q` are passed over: our media types have none.
    fn read(item: &str, media_type: &str) -> Option<Self> {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next()?;
        let (kind, _) = media_type.split_once('/')?;
        let named = match range.split_once('/')? {
            _ if range.eq_ignore_ascii_case(media_type) => 3,
            (any_of, "*") if any_of.eq_ignore_ascii_case(kind) => 2,
            ("*", "*") => 1,
            _ => return None,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some(Self { thousandths: weight.map_or(Some(1000), thousandths)?, named })
    }
}

/// `qvalue` of RFC 9110 §12.4.2: at most 1, with at most three decimals.
fn thousandths(raw: &str) -> Option<u16> {
    let (whole, decimals) = raw.split_once('.').unwrap_or((raw, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "application/token-introspection+jwt";

    fn accepting(lines: &[&'static str]) -> HeaderMap {
        let line = |line: &&'static str| (header::ACCEPT, header::HeaderValue::from_static(line));
        lines.iter().map(line).collect()
    }

    #[test]
    fn json_is_for_everybody_who_does_not_ask_for_something_else() {
        assert!(!is_preferred_to_json(&HeaderMap::new(), JWT));
        let lines = [
            "",
            "*/*",
            "application/*",
            "application/json",
            "application/json, */*;q=0.5",
            "text/html",
            "application/jwt",
            "application/token-introspection+jwt;q=0",
            "application/token-introspection+jwt;q=0, */*",
            "application/token-introspection+jwt;q=0.8, application/json",
            "application/token-introspection+jwt;q=0.8, */*",
            "application/token-introspection+jwt;q=x",
            "application/token-introspection+jwt;q=1.001",
            "application/token-introspection+jwt;q=0.1234",
            "application/token-introspection+jwt;q=",
            "application / token-introspection+jwt",
            "*/token-introspection+jwt",
        ];
        for line in lines {
            assert!(!is_preferred_to_json(&accepting(&[line]), JWT), "{line}");
        }
    }

    #[test]
    fn whoever_asks_by_name_or_refuses_json_gets_what_was_asked_for() {
        for lines in [
            &["application/token-introspection+jwt"][..],
            &["APPLICATION/Token-Introspection+JWT"],
            &["application/json, application/token-introspection+jwt"],
            &["application/json", "application/token-introspection+jwt"],
            &["application/json;q=0.9,application/token-introspection+jwt ; q=0.901"],
            &["application/token-introspection+jwt;q=0.001, application/json;q=0"],
            &["application/token-introspection+jwt;charset=utf-8;q=1.000, */*"],
            &["application/token-introspection+jwt;q=x, application/token-introspection+jwt"],
            &["application/json;q=0, */*"],
            &["application/json;Q=0.5, application/*"],
        ] {
            assert!(is_preferred_to_json(&accepting(lines), JWT), "{lines:?}");
        }
    }
}
