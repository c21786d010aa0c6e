//! A key registered for one method is worth nothing by another (threat S9).

use portcullis::domain::AuthMethod;

use crate::support::{App, Key, Send};

const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];

/// The key, presented like this.
fn by(key: &Key<'_>, method: AuthMethod, path: &str) -> Send {
    let form = "grant_type=client_credentials&token=x";
    let (id, plain) = (key.id.as_str(), key.app.post(path, form));
    match method {
        AuthMethod::ClientSecretBasic => plain.basic(id, &key.secret),
        AuthMethod::ClientSecretPost => {
            plain.body(format!("{form}&client_id={id}&client_secret={}", key.secret).as_bytes())
        }
        AuthMethod::AppHeaders => plain.app_headers(id, &key.secret),
        AuthMethod::Bearer => plain.bearer(&key.secret),
    }
}

fn only(methods: &[AuthMethod]) -> portcullis::domain::AuthMethods {
    methods.iter().copied().collect()
}

#[tokio::test]
async fn a_key_registered_for_one_method_is_refused_by_each_other_one() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    for registered in AuthMethod::ALL {
        let key = shop.key("api").with(|key| key.auth_methods = only(&[registered])).create().await;
        for method in AuthMethod::ALL {
            for path in ENDPOINTS {
                let answer = by(&key, method, path).send().await;
                let expected = if method == registered { 200 } else { 401 };
                assert_eq!(answer.status, expected, "{method} of a key for {registered} at {path}");
                if expected == 401 {
                    assert_eq!(answer.error(), "invalid_client");
                    let challenge = if method == AuthMethod::Bearer { "Bearer" } else { "Basic" };
                    assert!(answer.header("www-authenticate").starts_with(challenge), "{method}");
                }
            }
        }
    }
}

/// Nobody learns the methods of a key whose secret is not theirs.
#[tokio::test]
async fn a_wrong_secret_is_told_nothing_of_the_methods() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let strict = shop.key("api").with(|key| key.auth_methods = only(&[AuthMethod::Bearer])).create().await;
    let open = shop.key("api").create().await;
    let mut answers = Vec::new();
    for key in [strict, open] {
        let key = Key { secret: "wrong".to_owned(), ..key };
        answers.push(by(&key, AuthMethod::ClientSecretBasic, "/oauth/token").send().await.whole());
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn an_edit_of_the_methods_holds_at_once_and_a_removal_kills_tokens() {
    use AuthMethod::{AppHeaders, ClientSecretBasic};
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let witness = shop.key("api portcullis:introspect").create().await;
    let alive = async |token: &str| witness.introspect(token).await.is_active();
    let token = key.token("").await;
    // Remembered records as well: the server has not heard of the edits yet.
    assert!(key.edit(|key| key.auth_methods = only(&[AppHeaders])).await, "not called narrowing");
    app.follow().await;
    assert!(!alive(&token).await);
    let basic = by(&key, ClientSecretBasic, "/oauth/token");
    assert_eq!(basic.clone().send().await.refusal(), (401, "invalid_client".into()));
    let token = by(&key, AppHeaders, "/oauth/token").send().await.token();

    assert!(!key.edit(|key| key.auth_methods = only(&[AppHeaders, ClientSecretBasic])).await);
    assert_eq!(basic.clone().send().await.status, 200, "a remembered record refuses nobody");
    app.follow().await;
    assert!(alive(&token).await);
    assert!(!key.edit(|key| key.auth_methods = only(&[])).await);
    app.follow().await;
    assert!(alive(&token).await);
    assert!(key.edit(|key| key.auth_methods = only(&AuthMethod::ALL)).await, "those yet to come are gone");
}

/// A method that is refused is no use of the secret.
#[tokio::test]
async fn a_method_that_is_refused_touches_nothing() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").with(|key| key.auth_methods = only(&[AuthMethod::Bearer])).create().await;
    assert_eq!(key.ask("").send().await.status, 401);
    assert!(format!("{:?}", app.server.uses).starts_with("Uses { noted: 0"));
    assert_eq!(by(&key, AuthMethod::Bearer, "/oauth/token").send().await.status, 200);
    assert!(format!("{:?}", app.server.uses).starts_with("Uses { noted: 1"));
}
