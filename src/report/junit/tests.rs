use proptest::prelude::*;
use quick_xml::{Reader, events::Event};

use super::*;
use crate::{
    history::Stopping,
    options::{JunitDialect as Dialect, JunitStyle},
    report::{Circumstances, sample::Sample},
};

fn rendered(sample: &Sample, dialect: Dialect) -> String {
    render(&sample.report(), &JunitStyle { dialect, ..JunitStyle::default() }).unwrap()
}

/// One case with all that is in it.
fn case_of<'x>(file: &'x str, name: &str) -> &'x str {
    let from = file.find(&format!("<testcase name=\"{name}")).expect("the case is there");
    let until = file[from..].find("</testcase>").expect("it ends");
    &file[from..from + until]
}

#[test]
fn a_violation_in_both_dialects() {
    let sample = Sample::broken();
    insta::assert_snapshot!("rich", case_of(&rendered(&sample, Dialect::Rich), "ordered-creation"));
    insta::assert_snapshot!("strict", case_of(&rendered(&sample, Dialect::Strict), "ordered-creation"));
}

#[test]
fn each_verdict_has_its_element() {
    let file = rendered(&Sample::broken(), Dialect::Rich);
    for (id, element) in [
        ("dns-staleness-bounded", "<failure type=\"violation\" message=\"b still told 10.0.0.10"),
        ("scale-down-reverse", "<failure type=\"inconclusive\" message=\"the watch of pods lost"),
        ("srv-records", "<failure type=\"interrupted\" message=\"the scenario ip-churn"),
        ("pvc-retention-policy", "<skipped type=\"not-applicable\" message=\"not-applicable: promised since"),
        ("api-defaults", "<skipped type=\"informational\" message=\"informational: revisionHistoryLimit"),
    ] {
        let case = case_of(&file, id);
        assert!(case.contains(element), "{case}");
    }
    assert!(!case_of(&file, "pvc-naming").contains("system-out"), "a pass carries no output");
    assert!(case_of(&file, "dns-follows-recreate").contains("name=\"dns_switch_secs_max\" value=\"15.900\""));
}

#[test]
fn nothing_is_in_a_file_that_a_consumer_takes_amiss() {
    for dialect in [Dialect::Rich, Dialect::Strict] {
        let file = rendered(&Sample::broken(), dialect);
        assert!(!file.contains("<![CDATA["));
        let zone = if dialect == Dialect::Rich { "Z" } else { "" };
        assert!(file.contains(&format!("timestamp=\"2026-03-01T02:14:06{zone}\"")), "{}", &file[..600]);
        assert!(!file.contains("&apos;"), "escaped for nothing");
        assert_eq!(file.matches("<testsuites").count(), 1);
    }
}

#[test]
fn planned_and_not_begun_is_red() {
    let sample = Sample::healthy();
    let report = Report::planned(&sample.header, &sample.catalogue, "not yet run", "not yet");
    let file = render(&report, &JunitStyle::default()).unwrap();
    assert_eq!(file.matches("<failure type=\"not-run\"").count(), sample.catalogue.requirements.len() - 1);
    assert!(
        case_of(&file, "api-defaults").contains("<skipped type=\"informational\""),
        "it never fails a run"
    );
}

