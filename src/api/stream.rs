//! `GET /v1/stream`: what happens, as it happens, as server-sent events.
//!
//! `hello` says where it begins, `entry` is one of the timeline, `changed` names the services that should be looked at again,
//! `resync` says that some entries were missed. A client that does not read is cut; it comes back with `Last-Event-ID`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::{Instant, sleep_until, timeout};

use crate::api::live::{Live, Request};
use crate::api::problem::Problem;
use crate::control::timeline::Entry;
use crate::store::history::LOST;

/// Streams at once: a dashboard has one, and more than a room full of them is a mistake.
pub const STREAMS: usize = 64;
/// Between two `changed`, at the least.
const PAUSE: Duration = Duration::from_millis(250);
/// Between two signs of life, at the most.
const ALIVE: Duration = Duration::from_secs(10);
/// How long a client may leave a filled buffer unread.
const UNREAD: Duration = Duration::from_secs(20);
/// Entries that are sent again at the most; who missed more looks anew.
const REPLAYED: u64 = 10_000;
/// Entries that are read in one go.
const PIECE: usize = 500;
/// How long, and how often, it is waited for the disk to have the newest.
const WAIT: Duration = Duration::from_millis(50);
const WAITS: u32 = 20;
/// Events that wait for the connection.
const BUFFER: usize = 64;

/// What happens, as it happens
///
/// Server-sent events: `hello` {node, version, seq}; `entry`, whose id is its number and whose data one entry of the
/// timeline; `changed` {services}, at the most four a second, an empty list meaning all; `resync` {} when entries were
/// missed. With `Last-Event-ID` what came behind that entry is sent first. Ask with `Accept: text/event-stream`.
#[utoipa::path(get, path = "/v1/stream", tag = "look",
    params(
        ("Accept" = Option<String>, Header, description = "`text/event-stream`"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The number of the last entry that was seen")),
    responses(
        (status = 200, description = "Events without an end", body = String, content_type = "text/event-stream"),
        (status = 406, description = "It was not asked for as `text/event-stream`", body = Problem, content_type = "application/problem+json")))]
pub async fn stream(State(live): State<Live>, headers: HeaderMap) -> Result<Response, Problem> {
    // Whoever does not know that it has no end would wait for ever.
    let accepted = headers.get_all(header::ACCEPT).iter();
    if !accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.to_ascii_lowercase().contains("text/event-stream"))
    {
        return Err(Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "this is a stream without an end: ask with `Accept: text/event-stream`",
        ));
    }
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let seen = seen.and_then(|value| value.trim().parse::<u64>().ok());
    let Ok(permit) = Arc::clone(&live.streams).try_acquire_owned() else {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("{STREAMS} streams are open already; close one"),
        )
        .retry_after(10));
    };
    // First listen, then ask where the timeline is: what comes in between is heard.
    let news = live.news.subscribe();
    let last = live.ask(|reply| Request::Seq { reply }).await?;
    let (sender, body) = Channel::<Bytes>::new(BUFFER);
    let feed = Feed {
        live,
        news,
        last,
        sender,
        _permit: permit,
    };
    tokio::spawn(feed.run(seen));
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((kind, Body::new(body)).into_response())
}

/// One stream.
struct Feed {
    live: Live,
    news: broadcast::Receiver<Arc<Entry>>,
    /// The last entry that was sent, or that stood before the first.
    last: u64,
    sender: Sender<Bytes>,
    _permit: OwnedSemaphorePermit,
}

/// The client went away, or does not read.
struct Gone;

impl Feed {
    async fn run(mut self, seen: Option<u64>) {
        let stop = self.live.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            // Whoever was cut comes back.
            _ = self.feed(seen) => {}
        }
    }

    async fn feed(&mut self, seen: Option<u64>) -> Result<(), Gone> {
        let node = self.live.node.as_ref();
        let hello = json!({ "node": node, "version": env!("CARGO_PKG_VERSION"), "seq": self.last });
        self.say("hello", None, &hello).await?;
        if let Some(seen) = seen
            && !self.replay(seen).await?
        {
            self.say("resync", None, &json!({})).await?;
        }
        let mut changed: Option<BTreeSet<String>> = None;
        let (mut due, mut alive) = (Instant::now(), Instant::now() + ALIVE);
        loop {
            tokio::select! {
                heard = self.news.recv() => match heard {
                    Ok(entry) if entry.seq > self.last => {
                        self.last = entry.seq;
                        let services = changed.get_or_insert_default();
                        services.extend(entry.services.iter().cloned());
                        if entry.services.is_empty() {
                            services.insert(String::new());
                        }
                        let data = serde_json::to_value(&*entry).unwrap_or_default();
                        self.say("entry", Some(entry.seq), &data).await?;
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => self.say("resync", None, &json!({})).await?,
                    Err(RecvError::Closed) => return Ok(()),
                },
                () = sleep_until(due), if changed.is_some() => {
                    let services = changed.take().unwrap_or_default();
                    // What concerns no service concerns all.
                    let all = services.contains("");
                    let services: BTreeSet<String> = if all { BTreeSet::new() } else { services };
                    self.say("changed", None, &json!({ "services": services })).await?;
                    due = Instant::now() + PAUSE;
                }
                () = sleep_until(alive) => {
                    self.send(Bytes::from_static(b": alive\n\n")).await?;
                    alive = Instant::now() + ALIVE;
                }
            }
        }
    }

    /// Sends what is behind the entry numbered `seen`, from the history; whether that is all of it.
    async fn replay(&mut self, seen: u64) -> Result<bool, Gone> {
        if seen > self.last || self.last - seen > REPLAYED {
            return Ok(false);
        }
        let (mut at, mut waited) = (seen, 0);
        while at < self.last {
            let history = self.live.history.clone();
            let read = tokio::task::spawn_blocking(move || history.after(at, PIECE)).await;
            let Ok(Ok(entries)) = read else { return Ok(false) };
            let before = at;
            let last = self.last;
            for entry in entries.iter().filter(|entry| entry.seq <= last) {
                if entry.seq > at + 1 && entry.kind != LOST {
                    return Ok(false); // retention has been here
                }
                let data = serde_json::to_value(entry).unwrap_or_default();
                self.say("entry", Some(entry.seq), &data).await?;
                at = entry.seq;
            }
            if at == before {
                // The newest are on their way to the disk.
                waited += 1;
                if waited > WAITS {
                    return Ok(false);
                }
                tokio::time::sleep(WAIT).await;
            }
        }
        Ok(true)
    }

    async fn say(&mut self, event: &str, id: Option<u64>, data: &Value) -> Result<(), Gone> {
        let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
        self.send(Bytes::from(format!("{id}event: {event}\ndata: {data}\n\n")))
            .await
    }

    async fn send(&mut self, octets: Bytes) -> Result<(), Gone> {
        let sent = timeout(UNREAD, self.sender.send_data(octets)).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}
