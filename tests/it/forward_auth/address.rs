//! Where a request comes from: threats S18 to S22.

use super::{admitted, of, refused, verify};
use crate::support::{App, Build, Key, Send, Tenant};

const PROXIES: &str = "PORTCULLIS_CLIENT_ADDRESS_TRUSTED_PROXIES";

async fn bound(shop: &Tenant<'_>, networks: &str, from: &str) -> String {
    let key: Key<'_> = shop.key("orders:read").allow(networks).create().await;
    key.ask("").from(from).send().await.token()
}

#[tokio::test]
async fn a_header_moves_nobody_into_an_allowlist_unless_a_proxy_of_ours_set_it() {
    // S18.
    let app = Build::default().set(PROXIES, "192.0.2.1").start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").allow("10.0.0.0/8").create().await;
    let token = key.ask("").from("192.0.2.1").header("x-forwarded-for", "10.1.2.3").send().await.token();
    let thousand = vec!["192.0.2.1"; 1000].join(",");
    let not = refused(403, "address");
    let xff = "x-forwarded-for";
    let rows: Vec<(&str, Vec<(&str, &str)>, _)> = vec![
        ("192.0.2.1", vec![(xff, "10.9.9.9")], admitted()),
        ("::ffff:192.0.2.1", vec![(xff, "::ffff:10.9.9.9")], admitted()),
        ("192.0.2.1", vec![(xff, "10.9.9.9:4711")], admitted()),
        ("192.0.2.1", vec![(xff, "8.8.8.8, 10.9.9.9")], admitted()),
        ("192.0.2.1", vec![(xff, "10.9.9.9"), (xff, "192.0.2.1")], admitted()),
        // The leftmost is the client's to write.
        ("192.0.2.1", vec![(xff, "10.9.9.9, 198.51.100.1")], not.clone()),
        ("192.0.2.1", vec![(xff, "10.9.9.9"), (xff, "198.51.100.1")], not.clone()),
        ("192.0.2.1", vec![(xff, &thousand)], not.clone()),
        // A hop that counts and cannot be read is no address.
        ("192.0.2.1", vec![(xff, "10.9.9.9, unknown")], not.clone()),
        ("192.0.2.1", vec![(xff, "10.9.9.9, fe80::1%eth0")], not.clone()),
        ("192.0.2.1", vec![(xff, "010.9.9.9")], not.clone()),
        ("192.0.2.1", vec![(xff, "10.9")], not.clone()),
        ("192.0.2.1", vec![], not.clone()),
        // Neither another header nor another peer.
        ("192.0.2.1", vec![("forwarded", "for=10.9.9.9"), ("x-real-ip", "10.9.9.9")], not.clone()),
        ("192.0.2.2", vec![(xff, "10.9.9.9")], not.clone()),
        ("198.51.100.1", vec![(xff, "10.9.9.9, 192.0.2.1")], not),
        ("10.9.9.9", vec![(xff, "198.51.100.1")], admitted()),
    ];
    for (peer, headers, expected) in rows {
        let question = verify(&shop, "").bearer(&token).from(peer);
        let question = headers.iter().fold(question, |question, (name, value)| question.header(name, value));
        assert_eq!(of(question).await, expected, "{peer} {headers:?}");
    }
}

#[tokio::test]
async fn the_other_header_counts_where_it_is_the_one() {
    let build = Build::default().set(PROXIES, "192.0.2.1");
    let app = build.set("PORTCULLIS_CLIENT_ADDRESS_HEADER", "forwarded").start().await;
    let shop = app.tenant("shop").await;
    let token = bound(&shop, "10.0.0.0/8", "10.1.2.3").await;
    let ask = |name, value| verify(&shop, "").bearer(&token).from("192.0.2.1").header(name, value);
    assert_eq!(of(ask("forwarded", "for=8.8.8.8, for=10.9.9.9;proto=https")).await, admitted());
    assert_eq!(of(ask("forwarded", "for=10.9.9.9, for=unknown")).await, refused(403, "address"));
    assert_eq!(of(ask("forwarded", "for=10.9.9.9;by=\", for=8.8.8.8")).await, refused(403, "address"));
    assert_eq!(of(ask("x-forwarded-for", "10.9.9.9")).await, refused(403, "address"));
}

#[tokio::test]
async fn mapped_addresses_are_ipv4_on_both_sides() {
    // S19, S20.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let plain = bound(&shop, "10.0.0.0/8 2001:db8::/32", "10.1.2.3").await;
    let mapped = bound(&shop, "::ffff:10.0.0.0/104 2001:db8::/32", "10.1.2.3").await;
    for (from, passes) in [
        ("10.0.0.0", true),
        ("10.255.255.255", true),
        ("11.0.0.0", false),
        ("9.255.255.255", false),
        ("::ffff:10.1.2.3", true),
        ("::ffff:a01:203", true),
        ("::ffff:11.0.0.0", false),
        ("::10.1.2.3", false),
        ("64:ff9b::10.1.2.3", false),
        ("2001:db8:ffff::1", true),
        ("2001:db9::", false),
        ("::1", false),
    ] {
        let expected = if passes { admitted() } else { refused(403, "address") };
        for token in [&plain, &mapped] {
            assert_eq!(of(verify(&shop, "").bearer(token).from(from)).await, expected, "{from}");
        }
    }
}

#[tokio::test]
async fn without_an_address_only_a_token_for_everywhere_passes() {
    // S22.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let free = shop.key("orders:read").create().await.token("").await;
    let anywhere = bound(&shop, "0.0.0.0/0 ::/0", "192.0.2.1").await;
    let ask = |token: &str| -> Send { verify(&shop, "").bearer(token).without_address() };
    assert_eq!(of(ask(&free)).await, admitted());
    assert_eq!(of(ask(&anywhere)).await, refused(403, "address"));
    assert_eq!(of(verify(&shop, "").bearer(&anywhere)).await, admitted());
}

#[tokio::test]
async fn a_tightened_allowlist_kills_the_tokens_and_a_loosened_one_gives_them_nothing() {
    // S21.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").allow("10.0.0.0/8").create().await;
    let token = key.ask("").from("10.1.2.3").send().await.token();
    let from = |place: &str| verify(&shop, "").bearer(&token).from(place);

    assert!(!key.edit(|details| details.allowlist = "10.0.0.0/8 192.0.2.0/24".parse().unwrap()).await);
    app.follow().await;

    assert_eq!(of(from("10.1.2.3")).await, admitted());
    assert_eq!(of(from("192.0.2.1")).await, refused(403, "address"));

    assert!(key.edit(|details| details.allowlist = "10.0.0.0/9".parse().unwrap()).await);
    app.follow().await;

    assert_eq!(of(from("10.1.2.3")).await, refused(401, "revoked"));
}
