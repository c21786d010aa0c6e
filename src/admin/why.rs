//! Why somebody acts: `reason` and `note`, as every act on a key takes them.

use crate::domain::Reason;
use crate::keys::acts::Why;

use super::body::{Fields, FromFields};
use super::problem::Problem;

/// The longest note, in characters.
const LONGEST_NOTE: usize = 1000;

/// A body that says why, or nothing.
pub(super) struct Because(pub(super) Why);

impl FromFields for Because {
    const MAY_BE_ABSENT: bool = true;

    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        take_why(fields).map(Self)
    }
}

/// Takes what is said about it.
///
/// # Errors
/// [`Problem::Value`].
pub(super) fn take_why(fields: &mut Fields) -> Result<Why, Problem> {
    let reason: Option<String> = fields.take("reason")?.given();
    let reason = reason.map(|word| word.parse::<Reason>()).transpose();
    let reason = reason.map_err(|error| Problem::value("reason", error))?.unwrap_or_default();
    let note: Option<String> = fields.take("note")?.given();
    if note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE || note.contains('\0')) {
        return Err(Problem::value("note", format!("a note has at most {LONGEST_NOTE} characters")));
    }
    Ok(Why { reason, note })
}
