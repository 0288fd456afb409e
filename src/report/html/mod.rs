//! `report.html`: one file that needs nothing else, for whoever has to find out at night which pod came too early.
//!
//! The order is that of the questions: what is the verdict, what broke, when exactly, what does that requirement say,
//! what did the rest of the scenario look like. `view` gathers the words, `lanes` what the timelines show, `timeline`
//! draws them; the page itself is `page.html`, readable without its script.

use anyhow::{Context, Result};
use askama::Template;

use super::Report;

mod lanes;
mod scale;
mod svg;
mod timeline;
mod told;
mod view;
mod witnesses;
mod words;

/// The whole page.
pub fn render(report: &Report<'_>, judged_at: &str) -> Result<String> {
    let page = Page { view: view::View::of(report, judged_at), style: STYLE, script: SCRIPT };
    page.render().context("failed to fill in report.html")
}

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    view: view::View,
    style: &'static str,
    script: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{JUDGED_AT, Sample};

    fn page(sample: &Sample) -> String {
        render(&sample.report(), JUDGED_AT).unwrap()
    }

    #[test]
    fn every_requirement_and_scenario_has_an_anchor() {
        let sample = Sample::broken();
        let page = page(&sample);
        for judged in &sample.judged {
            assert_eq!(page.matches(&format!(" id=\"{}\"", judged.id)).count(), 1, "{}", judged.id);
        }
        for history in &sample.histories {
            assert!(page.contains(&format!(" id=\"scenario-{}\"", history.scenario)), "{}", history.scenario);
        }
    }

    #[test]
    fn the_model_is_never_taken_for_a_real_cluster() {
        let mut sample = Sample::healthy();
        sample.header.cluster.embedded = true;
        let page = page(&sample);
        assert!(page.contains("<title>MODEL: PASS"), "the title");
        assert!(page.contains("<h1>MODEL: PASS"), "the headline");
    }

    #[test]
    fn every_link_leads_somewhere() {
        let page = page(&Sample::broken());
        let links = page.split(" href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
        for link in links {
            assert!(page.contains(&format!(" id=\"{link}\"")), "nothing is called {link}");
        }
    }

    #[test]
    fn nothing_is_fetched() {
        let page = page(&Sample::broken());
        for outside in ["http://", "https://", " src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn what_a_cluster_says_is_text() {
        let mut sample = Sample::broken();
        let evil = "<script>alert('x')</script>";
        sample.header.cluster.server_version = evil.to_owned();
        sample.judged[0].findings[0].what = evil.to_owned();
        sample.judged[0].title = evil.to_owned();
        sample.catalogue.requirements[0].look = evil.to_owned();
        for history in &mut sample.histories {
            for event in &mut history.events {
                if let crate::history::Observation::Object(object) = &mut event.seen {
                    object.uid = evil.to_owned();
                }
            }
        }
        assert!(!page(&sample).contains("<script>alert"));
    }

    #[test]
    fn the_size_is_that_of_what_changed_and_not_of_what_was_asked() {
        let asked = |rounds: usize| {
            let mut sample = Sample::healthy();
            let notes = crate::checks::notation::Notes::new().say("web-0 created; web-0 ready");
            let round = "dns a A web-0 -> 10.0.0.10; dns b A web-0 -> 10.0.0.10;";
            sample.histories[1].events = notes.say(&round.repeat(rounds)).say("completed").history().events;
            page(&sample).len()
        };
        assert!(asked(2_000) < asked(20) + 2_000);
    }
}
