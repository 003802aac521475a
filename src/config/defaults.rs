//! Every default with its reason, and the table of all keys that `pointsman check --defaults` prints.

use std::time::Duration;

use crate::config::keys;

/// Where the configuration is looked for when `--config` does not say: first beside the working directory (a clone
/// of the sources runs as it stands), then where packages put it.
pub const CONFIG_FILES: [&str; 2] = ["config/pointsman.toml", "/etc/pointsman/pointsman.toml"];

/// Loopback and a port that needs no privilege: nothing is exposed before the operator says so.
pub const LISTEN: &str = "127.0.0.1:5353";
/// One UDP thread per core: each has its own socket, so that none waits for another.
pub const WORKERS: i64 = 0;
/// The scheduler places threads well on a machine that does nothing else, and better on one that does.
pub const AFFINITY: bool = false;
/// Longer than one probe with the default timeout, shorter than a resolver's patience with a silent server.
pub const STARTUP_WAIT: Duration = Duration::from_secs(3);
/// Says what answers, not which version: the version helps attackers more than operators, who have `--version`.
pub const VERSION: &str = "pointsman";
/// The payload that crosses every common path unfragmented (DNS Flag Day 2020: 1280 - 40 - 8).
pub const UDP_PAYLOAD: i64 = 1232;

/// Below the usual limit of 1,024 open files, with room for probes, the store and the API.
pub const TCP_CONNECTIONS: i64 = 800;
/// One resolver, or one carrier's NAT, may hold several hundred connections; nobody may hold all of them.
pub const TCP_PER_CLIENT: i64 = 600;
/// One network may hold more than one client, and not all there is.
pub const TCP_PER_PREFIX: i64 = 700;
/// RFC 7766 section 6.2.3 asks for a few seconds; resolvers that reuse connections come back well within ten.
pub const TCP_IDLE: Duration = Duration::from_secs(10);
/// Long enough for the transfer of a large zone over a slow line, short enough that a stuck peer is forgotten.
pub const TCP_TOTAL: Duration = Duration::from_secs(300);
/// Cookies cost who sends none nothing, and let honest clients be told from forged ones.
pub const COOKIES: bool = true;
/// Who is over its limit may come again with a cookie; everybody else is answered as ever.
pub const COOKIES_REQUIRED: &str = "limited";
/// Under a flood it is what keeps clients with a cookie answered.
pub const COOKIE_LANE: bool = true;
/// Nobody, as in other servers: how much one network asks, a resolver of a large provider or a carrier's NAT, only the
/// operator can know.
pub const RATE: i64 = 0;
/// A resolver whose cache was emptied asks a second's worth at once.
pub const RATE_BURST: i64 = 1;
/// Every other one: a client that retries comes through, and who is flooded gets half of the packets that were sent.
pub const RATE_SLIP: i64 = 2;
/// The smallest networks that are announced; a flood's forged addresses hit the networks of its victims.
pub const RATE_IPV4: i64 = 24;
/// What one customer gets.
pub const RATE_IPV6: i64 = 56;
/// 1 MiB: what fits into the cache of a core.
pub const RATE_ENTRIES: i64 = 131_072;
/// A message is one or two segments: ten seconds cover several retransmissions, and a stalled client costs no more.
pub const TCP_MESSAGE: Duration = Duration::from_secs(10);

/// What RFC 8484 shows, and what clients try.
pub const DOH_PATH: &str = "/dns-query";
/// A connection costs some 30 KB: all of them stay below 100 MB.
pub const ENCRYPTED_CONNECTIONS: i64 = 2000;
/// As for TCP: a carrier's NAT has hundreds, nobody has all.
pub const ENCRYPTED_PER_CLIENT: i64 = 600;
/// A handshake takes milliseconds: so many under way are an attack, which costs 20 KB each.
pub const HANDSHAKES: i64 = 512;
/// More than a resolver begins at once.
pub const HANDSHAKES_PER_CLIENT: i64 = 64;
/// Three round trips over a slow line with a packet lost.
pub const HANDSHAKE: Duration = Duration::from_secs(5);
/// A handshake is dearer than keeping its connection: RFC 7858 section 3.4 asks to keep it longer than plain TCP.
pub const ENCRYPTED_IDLE: Duration = Duration::from_secs(30);
/// RFC 9113 asks for 100 at least, and so do clients of DNS over QUIC.
pub const STREAMS: i64 = 100;

