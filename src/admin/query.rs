//! The query of a list: filters, `limit`, `cursor`; read strictly. A cursor is opaque and marked: one that
//! this list did not give for this question is refused (threat S37).

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::Timestamp;
use crate::domain::hygiene::Days;
use crate::web::{Form, Server};

use super::problem::Problem;
use super::view::Page;

/// The longest query, in bytes.
const MAX_QUERY_BYTES: usize = 4096;
/// How long a part of a list is, if nobody says.
const USUAL: u32 = 100;
/// The longest part of a list.
pub(super) const MOST: u32 = 1000;
/// The longest text to look for, in bytes.
const LONGEST_TEXT: usize = 512;

/// A query. Whoever takes parameters from it says in the end that these were all.
#[derive(Debug)]
pub(super) struct Query {
    list: String,
    left: Vec<(String, String)>,
    /// What the cursor belongs to: the list and what it was asked for.
    question: Vec<String>,
}

/// Somebody reads the query of this request.
#[derive(Clone, Copy)]
struct Taken;

/// Whether a query that nobody has read is empty: what would be ignored is refused, as `unblock?wait=applied`,
/// whose sender would believe that it was waited for.
///
/// # Errors
/// [`Problem::InvalidRequest`].
pub(super) fn check_untaken(parts: &Parts) -> Result<(), Problem> {
    let is_empty = parts.uri.query().is_none_or(str::is_empty);
    if is_empty || parts.extensions.get::<Taken>().is_some() {
        Ok(())
    } else {
        Err(Problem::InvalidRequest("this operation takes no query"))
    }
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub(super) struct Part<T> {
    /// What comes after this one.
    pub(super) after: Option<T>,
    /// At most so much.
    pub(super) limit: u32,
    question: Vec<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.insert(Taken);
        Self::read(parts.uri.path(), parts.uri.query().unwrap_or_default())
    }
}

impl Query {
    fn read(list: &str, query: &str) -> Result<Self, Problem> {
        if query.len() > MAX_QUERY_BYTES {
            return Err(Problem::InvalidRequest("the query is too long"));
        }
        let unreadable = |_| Problem::InvalidRequest("the query cannot be read, or names a parameter twice");
        let form = Form::read(query.as_bytes()).map_err(unreadable)?;
        let left: Vec<_> = form.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        // As if it were not there would be the whole list, where somebody's variable is empty.
        if left.iter().any(|(_, value)| value.is_empty()) {
            return Err(Problem::InvalidRequest("a parameter of the query is empty"));
        }
        let mut question: Vec<String> = left
            .iter()
            .filter(|(name, _)| !["cursor", "limit", "after"].contains(&name.as_str()))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        question.sort_unstable();
        question.insert(0, list.to_owned());
        Ok(Self { list: list.to_owned(), left, question })
    }

    /// Takes a parameter.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`] with `why` if it cannot be.
    pub(super) fn take<T: FromStr>(&mut self, name: &str, why: &'static str) -> Result<Option<T>, Problem> {
        let Some(at) = self.left.iter().position(|(known, _)| known == name) else { return Ok(None) };
        let (_, value) = self.left.swap_remove(at);
        value.parse().map(Some).map_err(|_| Problem::InvalidRequest(why))
    }

    /// Takes the text to search for.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`] for one that nothing can contain.
    pub(super) fn text(&mut self) -> Result<Option<String>, Problem> {
        self.printable("q")
    }

