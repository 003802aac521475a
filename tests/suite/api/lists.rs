//! Lists come in pages that follow one another, and are filtered by state, service and words.

use std::collections::BTreeSet;

use serde_json::Value;

use super::get;
use crate::support::server::Folder;

/// Twelve services of two endpoints each, in reverse order of their names, the second endpoint of each unreachable.
fn folder() -> Folder {
    let folder = Folder::new("[defaults.check]\ninterval = \"1s\"\ntimeout = \"500ms\"\nfall = 1");
    let mut zone = String::from("[checks.closed]\ntype = \"tcp\"\nport = 1\n");
    for number in (0..12).rev() {
        let check = if number == 3 { "check = \"closed\"\n" } else { "" };
        zone.push_str(&format!(
            "[services.s{number:02}]\npolicy = \"failover\"\n{check}endpoints = [\
             {{ name = \"fra\", address = \"127.0.1.{number}\" }}, {{ name = \"nyc\", address = \"127.0.2.{number}\" }}]\n"
        ));
    }
    folder.zone(&zone);
    folder
}

/// All pages of a list, `limit` items each.
fn all(folder: &Folder, list: &str, filters: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/{list}?limit={limit}{filters}{after}");
        let page = get(folder.api, &path);
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        let got = page["items"].as_array().unwrap();
        assert!(got.len() <= limit, "{path}");
        items.extend(got.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={}", next.replace('#', "%23")),
            None => {
                assert_eq!(page["total"], items.len(), "{path}");
                return items;
            }
        }
        assert!(items.len() < 100, "{path} has no end");
    }
}

fn names(items: &[Value], key: &str) -> Vec<String> {
    items
        .iter()
        .map(|item| item[key].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn pages_of_every_size_hold_everything_once_and_in_order() {
    let folder = folder();
    let _server = folder.start();
    for limit in [1, 5, 12, 100] {
        let services = names(&all(&folder, "services", "", limit), "service");
        assert_eq!(services.len(), 12, "{services:?}");
        assert!(services.is_sorted(), "{services:?}");
        assert_eq!(all(&folder, "endpoints", "", limit).len(), 24);
        assert_eq!(all(&folder, "zones", "", limit).len(), 1);
        assert_eq!(
            names(&all(&folder, "checks", "", limit), "key"),
            ["closed@127.0.1.3:1", "closed@127.0.2.3:1"]
        );
    }
}

#[test]
fn filters_leave_what_they_name() {
    let folder = folder();
    let server = folder.start();
    let of = "&service=S03.example.test.";
    assert_eq!(all(&folder, "services", of, 5).len(), 1);
    assert_eq!(names(&all(&folder, "endpoints", of, 1), "name"), ["fra", "nyc"]);
    assert_eq!(all(&folder, "checks", "&service=s04.example.test", 5).len(), 0);
    assert_eq!(
        names(&all(&folder, "endpoints", "&q=127.0.2.7", 5), "service"),
        ["s07.example.test"]
    );
    // Nothing listens there: both are down, and the answer is not what it should be.
    crate::support::wait_until("both are down", std::time::Duration::from_secs(20), || {
        all(&folder, "checks", "&state=down", 1).len() == 2
    });
    let down = names(&all(&folder, "endpoints", "&state=down", 1), "service");
    assert_eq!(down, ["s03.example.test"; 2], "{}", server.log());
    assert_eq!(all(&folder, "endpoints", "&state=up", 7).len(), 22);
    assert_eq!(
        names(&all(&folder, "services", "&state=degraded", 1), "service"),
        ["s03.example.test"]
    );
    assert_eq!(all(&folder, "zones", "&state=served", 1).len(), 1);
    assert_eq!(all(&folder, "zones", "&state=refused", 1).len(), 0);
    let evidence = &all(&folder, "checks", "&state=down", 2)[0]["evidence"]["text"];
    assert!(evidence.as_str().unwrap().contains("refused"), "{evidence}");
}

#[test]
fn one_service_is_what_the_list_says_of_it() {
    let folder = folder();
    let _server = folder.start();
    let one = get(folder.api, "/v1/services/S05.example.test.").json();
    let listed = &all(&folder, "services", "&service=s05.example.test", 1)[0];
    assert_eq!(one["service"], "s05.example.test");
    assert_eq!(one["zone"], "example.test");
    assert_eq!(one["state"], "ok");
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(keys(&one), keys(listed));
    // How long caches may hold what is not answered changes by the millisecond.
    assert_eq!(one["endpoints"][0], listed["endpoints"][0]);
    assert_eq!(one["a"], listed["a"]);
}
