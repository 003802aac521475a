//! From files to a plan: what is meant, what is shared, what stays the same over a reload.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pointsman::config::diagnostic::render;
use pointsman::config::load::{Loaded, load, load_with};
use pointsman::model::check::CheckKind;
use pointsman::model::service::{Failback, MemberKind, Policy, TtlRule, WhenAllDown};

/// A folder with a server file and zones.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("pointsman.toml", "[zones]\ndirectory = \"zones\"\n");
        fs::create_dir(folder.0.path().join("zones")).unwrap();
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("pointsman.toml")
    }

    fn load(&self) -> Loaded {
        load(&self.path())
    }
}

const MASTER: &str = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n";

fn zone(origin: &str, rest: &str) -> String {
    format!(
        "origin = \"{origin}\"\nnameservers = [\"ns.other.test\"]\nhostmaster = \"hostmaster.{origin}\"\n{rest}"
    )
}

#[test]
fn the_example_is_accepted_without_a_word() {
    let loaded = load(Path::new("config/pointsman.toml"));
    assert_eq!(render(&loaded.diagnostics, false), "");
    let plan = loaded.plan.unwrap();
    assert_eq!(plan.zones.len(), 1);
    assert!(loaded.contents[0].is_some());
    let www = plan.service_named("WWW.example.test.").unwrap();
    assert_eq!(www.group.policy, Policy::Failover);
    assert_eq!(www.failback, Failback::After(std::time::Duration::from_secs(300)));
    assert!(matches!(www.ttl, TtlRule::Stable { .. }));
    let shop = plan.service_named("shop.example.test").unwrap();
    let weights: Vec<u32> = shop.group.members.iter().map(|member| member.weight).collect();
    assert_eq!(weights, [3, 1]);
    assert!(
        matches!(&shop.group.members[0].kind, MemberKind::Pool(eu) if eu.min_up == 2 && eu.members.len() == 3)
    );
    assert!(
        loaded
            .files
            .iter()
            .any(|file| file.ends_with("zones/example.test.zone"))
    );
}

#[test]
fn everything_has_its_default_in_an_empty_file() {
    let folder = Folder::new(&[("zones/a.test.zone", MASTER)]);
    folder.write("pointsman.toml", "zones.directory = \"zones\"\n");
    let loaded = folder.load();
    assert_eq!(render(&loaded.diagnostics, false), "");
    let node = &loaded.plan.as_ref().unwrap().node;
    assert_eq!(node.listen, ["127.0.0.1:5353".parse().unwrap()]);
    assert_eq!(node.version.as_deref(), Some("pointsman"));
    assert_eq!(node.identity.as_deref(), Some(node.name.as_str()));
    assert_eq!(
        (
            node.udp_payload,
            node.workers,
            node.probe_concurrency,
            node.exec_concurrency
        ),
        (1232, 0, 512, 8)
    );
    assert_eq!(node.api, Some("127.0.0.1:8053".parse().unwrap()));
    assert!(node.watch && node.keys.is_empty() && node.isolation.references.is_empty());
    let zone = &loaded.plan.as_ref().unwrap().zones[0];
    assert_eq!(
        (zone.origin.to_string().as_str(), zone.refused),
        ("a.test.", false)
    );
    assert!(zone.transfer.allow.is_empty() && zone.transfer.keys.is_empty());
}

#[test]
fn false_turns_identity_version_and_api_off() {
    let folder = Folder::new(&[("zones/a.test.zone", MASTER)]);
    folder.write(
        "pointsman.toml",
        "node = \"n\"\ndns.version = false\ndns.identity = false\napi.listen = false\nzones.directory = \"zones\"\n",
    );
    let plan = folder.load().plan.unwrap();
    assert_eq!(
        (
            plan.node.version.clone(),
            plan.node.identity.clone(),
            plan.node.api
        ),
        (None, None, None)
    );
    assert_eq!(plan.node.name, "n");
}

