//! The address that counts, at the server and in its log (threats S18, S19, S22), beyond what
//! `oauth::address` shows.

use crate::support::{App, Build, Listed as _};

const PROXIES: &str = "PORTCULLIS_CLIENT_ADDRESS_TRUSTED_PROXIES";

type Headers<'a> = &'a [(&'a str, &'a str)];

/// The address that the log has of a mint from the proxy 10.0.0.1 with these headers; none if it
/// was refused for its address.
async fn seen(app: &App, headers: Headers<'_>) -> Option<String> {
    let shop = app.tenant("shop").await;
    let key = shop.key("api").allow("0.0.0.0/0 ::/0").create().await;
    let request = headers.iter().fold(key.ask("").from("10.0.0.1"), |request, (n, v)| request.header(n, v));
    let answer = request.send().await;
    let logged = app.server.store.issued(&key.id, 2).await.unwrap().pop();
    if answer.status == 200 {
        return logged.unwrap().address;
    }
    assert_eq!(answer.refusal(), (400, "unauthorized_client".into()));
    assert!(logged.is_none(), "refused and logged");
    None
}

#[tokio::test]
async fn the_walk_goes_from_the_socket_outwards() {
    let app = Build::default().set(PROXIES, "10.0.0.0/8").start().await;
    let xff = "x-forwarded-for";
    let rows: [(Headers, Option<&str>); 13] = [
        (&[], Some("10.0.0.1")),
        (&[(xff, "198.51.100.1")], Some("198.51.100.1")),
        (&[(xff, "127.0.0.1, 198.51.100.1")], Some("198.51.100.1")),
        (&[(xff, "1.1.1.1, 198.51.100.1, 10.0.0.2")], Some("198.51.100.1")),
        // Several lines join in their order.
        (&[(xff, "1.1.1.1"), (xff, "198.51.100.1"), (xff, "10.0.0.2")], Some("198.51.100.1")),
        (&[(xff, "198.51.100.1"), (xff, "unknown")], None),
        (&[(xff, "10.0.0.3, 10.0.0.2")], Some("10.0.0.3")),
        (&[(xff, "::ffff:198.51.100.1")], Some("198.51.100.1")),
        (&[(xff, "::ffff:c633:6401")], Some("198.51.100.1")),
        (&[(xff, "[2001:db8::1]:4711")], Some("2001:db8::1")),
        (&[(xff, "\u{ff}")], None),
        // Neither the other standard header nor anything that resembles one.
        (&[("forwarded", "for=198.51.100.1"), ("x-real-ip", "198.51.100.2")], Some("10.0.0.1")),
        (&[("x-client-ip", "198.51.100.1"), ("true-client-ip", "198.51.100.2")], Some("10.0.0.1")),
    ];
    for (headers, expected) in rows {
        assert_eq!(seen(&app, headers).await.as_deref(), expected, "{headers:?}");
    }
}

#[tokio::test]
async fn the_other_header_counts_where_it_is_the_one() {
    let build = Build::default().set(PROXIES, "10.0.0.0/8");
    let app = build.set("PORTCULLIS_CLIENT_ADDRESS_HEADER", "forwarded").start().await;
    let rows: [(Headers, Option<&str>); 4] = [
        (&[("forwarded", "for=1.1.1.1, for=198.51.100.1;proto=https")], Some("198.51.100.1")),
        (&[("forwarded", "for=\"[2001:db8::1]\"")], Some("2001:db8::1")),
        (&[("forwarded", "for=_hidden")], None),
        (&[("x-forwarded-for", "198.51.100.1")], Some("10.0.0.1")),
    ];
    for (headers, expected) in rows {
        assert_eq!(seen(&app, headers).await.as_deref(), expected, "{headers:?}");
    }
}
