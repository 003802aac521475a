//! `pointsman.toml`: settings of this node and what zones take from it.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::de::DeTable;

use crate::config::atlas::{self, Known};
use crate::config::check::drill;
use crate::config::check::hand::{self, OverridesFile};
use crate::config::check::{abuse, api, encrypted, notify, probe, process, tsig};
use crate::config::defaults;
use crate::config::keys;
use crate::config::load::files::Files;
use crate::config::raw::document::{Source, Table, Value};
use crate::config::raw::probe::RawRules;
use crate::config::raw::zone::{self, RawTransfer};
use crate::model::check::Rules;
use crate::model::plan::{
    AccessRules, HistorySettings, IsolationSettings, NodeSettings, QuotaSettings, TcpSettings, TransferRules,
    TsigKey,
};
use crate::model::process::ProcessSettings;

/// The server file, checked.
#[derive(Debug)]
pub(crate) struct ServerFile {
    /// Settings of this node.
    pub(crate) node: NodeSettings,
    /// `[geo]`, to be known at the next reading.
    pub(crate) geo: Option<Known>,
    /// `[defaults.check]`.
    pub(crate) rules: Rules,
    /// `[zones] transfer`.
    pub(crate) transfer: TransferRules,
    /// `[zones] access`.
    pub(crate) access: AccessRules,
    /// `[process]`.
    pub(crate) process: ProcessSettings,
    /// `[overrides] file`.
    pub(crate) overrides: OverridesFile,
    /// Where `[zones] directory` is written.
    pub(crate) zones_place: usize,
    /// Whether the file could be made out; otherwise nothing that zones take from it is known.
    pub(crate) is_toml: bool,
}

/// Reads the server file. With mistakes, which are reported, the result is what is left of it.
pub(crate) fn read(source: &Source, files: &mut Files, geo_before: Option<&Known>) -> ServerFile {
    let document = source.parse();
    let is_toml = !source.has_errors();
    let table = if is_toml {
        Table::open(source, vec![&keys::SERVER], 0, &document)
    } else {
        Table::absent(source, &keys::SERVER)
    };
    let tsig = tsig::keys(&table, files);
    let zones = table.table("zones", &keys::ZONES);
    let probes = table.table("probes", &keys::PROBES);
    let transfer = RawTransfer::read(&zones)
        .map_or_else(TransferRules::default, |raw| transfer_rules(source, &raw, &tsig));
    let name = table
        .value("node")
        .and_then(|value| node_name(&value))
        .unwrap_or_else(host_name);
    let dns = table.table("dns", &keys::DNS);
    let listen = listen(&dns);
    let (api, access) = api::read(&table, &listen, files);
    let encrypted = encrypted::read(&dns, &listen, api, files);
    let check = table
        .table("defaults", &keys::DEFAULTS)
        .table("check", &keys::DEFAULTS_CHECK);
    let rules = probe::rules(source, &RawRules::read(&check), &probe::built_in());
    let zones_directory = match recovered_directory(&document).filter(|_| !is_toml) {
        Some(written) => files.below(source, written),
        None => directory(&zones, files, "directory"),
    };
    let state = table.table("state", &keys::STATE);
    let geo = atlas::read(&table.table("geo", &keys::GEO), files, geo_before);
    let node = NodeSettings {
        listen,
        workers: dns.integer_or_default("workers"),
        affinity: dns.boolean_or_default("affinity"),
        xdp: past_the_kernel(&dns),
        startup_wait: dns.duration_or_default("startup_wait"),
        version: dns
            .text_or_false("version")
            .unwrap_or_else(|| Some(defaults::VERSION.to_owned())),
        identity: dns
            .text_or_false("identity")
            .unwrap_or_else(|| Some(name.clone())),
        udp_payload: dns.integer_or_default("udp_payload"),
        trust_ecs: dns
            .each("trust_ecs", Value::network)
            .into_iter()
            .map(|network| network.value)
            .collect(),
        geo: geo.as_ref().map(Known::database),
        quotas: quotas(&dns.table("transfers", &keys::DNS_TRANSFERS)),
        tcp: tcp(&dns.table("tcp", &keys::DNS_TCP)),
        cookies: abuse::cookies(&dns, files),
        rate_limit: abuse::rate_limit(&dns),
        encrypted,
        probe_concurrency: probes.integer_or_default("concurrency"),
        exec_concurrency: probes.integer_or_default("exec_concurrency"),
        zones_directory,
        watch: zones.boolean_or_default("watch"),
        state_directory: directory(&state, files, "directory"),
        record: state
            .text("record")
            .map(|written| files.below(source, &written.value)),
        record_limit: state.integer_or_default::<u64>("record_limit") << 20,
        api,
        access,
        endpoint_metrics: table
            .table("metrics", &keys::METRICS)
            .boolean_or_default("endpoints"),
        resolvers: table
            .table("resolver", &keys::RESOLVER)
            .each("nameservers", Value::socket)
            .into_iter()
            .map(|server| server.value)
            .collect(),
        isolation: isolation(&table.table("isolation", &keys::ISOLATION)),
        safety: hand::safety(&table.table("safety", &keys::SAFETY)),
        drill: drill::drill(&table.table("drill", &keys::DRILL)),
        keys: tsig,
        history: history(&table.table("history", &keys::HISTORY)),
        hooks: notify::read(&table, files),
        name,
    };
    let overrides = hand::overrides_file(&table.table("overrides", &keys::OVERRIDES), files);
    ServerFile {
        geo,
        process: process::read(&table),
        overrides,
        node,
        rules,
        transfer,
        access: zone::access(&zones).unwrap_or_default(),
        zones_place: zones.value("directory").map_or(zones.at, |value| value.at),
        is_toml,
    }
}

