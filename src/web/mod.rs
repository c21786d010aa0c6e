//! What every surface shares: the server's state, the caller's address, strict forms, bearer tokens,
//! how they are refused.

mod address;
mod app_headers;
mod bearer;
pub mod form;
mod metrics;
mod refused;
mod request_id;
mod server;
mod streams;
mod turns;

pub use address::{ClientAddress, is_from_proxy};
pub use app_headers::{NoAppHeaders, app_headers};
pub use bearer::{Bearer, NoBearer};
pub use form::{Form, FormError};
pub use metrics::{RefusedFor, metrics};
pub use refused::{Refused, no_store, origin};
pub use request_id::RequestId;
pub use server::{Error as BuildError, Parts, Server};
pub use streams::{AUDIT_STREAMS_PER_KEY, OpenStream, STREAMS_PER_KEY, Streams};
pub use turns::{Turn, Turns};
