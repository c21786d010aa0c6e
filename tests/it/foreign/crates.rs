//! The `oauth2` crate, over TLS from end to end: it revokes over https alone.

use std::fs;

use oauth2::basic::{BasicClient, BasicErrorResponseType};
use oauth2::{
    AccessToken, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, IntrospectionUrl,
    RequestTokenError, RevocationUrl, Scope, StandardRevocableToken, TokenIntrospectionResponse as _,
    TokenResponse as _, TokenUrl,
};
use serde_json::Value;

use super::Abroad;

/// An HTTP client that believes the server's authority alone.
fn http(abroad: &Abroad) -> reqwest::Client {
    let authority = fs::read(abroad.authority.as_ref().unwrap().path("ca.pem")).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    reqwest::Client::builder().no_proxy().https_only(true).tls_certs_only([authority]).build().unwrap()
}

async fn send(http: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let answer = http.execute(request.try_into()?).await?;
    let mut response = oauth2::http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    Ok(response.body(answer.bytes().await?.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oauth2_crate_goes_through() {
    let abroad = Abroad::start_securely().await;
    let http = http(&abroad);
    let send = |request| send(&http, request);
    let shop = abroad.app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let found = format!("{}/.well-known/oauth-authorization-server", abroad.url);
    let metadata: Value = http.get(found).send().await.unwrap().json().await.unwrap();
    let endpoint = |name: &str| metadata[name].as_str().unwrap().to_owned();

    for method in [AuthType::BasicAuth, AuthType::RequestBody] {
        let client = BasicClient::new(ClientId::new(key.id.to_string()))
            .set_client_secret(ClientSecret::new(key.secret.clone()))
            .set_auth_type(method.clone())
            .set_token_uri(TokenUrl::new(endpoint("token_endpoint")).unwrap())
            .set_introspection_url(IntrospectionUrl::new(endpoint("introspection_endpoint")).unwrap())
            .set_revocation_url(RevocationUrl::new(endpoint("revocation_endpoint")).unwrap());
        let ask = |scope: &str| {
            let ask = client.exchange_client_credentials().add_scope(Scope::new(scope.into()));
            async move { ask.request_async(&send).await }
        };
        let token: AccessToken = ask("orders:read").await.unwrap().access_token().clone();
        let is_active = || async { client.introspect(&token).request_async(&send).await.unwrap().active() };

        assert!(is_active().await, "{method:?}");
        let revocable = StandardRevocableToken::AccessToken(token.clone());
        client.revoke_token(revocable).unwrap().request_async(&send).await.unwrap();
        assert!(!is_active().await, "{method:?}");

        let refused = ask("orders:write").await.unwrap_err();
        let RequestTokenError::ServerResponse(refused) = refused else { panic!("{refused:?}") };
        assert_eq!(*refused.error(), BasicErrorResponseType::InvalidScope);
    }
    abroad.wire.stop().await;
}
