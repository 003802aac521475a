//! The whole server over TCP, with clients as they are: slow, deaf, rude and many.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use hickory_proto::rr::RecordType;

use super::support::dns;
use super::support::server::{Folder, Server};
use super::support::wait_until;

fn folder(tcp: &str) -> Folder {
    let folder = Folder::new(&format!("[dns.tcp]\n{tcp}"));
    folder.zone("");
    folder
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

/// `static.example.test`, type A.
fn question(id: u16) -> Vec<u8> {
    let mut query = dns::query("static.example.test", RecordType::A).to_vec().unwrap();
    query[..2].copy_from_slice(&id.to_be_bytes());
    framed(&query)
}

fn connect(folder: &Folder) -> TcpStream {
    let stream = TcpStream::connect(folder.dns).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn answer(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn asks(stream: &mut TcpStream, id: u16) -> bool {
    stream.write_all(&question(id)).is_ok()
        && answer(stream).is_ok_and(|answer| {
            answer[..2] == id.to_be_bytes() && answer.windows(4).any(|octets| octets == [192, 0, 2, 80])
        })
}

fn resident_megabytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn a_thousand_queries_in_one_piece_are_all_answered_in_their_order() {
    let folder = folder("");
    let _server = folder.start();
    let mut stream = connect(&folder);
    let all: Vec<u8> = (0..1000).flat_map(question).collect();
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&all).unwrap());
    for id in 0..1000u16 {
        assert_eq!(answer(&mut stream).unwrap()[..2], id.to_be_bytes());
    }
    writing.join().unwrap();
    assert!(asks(&mut stream, 7), "and it goes on");
}

#[test]
fn rude_clients_keep_nobody_waiting() {
    let folder = folder("message = \"1s\"\nidle = \"2s\"");
    let server = folder.start();
    let mut held = Vec::new();
    for index in 0..200 {
        let mut stream = connect(&folder);
        let query = question(index);
        match index % 4 {
            // Half a message; a message and a half; nothing at all; a reset amid the answers.
            0 => stream.write_all(&query[..9]).unwrap(),
            1 => stream.write_all(&[&query[..], &query[..5]].concat()).unwrap(),
            2 => {}
            _ => {
                let many: Vec<u8> = (0..200).flat_map(question).collect();
                stream.write_all(&many).unwrap();
                socket2::SockRef::from(&stream)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
                continue;
            }
        }
        held.push(stream);
    }
    // One that never reads: it may write until the buffers of both sides are full, then it is cut.
    let mut deaf = connect(&folder);
    let flood = std::thread::spawn(move || {
        let many: Vec<u8> = (0..2000).flat_map(question).collect();
        while deaf.write_all(&many).is_ok() {}
    });
    for id in 0..50 {
        let began = Instant::now();
        assert!(asks(&mut connect(&folder), id));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    flood.join().unwrap();
    // Each ends, whatever it did.
    for mut stream in held {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(asks(&mut connect(&folder), 1));
    assert!(resident_megabytes(&server) < 200);
}

#[test]
fn ten_thousand_idle_connections_or_as_many_as_descriptors_allow_fit_into_200_megabytes() {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let descriptors: usize = line
        .split_whitespace()
        .nth(3)
        .unwrap()
        .parse()
        .unwrap_or(usize::MAX);
    let many = descriptors.saturating_sub(600).min(10_000);
    let folder = folder("connections = 20000\nper_client = 20000\nper_prefix = 20000\nidle = \"4m\"");
    let server = folder.start();
    let mut held: Vec<TcpStream> = Vec::new();
    for index in 0..many {
        let mut stream = connect(&folder);
        assert!(asks(&mut stream, index as u16), "{index}");
        held.push(stream);
    }
    let megabytes = resident_megabytes(&server);
    assert!(megabytes < 200, "{many} connections: {megabytes} MB");
    for stream in held.iter_mut().step_by(97) {
        assert!(asks(stream, 3), "none was closed");
    }
}

#[test]
fn limits_change_with_a_reload() {
    let folder = folder("per_client = 50");
    let server = folder.start();
    let mut held: Vec<TcpStream> = (0..20).map(|_| connect(&folder)).collect();
    for (id, stream) in held.iter_mut().enumerate() {
        assert!(asks(stream, id as u16));
    }
    folder.server("[dns.tcp]\nper_client = 4\nidle = \"1s\"\ntotal = \"1m\"");
    server.signal("HUP");
    // The shorter idle time holds for those that are open, the lower number for newcomers.
    for stream in &mut held {
        assert!(matches!(stream.read(&mut [0; 9]), Ok(0) | Err(_)));
    }
    let held: Vec<TcpStream> = (0..8)
        .map(|id| {
            let mut stream = connect(&folder);
            assert!(asks(&mut stream, id));
            stream
        })
        .collect();
    let open = || {
        let probes = held.iter().filter(|stream| {
            stream.set_nonblocking(true).unwrap();
            let blocked = matches!((&mut &**stream).read(&mut [0; 9]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
            blocked
        });
        probes.count()
    };
    wait_until("four are left", Duration::from_secs(10), || open() <= 4);
}

#[test]
fn a_stopping_server_answers_what_it_was_asked_and_finishes_transfers() {
    let folder = Folder::new("");
    folder.write(
        "zones/example.test.toml",
        "origin = \"example.test\"\nrecords = \"example.test.records\"\nttl = \"10s\"\ntransfer = { allow = [\"127.0.0.1\"] }\n",
    );
    let hosts: String = (0..60_000).map(|n| format!("h{n} A 192.0.2.7\n")).collect();
    let text = format!(
        "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\nstatic A 192.0.2.80\n{hosts}"
    );
    folder.write("zones/example.test.records", &text);
    let server = folder.start();
    let mut kept = connect(&folder);
    assert!(asks(&mut kept, 1));
    let mut transfer = connect(&folder);
    let mut query = dns::query("example.test", RecordType::AXFR).to_vec().unwrap();
    query[0] = 9;
    transfer.write_all(&framed(&query)).unwrap();
    // The first of its messages is there, the client takes the others slowly.
    let first = answer(&mut transfer).unwrap();
    let mut records = usize::from(u16::from_be_bytes([first[6], first[7]]));
    kept.write_all(&question(2)).unwrap();
    kept.shutdown(Shutdown::Write).unwrap();
    server.signal("TERM");
    assert_eq!(answer(&mut kept).unwrap()[..2], [0, 2]);
    while let Ok(message) = answer(&mut transfer) {
        records += usize::from(u16::from_be_bytes([message[6], message[7]]));
    }
    assert_eq!(records, 60_000 + 5);
}
