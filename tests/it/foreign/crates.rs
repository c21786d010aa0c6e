//! The `oauth2` crate, on our own HTTP client.

use oauth2::basic::{BasicClient, BasicErrorResponseType};
use oauth2::{
    AccessToken, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, IntrospectionUrl,
    RequestTokenError, RevocationUrl, Scope, StandardRevocableToken, TokenIntrospectionResponse as _,
    TokenResponse as _, TokenUrl,
};
use serde_json::Value;

use super::Abroad;

/// Our own HTTP client. The crate revokes over https alone; what ends TLS before a server does so here.
async fn send(mut request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let plain = request.uri().to_string().replacen("https://", "http://", 1);
    *request.uri_mut() = plain.parse().unwrap();
    let answer = reqwest::Client::new().execute(request.try_into()?).await?;
    let mut response = oauth2::http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    Ok(response.body(answer.bytes().await?.to_vec()).unwrap())
}

fn secure(url: &str) -> String {
    url.replacen("http://", "https://", 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oauth2_crate_goes_through() {
    let abroad = Abroad::start().await;
    let shop = abroad.app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let found = format!("{}/.well-known/oauth-authorization-server", abroad.url);
    let metadata: Value = reqwest::get(found).await.unwrap().json().await.unwrap();
    let endpoint = |name: &str| metadata[name].as_str().unwrap().to_owned();

    for method in [AuthType::BasicAuth, AuthType::RequestBody] {
        let client = BasicClient::new(ClientId::new(key.id.to_string()))
            .set_client_secret(ClientSecret::new(key.secret.clone()))
            .set_auth_type(method.clone())
            .set_token_uri(TokenUrl::new(endpoint("token_endpoint")).unwrap())
            .set_introspection_url(IntrospectionUrl::new(endpoint("introspection_endpoint")).unwrap())
            .set_revocation_url(RevocationUrl::new(secure(&endpoint("revocation_endpoint"))).unwrap());
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
