//! DNS messages of any kind: what they say goes into a record and comes out of it as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast::{cluster::dns, history::DnsOutcome};

fuzz_target!(|message: &[u8]| {
    if let Some(outcome) = dns::read_message(message) {
        let text = serde_json::to_string(&outcome).expect("an outcome is plain data");
        assert_eq!(serde_json::from_str::<DnsOutcome>(&text).expect("it reads back"), outcome);
    }
});
