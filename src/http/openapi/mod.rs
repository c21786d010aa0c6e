//! The description of the public listener for programs: OpenAPI, served and checked in as
//! `openapi/oauth.json`. Codes, grants, algorithms and paths come from the code that answers with
//! them; a test holds the rest to real answers, and the paths to what is mounted.

pub(super) mod admin;
mod answers;
mod forward_auth;
mod paths;
mod schemas;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Server,
};

/// Where it is served.
pub(super) const PATH: &str = "/openapi.json";

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| document().to_pretty_json().expect("the document is JSON") + "\n");

/// `GET /openapi.json`.
pub(super) async fn serve() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

fn document() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Portcullis")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("API keys become narrowed 15-minute tokens that can be dropped within a minute."))
        .license(Some(license))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        .paths(paths::all())
        .components(Some(components()))
        .build()
}

fn components() -> Components {
    let http = |scheme, what: &str| {
        let mut http = Http::new(scheme);
        http.description = Some(what.to_owned());
        SecurityScheme::Http(http)
    };
    let header = |name: &str, what: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, what)))
    };
    ComponentsBuilder::new()
        .schemas_from_iter(schemas::all())
        .security_scheme(
            "basic",
            http(HttpAuthScheme::Basic, "Key id and secret, both form-encoded (RFC 6749 section 2.3.1)."),
        )
        .security_scheme("secret", http(HttpAuthScheme::Bearer, "A key's secret; it names its key."))
        .security_scheme("appId", header("X-App-Id", "The key id."))
        .security_scheme("appToken", header("X-App-Token", "The key's secret."))
        .security_scheme("token", http(HttpAuthScheme::Bearer, "An access token (RFC 6750)."))
        .build()
}
