//! Evidence, counted against what the record says exists.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    checks::{Evidence, Subject},
    spec::{Clause, Requirement},
    views::{Dimension, View},
};

/// How many of the subjects without evidence a reason names.
const NAMED: usize = 3;

/// A clause of a requirement in one scenario: what it needs, and what there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// The clause's id.
    pub clause: String,
    /// The scenario.
    pub scenario: String,
    /// For how many subjects evidence is needed.
    pub needed: usize,
    /// The subjects for which there is none.
    pub missing: Vec<String>,
}

/// Counts the evidence of each clause that this scenario has to give, and says what is missing.
pub(super) fn cover(
    requirement: &Requirement,
    view: &View<'_>,
    evidence: &[Evidence],
    covered: &mut Vec<Covered>,
) -> Vec<String> {
    let mut reasons = Vec::new();
    for clause in requirement.clauses_on(&view.scenario) {
        let needed = subjects(clause, view);
        let (count, missing) = match &needed {
            Err(nothing) => (1, vec![nothing.clone()]),
            Ok(subjects) => {
                let shown = shown(evidence, clause);
                let without = subjects.iter().filter(|subject| !shown.contains(*subject));
                (subjects.len(), without.map(words).collect())
            }
        };
        if !missing.is_empty() {
            reasons.push(reason(clause, &view.scenario, &missing));
        }
        let (clause, scenario) = (clause.id.clone(), view.scenario.clone());
        covered.push(Covered { clause, scenario, needed: count, missing });
    }
    reasons
}

/// Every combination of the members of a clause's dimensions; an error where the record has nothing of one of them.
pub(super) fn subjects(clause: &Clause, view: &View<'_>) -> Result<Vec<Subject>, String> {
    let mut subjects = vec![Subject::new()];
    for dimension in &clause.each {
        let members = dimension.members(view);
        if members.is_empty() && !dimension.may_be_empty() {
            return Err(format!("the record has no {dimension}"));
        }
        let with = |subject: Subject| {
            members.iter().map(move |member| {
                let mut subject = subject.clone();
                subject.insert(*dimension, member.clone());
                subject
            })
        };
        subjects = subjects.into_iter().flat_map(with).collect();
    }
    Ok(subjects)
}

/// What the clause was said to hold for, in its own dimensions, whatever else it was said of.
fn shown(evidence: &[Evidence], clause: &Clause) -> HashSet<Subject> {
    let own = |one: &Evidence| -> Option<Subject> {
        clause.each.iter().map(|dimension| Some((*dimension, one.of.get(dimension)?.clone()))).collect()
    };
    evidence.iter().filter(|one| one.clause == clause.id).filter_map(own).collect()
}

fn words(subject: &Subject) -> String {
    let each: BTreeMap<&Dimension, &String> = subject.iter().collect();
    let each: Vec<String> =
        each.into_iter().map(|(dimension, member)| format!("{dimension} {member}")).collect();
    if each.is_empty() { "it was never seen".to_owned() } else { each.join(", ") }
}

fn reason(clause: &Clause, scenario: &str, missing: &[String]) -> String {
    let named = missing[..missing.len().min(NAMED)].join("; ");
    let more = match missing.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{scenario} does not show that {}: no evidence for {named}{more}", clause.says)
}
