//! Every family of metrics, by name: what `docs/metrics.md` documents and dashboards and alerts go by.

use crate::metrics::text::{Family, Kind};

macro_rules! families {
    ($($ident:ident: $kind:ident $name:literal $unit:literal $help:literal;)*) => {
        $(pub(super) static $ident: Family = Family {
            name: $name,
            kind: Kind::$kind,
            unit: $unit,
            help: $help,
        };)*

        /// All of them, in the order of the page.
        pub static ALL: &[&Family] = &[$(&$ident),*];
    };
}

families! {
    BUILD: Info "pointsman_build" "" "What runs: version, commit and the node's name.";
    READY: Gauge "pointsman_ready" "" "Whether the DNS sockets are open.";
    QUERIES: Counter "pointsman_queries" "" "Queries that the engine answered, by transport, type and response code.";
    MESSAGES: Counter "pointsman_messages" "" "Messages received.";
    DROPPED: Counter "pointsman_messages_dropped" "" "Messages not answered on purpose: responses, runts.";
    WITHHELD: Counter "pointsman_answers_withheld" "" "Answers not sent because the client's network had been answered often enough.";
    LIMITED: Counter "pointsman_answers_limited" "" "Answers cut short because the client's network had been answered often enough.";
    COOKIES: Counter "pointsman_cookies" "" "Answered queries with a COOKIE option, by what the cookie was.";
    TRUNCATED: Counter "pointsman_answers_truncated" "" "Answers cut short (TC).";
    TRANSACTIONS: Counter "pointsman_transactions" "" "Messages that are more than a question: transfers, NOTIFY, UPDATE, signed queries.";
    REFUSED: Counter "pointsman_transactions_refused" "" "Transactions over UDP given up because too many were waiting.";
    SOCKET_ERRORS: Counter "pointsman_socket_errors" "" "Failed calls on DNS sockets.";
    OVERFLOWS: Counter "pointsman_socket_overflows" "" "Datagrams lost because a socket's buffer was full.";
    LATENCY: Histogram "pointsman_answer_seconds" "seconds" "From taking a batch of queries from the kernel to handing its answers back, for each of its answers.";
    TTLS: Histogram "pointsman_service_ttl_seconds" "seconds" "TTL of the records that services answered.";
    CONNECTIONS: Gauge "pointsman_tcp_connections" "" "DNS connections that are open.";
    ACCEPTED: Counter "pointsman_tcp_connections_accepted" "" "DNS connections accepted.";
    CLOSED: Counter "pointsman_tcp_connections_closed" "" "DNS connections not let in, or closed before their client ended them.";
    ENCRYPTED: Gauge "pointsman_encrypted_connections" "" "Connections of DNS over TLS, QUIC and HTTPS that are open.";
    ENCRYPTED_ACCEPTED: Counter "pointsman_encrypted_connections_accepted" "" "Connections of DNS over TLS, QUIC and HTTPS whose handshake was done.";
    ENCRYPTED_CLOSED: Counter "pointsman_encrypted_connections_closed" "" "Connections of DNS over TLS, QUIC and HTTPS not let in, or closed before their client ended them.";
    HANDSHAKES: Counter "pointsman_handshakes" "" "TLS and QUIC handshakes begun by clients of DNS.";
    HANDSHAKES_FAILED: Counter "pointsman_handshakes_failed" "" "Those that broke off or took too long, or made room for newer ones.";

    SERVICES: Gauge "pointsman_services" "" "Services configured.";
    ZONES: Gauge "pointsman_zones" "" "Zones configured, by whether they are served.";
    SERVICE_ANSWERS: Counter "pointsman_service_answers" "" "Answers in which a service had the say, by what it said.";
    SERVICE_CHANGES: Counter "pointsman_service_answer_changes" "" "How often the answer of a service changed.";
    SERVICE_DOWN: Gauge "pointsman_service_all_down" "" "Whether a service has nothing healthy to answer, in any family that it has.";
    SERVICE_DOWN_ENTRIES: Counter "pointsman_service_all_down_entries" "" "How often that began.";
    SERVICE_DEGRADED: Gauge "pointsman_service_degraded" "" "Whether the answer of a service is not what it should be.";
    SERVICE_TTL: Gauge "pointsman_service_current_ttl_seconds" "seconds" "TTL of an answer given now.";
    SERVICE_ENDPOINTS: Gauge "pointsman_service_endpoints" "" "Endpoints of a service.";
    SERVICE_ANSWERED: Gauge "pointsman_service_endpoints_answered" "" "Endpoints of a service that may be answered now.";

    FAILOVERS: Counter "pointsman_failovers" "" "Failovers: a verdict of down and the change of answer that followed.";
    DETECTION: Histogram "pointsman_failover_detection_seconds" "seconds" "Of each failover: from the first failed probe to the verdict.";
    ANSWER: Histogram "pointsman_failover_answer_seconds" "seconds" "Of each failover: from the verdict to the new answer in force.";
    WHOLE: Histogram "pointsman_failover_seconds" "seconds" "Of each failover: from the first failed probe to the new answer in force.";
    LAST_AT: Gauge "pointsman_failover_last_timestamp_seconds" "seconds" "When a service last failed over, in seconds since 1970.";
    LAST_DETECTION: Gauge "pointsman_failover_last_detection_seconds" "seconds" "Of a service's last failover: from the first failed probe to the verdict.";
    LAST_ANSWER: Gauge "pointsman_failover_last_answer_seconds" "seconds" "Of a service's last failover: from the verdict to the new answer in force.";

    ADDRESSES: Gauge "pointsman_addresses" "" "Addresses of endpoints that are checked, by state.";
    ENDPOINT_ANSWERS: Counter "pointsman_endpoint_answers" "" "Answers that named an endpoint.";
    ENDPOINT_ANSWERED: Gauge "pointsman_endpoint_answered" "" "Whether an endpoint may be answered now.";
    ENDPOINT_FORCED: Gauge "pointsman_endpoint_forced" "" "What an operator laid upon an endpoint.";
    ENDPOINT_UP: Gauge "pointsman_endpoint_up" "" "Whether an address counts as up, degraded or not.";
    ENDPOINT_STATE_SECONDS: Counter "pointsman_endpoint_state_seconds" "seconds" "Time that an address was in each state.";
    ENDPOINT_CHANGES: Counter "pointsman_endpoint_state_changes" "" "How often the state of an address changed.";
    ENDPOINT_FLAPS: Counter "pointsman_endpoint_flaps" "" "How often an address went down so soon after the last time that damping holds it.";
    ENDPOINT_PROBES: Counter "pointsman_endpoint_probes" "" "Probes of an address, by whether they succeeded.";
    ENDPOINT_LATENCY: Gauge "pointsman_endpoint_probe_latency_seconds" "seconds" "How long the last good probe of an address took.";
    ENDPOINT_CERTIFICATE: Gauge "pointsman_endpoint_certificate_expiry_timestamp_seconds" "seconds" "When the certificate that an address showed last ends, in seconds since 1970.";

    PROBES: Counter "pointsman_probes" "" "Probes by check and result; local: this node's own fault, which counts for nothing.";
    PHASES: Histogram "pointsman_probe_phase_seconds" "seconds" "How long the phases of probes took that were reached.";
    UNDER_WAY: Gauge "pointsman_probes_under_way" "" "Probes under way, those that wait for their turn included.";
    WAITING: Gauge "pointsman_probes_waiting" "" "Probes that wait for their turn.";
    WAITED: Counter "pointsman_probe_wait_seconds" "seconds" "Time that probes waited for their turn.";
    LIMIT: Gauge "pointsman_probe_limit" "" "Probes that may run at once.";
    PANICS: Counter "pointsman_probe_panics" "" "Probes that broke off by a fault of this program.";
    LAST_PROBE: Gauge "pointsman_last_probe_timestamp_seconds" "seconds" "When any probe last ended, in seconds since 1970.";
    LATENESS: Histogram "pointsman_scheduler_lateness_seconds" "seconds" "How long after they were due probes were sent.";
    ISOLATED: Gauge "pointsman_isolated" "" "Whether this node seems to be the one cut off, and states are frozen.";
    BRAKED: Gauge "pointsman_addresses_braked" "" "Addresses whose verdict of down waits at the brake.";

    PUBLISH: Histogram "pointsman_publish_seconds" "seconds" "From decisions to the snapshot that is answered from.";
    SCRAPES: Histogram "pointsman_scrape_collect_seconds" "seconds" "How long scrapes kept the thread that decides.";
    EVENTS: Counter "pointsman_events" "" "Entries of the timeline, by kind, and whether somebody should look.";
    HISTORY: Counter "pointsman_history_entries" "" "Entries of the timeline that were written, or given up because too many waited for the disk.";
    HISTORY_FAILURES: Counter "pointsman_history_write_failures" "" "Times that the disk did not take what was to be written.";
    HISTORY_WAITING: Gauge "pointsman_history_waiting" "" "Entries of the timeline that wait for the disk.";
    OWED: Gauge "pointsman_notifications_owed" "" "Entries of the timeline that a receiver of notifications is owed.";
    DELIVERED: Counter "pointsman_notifications_delivered" "" "Entries that a receiver of notifications confirmed.";
    UNDELIVERED: Counter "pointsman_notifications_failed" "" "Attempts to tell a receiver of notifications that failed.";
    GIVEN_UP: Counter "pointsman_notifications_given_up" "" "Entries that were refused too often, or were too many to be owed.";
    OVERRIDES: Gauge "pointsman_overrides" "" "Overrides in force, by kind and by where they come from.";
    RELOADS: Counter "pointsman_reloads" "" "Reloads of the configuration, by outcome.";
    RELOAD_OK: Gauge "pointsman_reload_last_successful" "" "Whether the last reload succeeded; 1 before the first.";
    RELOAD_AT: Gauge "pointsman_reload_last_success_timestamp_seconds" "seconds" "When the configuration in force was read, in seconds since 1970.";
    STORE: Gauge "pointsman_store_trouble" "" "Whether the store cannot be written now.";

    CPU: Counter "process_cpu_seconds" "seconds" "Time that the processor spent for this process.";
    RESIDENT: Gauge "process_resident_memory_bytes" "bytes" "Memory that is resident.";
    VIRTUAL: Gauge "process_virtual_memory_bytes" "bytes" "Memory that is mapped.";
    THREADS: Gauge "process_threads" "" "Threads.";
    OPEN_FDS: Gauge "process_open_fds" "" "File descriptors that are open.";
    MOST_FDS: Gauge "process_max_fds" "" "File descriptors that may be open.";
    STARTED: Gauge "process_start_time_seconds" "seconds" "When the process started, in seconds since 1970.";
}
