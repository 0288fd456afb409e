//! Records that read, and those that are refused.

use std::io::BufReader;

use super::*;
use crate::checks::notation::history;

fn text(statements: &str) -> String {
    let header = Header { format: FORMAT, run_id: "run".to_owned(), ..Header::default() };
    let history = history(statements);
    let lines = history.events.iter().map(|event| line(&history.scenario, event) + "\n");
    format!("{}\n{}", header_line(&header), lines.collect::<String>())
}

fn refused(text: &str) -> String {
    format!("{:#}", read(text.as_bytes()).unwrap_err())
}

#[test]
fn what_is_written_is_read_again_and_kept_once() {
    let statements = "web-0 created; web-0 ready; dns a A web-0 -> 10.0.0.10; dns a A web-0 -> 10.0.0.10";
    let histories = read(text(statements).as_bytes()).unwrap().histories;
    assert_eq!(histories, [history(statements)]);
    let answers: Vec<_> = histories[0].dns().map(|seen| std::ptr::from_ref(seen.what)).collect();
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn a_last_line_that_was_cut_short_is_dropped() {
    let text = text("web-0 created; web-0 ready");
    let record = read(&text.as_bytes()[..text.len() - 9]).unwrap();
    assert_eq!(record.histories, [history("web-0 created")]);
    assert!(matches!(record.seal, Seal::Missing { .. }));
}

#[test]
fn a_whole_line_that_is_no_event_is_an_error_with_its_number() {
    let text = text("web-0 created") + "{}\n";
    let number = text.lines().count();
    assert!(refused(&text).starts_with(&format!("line {number}: not an event")), "{}", refused(&text));
}

#[test]
fn another_format_is_refused() {
    let other = text("web-0 created").replacen("\"format\":2", "\"format\":3", 1);
    assert_eq!(refused(&other), "line 1: format 3 is not one that this version reads (1, 2)");
}

#[test]
fn format_1_is_read_and_has_no_seal() {
    let old = text("web-0 created").replacen("\"format\":2", "\"format\":1", 1);
    let record = read(old.as_bytes()).unwrap();
    assert_eq!(record.histories, [history("web-0 created")]);
    assert_eq!(record.seal, Seal::Missing { why: "records of format 1 have no seal".to_owned() });
}

#[test]
fn equal_parts_of_objects_are_kept_once() {
    let record = read(text("web-0 created; web-0 ready; web-0 unready").as_bytes()).unwrap();
    let specs: Vec<_> = record.histories[0]
        .objects(super::super::Resource::Pods)
        .map(|pod| match pod.what.at("/spec") {
            Some(super::super::Json::Map(members)) => members.as_ptr(),
            other => panic!("no spec: {other:?}"),
        })
        .collect();
    assert_eq!((specs[0], specs[1]), (specs[1], specs[2]));
}

#[test]
fn a_line_that_is_missing_is_an_error_with_its_number() {
    let text = text("web-0 created; web-0 ready");
    let cut: String =
        text.lines().enumerate().filter(|(n, _)| *n != 3).map(|(_, l)| format!("{l}\n")).collect();
    let error = refused(&cut);
    assert!(error.starts_with("line 4: scenario noted has event 3 where 2 was expected"), "{error}");
}

#[test]
fn a_span_that_runs_backwards_or_never_ends_is_an_error_with_its_number() {
    let text = text("web-0 created");
    let until = text.find("\"until_us\":").unwrap();
    let digits = until + "\"until_us\":".len();
    let end = digits + text[digits..].find(',').unwrap();
    let from = text.find("\"from_us\":").unwrap();
    let backwards = text.replacen(&text[from..=until], "\"from_us\":7000000,\"", 1);
    assert!(refused(&backwards).starts_with("line 2: event 0 of scenario noted"), "{}", refused(&backwards));
    let endless = format!("{}{}{}", &text[..digits], u64::MAX, &text[end..]);
    assert!(refused(&endless).contains("ends within a year"), "{}", refused(&endless));
}

#[test]
fn a_scenario_is_called_as_scenarios_are() {
    for name in ["", "a b", "../x", "A", "a\\u001b[2J"] {
        let other =
            text("web-0 created").replace("\"scenario\":\"noted\"", &format!("\"scenario\":\"{name}\""));
        assert!(refused(&other).starts_with("line 2: the id of a scenario has"), "{}", refused(&other));
    }
}

#[test]
fn a_line_without_end_is_refused_before_it_is_held() {
    /// Counts what is taken from a source that never ends.
    struct Endless(usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            buffer.fill(b'x');
            self.0 += buffer.len();
            Ok(buffer.len())
        }
    }
    let mut source = Endless(0);
    let header = text("web-0 created").lines().next().unwrap().to_owned() + "\n";
    let error = read(BufReader::new(header.as_bytes().chain(&mut source))).unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        format!("line 2: longer than {LINE_BYTES} bytes, which no line of a record is")
    );
    assert!(source.0 < LINE_BYTES + (1 << 20), "{} bytes were read", source.0);
}