    /// Takes a text that may stand in a row.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`].
    pub(super) fn printable(&mut self, name: &str) -> Result<Option<String>, Problem> {
        const WHY: &str = "a text to look for has at most 512 bytes and no control characters";
        let text: Option<String> = self.take(name, WHY)?;
        let fits = |text: &String| text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control);
        if text.as_ref().is_none_or(fits) { Ok(text) } else { Err(Problem::InvalidRequest(WHY)) }
    }

    /// Takes a time, in Unix seconds.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`].
    pub(super) fn moment(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        const WHY: &str = "a time is in Unix seconds";
        let secs: Option<i64> = self.take(name, WHY)?;
        // Beyond the year 9999 somebody means milliseconds.
        let fits = |secs: &i64| (0..=253_402_300_799).contains(secs);
        if secs.as_ref().is_none_or(fits) {
            Ok(secs.map(Timestamp::from_secs))
        } else {
            Err(Problem::InvalidRequest(WHY))
        }
    }

    /// Takes a number of days.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`].
    pub(super) fn days(&mut self, name: &str) -> Result<Option<Days>, Problem> {
        const WHY: &str = "a number of days is whole, from 1 to 36525";
        let Some(days) = self.take(name, WHY)? else { return Ok(None) };
        Days::new(days).map(Some).ok_or(Problem::InvalidRequest(WHY))
    }

    /// Takes one of these words.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`].
    pub(super) fn one_of(&mut self, name: &str, words: &[&str]) -> Result<Option<String>, Problem> {
        const WHY: &str = "a parameter of the query is none of the words that it can be";
        let word: Option<String> = self.take(name, WHY)?;
        let is_known = word.as_ref().is_none_or(|word| words.contains(&word.as_str()));
        if is_known { Ok(word) } else { Err(Problem::InvalidRequest(WHY)) }
    }

    /// Takes what is left: which part of the list, and nothing else.
    ///
    /// # Errors
    /// [`Problem::Cursor`]; [`Problem::InvalidRequest`] for a parameter that nobody took.
    pub(super) fn part<T: FromStr>(mut self, server: &Server) -> Result<Part<T>, Problem> {
        let limit = self.take("limit", "`limit` is a number from 1 to 1000")?.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::InvalidRequest("`limit` is a number from 1 to 1000"));
        }
        let cursor: Option<String> = self.take("cursor", "")?;
        let after = self.take("after", "`after` is the name of no item of this list")?;
        let after = match cursor {
            Some(_) if after.is_some() => {
                return Err(Problem::InvalidRequest("a list goes on at `cursor` or after `after`, not both"));
            }
            Some(cursor) => Some(opened(server, &self.question, &cursor)?),
            None => after,
        };
        let Self { question, .. } = self.end()?;
        Ok(Part { after, limit, question })
    }

    /// Nothing is left.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`].
    pub(super) fn end(self) -> Result<Self, Problem> {
        if self.left.is_empty() {
            Ok(self)
        } else {
            tracing::debug!(list = %self.list, "a query has a parameter that is not known");
            Err(Problem::InvalidRequest("a parameter of the query is not known here"))
        }
    }
}

impl<T> Part<T> {
    /// The rows, of which one more was asked for, as a page whose `next` only this question understands.
    pub(super) fn page<R>(&self, server: &Server, rows: Vec<R>, name: impl FnOnce(&R) -> String) -> Page<R> {
        Page::cut(rows, self.limit, |last| sealed(server, &self.question, &name(last)))
    }

    /// Some rows out of those that were looked at, and the name of the last that was, if there are more.
    pub(super) fn page_up_to<R>(&self, server: &Server, items: Vec<R>, last: Option<String>) -> Page<R> {
        Page { items, next: last.map(|last| sealed(server, &self.question, &last)) }
    }

    /// How many rows are read: one more tells whether there is another page.
    pub(super) const fn rows(&self) -> u32 {
        self.limit + 1
    }
}

fn mark(server: &Server, question: &[String], name: &str) -> [u8; 16] {
    let parts: Vec<&[u8]> = question.iter().map(String::as_bytes).chain([name.as_bytes()]).collect();
    server.mark("cursor", &parts)
}

fn sealed(server: &Server, question: &[String], name: &str) -> String {
    URL_SAFE_NO_PAD.encode([&mark(server, question, name)[..], name.as_bytes()].concat())
}

fn opened<T: FromStr>(server: &Server, question: &[String], cursor: &str) -> Result<T, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Problem::Cursor)?;
    let (marked, name) = bytes.split_at_checked(16).ok_or(Problem::Cursor)?;
    let name = std::str::from_utf8(name).map_err(|_| Problem::Cursor)?;
    if *marked != mark(server, question, name) {
        return Err(Problem::Cursor);
    }
    name.parse().map_err(|_| Problem::Cursor)
}
