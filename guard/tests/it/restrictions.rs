//! What a good token may still not do: scope, address, origin, proof.

use std::net::IpAddr;

use portcullis_guard::{Place, Refusal, Required, ScopeSet, Whose};
use serde_json::{Value, json};

use crate::support::*;

fn from(address: Option<&str>, ips: &Value) -> Option<Refusal> {
    let address = Place::From(address.map(read::<IpAddr>));
    Court { address, ..Court::new() }.refusal(&ES256.token(&claims_with("ips", ips.clone())))
}

#[test]
fn each_wanted_scope_must_be_covered() {
    let wanting = |scope: &str| {
        let refused = Court { scope: read(scope), ..Court::new() }.refusal(&ES256.token(&claims()));
        assert!([None, Some(Refusal::Scope)].contains(&refused));
        refused.is_none()
    };
    for scope in ["", "orders:read", "vouchers:v1", "orders:read vouchers:v1:read", "vouchers:*"] {
        assert!(wanting(scope), "{scope}");
    }
    for scope in
        ["orders", "orders:*", "orders:write", "vouchers", "orders:read admin", "portcullis:keys:read"]
    {
        assert!(!wanting(scope), "{scope}");
    }
}

#[test]
fn a_token_without_scope_values_passes_where_none_is_wanted() {
    let token = ES256.token(&claims_with("scope", ""));
    assert_eq!(refusal(&token), Some(Refusal::Scope));
    assert_eq!(Court { scope: ScopeSet::default(), ..Court::new() }.refusal(&token), None);
}

#[test]
fn a_wildcard_token_does_not_reach_the_servers_own_scopes() {
    let token = ES256.token(&claims_with("scope", "portcullis:*"));
    for scope in ["portcullis:introspect", "portcullis:revocations", "portcullis:keys:write"] {
        let refused = Court { scope: read(scope), ..Court::new() }.refusal(&token);
        assert_eq!(refused, Some(Refusal::Scope), "{scope}");
    }
}

#[test]
fn a_restricted_token_passes_from_its_networks_only() {
    let ips = json!(["192.0.2.0/24", "2001:db8::/32"]);
    for inside in ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.7", "::ffff:c000:207", "2001:db8::1"] {
        assert_eq!(from(Some(inside), &ips), None, "{inside}");
    }
    for outside in
        ["192.0.3.0", "::192.0.2.7", "::ffff:192.0.3.7", "2001:db9::1", "127.0.0.1", "0.0.0.0", "::"]
    {
        assert_eq!(from(Some(outside), &ips), Some(Refusal::Address), "{outside}");
    }
    assert_eq!(from(Some("192.0.2.7"), &json!(["::ffff:192.0.2.0/120"])), None, "a rule written as mapped");
}

#[test]
fn a_restricted_token_without_an_address_is_refused_even_for_everywhere() {
    assert_eq!(from(None, &json!(["192.0.2.0/24"])), Some(Refusal::Address));
    assert_eq!(from(None, &json!(["0.0.0.0/0", "::/0"])), Some(Refusal::Address));
    let unrestricted = Court { address: Place::From(None), ..Court::new() };
    assert_eq!(unrestricted.refusal(&ES256.token(&claims())), None);
}

#[test]
fn an_address_is_not_judged_only_where_the_asker_says_so() {
    let court = Court { address: Place::NotJudged, ..Court::new() };
    assert_eq!(court.refusal(&ES256.token(&claims_with("ips", json!(["198.51.100.1"])))), None);
}

#[test]
fn a_list_of_networks_that_names_none_or_something_else_is_no_claim() {
    let wrong = [
        json!([]),
        json!(null),
        json!(""),
        json!("192.0.2.0/24"),
        json!({}),
        json!([[]]),
        json!([null]),
        json!([""]),
        json!([7]),
        json!(["192.0.2.7/24"]),
        json!(["192.0.2.0/33"]),
        json!(["192.0.2.0/24", "x"]),
        json!(false),
        (0..33).map(|n| format!("10.0.{n}.0/24")).collect(),
    ];
    for ips in wrong {
        assert_eq!(from(Some("192.0.2.7"), &ips), Some(Refusal::Claims), "{ips}");
    }
}

#[test]
fn a_token_bound_to_origins_passes_from_exactly_those() {
    let token =
        ES256.token(&claims_with("org", json!(["https://shop.example.com", "http://localhost:3000"])));
    let at = |origin| Court { origin, ..Court::new() }.refusal(&token);
    assert_eq!(at(Some("https://shop.example.com")), None);
    assert_eq!(at(Some("http://localhost:3000")), None);
    let wrong = [
        "",
        "null",
        "*",
        "https://shop.example.com/",
        "https://shop.example.com:443",
        "http://shop.example.com",
        "https://SHOP.example.com",
        "https://shop.example.com.evil.example",
        "https://evilshop.example.com",
        "https://a.shop.example.com",
        "shop.example.com",
        "http://localhost",
    ];
    for origin in wrong.map(Some).into_iter().chain([None]) {
        assert_eq!(at(origin), Some(Refusal::Origin), "{origin:?}");
    }
}

#[test]
fn a_binding_that_binds_to_nothing_is_never_read_as_no_binding() {
    let table = [
        ("org", json!([]), Refusal::Origin),
        ("org", json!(null), Refusal::Claims),
        ("org", json!("https://shop.example.com"), Refusal::Claims),
        ("org", json!([null]), Refusal::Claims),
        ("cnf", json!({}), Refusal::Proof),
        ("cnf", json!(null), Refusal::Proof),
        ("cnf", json!(false), Refusal::Proof),
        ("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }), Refusal::Proof),
        ("cnf", json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }), Refusal::Proof),
        ("sub_kind", json!(null), Refusal::Claims),
    ];
    for (name, value, expected) in table {
        for origin in [None, Some("https://shop.example.com"), Some("")] {
            let refused =
                Court { origin, ..Court::new() }.refusal(&ES256.token(&claims_with(name, value.clone())));
            assert_eq!(refused, Some(expected), "{name} {value} from {origin:?}");
        }
    }
}

#[test]
fn who_asks_for_no_audience_of_ours_gets_nobody_in() {
    let court = Court::new();
    let scope = ScopeSet::default();
    let asking = |audience| Required { scope: &scope, audience, address: Place::NotJudged, origin: None };
    let judge = |audience| court.verifier.judge(&ES256.token(&claims()), &asking(audience), &court.gate());
    assert_eq!(judge(Whose::OneOf(&[])).unwrap_err(), Refusal::Audience);
    assert!(judge(Whose::Any).is_ok());
}
