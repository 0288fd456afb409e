//! What is said where the two sides differ.

use steadfast::{
    judge::Judged,
    views::trace::{Leg, Parting},
};

use crate::sides::{Pair, Side};

/// A verdict and the kind of its reason: the words that do not differ from run to run.
pub(crate) fn kind(side: &Side, judged: &Judged) -> (&'static str, String) {
    let mut reason = judged.why().unwrap_or_default().to_owned();
    for history in &side.histories {
        reason = reason.replace(&history.started().namespace, "{namespace}");
    }
    let has_figure = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
    let words: Vec<&str> = reason.split_whitespace().filter(has_figure).collect();
    (judged.verdict.word(), words.join(" "))
}

pub(crate) fn verdicts(pair: &Pair, real: &Judged, model: &Judged) -> String {
    let said = |side: &Side, judged: &Judged| {
        format!("{}: {}: {}", side.name(), judged.verdict.word(), judged.why().unwrap_or("no reason"))
    };
    format!(
        "{} is not judged alike\n\n{}\n{}\n\n{}",
        real.id,
        said(&pair.real, real),
        said(&pair.model, model),
        records(pair)
    )
}

pub(crate) fn parting(pair: &Pair, scenario: &str, parting: &Parting<'_>) -> String {
    let steps = |leg: Option<&Leg>| leg.map(|leg| (leg.did.clone(), leg.until.clone()));
    let hint = match steps(parting.left) == steps(parting.right) {
        true => "",
        false => {
            "The scenario itself went another way here; if its steps have changed, the record is to be made anew.\n\n"
        }
    };
    let lines = |leg: Option<&Leg>| leg.map_or("(it is over)".to_owned(), ToString::to_string);
    format!(
        "in {scenario}, the traces part in leg {}\n\n{}\n{hint}{}",
        parting.leg + 1,
        side_by_side((&pair.real.name(), &lines(parting.left)), (&pair.model.name(), &lines(parting.right))),
        records(pair)
    )
}

/// Two texts in two columns under their names, with a mark where they differ.
fn side_by_side(left: (&str, &str), right: (&str, &str)) -> String {
    let column = |(name, text): (&str, &str)| -> Vec<String> {
        [name, ""].into_iter().chain(text.lines()).map(str::to_owned).collect()
    };
    let (left, right) = (column(left), column(right));
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let rows = left.len().max(right.len());
    let row = |row: usize| {
        let of = |column: &[String]| column.get(row).cloned().unwrap_or_default();
        let (left, right) = (of(&left), of(&right));
        let mark = if row > 0 && left != right { "≠" } else { "│" };
        format!("  {left:<width$}  {mark}  {right}").trim_end().to_owned() + "\n"
    };
    (0..rows).map(row).collect()
}

fn records(pair: &Pair) -> String {
    format!("the records: {}\n             {}", pair.real.stored.display(), pair.model.stored.display())
}