/// A promotion takes a few seconds; whoever needs longer should know that clients wait.
pub const ON_FAILOVER_TIMEOUT: Duration = Duration::from_secs(30);
/// A promotion that failed leaves a standby: answering with it would break writes for certain.
pub const ON_FAILURE: &str = "hold";
/// What hangs has often done its work; a service that is down for good helps nobody.
pub const ON_TIMEOUT: &str = "proceed";

/// Each probe under way holds one socket; 512 leave half of the usual 1,024 open files to clients.
pub const PROBE_CONCURRENCY: i64 = 512;
/// Programs take memory and processor time that answers need.
pub const EXEC_CONCURRENCY: i64 = 8;

/// What is not needed is not there: the list is as long as what systemd calls usual for services.
pub const SECCOMP: &str = "enforce";
/// Distributions let every group send echo requests.
pub const KEEP_RAW_SOCKETS: bool = false;
/// There are keys in it.
pub const CORE_DUMPS: bool = false;

/// A dozen secondaries at once, and some that begin anew.
pub const TRANSFERS: i64 = 16;
/// A secondary with several zones takes a few at once.
pub const TRANSFERS_PER_CLIENT: i64 = 4;
/// A secondary that asks for thousands of zones asks for some hundred a second; a hash takes microseconds.
pub const SIGNATURES: i64 = 200;

/// Beside the folder of the configuration file, as in the sources' tree.
pub const ZONES_DIRECTORY: &str = "../zones";
/// A saved file is meant to be served; a file with mistakes changes nothing.
pub const WATCH: bool = true;
/// Beside the folder of the configuration file, as in the sources' tree.
pub const STATE_DIRECTORY: &str = "../state";
/// MiB of a recording: a day of a thousand endpoints at the default interval takes about four of these.
pub const RECORD_LIMIT: i64 = 1024;
/// A year and a month: this month can be held against the same one a year ago.
pub const HISTORY_KEEP: Duration = Duration::from_secs(400 * 86_400);
/// MiB of the state file: more than a million entries, a thousand changes a day for three years.
pub const HISTORY_SIZE: i64 = 256;
/// Loopback: without a token nobody else may steer.
pub const API_LISTEN: &str = "127.0.0.1:8053";
/// Whoever takes the last one out means it, or made a mistake.
pub const MIN_LIVE: i64 = 1;
/// Of two one may go; a pattern that takes more than half is more often a mistake than a plan.
pub const MAX_REMOVED: &str = "50%";
/// Beside the server file: found without being named.
pub const OVERRIDES_FILE: &str = "overrides.toml";
/// What every implementation of TSIG speaks (RFC 8945 section 6).
pub const TSIG_ALGORITHM: &str = "hmac-sha256";

/// Twenty thousand endpoints are two hundred thousand series: much, but what one looks for when something is wrong.
pub const ENDPOINT_METRICS: bool = true;
/// What wakes people up, and its end; all of it is in the history anyway.
pub const NOTIFY_EVENTS: &str = "alarms";
/// Receivers answer within a second; ten of them are a receiver in trouble.
pub const NOTIFY_TIMEOUT: Duration = Duration::from_secs(10);
/// A receiver that comes back hears within a minute; one that is away for days costs a try a minute.
pub const NOTIFY_LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A week of a restless night each; about ten megabytes.
pub const NOTIFY_BACKLOG: i64 = 10_000;

