//! Practice backends: real nginx on an address of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::wait_until;

/// An nginx that answers 200 at every path.
pub(crate) struct Nginx {
    address: String,
    directory: tempfile::TempDir,
    child: Option<Child>,
}

impl Nginx {
    /// Starts it at `address` (`127.0.1.1:8080`).
    pub(crate) fn start(address: &str) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        let text = format!(
            "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log off; server {{ listen {address}; location / {{ return 200 ok; }} }} }}\n",
            directory.path().display()
        );
        std::fs::write(directory.path().join("nginx.conf"), text).expect("writes");
        let mut nginx = Self {
            address: address.to_owned(),
            directory,
            child: None,
        };
        nginx.restart();
        nginx
    }

    /// Starts it again after [`Nginx::kill`].
    pub(crate) fn restart(&mut self) {
        let child = Command::new(program())
            .arg("-p")
            .arg(self.directory.path())
            .arg("-c")
            .arg(self.directory.path().join("nginx.conf"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts (Debian: nginx)");
        self.child = Some(child);
        wait_until("nginx listens", Duration::from_secs(10), || {
            std::net::TcpStream::connect(&self.address).is_ok()
        });
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kills");
            child.wait().expect("ends");
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> PathBuf {
    ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from("nginx"))
}
