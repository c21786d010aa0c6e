//! Judges Portcullis access tokens.
