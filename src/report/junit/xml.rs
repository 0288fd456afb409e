//! The one file that knows `junit-report`, and `quick-xml` for what that crate cannot express.
//!
//! `junit-report` lays out the suites, the cases and their results. A second pass over its output replaces the
//! attributes that consumers or schemas take amiss (timestamps with a fraction, no counter of the skipped), escapes no more
//! than XML asks for, and adds what the crate has no place for: properties, texts without CDATA, output and files.

use anyhow::{Context, Result};
use junit_report::{Duration, OffsetDateTime, ReportBuilder, TestCaseBuilder, TestSuiteBuilder};
use quick_xml::{
    Reader, Writer,
    escape::partial_escape,
    events::{BytesEnd, BytesStart, BytesText, Event, attributes::Attribute},
    name::QName,
};

use super::{Case, Element, Properties, Suite, Trouble, check::attribute};
use crate::{
    options::{JunitDialect as Dialect, JunitStyle},
    plain::visible,
    report::text::one_line,
};

/// How long one text may be, escaped, in bytes.
const TEXT_BYTES: usize = 64_000;

/// How long the whole file may be; the texts share it.
const FILE_BYTES: usize = 4_500_000;

/// The whole file.
pub(super) fn write(suites: &[Suite], style: &JunitStyle) -> Result<String> {
    let mut skeleton = Vec::new();
    let report =
        ReportBuilder::new().add_testsuites(suites.iter().map(|suite| skeleton_suite(suite, style))).build();
    report.write_xml(&mut skeleton).context("failed to lay out the JUnit file")?;
    let skeleton = String::from_utf8(skeleton).context("the JUnit file is not text")?;
    Pass::new(suites, style).over(&skeleton)
}

fn skeleton_suite(suite: &Suite, style: &JunitStyle) -> junit_report::TestSuite {
    let began = OffsetDateTime::from_unix_timestamp(suite.began.as_second());
    let cases = suite.cases.iter().map(|case| skeleton_case(suite, case));
    let mut built = TestSuiteBuilder::new(&suite.name)
        .set_timestamp(began.unwrap_or(OffsetDateTime::UNIX_EPOCH))
        .add_testcases(cases)
        .build();
    built.hostname = one_line(&style.hostname, 200);
    built.package = "steadfast".to_owned();
    built
}

fn skeleton_case(suite: &Suite, case: &Case) -> junit_report::TestCase {
    let took = Duration::milliseconds((case.secs * 1e3) as i64);
    let mut built = match &case.trouble {
        None => TestCaseBuilder::success(&case.name, took),
        Some(Trouble { element: Element::Failure, kind, message, .. }) => {
            TestCaseBuilder::failure(&case.name, took, kind, message)
        }
        Some(Trouble { element: Element::Error, kind, message, .. }) => {
            TestCaseBuilder::error(&case.name, took, kind, message)
        }
        Some(Trouble { element: Element::Skipped, kind, message, .. }) => {
            TestCaseBuilder::skipped_with_cause(&case.name, kind, message)
        }
    };
    built.set_classname(&suite.name);
    built.build()
}

/// The second pass: follows the skeleton and the suites in step.
struct Pass<'s> {
    suites: &'s [Suite],
    dialect: Dialect,
    text_bytes: usize,
    out: Writer<Vec<u8>>,
    /// How many suites were begun, and how many cases of the last of them.
    at: (usize, usize),
}

impl<'s> Pass<'s> {
    fn new(suites: &'s [Suite], style: &JunitStyle) -> Self {
        let texts =
            suites.iter().flat_map(|suite| &suite.cases).filter(|case| case.trouble.is_some()).count();
        Self {
            suites,
            dialect: style.dialect,
            text_bytes: TEXT_BYTES.min(FILE_BYTES / texts.max(1)),
            out: Writer::new_with_indent(Vec::new(), b' ', 2),
            at: (0, 0),
        }
    }

    fn over(mut self, skeleton: &str) -> Result<String> {
        let mut reader = Reader::from_str(skeleton);
        loop {
            match reader.read_event().context("junit-report wrote what does not read")? {
                Event::Start(element) => self.opens(&element)?,
                Event::Empty(element) => {
                    self.opens(&element)?;
                    self.closes(&element.to_end())?;
                }
                Event::End(element) => self.closes(&element)?,
                Event::Eof => break,
                other => self.out.write_event(other)?,
            }
        }
        let mut bytes = self.out.into_inner();
        bytes.push(b'\n');
        Ok(String::from_utf8(bytes)?)
    }

    fn opens(&mut self, element: &BytesStart<'_>) -> Result<()> {
        match element.name().as_ref() {
            "testsuites" => self.begins_file(),
            "testsuite" => self.begins_suite(element),
            "testcase" => self.begins_case(element),
            _ => self.result(element),
        }
    }

    fn closes(&mut self, element: &BytesEnd<'_>) -> Result<()> {
        match element.name().as_ref() {
            "testsuite" if self.dialect == Dialect::Strict => {
                self.element("system-out", "")?;
                self.element("system-err", "")?;
            }
            "testcase" if self.dialect == Dialect::Rich => {
                let case = self.case();
                if !case.attachments.is_empty() {
                    self.element("system-out", &(case.attachments.join("\n") + "\n"))?;
                }
            }
            _ => {}
        }
        Ok(self.out.write_event(Event::End(element.borrow()))?)
    }

