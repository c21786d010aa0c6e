//! Webhooks, from an act to a receiver on a socket.

mod administration;
mod destinations;
mod ended;
mod events;
mod nodes;
mod sending;