/// Often enough to notice within seconds, seldom enough that a backend does not feel it.
pub const INTERVAL: Duration = Duration::from_secs(5);
/// Once in doubt, certainty is worth more than the backend's idle time.
pub const FAST_INTERVAL: Duration = Duration::from_secs(1);
/// Ten times what a healthy backend on another continent needs.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// One loss is chance, two may be, three in a row on a path of 1 % loss are one in a million.
pub const FALL: i64 = 3;
/// A process that starts answers once before it dies again; twice is a beginning.
pub const RISE: i64 = 2;
/// One false verdict in a million runs of failures: at a probe every five seconds about once in two months of doubt.
pub const FALSE_ALARM: f64 = 1e-6;
/// A target that is up and down within ten seconds would otherwise move its clients four times a minute.
pub const MIN_DOWN: Duration = Duration::from_secs(10);
/// Flapping harms clients more than a spare that serves for longer than it must.
pub const DAMPING: bool = true;

/// Certificates of every lifetime in use are renewed with more left than this, those of six days, too (half-way);
/// what has not been renewed by then will end.
pub const CERTIFICATE_WARNING: Duration = Duration::from_secs(2 * 86_400);
/// A check is there to be heeded.
pub const SHADOW: bool = false;
/// One of them suffices.
pub const AT_LEAST: i64 = 1;
/// Success is success.
pub const INVERTED: bool = false;

/// What reads a page without changing anything.
pub const HTTP_METHOD: &str = "GET";
/// The root exists everywhere.
pub const HTTP_PATH: &str = "/";
/// Success in the sense of RFC 9110 section 15.3; a redirect is not the page that was asked for.
pub const HTTP_STATUS: &str = "200-299";
/// A redirect elsewhere would probe something that clients do not reach.
pub const FOLLOW_REDIRECTS: bool = false;
/// An expired or foreign certificate is a failure for every client.
pub const VERIFY: bool = true;
/// What every server speaks; HTTP/2 has to be asked for.
pub const HTTP_VERSION: &str = "1.1";
/// A new connection proves that the server still accepts some.
pub const KEEPALIVE: bool = false;
/// The port of `http` (RFC 9110 section 4.2.1).
pub const HTTP_PORT: i64 = 80;
/// The port of `https` (RFC 9110 section 4.2.2).
pub const HTTPS_PORT: i64 = 443;
/// As registered, and as PostgreSQL's own default.
pub const POSTGRES_PORT: i64 = 5432;
/// Redis's own default.
pub const REDIS_PORT: i64 = 6379;
/// Patroni's own default for its REST API.
pub const PATRONI_PORT: i64 = 8008;
/// A role made for it needs no rights but to log in.
pub const POSTGRES_USER: &str = "pointsman";
/// Every cluster has it.
pub const POSTGRES_DATABASE: &str = "postgres";
/// Half-hearted TLS proves nothing; who wants it asks for it.
pub const POSTGRES_TLS: &str = "disable";
/// As Redis itself.
pub const REDIS_TLS: bool = false;
/// As Patroni itself.
pub const PATRONI_TLS: bool = false;
/// The port of DNS (RFC 1035 section 4.2).
pub const DNS_PORT: i64 = 53;
/// What clients are most often after.
pub const QUERY_TYPE: &str = "A";
/// What resolvers begin with.
pub const TRANSPORT: &str = "udp";
/// An answer that is one.
pub const RCODE: &str = "NOERROR";
/// Authoritative servers are asked what they know themselves.
pub const RECURSION: bool = false;
/// What `ping` sends.
pub const PAYLOAD: i64 = 56;
/// Within a site gRPC mostly runs without.
pub const GRPC_TLS: bool = false;

