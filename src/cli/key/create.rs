//! `portcullis key create`

use std::num::NonZeroU32;

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::cli::values::{self, Expiry};
use crate::domain::api_key::ADMINISTRATIVE;
use crate::domain::{
    Allowlist, Audience, AuthMethod, Catalogue, KeyDetails, Lifetime, ProjectId, RoleName, Scope, ScopeSet,
};

use super::view::{KeyRow, Shown};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The project that the key is for; `portcullis` for an administrator's.
    #[arg(long, value_name = "ID")]
    project: ProjectId,
    /// What people call the key.
    #[arg(long)]
    name: Option<String>,
    /// What its tokens may do at most; repeatable, or divided by commas or spaces.
    #[arg(long = "permission", value_name = "SCOPE", value_parser = values::scopes)]
    permissions: Vec<ScopeSet>,
    /// The role of the project that it has, whose permissions are its own too.
    #[arg(long, value_name = "NAME")]
    role: Option<RoleName>,
    /// Where it and its tokens may be used from [default: anywhere]; repeatable.
    #[arg(long, value_name = "CIDR", value_parser = values::networks)]
    allow: Vec<Allowlist>,
    /// What its tokens may be meant for, the default first [default: the project's]; repeatable.
    #[arg(long = "audience", value_name = "URI")]
    audiences: Vec<Audience>,
    /// How long its tokens live, such as 5m [default: 15m].
    #[arg(long, value_name = "SPAN", value_parser = values::lifetime)]
    token_lifetime: Option<Lifetime>,
    /// A request must name the scope that it wants.
    #[arg(long)]
    require_scope: bool,
    /// How many of its tokens may live at once [default: any number].
    #[arg(long, value_name = "N")]
    live_tokens: Option<NonZeroU32>,
    /// How it authenticates [default: any way]; repeatable.
    #[arg(long = "auth-method", value_name = "METHOD", value_parser = values::auth_method())]
    auth_methods: Vec<AuthMethod>,
    /// When it ends: 30d, 2027-01-31, 2027-01-31T12:00:00Z or Unix seconds [default: never].
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let project = args.project.clone();
    let details = args.details(session)?;
    let (key, secret) = session.acts.create_key(&project, details).await?;
    let catalogue = session.store().catalogue(&project).await?;
    warn(session, &key.project, &key.details, &catalogue);
    session.output.show(&Shown { key: KeyRow::from(key), secret: secret.expose() })
}

impl Args {
    fn details(self, session: &Session) -> Result<KeyDetails, Failure> {
        let administrative = self.project.as_str() == ProjectId::ADMINISTRATION;
        let mut permissions = values::all_scopes(&self.permissions);
        if administrative && permissions.is_empty() && self.role.is_none() {
            // Whoever has lost the administrators' key needs all that it could do.
            permissions =
                ADMINISTRATIVE.iter().map(|scope| scope.parse().expect("a constant scope")).collect();
        }
        let name = self.name.or_else(|| administrative.then(|| "administrator".to_owned()));
        Ok(KeyDetails {
            name: name
                .ok_or_else(|| Failure::Usage("--name is missing; say what people call the key".into()))?,
            permissions,
            role: self.role,
            allowlist: values::all_networks(&self.allow)?,
            audiences: self.audiences,
            token_lifetime: self.token_lifetime,
            require_scope: self.require_scope,
            live_tokens: self.live_tokens,
            auth_methods: self.auth_methods.into_iter().collect(),
            expires_at: self.expires.map(|expiry| expiry.from(session.acts.clock.now())).transpose()?,
        })
    }
}

/// Names what was done as asked but may not have been meant.
pub(super) fn warn(session: &Session, project: &ProjectId, details: &KeyDetails, catalogue: &Catalogue) {
    if details.permissions.is_empty() && details.role.is_none() {
        session.output.warn("the key has no permissions, so it can mint no token; add some with `key edit`");
    }
    warn_of_unknown(session, project, &details.permissions, catalogue);
    if details.allowlist.names_everything() {
        session.output.warn("the allowlist names every address of IPv4 or IPv6, so it keeps nobody out");
    }
}

/// Names the permissions that the catalogue does not know.
pub(in crate::cli) fn warn_of_unknown(
    session: &Session,
    project: &ProjectId,
    permissions: &ScopeSet,
    catalogue: &Catalogue,
) {
    let administrative = project.as_str() == ProjectId::ADMINISTRATION;
    let unknown: Vec<_> = permissions.iter().filter(|scope| !is_known(scope, catalogue)).collect();
    if !administrative && !unknown.is_empty() {
        let names: Vec<_> = unknown.iter().map(|scope| scope.as_str()).collect();
        let names = names.join(" ");
        session.output.warn(&format!("not in the project's scope catalogue: {names}; is it spelt as meant?"));
    }
}

/// Whether a scope stands in the catalogue, or a wildcard connects it with one that does.
pub(super) fn is_known(scope: &Scope, catalogue: &Catalogue) -> bool {
    let mut known =
        catalogue.iter().flat_map(|(scope, entry)| [scope].into_iter().chain(entry.includes.iter()));
    scope.is_reserved() || known.any(|known| known.covers(scope) || scope.covers(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CatalogueScope;

    #[test]
    fn a_permission_is_known_by_name_by_include_and_by_wildcard() {
        let api = CatalogueScope { includes: "orders:read".parse().unwrap(), ..Default::default() };
        let catalogue = Catalogue::default()
            .with("api".parse().unwrap(), api)
            .with("campaign:*".parse().unwrap(), CatalogueScope::default());
        for (scope, known) in [
            ("api", true),
            ("orders:read", true),
            ("orders:*", true),
            ("campaign:1:read", true),
            ("portcullis:introspect", true),
            ("orders", false),
            ("orders:write", false),
            ("ap", false),
        ] {
            assert_eq!(is_known(&scope.parse().unwrap(), &catalogue), known, "{scope}");
        }
    }
}
