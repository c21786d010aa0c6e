//! The description of the administrators' listener for programs: served at its `/openapi.json` and checked
//! in as `openapi/admin.json`. Each operation says which scope it needs; a test calls every one of them
//! without it, and with it.

mod answers;
mod bodies;
mod operations;
mod paths;
mod schemas;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Server};

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| document().to_pretty_json().expect("the document is JSON") + "\n");

/// `GET /openapi.json` on the administrators' listener.
pub(in crate::http) async fn serve() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

fn document() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Portcullis for administrators")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("See API keys, stop them, prove it. Times are Unix seconds."))
        .license(Some(license))
        .build();
    let mut token = Http::new(HttpAuthScheme::Bearer);
    token.description = Some(
        "A token of a key of the project `portcullis`. Each scope may be limited to one project: \
         `portcullis:project:prj_x:keys:write` instead of `portcullis:keys:write`. Writing covers reading; \
         `keys:write` covers `tokens:revoke`."
            .to_owned(),
    );
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas::all())
        .security_scheme("token", SecurityScheme::Http(token))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        .paths(paths::all())
        .components(Some(components))
        .build()
}
