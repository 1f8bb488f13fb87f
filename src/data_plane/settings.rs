//! Limits and time-outs of the data plane, as `server` took them from the configuration.

use std::net::IpAddr;

use crate::http::head::HeadLimits;
use crate::limit::Rate;
use crate::plan::access_log::LogFormat;
use crate::plan::vpc::VpcEndpoints;

/// All of it is the same for all shards and does not change while they run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub head: HeadLimits,
    pub body_bytes_max: u64,
    /// Of answers that are not streamed.
    pub response_body_bytes_max: u64,
    /// Client connections of the whole process.
    pub connections_max: u64,
    /// From the first byte of a head to its last.
    pub head_timeout_ms: u64,
    /// Between requests of a connection.
    pub idle_timeout_ms: u64,
    /// Between two reads of a request's body.
    pub body_idle_timeout_ms: u64,
    /// Slower bodies are given up after `body_grace_ms`.
    pub body_bytes_per_second_min: u64,
    pub body_grace_ms: u64,
    /// While a client takes nothing of an answer.
    pub write_timeout_ms: u64,
    /// 0: no limit.
    pub requests_per_connection_max: u64,
    pub tls_handshake_timeout_ms: u64,
    pub upstream: UpstreamSettings,
    pub forwarding: ForwardingSettings,
    pub access_log: AccessLogSettings,
    pub compression: CompressionSettings,
    pub throttle: ThrottleSettings,
    pub cache: CacheSettings,
    pub function: FunctionSettings,
    pub authorizers: AuthorizerSettings,
    /// `$context.accountId`.
    pub account_id: Box<str>,
    /// Which clients come from which VPC.
    pub vpc_endpoints: VpcEndpoints,
}

#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    pub connect_timeout_ms: u64,
    /// How long a connection stays in the pool.
    pub idle_timeout_ms: u64,
    /// A shard and origin.
    pub idle_connections_max: usize,
    /// A shard and origin.
    pub connections_max: usize,
    pub response_head_bytes_max: usize,
    /// Between two reads of a response's body.
    pub response_idle_timeout_ms: u64,
    /// How often a request may be sent again.
    pub retries_max: u32,
    /// What is kept of a request's body, to send it again or to a mirror.
    pub replay_body_bytes_max: usize,
    /// Copies that are on their way to mirrors, a shard.
    pub mirrors_max: u32,
}

#[derive(Clone, Debug, Default)]
pub struct ForwardingSettings {
    /// Peers whose `X-Forwarded-*` and `Forwarded` are believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Sends `Forwarded` too. (RFC 7239.)
    pub forwarded_header: bool,
    /// The name for `Via`; `None` sends none.
    pub via: Option<Box<str>>,
    /// Fields that differ from a gateway's own by `_` or `.` for `-` are dropped rather than refused.
    pub drop_twins: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct ThrottleSettings {
    /// Of the account: all requests that find a method.
    pub account: Option<Rate>,
    /// Buckets that are kept for keys that nobody has listed.
    pub keyed_buckets_max: usize,
    /// What clients that are answered 429 are told.
    pub headers: ThrottleHeaders,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleHeaders {
    Off,
    RetryAfter,
    /// `RateLimit-Policy` and `RateLimit` too.
    All,
}

#[derive(Clone, Copy, Debug)]
pub struct CompressionSettings {
    /// 1 to 9.
    pub level: u32,
    /// Answers of a shard that are being compressed; one more goes out as it is.
    pub concurrent_max: u32,
    /// How many times as long as its compressed form a long request body may be.
    pub request_ratio_max: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct CacheSettings {
    /// For the answers that a shard keeps, of all stages.
    pub shard_bytes_max: u64,
    /// How long a request waits for another's answer.
    pub wait_ms: u64,
    /// Whether clients are told by `X-Cache`.
    pub header: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct FunctionSettings {
    /// Of what a function is invoked with.
    pub event_bytes_max: u64,
    /// Of what it answers; of a streamed answer nothing is kept.
    pub answer_bytes_max: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct AuthorizerSettings {
    /// For the decisions that a shard keeps.
    pub shard_bytes_max: u64,
    /// How long an authorizer may take.
    pub timeout_ms: u64,
    /// The longest answer of an authorizer.
    pub answer_bytes_max: u64,
    /// How far a signer's clock may be off.
    pub clock_skew_s: u64,
    /// Signers whose derived key a shard keeps.
    pub signing_keys_max: usize,
}

#[derive(Clone, Debug)]
pub struct AccessLogSettings {
    /// For stages without a format of their own, and where there is no stage.
    pub format: LogFormat,
    /// What a shard buffers for the writer while it is busy; records beyond are dropped and counted.
    pub buffer_bytes_max: usize,
}

/// A range of addresses: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    pub address: IpAddr,
    pub prefix_bits: u8,
}

impl Cidr {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix_bits.min(32));
                shift == 32 || network.to_bits() >> shift == address.to_bits() >> shift
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix_bits.min(128));
                shift == 128 || network.to_bits() >> shift == address.to_bits() >> shift
            }
            (IpAddr::V4(_), IpAddr::V6(address)) => {
                address.to_ipv4_mapped().is_some_and(|mapped| self.contains(IpAddr::V4(mapped)))
            }
            (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl ForwardingSettings {
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| range.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_their_addresses() {
        #[track_caller]
        fn check(range: (&str, u8), address: &str, expected: bool) {
            let range = Cidr { address: range.0.parse().expect("an address"), prefix_bits: range.1 };
            assert_eq!(range.contains(address.parse().expect("an address")), expected, "{range:?} {address}");
        }
        check(("10.0.0.0", 8), "10.255.0.1", true);
        check(("10.0.0.0", 8), "11.0.0.1", false);
        check(("10.0.0.1", 32), "10.0.0.1", true);
        check(("10.0.0.1", 32), "10.0.0.2", false);
        check(("0.0.0.0", 0), "203.0.113.9", true);
        check(("10.0.0.0", 8), "::ffff:10.1.2.3", true);
        check(("fd00::", 8), "fd12::1", true);
        check(("fd00::", 8), "fe80::1", false);
        check(("::", 0), "10.0.0.1", false);
    }
}
