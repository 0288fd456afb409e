//! A UDP socket made of a byte stream: `nc -u` sends what it reads as datagrams and prints what it receives.
//!
//! The stream keeps no boundaries, so a received message is complete when it parses. There is one question at a time
//! (the asker sees to that), so messages do not mix; one that is late belongs to an earlier question, and the resolver
//! drops it by its id.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use hickory_resolver::{
    net::runtime::{DnsUdpSocket, TokioTime},
    proto::op::Message,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};

use super::through_exec::Netcat;

/// The socket. Clones share it.
#[derive(Clone)]
pub(super) struct Datagrams {
    server: SocketAddr,
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    incoming: Arc<Mutex<mpsc::UnboundedReceiver<Vec<u8>>>>,
    broken: Arc<AtomicBool>,
}

impl Datagrams {
    /// Pumps messages through a running `nc -u`.
    pub(super) fn over(netcat: Netcat, server: SocketAddr) -> Self {
        let (outgoing, to_send) = mpsc::unbounded_channel();
        let (received, incoming) = mpsc::unbounded_channel();
        let broken = Arc::new(AtomicBool::new(false));
        tokio::spawn(pump(netcat, to_send, received, broken.clone()));
        Self { server, outgoing, incoming: Arc::new(Mutex::new(incoming)), broken }
    }

    /// Whether the process behind it has gone.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

async fn pump(
    netcat: Netcat,
    mut to_send: mpsc::UnboundedReceiver<Vec<u8>>,
    received: mpsc::UnboundedSender<Vec<u8>>,
    broken: Arc<AtomicBool>,
) {
    let (mut reader, mut writer) = tokio::io::split(netcat);
    let mut message = Vec::new();
    loop {
        tokio::select! {
            outgoing = to_send.recv() => {
                let Some(outgoing) = outgoing else { break };
                message.clear();
                if writer.write_all(&outgoing).await.is_err() || writer.flush().await.is_err() {
                    break;
                }
            }
            read = reader.read_buf(&mut message) => {
                if !matches!(read, Ok(1..)) {
                    break;
                }
                // Longer than any message is (RFC 1035, section 4.2.2): what comes is none, and never will be.
                if message.len() > usize::from(u16::MAX) {
                    break;
                }
                if Message::from_vec(&message).is_ok() && received.send(std::mem::take(&mut message)).is_err() {
                    break;
                }
            }
        }
    }
    broken.store(true, Ordering::Relaxed);
}

#[async_trait::async_trait]
impl DnsUdpSocket for Datagrams {
    type Time = TokioTime;

    fn poll_recv_from(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut incoming = self.incoming.lock().expect("no holder panics");
        match incoming.poll_recv(cx) {
            Poll::Ready(Some(message)) => {
                let length = message.len().min(buf.len());
                buf[..length].copy_from_slice(&message[..length]);
                Poll::Ready(Ok((length, self.server)))
            }
            Poll::Ready(None) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_send_to(
        &self,
        _cx: &mut Context<'_>,
        buf: &[u8],
        _target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        match self.outgoing.send(buf.to_vec()) {
            Ok(()) => Poll::Ready(Ok(buf.len())),
            Err(_) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}
