//! The dashboard in a real Chromium, before a real server and real nginx.

mod access;
mod hand;
mod live;
mod many;

use crate::support::backend::Nginx;
use crate::support::browser::Browser;
use crate::support::free_port;
use crate::support::server::{Folder, Server};

/// Two nginx, a service that fails over between them, one without a check, and a browser before it all.
struct World {
    folder: Folder,
    server: Option<Server>,
    first: Nginx,
    browser: Browser,
    /// Killed when dropped.
    _second: Nginx,
}

const QUICK: &str =
    "interval = \"300ms\"\nfast_interval = \"100ms\"\ntimeout = \"200ms\"\nmin_down = \"300ms\"";

impl World {
    /// `addresses` are two of 127/8 that no other test uses.
    fn new(addresses: [&str; 2], more: &str) -> Self {
        let port = free_port();
        let [first, second] = addresses;
        let nginx = |address: &str| Nginx::start(&format!("{address}:{port}"));
        let (first_nginx, second_nginx) = (nginx(first), nginx(second));
        let folder = Folder::new(more);
        folder.write("api.token", "secret-of-the-house\n");
        folder.zone(&format!(
            "[checks.web]\ntype = \"http\"\nport = {port}\npath = \"/healthz\"\n{QUICK}\n\
             [services.www]\npolicy = \"failover\"\ncheck = \"web\"\nendpoints = [\n\
             {{ name = \"fra\", address = \"{first}\" }},\n{{ name = \"nyc\", address = \"{second}\" }},\n]\n\
             [services.static2]\npolicy = \"all\"\nendpoints = [{{ name = \"one\", address = \"192.0.2.1\" }}]\n"
        ));
        let server = folder.start();
        Self {
            folder,
            server: Some(server),
            first: first_nginx,
            browser: Browser::start(),
            _second: second_nginx,
        }
    }

    /// The address of a view: `#timeline`.
    fn address(&self, view: &str) -> String {
        format!("http://{}/{view}", self.folder.api)
    }
}

/// The row of a service, as an expression.
fn row(service: &str) -> String {
    format!("document.querySelector('.row[data-name=\"{service}\"]')")
}
