//! What a request needs, as the proxy says: in the query of its own URL, never in the client's.
//!
//! Whatever cannot be read, stands twice, is empty, or is not known is a proxy that was set up
//! wrongly, and nobody is admitted: a misspelt `scope` would otherwise open what it was to guard, and
//! so would a variable that nobody set.

use axum::http::HeaderMap;

use crate::domain::grant::default_audience;
use crate::domain::{Audience, ProjectId, ScopeSet};
use crate::web::{Form, Server};

/// What a proxy may say.
const PARAMETERS: [&str; 3] = ["project", "scope", "audience"];
/// Scope values beyond those of the URL, from whoever stands between: they only add.
const MORE_SCOPE: &str = "x-required-scope";
/// The longest query, and the longest [`MORE_SCOPE`], in bytes: what is needed comes back in a header.
const MOST_BYTES: usize = 2048;

/// What a request needs.
#[derive(Debug)]
pub(super) struct Needed {
    /// Whose tokens pass.
    pub project: ProjectId,
    /// What they must cover.
    pub scope: ScopeSet,
    /// For whom they are meant: one of these.
    pub audiences: Vec<Audience>,
}

impl Needed {
    /// Reads the query and the header.
    ///
    /// # Errors
    /// What is wrong with them, in words for the proxy's owner.
    pub(super) fn read(
        query: Option<&str>,
        headers: &HeaderMap,
        server: &Server,
    ) -> Result<Self, &'static str> {
        let form = read_query(query.unwrap_or_default())?;
        let project = match form.get("project").map(str::parse) {
            Some(named) => named.map_err(|_| "`project` is not a project's id")?,
            None => server.default_project.clone().ok_or("`project` is missing")?,
        };
        let mut scope: ScopeSet = form
            .get("scope")
            .unwrap_or_default()
            .parse()
            .map_err(|_| "`scope` is not a list of scope values")?;
        scope.extend(more_scope(headers)?.iter().cloned());
        let audiences: Result<Vec<Audience>, _> = form.all("audience").map(str::parse).collect();
        let mut audiences = audiences.map_err(|_| "`audience` is not a name of visible ASCII without `#`")?;
        if audiences.is_empty() {
            audiences.push(default_audience(&project, &server.issuer));
        }
        Ok(Self { project, scope, audiences })
    }
}

fn read_query(query: &str) -> Result<Form, &'static str> {
    if query.len() > MOST_BYTES {
        return Err("the query is too long");
    }
    let form =
        Form::read(query.as_bytes()).map_err(|_| "the query cannot be read, or names something twice")?;
    if form.pairs().any(|(name, _)| !PARAMETERS.contains(&name)) {
        return Err("the query names something else than `project`, `scope` and `audience`");
    }
    if form.pairs().any(|(_, value)| value.is_empty()) {
        return Err("a parameter is empty: leave out what is not needed");
    }
    Ok(form)
}

/// All lines of the header together.
fn more_scope(headers: &HeaderMap) -> Result<ScopeSet, &'static str> {
    const WRONG: &str = "`X-Required-Scope` is not a list of scope values";
    let mut more = ScopeSet::default();
    let mut length = 0;
    for line in headers.get_all(MORE_SCOPE) {
        length += line.len();
        if length > MOST_BYTES {
            return Err(WRONG);
        }
        let values: ScopeSet = line.to_str().map_err(|_| WRONG)?.parse().map_err(|_| WRONG)?;
        more.extend(values.iter().cloned());
    }
    Ok(more)
}
