//! Standard input, output and error.

use crate::kubelet::filesystem::Mounts;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

/// Where a command reads.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Nothing to read.
    Empty,
    /// Bytes that are there already.
    Bytes(Arc<Mutex<Bytes>>),
    /// Bytes that come as they come.
    Stream(Arc<AsyncMutex<mpsc::UnboundedReceiver<Bytes>>>),
}

impl Input {
    pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::Bytes(Arc::new(Mutex::new(bytes.into())))
    }

    /// A pipe: what is sent into it is read from it.
    pub(crate) fn pipe() -> (mpsc::UnboundedSender<Bytes>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Self::Stream(Arc::new(AsyncMutex::new(receiver))))
    }

    /// The next bytes, or none at the end.
    pub(crate) async fn read(&self) -> Option<Bytes> {
        match self {
            Self::Empty => None,
            Self::Bytes(bytes) => {
                let mut bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
                Some(std::mem::take(&mut *bytes)).filter(|bytes| !bytes.is_empty())
            }
            Self::Stream(stream) => stream.lock().await.recv().await,
        }
    }

    /// One line, without its end.
    pub(crate) async fn read_line(&self) -> Option<String> {
        let Self::Bytes(bytes) = self else {
            let piece = self.read().await?;
            return Some(String::from_utf8_lossy(&piece).trim_end_matches('\n').to_owned());
        };
        let mut bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.is_empty() {
            return None;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
        let line = bytes.split_to(end);
        Some(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned())
    }

    /// All bytes up to the end.
    pub(crate) async fn read_all(&self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = self.read().await {
            all.extend_from_slice(&piece);
        }
        all
    }
}

/// Where a command writes.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    Null,
    /// Kept in memory.
    Buffer(Arc<Mutex<Vec<u8>>>),
    /// Passed on.
    Stream(mpsc::UnboundedSender<Bytes>),
    /// Added to a file, which the redirection has emptied if it had to.
    File {
        files: Arc<Mounts>,
        path: String,
    },
}

impl Output {
    pub(crate) fn buffer() -> (Arc<Mutex<Vec<u8>>>, Self) {
        let buffer = Arc::new(Mutex::new(Vec::new()));
        (buffer.clone(), Self::Buffer(buffer))
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        match self {
            Self::Null => {}
            Self::Buffer(buffer) => {
                buffer.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes)
            }
            // A reader that has gone away reads no more.
            Self::Stream(stream) => drop(stream.send(Bytes::copy_from_slice(bytes))),
            // The redirection has checked the path; a file that is gone since then takes nothing.
            Self::File { files, path } => drop(files.write(path, bytes, true)),
        }
    }
}

/// The three standard streams.
#[derive(Clone, Debug)]
pub(crate) struct Io {
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) errors: Output,
}

impl Io {
    pub(crate) fn print(&self, text: impl AsRef<str>) {
        self.output.write(text.as_ref().as_bytes());
    }

    pub(crate) fn complain(&self, text: impl AsRef<str>) {
        self.errors.write(text.as_ref().as_bytes());
    }
}

/// The bytes of a buffer, as text.
pub(crate) fn text_of(buffer: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&buffer.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}
