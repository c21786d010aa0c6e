//! Answers without what differs from run to run; its shape is checked on the way.

use serde_json::Value;

/// The text with its ids, secrets, hashes and times replaced.
pub(super) fn redacted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c| is_part(c) && c != ':') {
        let (between, word_on) = rest.split_at(start);
        let end = word_on.find(|c| !is_part(c)).unwrap_or(word_on.len());
        let (word, after) = word_on.split_at(signing_secret(word_on).unwrap_or(end));
        out.push_str(between);
        out.push_str(meaning(word).unwrap_or(word));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// How long the signing secret of a webhook is that stands here: it has characters that divide other words.
fn signing_secret(text: &str) -> Option<usize> {
    let encoded = text.strip_prefix("whsec_")?.get(..44)?;
    let of_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/".contains(&b);
    (encoded.ends_with('=') && encoded.bytes().take(43).all(of_base64)).then_some("whsec_".len() + 44)
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':')
}

fn meaning(word: &str) -> Option<&'static str> {
    let is_base62 = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_id = |prefix| word.strip_prefix(prefix).is_some_and(|rest| rest.len() == 16 && is_base62(rest));
    let is_secret = |prefix| {
        let parts = word.strip_prefix(prefix).and_then(|rest| rest.split_once('_'));
        parts.is_some_and(|(id, rest)| id.len() == 16 && rest.len() == 49 && is_base62(rest))
    };
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let form: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    Some(match word {
        _ if is_id("pk_live_") || is_id("pk_test_") => "[key]",
        _ if is_id("prj_") => "[project]",
        _ if word.strip_prefix("sec_").is_some_and(|rest| rest.len() == 12 && is_base62(rest)) => {
            "[secret_id]"
        }
        _ if is_id("whk_") => "[webhook]",
        _ if word.strip_prefix("msg_").is_some_and(|rest| rest.len() == 22 && is_base62(rest)) => "[message]",
        _ if signing_secret(word) == Some(word.len()) => "[signing secret]",
        _ if is_secret("psk_live_") || is_secret("psk_test_") => "[secret]",
        _ if word.len() == 64 && word.bytes().all(is_hex) => "[hash]",
        _ if word.starts_with("local:") => "local:[uid]",
        _ if form == "0000-00-00T00:00:00Z" => "[time]",
        // Seconds and milliseconds of our times.
        _ if form == "0000000000" || form == "0000000000000" => "[at]",
        _ => return None,
    })
}

/// The object or list with the same replaced.
pub(super) fn shape(answer: &Value) -> Value {
    // A time is a number, and its mark is a text.
    serde_json::from_str(&redacted(&answer.to_string()).replace("[at]", "\"[at]\"")).unwrap()
}
