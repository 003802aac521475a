//! The program, run by the kernel upon frames of ours (`BPF_PROG_TEST_RUN`).

use super::*;
use std::net::SocketAddr;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xfe];

#[repr(C)]
struct TestRun {
    program: u32,
    result: u32,
    size_in: u32,
    size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
}

/// Whether the program takes the frame.
fn takes(program: &Program, frame: &[u8]) -> bool {
    let mut attributes = TestRun {
        program: program.program.as_raw_fd() as u32,
        result: 0,
        size_in: frame.len() as u32,
        size_out: 0,
        data_in: frame.as_ptr() as u64,
        data_out: 0,
        repeat: 1,
        duration: 0,
    };
    // SAFETY: these are the command's attributes (`BPF_PROG_TEST_RUN`); the frame has so many octets and lives;
    // nothing is written but the attributes.
    unsafe { bpf(10, &mut attributes).unwrap() };
    assert!([2, 3].contains(&attributes.result), "{}", attributes.result);
    attributes.result == Action::Back as u32
}

fn ipv4(to: [u8; 4], port: u16) -> Vec<u8> {
    let mut frame = [
        &MAC[..],
        &[2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0],
    ]
    .concat();
    frame.extend([192, 0, 2, 1]);
    frame.extend(to);
    frame.extend([200, 1]);
    frame.extend(port.to_be_bytes());
    frame.extend([0; 16]);
    frame
}

fn ipv6(last: u8, port: u16) -> Vec<u8> {
    let mut frame = [
        &MAC[..],
        &[2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x6f, 0, 0, 0, 0, 20, 17, 64],
    ]
    .concat();
    frame.extend([0xfd; 16]);
    frame.extend([0xfd, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, last]);
    frame.extend([200, 1]);
    frame.extend(port.to_be_bytes());
    frame.extend([0; 16]);
    frame
}

#[test]
fn the_kernel_takes_what_is_asked_of_us_and_passes_all_else() {
    let addresses: Vec<SocketAddr> = [
        "192.0.2.53:53",
        "[fd00:102:304:506:708:90a:b0c:d0e]:53",
        "192.0.2.54:5353",
        "[fd00:102:304:506:708:90a:b0c:d0f]:853",
    ]
    .map(|address| address.parse().unwrap())
    .into();
    let program = match Sockets::new(4).and_then(|sockets| sockets.program(MAC, &addresses, Action::Back)) {
        Ok(program) => program,
        // Skipped: bpf(2) is root's. The tests on a veth pair, which need root as well, say so.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return,
        Err(error) => panic!("{error}"),
    };
    let takes = |frame: &[u8]| takes(&program, frame);
    assert!(takes(&ipv4([192, 0, 2, 53], 53)) && takes(&ipv4([192, 0, 2, 54], 5353)));
    assert!(takes(&ipv6(14, 53)) && takes(&ipv6(15, 853)));
    for (to, port) in [
        ([192, 0, 2, 53], 5353),
        ([192, 0, 2, 54], 53),
        ([192, 0, 2, 55], 53),
        ([192, 0, 3, 53], 53),
    ] {
        assert!(!takes(&ipv4(to, port)), "{to:?} {port}");
    }
    assert!(!takes(&ipv6(14, 853)) && !takes(&ipv6(16, 53)));
    // Each octet that decides, changed: another station, another kind, options, a fragment, another protocol.
    let four = ipv4([192, 0, 2, 53], 53);
    let six = ipv6(14, 53);
    let changed = |frame: &[u8], at: usize, by: u8| {
        let mut frame = frame.to_vec();
        frame[at] ^= by;
        frame
    };
    for at in (0..6).chain([12, 13, 14, 20, 21, 23]).chain(30..34).chain(36..38) {
        let by = if at == 20 { 0x20 } else { 1 };
        assert!(!takes(&changed(&four, at, by)), "octet {at}");
    }
    for at in (0..6).chain([12, 13, 20]).chain(38..54).chain(56..58) {
        assert!(!takes(&changed(&six, at, 1)), "octet {at}");
    }
    assert!(
        takes(&changed(&four, 20, 0x40)),
        "that it must not be fragmented is no fragment"
    );
    assert!(
        takes(&changed(&six, 14, 0x0f)),
        "the class of traffic is anything"
    );
    assert!(
        !takes(&four[..53]) && !takes(&six[..73]),
        "shorter than any message"
    );
    assert!(takes(&four[..54]) && takes(&six[..74]));
    let tagged = [&four[..12], &[0x81, 0, 0, 7], &four[12..]].concat();
    assert!(!takes(&tagged), "of a VLAN");
}

#[test]
fn as_many_addresses_as_may_be_compared_are_a_program() {
    let addresses: Vec<SocketAddr> = (0..300u128)
        .map(|number| SocketAddr::new(std::net::Ipv6Addr::from((0x2001_0db8 << 96) + number).into(), 53))
        .collect();
    match Sockets::new(1).and_then(|sockets| sockets.program(MAC, &addresses, Action::Pass)) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}"),
    }
}
