//! What comes back, before anybody else sees it: bounded, and without our own credentials where a server repeats them.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;

use crate::{
    limits,
    secret::{self, Secret},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body that is watched over.
pub(super) type Guarded = Either<Full<Bytes>, Bound<Incoming>>;

/// The response, with its body watched over. A refusal is read to its end and masked; what is granted is passed on as it
/// comes, bounded, and with what we sent blotted out. `more` are secrets that we did not send as they are.
pub(super) async fn guarded(
    response: Response<Incoming>,
    is_watch: bool,
    sent: Vec<Secret>,
    more: Vec<Secret>,
) -> Result<Response<Guarded>, BoxError> {
    let status = response.status();
    if status.is_success() || status.is_informational() {
        return Ok(response.map(|body| Either::Right(Bound::new(body, is_watch, sent))));
    }
    let (mut head, body) = response.into_parts();
    let body = Limited::new(body, limits::ANSWER.bytes).collect().await?.to_bytes();
    let secrets: Vec<Secret> =
        sent.into_iter().chain(more).filter(|secret| is_longer(secret, SHORT_BYTES)).collect();
    let text = secret::masked(&secret::without(&String::from_utf8_lossy(&body), &secrets));
    head.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(head, Either::Left(Full::from(text.into_bytes()))))
}

/// What is as short as this is left in a refusal, of which it would leave nothing that can be read.
const SHORT_BYTES: usize = 3;

/// What is as short as this is left in what is granted: it may be a word, and objects are evidence.
const WORD_BYTES: usize = 15;

fn is_longer(secret: &Secret, bytes: usize) -> bool {
    secret.expose().len() > bytes
}

/// A body that fails when it, or one line of a watch, is longer than an answer may be.
pub(super) struct Bound<B> {
    body: B,
    is_watch: bool,
    secrets: Vec<Secret>,
    seen: usize,
}

impl<B> Bound<B> {
    fn new(body: B, is_watch: bool, sent: Vec<Secret>) -> Self {
        let secrets = sent.into_iter().filter(|secret| is_longer(secret, WORD_BYTES)).collect();
        Self { body, is_watch, secrets, seen: 0 }
    }

    fn passed(&mut self, data: Bytes) -> Result<Bytes, BoxError> {
        match data.iter().rposition(|byte| *byte == b'\n').filter(|_| self.is_watch) {
            Some(end) => self.seen = data.len() - end - 1,
            None => self.seen += data.len(),
        }
        if self.seen > limits::ANSWER.bytes {
            return Err(format!("the answer is longer than {} MiB", limits::ANSWER.bytes >> 20).into());
        }
        Ok(blotted(data, &self.secrets))
    }
}

/// The bytes with each secret in them overwritten.
fn blotted(data: Bytes, secrets: &[Secret]) -> Bytes {
    let is_in = |secret: &&Secret| find(&data, secret.expose().as_bytes(), 0).is_some();
    if !secrets.iter().any(|secret| is_in(&secret)) {
        return data;
    }
    let mut data = BytesMut::from(&data[..]);
    for secret in secrets.iter().map(|secret| secret.expose().as_bytes()) {
        let mut from = 0;
        while let Some(at) = find(&data, secret, from) {
            data[at..at + secret.len()].fill(b'*');
            from = at + secret.len();
        }
    }
    data.freeze()
}

fn find(data: &[u8], what: &[u8], from: usize) -> Option<usize> {
    data[from..].windows(what.len()).position(|window| window == what).map(|at| at + from)
}

impl<B> Body for Bound<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| match frame.map_err(Into::into)?.into_data() {
            Ok(data) => self.passed(data).map(Frame::data),
            Err(trailers) => Ok(trailers),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::StreamBody;

    use super::*;

    async fn read(chunks: Vec<Vec<u8>>, is_watch: bool, secrets: &[&str]) -> Result<Bytes, BoxError> {
        let frames = chunks.into_iter().map(|chunk| Ok::<_, BoxError>(Frame::data(Bytes::from(chunk))));
        let secrets = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        let body = Bound::new(StreamBody::new(stream::iter(frames)), is_watch, secrets);
        Ok(body.collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn an_answer_is_bounded_and_of_a_watch_each_line() {
        let mebibyte = vec![b' '; (1 << 20) - 1];
        let line = [&mebibyte[..], b"\n"].concat();
        assert!(read(vec![mebibyte.clone(); 70], false, &[]).await.is_err());
        assert!(read(vec![line.clone(); 70], false, &[]).await.is_err());
        assert!(read(vec![mebibyte; 70], true, &[]).await.is_err(), "a line without end");
        assert_eq!(read(vec![line; 70], true, &[]).await.unwrap().len(), 70 << 20);
    }

    #[tokio::test]
    async fn our_own_credentials_are_blotted_out_and_words_are_not() {
        let chunks = vec![b"x canary-token-0123 y canary-token-0123".to_vec(), b" kube-system z".to_vec()];
        let text = read(chunks, false, &["canary-token-0123", "kube-system"]).await.unwrap();
        assert_eq!(text, "x ***************** y ***************** kube-system z");
    }
}
