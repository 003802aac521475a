//! A real Chromium, steered by its own driver (Debian: chromium, chromium-driver).

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{free_port, wait_until};

/// How long a page may take on a busy machine to show what is true.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with one page.
pub(crate) struct Browser {
    runtime: Runtime,
    client: Client,
    driver: Child,
    /// Its profile, gone with it.
    _profile: tempfile::TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts (Debian: chromium-driver)");
        wait_until("chromedriver listens", PATIENCE, || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let profile = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let arguments = [
            "--headless=new".to_owned(),
            // As root Chromium runs only without its sandbox; what it is shown is ours.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--force-color-profile=srgb".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let options = json!({ "goog:chromeOptions": { "args": arguments } });
        let capabilities = options.as_object().expect("an object").clone();
        let client = runtime.block_on(async {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities)
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
                .expect("Chromium starts (Debian: chromium)")
        });
        Self {
            runtime,
            client,
            driver,
            _profile: profile,
        }
    }

    /// Goes to an address and waits until rows are there.
    pub(crate) fn open(&self, address: &str) {
        self.go(address);
        self.wait("rows", "return document.querySelectorAll('.row').length > 0");
    }

    /// Goes to an address.
    pub(crate) fn go(&self, address: &str) {
        self.runtime
            .block_on(self.client.goto(address))
            .expect("is reached");
    }

    /// Runs a function's body in the page.
    pub(crate) fn run(&self, body: &str) -> Value {
        let done = self.client.execute(body, Vec::new());
        self.runtime
            .block_on(done)
            .unwrap_or_else(|error| panic!("{body}: {error}"))
    }

    /// The text that a function's body returns.
    pub(crate) fn text(&self, body: &str) -> String {
        self.run(body).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a function's body returns true; the time it took.
    pub(crate) fn wait(&self, what: &str, body: &str) -> Duration {
        wait_until(what, PATIENCE, || self.run(body) == true)
    }

    /// Presses keys wherever the focus is: `\u{E004}` is Tab, `\u{E007}` Enter.
    pub(crate) fn press(&self, keys: &str) {
        // What has the focus may be drawn anew between finding it and typing; the page then puts the focus back.
        for _ in 0..20 {
            let done = async { self.client.active_element().await?.send_keys(keys).await };
            match self.runtime.block_on(done) {
                Ok(()) => return,
                Err(error) if error.is_stale_element_reference() => {}
                Err(error) => panic!("a focus takes keys: {error}"),
            }
        }
        panic!("what has the focus is drawn anew all the time");
    }

    /// Clicks on what this selector finds first, as a hand would.
    pub(crate) fn click(&self, selector: &str) {
        let found = async {
            let element = self.client.find(fantoccini::Locator::Css(selector)).await?;
            element.click().await
        };
        self.runtime
            .block_on(found)
            .unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Makes the page as large as this, and its colours `light` or `dark`.
    pub(crate) fn look(&self, width: u32, height: u32, colours: &str) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": colours }] });
        self.devtools("Emulation.setEmulatedMedia", media);
    }

    /// Writes down what is seen.
    pub(crate) fn screenshot(&self, file: &Path) {
        let png = self.runtime.block_on(self.client.screenshot()).expect("is seen");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, png).expect("writes");
    }

    /// A command of Chromium's own.
    pub(crate) fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        let done = self.client.issue_cmd(Devtools(command, parameters));
        self.runtime.block_on(done).expect("is obeyed")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[derive(Debug)]
struct Devtools(&'static str, Value);

type Url = reqwest::Url;

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &Url) -> (hyper::Method, Option<String>) {
        let body = json!({ "cmd": self.0, "params": self.1 });
        (hyper::Method::POST, Some(body.to_string()))
    }
}
