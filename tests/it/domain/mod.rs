//! The rules, over random catalogues, keys, requests, addresses and times.

mod applied;
mod arbitrary;
mod authority;
mod catalogue;
mod edit;
mod feed;
mod grant;
mod hygiene;
mod raw_key;
mod scan;
mod signing_key;
