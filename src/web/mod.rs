//! What every surface shares: the server's state, the caller's address, strict forms, bearer tokens.

mod address;
mod bearer;
pub mod form;
mod request_id;
mod server;
mod turns;

pub use address::ClientAddress;
pub use bearer::{Bearer, NoBearer};
pub use form::{Form, FormError};
pub use request_id::RequestId;
pub use server::{Error as BuildError, Parts, Server};
pub use turns::{Turn, Turns};
