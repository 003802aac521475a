//! Any octets as a frame: read or refused; what is read lies within it, and its answer is read again by the other side.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman::wire::frame::{HEADERS, read};

fuzz_target!(|octets: &[u8]| {
    let Some(asked) = read(octets) else { return };
    assert!(octets.as_ptr_range().contains(&asked.payload.as_ptr()) || asked.payload.is_empty());
    let mut room = vec![0xa5; HEADERS + asked.payload.len()];
    room[HEADERS..].copy_from_slice(asked.payload);
    let end = room.len();
    let Some(range) = asked.turn(&mut room, HEADERS..end) else {
        panic!("there is room")
    };
    // Whoever may not send (groups, port 0) may have been asked.
    if let Some(answer) = read(&room[range]) {
        assert_eq!(answer.payload, asked.payload);
        assert_eq!(
            (answer.source, answer.source_port),
            (asked.destination, asked.destination_port)
        );
        assert_eq!(
            (answer.destination, answer.destination_port),
            (asked.source, asked.source_port)
        );
    }
});
