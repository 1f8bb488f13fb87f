//! The counters that belong to no method: one enum, with the table that names them for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one metric name; `members` has each with its labels as they stand between the braces.
pub struct Family {
    /// Without the prefix `tollgate_`.
    pub name: &'static str,
    pub help: &'static str,
    pub members: &'static [(Counter, &'static str)],
}

macro_rules! counters {
    ($($name:literal $help:literal { $($(#[$doc:meta])* $variant:ident $labels:literal,)* })*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Counter { $($($(#[$doc])* $variant,)*)* }

        impl Counter {
            pub const ALL: &'static [Counter] = &[$($(Counter::$variant,)*)*];
        }

        /// Every counter, in the order of the exposition.
        pub const FAMILIES: &[Family] = &[
            $(Family { name: $name, help: $help, members: &[$((Counter::$variant, $labels),)*] },)*
        ];
    };
}

counters! {
    "connections_accepted_total" "Client connections accepted." { ConnectionsAccepted "", }
    "connections_handed_over_total" "Client connections given to a less loaded shard." { ConnectionsHandedOver "", }
    "connections_refused_total" "Client connections closed at once because a limit was reached." {
        ConnectionsRefused "",
    }
    "client_aborts_total" "Exchanges that the client broke off." { ClientAborts "", }
    "authorizations_total" "Requests to methods with an authorizer, by what was decided and how." {
        /// By a decision that was kept.
        AuthorizerKept r#"result="kept""#,
        AuthorizerAsked r#"result="asked""#,
        /// Without what the authorizer decides about, and nobody was asked.
        AuthorizerNoIdentity r#"result="no_identity""#,
        AuthorizerUnauthorized r#"result="unauthorized""#,
        AuthorizerDenied r#"result="denied""#,
        /// The authorizer could not be asked, or answered nonsense.
        AuthorizerFailed r#"result="failed""#,
    }
    "received_bytes_total" "Bytes received from clients." { BytesReceived "", }
    "sent_bytes_total" "Bytes sent to clients." { BytesSent "", }
    "unrouted_requests_total" "Requests that were answered or dropped before a route was known, by cause." {
        UnroutedBadRequest r#"cause="bad_request""#,
        /// No stage has the host and path prefix.
        UnroutedNoStage r#"cause="no_stage""#,
        /// The stage has no such resource or method.
        UnroutedNoRoute r#"cause="no_route""#,
        /// The host is a custom domain name with mutual TLS, and the connection's client was not verified for it.
        UnroutedNoClientCertificate r#"cause="no_client_certificate""#,
        UnroutedHeadTimeout r#"cause="head_timeout""#,
        UnroutedHeaderTooLarge r#"cause="header_too_large""#,
        UnroutedTargetTooLong r#"cause="target_too_long""#,
    }
    "throttled_requests_total" "Requests that were answered 429, by the limit that they met." {
        ThrottledByAccount r#"scope="account""#,
        ThrottledByMethod r#"scope="method""#,
        /// A key's limit in its usage plan.
        ThrottledByUsagePlan r#"scope="usage_plan""#,
        ThrottledByUsagePlanMethod r#"scope="usage_plan_method""#,
        ThrottledByQuota r#"scope="quota""#,
        /// A rule of `x-tollgate-throttle`, and so the five after it.
        ThrottledByClientIp r#"scope="client_ip""#,
        ThrottledByHeader r#"scope="header""#,
        /// By what an authorizer has said of the caller.
        ThrottledByAuthorized r#"scope="authorized""#,
        ThrottledByApi r#"scope="api""#,
        ThrottledByOperation r#"scope="operation""#,
        ThrottledByConcurrency r#"scope="concurrency""#,
    }
    "api_key_checks_total" "Requests to methods that demand an API key, by what came of it." {
        ApiKeyOk r#"result="ok""#,
        /// Also where more than one came.
        ApiKeyMissing r#"result="missing""#,
        ApiKeyUnknown r#"result="unknown""#,
        ApiKeyDisabled r#"result="disabled""#,
        /// None of its usage plans has the stage.
        ApiKeyNoPlan r#"result="no_plan""#,
    }
    "request_bodies_refused_total" "Request bodies that were not accepted to their end, by cause." {
        BodyTooLarge r#"cause="too_large""#,
        BodyTimeout r#"cause="timeout""#,
    }
    "tls_handshakes_total" "TLS handshakes with clients, by result." {
        TlsHandshakesOk r#"result="ok""#,
        TlsHandshakesFailed r#"result="failed""#,
    }
    "client_certificates_refused_total" "TLS handshakes that failed for the client's certificate, by reason." {
        ClientCertificateMissing r#"reason="missing""#,
        ClientCertificateUnknownIssuer r#"reason="unknown_issuer""#,
        ClientCertificateExpired r#"reason="expired""#,
        ClientCertificateNotValidYet r#"reason="not_valid_yet""#,
        ClientCertificateRevoked r#"reason="revoked""#,
        /// No list of revoked certificates that is in time speaks of it.
        ClientCertificateRevocationUnknown r#"reason="revocation_unknown""#,
        /// Its extended key usage is not that of clients.
        ClientCertificateWrongPurpose r#"reason="wrong_purpose""#,
        /// The custom domain name's truststore cannot be read.
        ClientCertificateNoTruststore r#"reason="no_truststore""#,
        ClientCertificateUnfit r#"reason="unfit""#,
    }
    "upstream_connections_total" "What was done about connections to upstreams, by event." {
        UpstreamOpened r#"event="opened""#,
        UpstreamFailed r#"event="failed""#,
        /// A request was sent on a connection that had served one before.
        UpstreamReused r#"event="reused""#,
        /// The upstream had closed a pooled connection before it was used again.
        UpstreamClosedStale r#"event="closed_stale""#,
    }
    "upstream_retries_total" "Requests sent a second time to an upstream." { UpstreamRetries "", }
    "upstream_timeouts_total" "Upstream time-outs, by what took too long." {
        UpstreamConnectTimeout r#"phase="connect""#,
        UpstreamHeadTimeout r#"phase="head""#,
        UpstreamBodyTimeout r#"phase="body""#,
    }
    "upstream_protection_retries_total" "Requests that a protected upstream was to be sent again, by result." {
        ProtectionRetriesSent r#"result="sent""#,
        /// The budget had none left.
        ProtectionRetriesRefused r#"result="over_budget""#,
    }
    "upstream_breaker_refusals_total" "Requests answered 503 because a circuit breaker was open." {
        BreakerRefusals "",
    }
    "upstream_breaker_changes_total" "Changes of circuit breakers, each on its shard, by what they became." {
        BreakersOpened r#"to="open""#,
        BreakersHalfOpened r#"to="half_open""#,
        BreakersClosed r#"to="closed""#,
    }
    "upstream_ejections_total" "Targets that a shard ejected for errors in a row." { TargetsEjected "", }
    "upstream_fail_open_total" "Attempts for which every target was out, so that any was taken." { FailedOpen "", }
    "upstream_mirrors_total" "Copies of requests for mirrors, by result." {
        /// Answered, whatever with.
        MirrorsSent r#"result="sent""#,
        MirrorsFailed r#"result="failed""#,
        /// Too many were under way, or the body was too large to keep.
        MirrorsDropped r#"result="dropped""#,
    }
    "upstream_health_checks_total" "Health checks of targets, by result." {
        HealthChecksGood r#"result="ok""#,
        HealthChecksBad r#"result="failed""#,
    }
    "key_set_fetches_total" "Fetches of the keys that tokens are verified with, by result." {
        KeySetFetchesOk r#"result="ok""#,
        /// The last keys stay in use for a time.
        KeySetFetchesFailed r#"result="failed""#,
    }
    "dns_lookups_total" "Look-ups of upstream host names, by result." {
        DnsLookupsOk r#"result="ok""#,
        /// The last good addresses stay in use.
        DnsLookupsFailed r#"result="failed""#,
    }
    "access_log_records_total" "Access log records handed to the writer." { AccessLogRecords "", }
    "access_log_write_errors_total" "Writes of access log records that failed." { AccessLogWriteErrors "", }
    "usage_sync_errors_total" "Attempts to write the usage of API keys through to the disk that failed." {
        UsageSyncErrors "",
    }
    "audit_log_write_errors_total" "Lines of the audit log that could not be written." { AuditLogWriteErrors "", }
    "telemetry_dropped_total" "Telemetry given up rather than let it delay requests or grow memory, by signal." {
        /// Records: the writer's queue was full, or a write failed.
        AccessLogDropped r#"signal="access_log""#,
    }
    "cache_requests_total" "Requests to methods whose answers are kept, by what the cache had." {
        CacheHits r#"result="hit""#,
        /// Given though it was older than its time to live.
        CacheStale r#"result="stale""#,
        /// Another request's answer, waited for.
        CacheShared r#"result="shared""#,
        CacheMisses r#"result="miss""#,
        /// A client wanted a new answer.
        CacheRefreshes r#"result="refresh""#,
    }
    "authorizer_flushes_total" "Flushes of what a stage's authorizers have decided, one for each shard." { AuthorizerFlushes "", }
    "cache_flushes_total" "Flushes of a stage's cache, one for each shard." { CacheFlushes "", }
    "panics_total" "Panics caught; each ended one connection." { Panics "", }
    "config_reloads_total" "Attempts to publish a configuration, by result." {
        ConfigReloadsOk r#"result="ok""#,
        ConfigReloadsFailed r#"result="failed""#,
    }
}

/// All counters of one writer. 128 bytes: two cache lines, since the adjacent-line prefetcher couples pairs of them.
#[repr(align(128))]
pub(super) struct Counters([AtomicU64; Counter::ALL.len()]);

impl Counters {
    pub(super) fn new() -> Counters {
        Counters([const { AtomicU64::new(0) }; Counter::ALL.len()])
    }

    pub(super) fn read(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Ordering::Relaxed)
    }

    /// For the one thread that writes here: without a locked instruction.
    pub(super) fn add_alone(&self, counter: Counter, amount: u64) {
        add_alone(&self.0[counter as usize], amount);
    }

    /// For counters that several threads write, off the path of a request.
    pub(super) fn add_shared(&self, counter: Counter, amount: u64) {
        self.0[counter as usize].fetch_add(amount, Ordering::Relaxed);
    }
}

/// Adds to an atomic that no other thread writes.
pub(super) fn add_alone(cell: &AtomicU64, amount: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_in_the_table_once() {
        let listed: Vec<Counter> = FAMILIES.iter().flat_map(|family| family.members).map(|(one, _)| *one).collect();
        assert_eq!(listed, Counter::ALL);
    }

    #[test]
    fn names_are_those_of_prometheus_counters() {
        for family in FAMILIES {
            assert!(family.name.ends_with("_total"), "{}", family.name);
            assert!(family.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.help);
            let labelled = family.members.iter().filter(|(_, labels)| !labels.is_empty()).count();
            assert!(labelled == family.members.len() || family.members.len() == 1, "{}", family.name);
        }
    }

    #[test]
    fn no_name_and_labels_occur_twice() {
        let mut seen = std::collections::HashSet::new();
        for family in FAMILIES {
            for (_, labels) in family.members {
                assert!(seen.insert((family.name, labels)), "{} {labels}", family.name);
            }
        }
    }
}
