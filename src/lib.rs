//! Portcullis: the token server that revokes.
