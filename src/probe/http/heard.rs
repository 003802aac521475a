//! What a connection heard, noted beside the library that reads it.
//!
//! When the library calls an answer unreadable, or nothing more comes, an operator wants to know what came.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::probe::sheet::EXCERPT;

/// Number and beginning of the octets that came since the last question.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Note>);

#[derive(Debug, Default)]
struct Note {
    octets: usize,
    beginning: Vec<u8>,
}

impl Heard {
    /// How many octets came.
    pub(crate) fn octets(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).octets
    }

    /// The first of them, at most [`EXCERPT`].
    pub(crate) fn beginning(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .beginning
            .clone()
    }

    /// Forgets everything: another question is asked.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Note::default();
    }

    fn note(&self, octets: &[u8]) {
        let mut note = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        note.octets = note.octets.saturating_add(octets.len());
        let room = EXCERPT.saturating_sub(note.beginning.len());
        note.beginning
            .extend_from_slice(octets.get(..room).unwrap_or(octets));
    }
}

/// A stream that notes what it hears.
pub(crate) struct Ear<S> {
    stream: S,
    heard: Arc<Heard>,
}

impl<S> Ear<S> {
    /// Listens to `stream`.
    pub(crate) fn new(stream: S, heard: Arc<Heard>) -> Self {
        Self { stream, heard }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ear<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if let Some(new) = buf.filled().get(before..).filter(|new| !new.is_empty()) {
            this.heard.note(new);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ear<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