/// A cache forgets an answer as fast as a failure is found; shorter TTLs multiply queries for little gain.
pub const TTL: Duration = Duration::from_secs(10);
/// Two seconds in doubt: most resolvers honour no less.
pub const TTL_MIN_STABLE: Duration = Duration::from_secs(2);
/// One second: a TTL of 0 turns every lookup into a query, and some resolvers replace it by more.
pub const TTL_MIN_STRICT: Duration = Duration::from_secs(1);
/// The server decides: that is what it is for.
pub const SWITCH: &str = "auto";
/// The preferred endpoint is preferred.
pub const FAILBACK: &str = "auto";
/// Most services have no writers.
pub const EXCLUSIVE: bool = false;
/// A write that goes to the old primary after the switch is lost; a few seconds without an answer are not.
pub const HANDOVER: &str = "safe";
/// Clients of one family are unaffected by faults of the other.
pub const FAMILIES: &str = "apart";
/// Equal shares.
pub const WEIGHT: u32 = 1;
/// Carriers' NATs and offices share a /24; resolvers tell no more of a client either (RFC 7871 section 11.1).
pub const STICKY_V4: i64 = 24;
/// A household has a /56.
pub const STICKY_V6: i64 = 56;
/// A pool with one healthy member can still answer.
pub const MIN_UP: i64 = 1;
/// Most preferred: who is named is the policy's business.
pub const SRV_PRIORITY: i64 = 0;
/// What mail administrators write for the first of several.
pub const MX_PREFERENCE: i64 = 10;
/// Service form (0 would be an alias), most preferred.
pub const BINDING_PRIORITY: i64 = 1;
/// Clients connect without waiting for A and AAAA, and to nobody whom these would not name.
pub const HINTS: bool = true;

/// Any time of the day: who cares says when.
pub const DRILL_WINDOW: &str = "00:00-24:00";
/// Longer than the default promise of detection, shorter than anybody's patience.
pub const DRILL_FOR: Duration = Duration::from_secs(30);

/// TTL of the NS records and the SOA that `nameservers` and `hostmaster` make: RFC 1912 asks for about a day, an hour
/// lets a move of the servers take effect within a maintenance window.
pub const MADE_TTL: u32 = 3_600;
/// SOA REFRESH of a zone without `records` (RFC 1912 section 2.2: 20 minutes to 12 hours).
pub const MADE_REFRESH: u32 = 3_600;
/// SOA RETRY: a fraction of REFRESH.
pub const MADE_RETRY: u32 = 900;
/// SOA EXPIRE: two weeks (RFC 1912 section 2.2: 2 to 4 weeks).
pub const MADE_EXPIRE: u32 = 1_209_600;
/// SOA MINIMUM, the negative TTL (RFC 2308 section 5): a service that is added appears within a minute.
pub const MADE_MINIMUM: u32 = 60;

/// An interval below this makes a pause of the backend (garbage collection, a snapshot of its machine) look like death.
pub const HASTY_INTERVAL: Duration = Duration::from_secs(1);
/// A timeout below this is exceeded by one lost segment (the first retransmission comes after about 200 ms to 1 s).
pub const HASTY_TIMEOUT: Duration = Duration::from_millis(300);
/// A TTL above this keeps clients at a dead address for longer than anybody waits.
pub const SLOW_TTL: Duration = Duration::from_secs(86_400);
/// A shared secret shorter than this can be guessed (RFC 8945 section 10: at least as long as the digest is better).
pub const SHORT_SECRET: usize = 16;

/// A key, its kind and its default, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The table it stands in: `[dns]`, `[services.NAME]`.
    pub table: &'static str,
    /// The key.
    pub key: &'static str,
    /// What may be written, with unit and range.
    pub kind: String,
    /// What holds when nothing is written.
    pub default: String,
    /// What it is for.
    pub about: &'static str,
}

/// Every key of the server file and of zone files, in the order of the documentation.
#[must_use]
pub fn table() -> Vec<Row> {
    keys::SECTIONS
        .iter()
        .flat_map(|section| {
            section.keys.iter().map(|key| Row {
                table: section.title,
                key: key.name,
                kind: key.kind.to_string(),
                default: key.default.to_string(),
                about: key.about,
            })
        })
        .collect()
}
