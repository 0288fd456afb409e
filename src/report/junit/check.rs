//! Reads a JUnit file back before anybody else does.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

/// What was counted in one suite.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counters {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

/// The file reads, nothing is nested, each case has a name of its own and at most one result, the counters are those of
/// the elements, and it is green exactly when it should be.
pub(super) fn check(file: &str, should_be_green: bool) -> Result<()> {
    let mut reader = Reader::from_str(file);
    let mut seen = Seen::default();
    loop {
        match reader.read_event().context("the JUnit file does not read back")? {
            Event::Start(element) => seen.opens(&element)?,
            Event::Empty(element) => {
                seen.opens(&element)?;
                seen.closes(element.name().as_ref())?;
            }
            Event::End(element) => seen.closes(element.name().as_ref())?,
            Event::Eof => break,
            _ => {}
        }
    }
    ensure!(seen.depth == 0, "an element of the JUnit file is not closed");
    ensure!(seen.red == 0 || !should_be_green, "the JUnit file is red and the run passed");
    ensure!(seen.red > 0 || should_be_green, "the JUnit file is green and the run did not pass");
    Ok(())
}

#[derive(Default)]
struct Seen {
    depth: u32,
    red: u64,
    names: BTreeSet<String>,
    claimed: Counters,
    counted: Counters,
    results_of_case: u32,
}

impl Seen {
    fn opens(&mut self, element: &BytesStart<'_>) -> Result<()> {
        let expected_depth = match element.name().as_ref() {
            "testsuites" => 0,
            "testsuite" => 1,
            "testcase" => 2,
            "failure" | "error" | "skipped" => 3,
            _ => self.depth,
        };
        let name = element.name();
        ensure!(self.depth == expected_depth, "<{}> is not where it belongs", name.as_ref());
        self.depth += 1;
        match name.as_ref() {
            "testsuite" => self.begins_suite(element)?,
            "testcase" => self.begins_case(element)?,
            "failure" => self.result(|counters| &mut counters.failures),
            "error" => self.result(|counters| &mut counters.errors),
            "skipped" => self.result(|counters| &mut counters.skipped),
            _ => {}
        }
        Ok(())
    }

    fn closes(&mut self, name: &str) -> Result<()> {
        self.depth -= 1;
        match name {
            "testcase" => ensure!(self.results_of_case <= 1, "a case has more than one result"),
            "testsuite" => {
                ensure!(
                    self.claimed == self.counted,
                    "the counters {:?} are not those of the elements {:?}",
                    self.claimed,
                    self.counted
                );
                self.red += self.counted.failures + self.counted.errors;
            }
            _ => {}
        }
        Ok(())
    }

    fn begins_suite(&mut self, element: &BytesStart<'_>) -> Result<()> {
        let number = |name: &str| -> Result<u64> {
            attribute(element, name)?.parse().with_context(|| format!("{name} is not a number"))
        };
        self.claimed = Counters {
            tests: number("tests")?,
            failures: number("failures")?,
            errors: number("errors")?,
            skipped: number("skipped")?,
        };
        self.counted = Counters::default();
        Ok(())
    }

    fn begins_case(&mut self, element: &BytesStart<'_>) -> Result<()> {
        let name = attribute(element, "name")?;
        ensure!(self.names.insert(name.clone()), "two cases are called `{name}`");
        self.counted.tests += 1;
        self.results_of_case = 0;
        Ok(())
    }

    fn result(&mut self, counter: fn(&mut Counters) -> &mut u64) {
        *counter(&mut self.counted) += 1;
        self.results_of_case += 1;
    }
}

/// The value of an attribute that must be there.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Result<String> {
    let attribute = element.try_get_attribute(name)?.with_context(|| format!("there is no {name}"))?;
    Ok(attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned())
}