#[test]
fn what_no_requirement_shows_is_a_case_of_the_run() {
    let sample = Sample::healthy();
    let kinds = |circumstances: Circumstances| {
        let file = render(&sample.report_under(circumstances), &JunitStyle::default()).unwrap();
        let types =
            file.split("<failure type=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        types.collect::<Vec<_>>()
    };
    let why = || Some("web-0".to_owned());
    assert_eq!(kinds(Circumstances::default()), Vec::<String>::new());
    assert_eq!(
        kinds(Circumstances { left_behind: why(), ..Circumstances::default() }),
        ["cleanup", "cleanup"]
    );
    assert_eq!(
        kinds(Circumstances { internal_error: why(), ..Circumstances::default() }),
        ["internal", "internal"]
    );
    let stopped = Circumstances { stopped_by: Some(Stopping::Terminate), ..Circumstances::default() };
    assert_eq!(kinds(stopped), ["interrupted"]);
    assert_eq!(kinds(Circumstances { unsealed: why(), ..Circumstances::default() })[0], "unsealed");
    let unfinished = Circumstances { unfinished: why(), ..Circumstances::default() };
    assert_eq!(kinds(unfinished), ["unfinished", "unfinished"]);
    let nothing = Report::new(&sample.header, &sample.catalogue, vec![], &[], Circumstances::default());
    assert!(render(&nothing, &JunitStyle::default()).unwrap().contains("<failure type=\"nothing-ran\""));
}

#[test]
fn the_last_case_is_the_verdict_with_exit_code_and_counts() {
    for (sample, red) in [(Sample::healthy(), false), (Sample::broken(), true)] {
        for dialect in [Dialect::Rich, Dialect::Strict] {
            let file = rendered(&sample, dialect);
            let last = file.rfind("<testcase").expect("there are cases");
            let verdict = case_of(&file, "verdict");
            assert!(file[last..].starts_with(&verdict[..40]), "it is the last");
            assert_eq!(verdict.contains("<failure") || verdict.contains("<error"), red, "{verdict}");
            assert!(!red || verdict.contains("(exit 1)") && verdict.contains("failed 3"), "{verdict}");
            assert!(dialect == Dialect::Strict || verdict.contains("name=\"exit_code\""), "{verdict}");
        }
    }
}

#[test]
fn a_name_of_a_property_is_there_once() {
    let mut sample = Sample::broken();
    for image in ["nginx", "busybox"] {
        sample.header.cluster.replaced_images.insert(image.to_owned(), format!("mirror/{image}"));
    }
    let own = |name: &str| (name.to_owned(), "own".to_owned());
    let style = JunitStyle { properties: vec![own("cluster"), own("nodes")], ..JunitStyle::default() };
    let file = render(&sample.report(), &style).unwrap();
    for properties in file.split("<properties>").skip(1) {
        let properties = properties.split("</properties>").next().unwrap();
        let names: Vec<&str> =
            properties.split("name=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let once: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(once.len(), names.len(), "{names:?}");
    }
    assert!(file.contains("name=\"cluster\" value=\"own\"") && file.contains("name=\"nodes\" value=\"own\""));
}

#[test]
fn a_file_says_where_its_reports_and_requirements_are() {
    let style = JunitStyle {
        suite_prefix: Some("kind-1.37".to_owned()),
        attachment_base: Some("/ci/job/".to_owned()),
        report_url: Some("https://ci.example/7".to_owned()),
        specs: Some("vendor/specs/".to_owned()),
        ..JunitStyle::default()
    };
    let file = render(&Sample::broken().report(), &style).unwrap();
    let case = case_of(&file, "ordered-creation");
    for said in [
        "classname=\"kind-1.37.steadfast.topology\"",
        "file=\"vendor/specs/topology/ordered-creation.yaml\"",
        "[[ATTACHMENT|/ci/job/report.html]]",
        "report:  https://ci.example/7",
    ] {
        assert!(case.contains(said), "{said}: {case}");
    }
    let plain = render(&Sample::broken().report(), &JunitStyle::default()).unwrap();
    assert!(!plain.contains(" file=\""), "the reader has no such file");
}

#[test]
fn a_text_without_end_is_cut() {
    let mut sample = Sample::broken();
    sample.judged[0].findings[0].what = "<&\"'>\u{1b}[31m]]>\0".repeat(200_000);
    let file = rendered(&sample, Dialect::Rich);
    assert!(file.len() < 300_000, "{}", file.len());
    assert!(file.contains("cut here"));
}

/// Every attribute value and every text, unescaped, in the order of the file.
fn strings(file: &str) -> Vec<String> {
    let mut reader = Reader::from_str(file);
    let mut all = vec![String::new()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => {
                for attribute in element.attributes() {
                    let value = attribute.unwrap().normalized_value(quick_xml::XmlVersion::Implicit1_0);
                    all.push(value.unwrap().into_owned());
                }
                all.push(String::new());
            }
            Event::Text(text) => *all.last_mut().unwrap() += &text.xml10_content(),
            Event::GeneralRef(entity) => match entity.resolve_char_ref().unwrap() {
                Some(letter) => all.last_mut().unwrap().push(letter),
                None => {
                    let named =
                        quick_xml::escape::resolve_xml_entity(&entity.xml10_content()).unwrap().to_owned();
                    *all.last_mut().unwrap() += &named;
                }
            },
            Event::End(_) => all.push(String::new()),
            Event::Eof => return all,
            _ => {}
        }
    }
}

/// Text as a hostile server would send it.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        proptest::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter),
        Just("]]>".to_owned()),
        Just("\u{1b}[1;31m\u{0}\u{7}\u{ffff}".to_owned()),
        Just("<a b='&amp;\"'>&#27;&unknown;\r\n\t".to_owned()),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_reads_back(text in hostile()) {
        let mut sample = Sample::broken();
        sample.header.run_id = text.clone();
        sample.header.cluster.storage_class = Some(text.clone());
        for judged in &mut sample.judged {
            judged.title = text.clone();
            judged.panicked = judged.panicked.as_ref().map(|_| text.clone());
            judged.findings.iter_mut().for_each(|finding| finding.what = text.clone());
            if let Verdict::Inconclusive { reason } | Verdict::NotRun { reason, .. } = &mut judged.verdict {
                *reason = text.clone();
            }
        }
        for requirement in &mut sample.catalogue.requirements {
            requirement.requirement = text.clone();
            requirement.look = text.clone();
        }
        for dialect in [Dialect::Rich, Dialect::Strict] {
            let all = strings(&rendered(&sample, dialect));
            prop_assert!(all.contains(&one_line(&text, 1000)), "the run id");
            let whole = crate::plain::visible(&format!("broken in gated-start: {text}\n"));
            prop_assert!(all.iter().any(|string| string.contains(&whole)), "the finding");
        }
    }
}