#[test]
fn interfaces_are_named_once_and_a_binary_that_cannot_use_them_says_so() {
    let folder = Folder::new(&[("zones/a.test.zone", MASTER)]);
    let read = |xdp: &str| {
        folder.write(
            "pointsman.toml",
            &format!("zones.directory = \"zones\"\ndns.xdp = {xdp}\n"),
        );
        let loaded = folder.load();
        let said = render(&loaded.diagnostics, false);
        (loaded.plan.map(|plan| plan.node.xdp.clone()), said)
    };
    let (xdp, said) = read("[\"eth0\", \"eth1\"]");
    assert_eq!(xdp.unwrap(), ["eth0", "eth1"]);
    let can = cfg!(all(feature = "xdp", target_os = "linux"));
    assert_eq!(
        said.contains("2:5: warning: this pointsman was built without"),
        !can,
        "{said}"
    );
    assert_eq!(read("\"eth0\"").0.unwrap(), ["eth0"]);
    assert!(
        read("[\"eth0\", \"eth0\"]")
            .1
            .contains("2:20: error: `eth0` is listed twice")
    );
    assert_eq!(read("[]"), (Some(Vec::new()), String::new()));
}

#[test]
fn services_that_ask_the_same_share_their_probes() {
    let body = "[checks.one]\ntype = \"tcp\"\nport = 80\n[checks.two]\ntype = \"tcp\"\nport = 80\n\
        [checks.other]\ntype = \"tcp\"\nport = 80\ninterval = \"7s\"\n\
        [services.a]\npolicy = \"failover\"\ncheck = \"one\"\nendpoints = [{ name = \"x\", address = \"192.0.2.1\" }]\n\
        [services.b]\npolicy = \"failover\"\ncheck = \"two\"\nendpoints = [{ name = \"x\", address = \"192.0.2.1\" }]\n\
        [services.c]\npolicy = \"failover\"\ncheck = \"other\"\nendpoints = [{ name = \"x\", address = \"192.0.2.1\" }]\n\
        [services.d]\npolicy = \"failover\"\ncheck = \"one\"\n\
        endpoints = [{ name = \"x\", address = \"192.0.2.1\", port = 81 }]\n\
        [services.e]\npolicy = \"failover\"\nendpoints = [{ name = \"x\", address = \"192.0.2.1\" }]\n";
    let folder = Folder::new(&[
        ("zones/a.toml", &zone("a.test", body)),
        ("zones/b.toml", &zone("b.test", body)),
    ]);
    let plan = folder.load().plan.unwrap();
    assert_eq!(plan.services.len(), 10);
    // One for ports 80 and 81, one for the other interval.
    assert_eq!(plan.targets.len(), 3);
    let unchecked = plan.service_named("e.b.test").unwrap();
    let MemberKind::Endpoint(id) = unchecked.group.members[0].kind else {
        panic!("a pool");
    };
    assert_eq!(plan.endpoints[id.index()].addresses[0].target, None);
    for (index, target) in plan.targets.iter().enumerate() {
        assert_eq!(target.id.index(), index);
    }
    for (index, endpoint) in plan.endpoints.iter().enumerate() {
        assert_eq!(endpoint.id.index(), index);
        assert!(
            endpoint
                .addresses
                .iter()
                .all(|a| a.target.is_none_or(|t| t.index() < plan.targets.len()))
        );
    }
}

#[test]
fn a_zone_with_a_mistake_is_refused_alone() {
    let bad = zone(
        "bad.test",
        "[services.www]\npolicy = \"fallover\"\nendpoints = [{ name = \"x\", address = \"192.0.2.1\" }]\n",
    );
    let good = zone(
        "good.test",
        "[checks.c]\ntype = \"http\"\n[services.www]\npolicy = \"all\"\ncheck = \"c\"\n\
         endpoints = [{ name = \"x\", address = \"192.0.2.1\" }]\n",
    );
    let folder = Folder::new(&[
        ("zones/a.toml", &bad),
        ("zones/b.toml", &good),
        ("zones/broken.test.zone", "@ A\n"),
    ]);
    let loaded = folder.load();
    assert!(loaded.has_errors());
    let plan = loaded.plan.unwrap();
    let state: Vec<(String, bool, usize, bool)> = plan
        .zones
        .iter()
        .map(|zone| {
            let contents = loaded.contents[zone.id.index()].is_some();
            (
                zone.origin.to_string(),
                zone.refused,
                zone.services.len(),
                contents,
            )
        })
        .collect();
    assert_eq!(
        state,
        [
            ("bad.test.".to_owned(), true, 0, false),
            ("good.test.".to_owned(), false, 1, true),
            ("broken.test.".to_owned(), true, 0, false),
        ]
    );
    assert_eq!(plan.services.len(), 1);
    assert_eq!(plan.services[0].id.index(), 0);
    assert_eq!(plan.services[0].when_all_down, WhenAllDown::AssumeUp);
    assert!(matches!(&plan.targets[0].check.kind, CheckKind::Http(http) if http.status == [(200, 299)]));
}

