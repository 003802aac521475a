//! The floor of what an answer costs: the same sockets and batches as the server's, each message sent back with QR set
//! and nothing looked up. `echo ADDRESS`; `tests/measure/beside.py` takes its ratios to it.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::process::ExitCode;

use pointsman::serve::{listen, udp};
use pointsman::sys::batch::Batch;

fn main() -> ExitCode {
    let address = std::env::args()
        .nth(1)
        .and_then(|text| text.parse::<SocketAddr>().ok());
    let socket = address.and_then(|address| listen::udp(address, 1, udp::BUFFER).ok()?.pop());
    let Some(socket) = socket else {
        return ExitCode::FAILURE;
    };
    let mut batch = Batch::new();
    loop {
        if batch.receive(&socket, true).is_err() {
            return ExitCode::FAILURE;
        }
        let (queries, mut replies) = batch.parts();
        for index in 0..queries.len() {
            let Some(query) = queries.octets(index) else {
                continue;
            };
            if let Some(reply) = replies.room().get_mut(..query.len()) {
                reply.copy_from_slice(query);
                if let Some(flags) = reply.get_mut(2) {
                    *flags |= 0x80;
                }
                replies.answer(index, query.len());
            }
        }
        batch.send(&socket);
    }
}
