//! The real delivery loop on virtual time: a receiver that is away for ten minutes, and a process that dies meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pointsman::announce::carrier::Carrier;
use pointsman::announce::delivery::{Courier, Ledger, Order};
use pointsman::announce::message::Message;
use pointsman::announce::queue::{Outcome, Queue};
use pointsman::announce::sorting::Change;
use pointsman::announce::status::Gauge;
use pointsman::clock::{Clock, SystemClock};
use pointsman::control::timeline::Entry;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const AWAY: Duration = Duration::from_secs(600);

/// What is owed, as the store would keep it.
#[derive(Default)]
struct Book(Mutex<BTreeMap<u64, Arc<Entry>>>);

impl Book {
    fn owed(&self) -> BTreeMap<u64, Arc<Entry>> {
        self.0.lock().unwrap().clone()
    }
}

impl Ledger for Book {
    fn owe(&self, id: u64, entry: &Arc<Entry>, _: &[Arc<str>], _: Option<&Change>) {
        self.0.lock().unwrap().insert(id, Arc::clone(entry));
    }

    fn unheard(&self, _: Option<&Change>) {}

    fn settle(&self, _: &Arc<str>, id: u64) {
        self.0.lock().unwrap().remove(&id);
    }

    fn forget(&self, _: &Arc<str>) {}
}

/// Away until a time; then it takes everything.
struct Away {
    clock: SystemClock,
    tries: Mutex<Vec<Duration>>,
    taken: Mutex<Vec<(Duration, u64)>>,
}

impl Away {
    fn since(&self) -> Duration {
        Duration::from_nanos(self.clock.now().moment.nanos())
    }
}

#[async_trait]
impl Carrier for Away {
    async fn carry(&self, message: &Message) -> Outcome {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = self.since();
        self.tries.lock().unwrap().push(now);
        if now < AWAY {
            return Outcome::Absent("connection refused".to_owned());
        }
        self.taken.lock().unwrap().push((now, message.entry.seq));
        Outcome::Confirmed
    }
}

fn entry(seq: u64) -> Arc<Entry> {
    Arc::new(Entry {
        seq,
        unix_ms: seq,
        alarm: true,
        kind: "degraded".to_owned(),
        services: vec![format!("s{}.example.test", seq % 7)],
        endpoint: None,
        by: None,
        text: String::new(),
        facts: json!({}),
    })
}

/// A life of the process: goes on with what the book says.
fn live(book: &Arc<Book>, away: &Arc<Away>) -> (UnboundedSender<Order>, JoinHandle<()>) {
    let (orders, inbox) = unbounded_channel();
    for (id, entry) in book.owed() {
        orders.send(Order::Owe(id, entry)).ok().unwrap();
    }
    let courier = Courier {
        node: Arc::from("ns1"),
        name: Arc::from("test"),
        queue: Queue::new(Duration::from_secs(60), 10_000),
        carrier: Arc::clone(away) as Arc<dyn Carrier>,
        clock: Arc::new(away.clock),
        ledger: Arc::clone(book) as Arc<dyn Ledger>,
        gauge: Arc::new(Gauge::default()),
        chance: 7,
    };
    (orders, tokio::spawn(courier.run(inbox, CancellationToken::new())))
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_away_and_a_death_in_between_lose_nothing_and_keep_the_order() {
    let book = Arc::new(Book::default());
    let away = Arc::new(Away {
        clock: SystemClock::start(),
        tries: Mutex::default(),
        taken: Mutex::default(),
    });
    let mut seq = 0;
    for _life in 0..2 {
        let (orders, task) = live(&book, &away);
        // An event a second, for five minutes; then the process dies.
        for _ in 0..300 {
            seq += 1;
            let entry = entry(seq);
            book.owe(seq, &entry, &[], None);
            orders.send(Order::Owe(seq, entry)).ok().unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert_eq!(book.owed().len(), 600);
    assert!(away.taken.lock().unwrap().is_empty());
    let (_orders, task) = live(&book, &away);
    while !book.owed().is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    task.abort();
    let taken = away.taken.lock().unwrap().clone();
    let order: Vec<u64> = taken.iter().map(|(_, seq)| *seq).collect();
    assert_eq!(order, (1..=600).collect::<Vec<_>>(), "each once, in order");
    let last = taken.last().unwrap().0;
    assert!(
        last < AWAY + Duration::from_secs(60) + Duration::from_secs(15),
        "{last:?}"
    );
    let tries = away.tries.lock().unwrap().iter().filter(|at| **at < AWAY).count();
    println!(
        "600 events, away for 10 min over two deaths: {tries} tries meanwhile, all there {:?} after it was back",
        last - AWAY
    );
    assert!((10..60).contains(&tries), "{tries}");
}