/// `[zones] directory` of a file that is not quite TOML: its zones are still looked at.
fn recovered_directory<'d>(document: &'d DeTable<'_>) -> Option<&'d str> {
    document
        .get("zones")?
        .get_ref()
        .get("directory")?
        .get_ref()
        .as_str()
}

/// Anything visible: it goes into NSID, logs and file names of exports.
fn node_name(value: &Value<'_>) -> Option<String> {
    let text = value.text()?.value;
    if text.chars().count() <= 63 && text.chars().all(|c| c.is_ascii_graphic()) {
        Some(text)
    } else {
        value.refuse(
            format!("`{}` cannot name a node", text.escape_debug()),
            "write 1 to 63 visible ASCII characters, like \"ns1\"",
        )
    }
}

/// The host's name; `pointsman` where the system does not say.
fn host_name() -> String {
    // Not among the watched files: a pseudo file gives no notice of changes.
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic()))
        .unwrap_or_else(|| "pointsman".to_owned())
}

fn directory(table: &Table<'_>, files: &Files, key: &'static str) -> PathBuf {
    files.below(table.source, &table.text_or_default(key))
}

fn listen(dns: &Table<'_>) -> Vec<SocketAddr> {
    if !dns.has("listen") {
        return defaults::LISTEN.parse().into_iter().collect();
    }
    let written = dns.each("listen", Value::socket);
    if dns
        .value("listen")
        .is_some_and(|value| value.elements().is_empty())
    {
        dns.source.error(
            dns.place_of("listen"),
            "`listen` is empty: nothing would be answered",
            format!("write one like \"{}\"", defaults::LISTEN),
        );
    }
    let mut sockets: Vec<SocketAddr> = Vec::new();
    for socket in written {
        if sockets.contains(&socket.value) {
            dns.source.error(
                socket.at,
                format!("{} is listed twice", socket.value),
                "remove one of them",
            );
        } else {
            sockets.push(socket.value);
        }
    }
    sockets
}

/// Interfaces whose queries are taken past the kernel. That they exist is seen at the start: files are checked
/// elsewhere, too.
fn past_the_kernel(dns: &Table<'_>) -> Vec<String> {
    let mut interfaces: Vec<String> = Vec::new();
    for name in dns.each("xdp", Value::text) {
        // As the kernel has it (`dev_valid_name`).
        let valid = (1..=15).contains(&name.value.len())
            && ![".", ".."].contains(&name.value.as_str())
            && !name
                .value
                .contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
        if !valid {
            dns.source.error(
                name.at,
                format!("`{}` cannot name a network interface", name.value.escape_debug()),
                "write one that `ip link` lists, like \"eth0\"",
            );
        } else if interfaces.contains(&name.value) {
            dns.source.error(
                name.at,
                format!("`{}` is listed twice", name.value),
                "remove one of them",
            );
        } else {
            interfaces.push(name.value);
        }
    }
    if !interfaces.is_empty() && !cfg!(all(feature = "xdp", target_os = "linux")) {
        dns.source.warn(
            dns.place_of("xdp"),
            "this pointsman was built without the feature `xdp`: all queries come by sockets",
            "build one for Linux with `cargo build --release --features xdp`, or remove `xdp`",
        );
    }
    interfaces
}

fn tcp(table: &Table<'_>) -> TcpSettings {
    let settings = TcpSettings {
        connections: table.integer_or_default("connections"),
        per_client: table.integer_or_default("per_client"),
        per_prefix: table.integer_or_default("per_prefix"),
        new_per_prefix: table.integer_or_default("new_per_prefix"),
        queries: table.integer_or_default("queries"),
        idle: table.duration_or_default("idle"),
        total: table.duration_or_default("total"),
        message: table.duration_or_default("message"),
    };
    if settings.idle > settings.total {
        table.source.error(
            table.place_of(if table.has("idle") { "idle" } else { "total" }),
            "`idle` is longer than `total`, the lifetime of a connection",
            "write a shorter `idle` or a longer `total`",
        );
    }
    settings
}

fn quotas(table: &Table<'_>) -> QuotaSettings {
    QuotaSettings {
        transfers: table.integer_or_default("concurrent"),
        transfers_per_client: table.integer_or_default("per_client"),
        signatures: table.integer_or_default("signatures"),
    }
}

fn history(table: &Table<'_>) -> HistorySettings {
    HistorySettings {
        keep: table.duration_or_default("keep"),
        octets: table.integer_or_default::<u64>("size") << 20,
    }
}

fn isolation(table: &Table<'_>) -> IsolationSettings {
    IsolationSettings {
        references: table
            .each("references", Value::socket)
            .into_iter()
            .map(|socket| socket.value)
            .collect(),
        max_down_per_minute: table
            .value("max_down_per_minute")
            .and_then(|value| value.share())
            .map(|share| share.value),
    }
}

/// Looks the keys up.
pub(crate) fn transfer_rules(source: &Source, raw: &RawTransfer, known: &[TsigKey]) -> TransferRules {
    let keys = raw.keys.iter().filter_map(|key| {
        if known.iter().any(|known| known.name == key.value) {
            return Some(key.value.clone());
        }
        let written = key.value.to_string();
        source.error(
            key.at,
            format!("there is no key `{}`", written.trim_end_matches('.')),
            "define it in pointsman.toml under `[keys.NAME]`",
        );
        None
    });
    TransferRules {
        allow: raw.allow.clone(),
        keys: keys.collect(),
    }
}