    fn begins_file(&mut self) -> Result<()> {
        let mut root = BytesStart::new("testsuites");
        if self.dialect == Dialect::Rich {
            let cases = || self.suites.iter().flat_map(|suite| &suite.cases);
            let count = |element| cases().filter(|case| is(case, element)).count().to_string();
            let secs = self.suites.iter().map(Suite::secs).sum();
            root.push_attribute(plainly("name", "steadfast"));
            root.push_attribute(plainly("tests", &cases().count().to_string()));
            root.push_attribute(plainly("failures", &count(Element::Failure)));
            root.push_attribute(plainly("errors", &count(Element::Error)));
            root.push_attribute(plainly("skipped", &count(Element::Skipped)));
            root.push_attribute(plainly("time", &seconds(secs)));
        }
        Ok(self.out.write_event(Event::Start(root))?)
    }

    fn begins_suite(&mut self, element: &BytesStart<'_>) -> Result<()> {
        let suite = &self.suites[self.at.0];
        self.at = (self.at.0 + 1, 0);
        let skipped = suite.cases.iter().filter(|case| is(case, Element::Skipped)).count();
        // With a zone, or readers take it for their own; the schemas know none.
        let format = if self.dialect == Dialect::Rich { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S" };
        let began = suite.began.strftime(format).to_string();
        let mut begins = BytesStart::new("testsuite");
        for name in ["id", "name", "tests", "failures", "errors"] {
            begins.push_attribute(plainly(name, &attribute(element, name)?));
        }
        begins.push_attribute(plainly("skipped", &skipped.to_string()));
        begins.push_attribute(plainly("time", &seconds(suite.secs())));
        begins.push_attribute(plainly("timestamp", &began));
        begins.push_attribute(plainly("hostname", &attribute(element, "hostname")?));
        if self.dialect == Dialect::Strict {
            begins.push_attribute(plainly("package", &attribute(element, "package")?));
        }
        self.out.write_event(Event::Start(begins))?;
        self.properties(&suite.properties)
    }

    fn begins_case(&mut self, element: &BytesStart<'_>) -> Result<()> {
        self.at.1 += 1;
        let case = self.case();
        let mut begins = BytesStart::new("testcase");
        for name in ["name", "classname"] {
            begins.push_attribute(plainly(name, &attribute(element, name)?));
        }
        begins.push_attribute(plainly("time", &seconds(case.secs)));
        if let (Dialect::Rich, Some(file)) = (self.dialect, &case.file) {
            begins.push_attribute(plainly("file", file));
            begins.push_attribute(plainly("line", "1"));
        }
        self.out.write_event(Event::Start(begins))?;
        match self.dialect {
            Dialect::Rich if !case.properties.is_empty() => self.properties(&case.properties),
            _ => Ok(()),
        }
    }

    /// A result, without the attribute that one schema does not know, and with its text.
    fn result(&mut self, element: &BytesStart<'_>) -> Result<()> {
        let name = element.name();
        let mut begins = BytesStart::new(name.as_ref());
        if self.dialect == Dialect::Rich || name.as_ref() != "skipped" {
            begins.push_attribute(plainly("type", &attribute(element, "type")?));
        }
        begins.push_attribute(plainly("message", &attribute(element, "message")?));
        self.out.write_event(Event::Start(begins))?;
        let text = self.case().trouble.as_ref().map_or("", |trouble| &trouble.text);
        let text = shortened(&visible(text), self.text_bytes);
        Ok(self.out.write_event(Event::Text(BytesText::from_escaped(partial_escape(text))))?)
    }

    fn properties(&mut self, properties: &Properties) -> Result<()> {
        self.out.write_event(Event::Start(BytesStart::new("properties")))?;
        for (name, value) in properties {
            let (name, value) = (one_line(name, 200), one_line(value, 1000));
            let mut property = BytesStart::new("property");
            property.push_attribute(plainly("name", &name));
            property.push_attribute(plainly("value", &value));
            self.out.write_event(Event::Empty(property))?;
        }
        Ok(self.out.write_event(Event::End(BytesEnd::new("properties")))?)
    }

    fn element(&mut self, name: &str, text: &str) -> Result<()> {
        self.out
            .create_element(name)
            .write_text_content(BytesText::from_escaped(partial_escape(visible(text))))?;
        Ok(())
    }

    fn case(&self) -> &'s Case {
        &self.suites[self.at.0 - 1].cases[self.at.1 - 1]
    }
}

/// An attribute in which nothing is escaped but what XML asks for.
fn plainly<'a>(name: &'a str, value: &str) -> Attribute<'a> {
    let escaped = partial_escape(value).replace('"', "&quot;");
    let spaced = escaped.replace('\t', "&#9;").replace('\n', "&#10;");
    Attribute { key: QName(name), value: spaced.into() }
}

fn is(case: &Case, element: Element) -> bool {
    case.trouble.as_ref().is_some_and(|trouble| trouble.element == element)
}

/// Seconds as every consumer reads them: three decimals, never negative, never an exponent.
fn seconds(secs: f64) -> String {
    let secs = if secs.is_finite() { secs.clamp(0.0, 1e9) } else { 0.0 };
    format!("{secs:.3}")
}

/// The text up to so many bytes once it is escaped, with a note where it was cut.
fn shortened(text: &str, most: usize) -> String {
    let cost = |letter: char| match letter {
        '&' | '<' | '>' => 5,
        other => other.len_utf8(),
    };
    let mut spent = 0;
    let cut = text.char_indices().find(|(_, letter)| {
        spent += cost(*letter);
        spent > most
    });
    match cut {
        None => text.to_owned(),
        Some((at, _)) => {
            format!("{}\n… cut here; report.html and history.jsonl have all of it\n", &text[..at])
        }
    }
}
