//! The real services behind the ports: everything here needs a network.

pub mod feed_http;

#[cfg(test)]
pub(crate) mod loopback;
