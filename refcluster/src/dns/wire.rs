//! Queries and answers in wire format.

use super::backend::Answer;
use crate::rng::Rng;
use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Record, RecordType};

/// Reads a query with one question.
pub(super) fn parse(bytes: &[u8]) -> Option<Message> {
    let message = Message::from_vec(bytes).ok()?;
    (message.metadata.message_type == MessageType::Query && message.queries.len() == 1).then_some(message)
}

/// The question of a parsed query, its name in lower case without the last dot.
pub(super) fn question(query: &Message) -> (String, RecordType) {
    let question: &Query = &query.queries[0];
    let name = question.name().to_string().to_lowercase();
    (name.trim_end_matches('.').to_owned(), question.query_type())
}

/// Writes an answer; addresses come in an order that changes from answer to answer.
pub(super) fn write(query: &Message, mut answer: Answer, chance: &mut Rng) -> Option<Vec<u8>> {
    let mut message = Message::response(query.metadata.id, query.metadata.op_code);
    message.metadata.authoritative = answer.authoritative;
    message.metadata.recursion_desired = query.metadata.recursion_desired;
    message.metadata.response_code = answer.code;
    message.add_queries(query.queries.iter().cloned());
    if answer.code == ResponseCode::NoError {
        shuffle(&mut answer.records, chance);
    }
    message.add_answers(answer.records);
    message.add_authorities(answer.authorities);
    message.add_additionals(answer.additionals);
    message.to_vec().ok()
}

fn shuffle(records: &mut [Record], chance: &mut Rng) {
    for last in (1..records.len()).rev() {
        records.swap(last, chance.within(0..last as u64 + 1) as usize);
    }
}