#[test]
fn a_broken_toml_file_keeps_its_master_file_from_being_served_without_services() {
    let folder = Folder::new(&[
        ("zones/a.test.zone", MASTER),
        (
            "zones/a.test.toml",
            "origin = \"a.test\nrecords = \"a.test.zone\"\n",
        ),
        (
            "zones/other.toml",
            "origin = \"b.test\"\nrecords = \"b.master.zone\"\n[services.www\n",
        ),
        ("zones/b.master.zone", MASTER),
    ]);
    let loaded = folder.load();
    let plan = loaded.plan.unwrap();
    let mut refused: Vec<String> = plan.zones.iter().map(|zone| zone.origin.to_string()).collect();
    refused.sort();
    assert_eq!(refused, ["a.test.", "b.test."]);
    assert!(plan.zones.iter().all(|zone| zone.refused));
}

#[test]
fn contents_of_unchanged_files_are_kept_over_a_reload() {
    let included = "www A 192.0.2.1\n";
    let folder = Folder::new(&[
        ("zones/a.test.zone", &format!("{MASTER}$INCLUDE more.txt\n")),
        ("zones/more.txt", included),
        ("zones/b.test.zone", MASTER),
        ("zones/c.toml", &zone("c.test", "")),
    ]);
    let first = folder.load();
    assert_eq!(render(&first.diagnostics, false), "");
    let again = load_with(&folder.path(), Some(&first.previous));
    let same = |a: &Loaded, b: &Loaded| -> Vec<bool> {
        a.contents
            .iter()
            .zip(&b.contents)
            .map(|(a, b)| Arc::ptr_eq(a.as_ref().unwrap(), b.as_ref().unwrap()))
            .collect()
    };
    assert_eq!(same(&first, &again), [true, true, true]);
    assert_eq!(first.files, again.files);
    // The same length: what counts are the octets.
    folder.write("zones/more.txt", "www A 192.0.2.2\n");
    let changed = load_with(&folder.path(), Some(&again.previous));
    assert_eq!(same(&again, &changed), [true, false, true]);
    let origins: Vec<String> = changed
        .plan
        .unwrap()
        .zones
        .iter()
        .map(|zone| zone.origin.to_string())
        .collect();
    assert_eq!(origins, ["c.test.", "a.test.", "b.test."]);
}

#[test]
fn names_of_zone_files_are_origins_whatever_their_case_and_backups_are_left_alone() {
    let folder = Folder::new(&[
        ("zones/Big.Test.zone", MASTER),
        ("zones/big.test.zone~", "garbage"),
        ("zones/.hidden.toml", "garbage"),
        ("zones/readme.txt", "garbage"),
    ]);
    let loaded = folder.load();
    assert_eq!(render(&loaded.diagnostics, false), "");
    let plan = loaded.plan.unwrap();
    assert_eq!(plan.zones.len(), 1);
    assert_eq!(plan.zones[0].origin.to_string().to_lowercase(), "big.test.");
}

#[test]
fn files_outside_of_the_zones_directory_are_not_read() {
    let folder = Folder::new(&[
        ("secret", "www A 192.0.2.1\n"),
        ("zones/a.test.zone", &format!("{MASTER}$INCLUDE ../secret\n")),
        ("zones/b.toml", "origin = \"b.test\"\nrecords = \"../secret\"\n"),
        ("zones/c.toml", "origin = \"c.test\"\nrecords = \"link.txt\"\n"),
    ]);
    std::os::unix::fs::symlink(
        folder.0.path().join("secret"),
        folder.0.path().join("zones/link.txt"),
    )
    .unwrap();
    let loaded = folder.load();
    let errors = loaded.diagnostics.iter().filter(|d| d.is_error()).count();
    assert_eq!(errors, 3, "{}", render(&loaded.diagnostics, false));
    assert!(loaded.files.iter().all(|file| !file.ends_with("secret")));
}
