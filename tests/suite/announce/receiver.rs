//! A receiver of webhooks: keeps what it was sent, and answers as it is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) path: String,
    /// By name in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Received {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn seq(&self) -> u64 {
        self.header("x-pointsman-sequence").parse().expect("a number")
    }
}

/// How a request is answered: the first lines of the answer, or nothing at all.
pub(super) type Answers = dyn Fn(&Received) -> Option<String> + Send + Sync;

pub(super) const FINE: &str = "HTTP/1.1 204 No Content\r\n";

/// Listens until it is dropped.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Listens on `address` and answers with `answers`.
    pub(super) fn open(address: SocketAddr, answers: Arc<Answers>) -> Self {
        let listener = TcpListener::bind(address).expect("binds");
        let address = listener.local_addr().expect("bound");
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let closing: Arc<AtomicBool> = Arc::default();
        let (kept, ends) = (Arc::clone(&received), Arc::clone(&closing));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let (kept, answers, ends) = (Arc::clone(&kept), Arc::clone(&answers), Arc::clone(&ends));
                if let Ok(stream) = stream {
                    std::thread::spawn(move || serve(stream, &kept, &*answers, &ends));
                }
            }
        });
        Self {
            address,
            received,
            closing,
            thread: Some(thread),
        }
    }

    /// Confirms everything.
    pub(super) fn fine(address: SocketAddr) -> Self {
        Self::open(address, Arc::new(|_| Some(FINE.to_owned())))
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("whole").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes it up.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves one connection until it is closed, or the receiver is.
fn serve(stream: TcpStream, kept: &Mutex<Vec<Received>>, answers: &Answers, ends: &AtomicBool) {
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("set");
    let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
    let mut writer = stream;
    while let Some(request) = read(&mut reader) {
        if ends.load(Ordering::SeqCst) {
            return;
        }
        let answer = answers(&request);
        // What is not answered was not taken.
        let Some(answer) = answer else {
            kept.lock().expect("whole").push(request);
            let mut rest = Vec::new();
            let _ = reader.read_to_end(&mut rest);
            return;
        };
        if answer.contains(" 20") {
            kept.lock().expect("whole").push(request);
        }
        let length = if answer.contains(" 204 ") {
            ""
        } else {
            "Content-Length: 0\r\n"
        };
        if write!(writer, "{answer}{length}\r\n").is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&octets| octets > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Received { path, headers, body })
}
