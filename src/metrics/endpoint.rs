//! What was asked for, as a label: a few words, whatever strangers ask for.

/// A part of what is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Tokens.
    Token,
    /// Introspection.
    Introspect,
    /// Revocation of tokens.
    Revoke,
    /// What proxies ask.
    Verify,
    /// `/v1/auth/verify`.
    Judge,
    /// The feed of revocations.
    Feed,
    /// Reports of leaked secrets, and holders who block their own keys.
    Leaks,
    /// Metadata, key sets, descriptions.
    Documents,
    /// Whether the server is well, and this page.
    Health,
    /// Administration.
    Admin,
    /// All else, also what is not there.
    Other,
}

impl Endpoint {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Token,
        Self::Introspect,
        Self::Revoke,
        Self::Verify,
        Self::Judge,
        Self::Feed,
        Self::Leaks,
        Self::Documents,
        Self::Health,
        Self::Admin,
        Self::Other,
    ];

    /// By the template of the route; none is what is not there.
    #[must_use]
    pub fn of(route: Option<&str>) -> Self {
        match route.unwrap_or_default() {
            "/oauth/token" | "/v1/oauth/token" => Self::Token,
            "/oauth/introspect" | "/v1/oauth/introspect" => Self::Introspect,
            "/oauth/revoke" | "/v1/oauth/token/revoke" => Self::Revoke,
            "/verify" => Self::Verify,
            "/v1/auth/verify" => Self::Judge,
            "/oauth/revocations" => Self::Feed,
            "/v1/leaks" | "/v1/leaks/signed" | "/v1/key/block" => Self::Leaks,
            "/healthz" | "/readyz" | "/metrics" => Self::Health,
            "/openapi.json" => Self::Documents,
            path if path.starts_with("/.well-known/") => Self::Documents,
            path if path.starts_with("/admin/") => Self::Admin,
            _ => Self::Other,
        }
    }

    /// Whether it decides about keys or tokens.
    pub(super) const fn decides(self) -> bool {
        !matches!(self, Self::Documents | Self::Health | Self::Admin | Self::Other)
    }

    /// As the page names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::Verify => "verify",
            Self::Judge => "judge",
            Self::Feed => "feed",
            Self::Leaks => "leaks",
            Self::Documents => "documents",
            Self::Health => "health",
            Self::Admin => "admin",
            Self::Other => "other",
        }
    }
}
