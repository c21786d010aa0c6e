//! Entries of the feed, written and read back.

use portcullis::domain::feed::Published;
use portcullis::domain::{Changed, Ends, FeedDraft, FeedEntry, Position, Tag, Target, Timestamp, TokenId};
use proptest::prelude::*;

fn id<T: std::str::FromStr + std::fmt::Debug>(pattern: &str) -> impl Strategy<Value = T> + use<T> {
    proptest::string::string_regex(pattern).unwrap().prop_map(|raw| raw.parse().ok().unwrap())
}

fn target() -> impl Strategy<Value = Target> {
    let project = || id("[A-Za-z0-9_-]{1,64}");
    prop_oneof![
        Just(Target::All),
        project().prop_map(|project| Target::Project { project }),
        (project(), id("[!#-%(-;=?-\\[\\]-~]{1,128}"))
            .prop_map(|(project, key)| Target::Key { project, key }),
        (project(), ".{0,20}", ".{0,20}").prop_map(|(project, kind, subject)| Target::Subject {
            project,
            kind: kind.into(),
            subject: subject.into()
        }),
        (project(), any::<[u8; 16]>())
            .prop_map(|(project, jti)| Target::Token { project, jti: TokenId::from_bytes(jti) }),
        id("[A-Za-z0-9_-]{1,128}").prop_map(|kid| Target::SigningKey { kid }),
    ]
}

fn entry() -> impl Strategy<Value = FeedEntry> {
    let changed = target().prop_map(|target| match target {
        Target::Key { project, key } => Changed::Key { project, key },
        Target::Project { project } => Changed::Project { project },
        _ => Changed::SigningKeys,
    });
    prop_oneof![target().prop_map(FeedEntry::Revocation), changed.prop_map(FeedEntry::Changed)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn an_entry_is_read_back_as_it_was_written(entry in entry()) {
        let written = serde_json::to_string(&entry).unwrap();
        prop_assert_eq!(FeedEntry::read(&written).unwrap(), entry, "{}", written);
    }

    /// Of a revocation the node's list learns target, position and end; of a notice nothing.
    #[test]
    fn only_revocations_revoke(entry in entry(), at in any::<u64>()) {
        let position = Position::new(at);
        let ends = Some(Timestamp::from_secs(5));
        let published = Published { position, tag: Tag::from_bytes([1; 8]), entry: entry.clone(), ends };
        match (entry, published.revocation()) {
            (FeedEntry::Revocation(target), Some(revocation)) => {
                prop_assert_eq!((revocation.target, revocation.position, revocation.ends), (target, position, ends));
            }
            (FeedEntry::Changed(_), None) => {}
            (entry, revocation) => prop_assert!(false, "{entry:?} gives {revocation:?}"),
        }
    }

    /// No revocation may be forgotten while a token that it kills can live.
    #[test]
    fn a_revocation_outlives_the_tokens_that_it_kills(target in target(), published in 0_i64..1 << 50, left in 1_i64..=900) {
        let published = Timestamp::from_millis(published);
        let exp = Timestamp::from_secs(published.secs() + left);
        let of_token = matches!(target, Target::Token { .. }).then_some(exp);
        let of_signing_key = matches!(target, Target::SigningKey { .. });
        let draft = FeedDraft::revoke(target, of_token, Tag::from_bytes([1; 8]));
        match draft.ends {
            Ends::Never => prop_assert!(of_signing_key),
            ends => prop_assert!(ends.at(published).unwrap().since(exp).as_secs() >= 300),
        }
    }
}
