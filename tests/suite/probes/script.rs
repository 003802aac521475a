//! Servers that do exactly what a script says, right or wrong.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// One thing that a server does.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Reads once.
    Hear,
    /// Reads until an empty line came.
    HearRequest,
    /// Sends this.
    Say(&'static [u8]),
    /// Sends these octets one by one, with a pause after each.
    Drip(&'static [u8], Duration),
    /// Sends this again and again until nobody listens.
    Endless(&'static [u8]),
    /// Waits until the other side closes.
    Silence,
    /// Closes with a reset.
    Reset,
}

use Step::{Drip, Endless, Hear, HearRequest, Reset, Say, Silence};

/// Where a scripted server listens: each connection plays the script from its beginning, then is closed by FIN.
pub(super) async fn play(script: Vec<Step>) -> SocketAddr {
    play_all(vec![script]).await
}

/// The first connection plays the first script, and so on; the last one repeats.
pub(super) async fn play_all(scripts: Vec<Vec<Step>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((stream, _)) = listener.accept().await {
            let script = scripts[turn.min(scripts.len() - 1)].clone();
            turn += 1;
            tokio::spawn(act(stream, script));
        }
    });
    address
}

async fn act(mut stream: TcpStream, script: Vec<Step>) {
    for step in script {
        let done = match step {
            Hear => stream.read(&mut [0; 16384]).await.map(drop),
            HearRequest => hear_request(&mut stream).await,
            Say(octets) => stream.write_all(octets).await,
            Drip(octets, pause) => drip(&mut stream, octets, pause).await,
            Endless(octets) => loop {
                if let Err(error) = stream.write_all(octets).await {
                    break Err(error);
                }
            },
            Silence => loop {
                match stream.read(&mut [0; 1024]).await {
                    Ok(0) => break Ok(()),
                    Ok(_) => {}
                    Err(error) => break Err(error),
                }
            },
            Reset => socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        };
        if done.is_err() {
            return;
        }
    }
}

async fn hear_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut heard = Vec::new();
    let mut chunk = [0; 1024];
    while !heard.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        heard.extend_from_slice(&chunk[..count]);
    }
    Ok(())
}

async fn drip(stream: &mut TcpStream, octets: &[u8], pause: Duration) -> std::io::Result<()> {
    let mut pace = tokio::time::interval(pause);
    for octet in octets {
        stream.write_all(&[*octet]).await?;
        pace.tick().await;
    }
    Ok(())
}

/// A port that is taken, and on which nobody listens, as long as what is returned beside its address lives.
pub(super) fn nobody() -> (SocketAddr, impl Sized) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (socket.local_addr().unwrap(), socket)
}

/// A listener whose queue is full: nobody is ever let in. Lives as long as what is returned beside its address.
pub(super) async fn full() -> (SocketAddr, impl Sized) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(150), TcpStream::connect(address)).await
    {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 64, "the queue is never full");
    }
    (address, (listener, waiting))
}
