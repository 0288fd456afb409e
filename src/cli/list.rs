//! `steadfast list`: the requirements, one a line.

use anyhow::Result;

use super::{
    args::{Format, ListArgs},
    exit, meaning,
    text::{count, wrapped},
};
use crate::spec::{Catalogue, Requirement};

/// Prints the requirements that are selected.
pub(super) fn handle(args: &ListArgs) -> Result<u8> {
    let catalogue = meaning::catalogue(&args.catalogue)?;
    let plan = meaning::plan(&catalogue, &args.selection)?;
    let requirements: Vec<_> = plan.requirements.iter().filter_map(|id| catalogue.requirement(id)).collect();
    exit::print(&match args.format {
        Format::Table => table(&catalogue, &requirements),
        Format::Json => json(&requirements)?,
        Format::Markdown => markdown(&requirements),
    })?;
    Ok(exit::OK)
}

fn table(catalogue: &Catalogue, requirements: &[&Requirement]) -> String {
    let id_width = requirements.iter().map(|r| r.id.len()).max().unwrap_or(0);
    let level_width = requirements.iter().map(|r| r.level.as_str().len()).max().unwrap_or(0);
    let (mut page, mut area) = (String::new(), "");
    for requirement in requirements {
        if requirement.area != area {
            let gap = if area.is_empty() { "" } else { "\n" };
            area = &requirement.area;
            page.push_str(&format!("{gap}area:{area}\n"));
        }
        let (id, level) = (&requirement.id, requirement.level.as_str());
        page.push_str(&wrapped(&format!("  {id:id_width$}  {level:level_width$}  "), &requirement.title));
    }
    page + &footer(catalogue, requirements)
}

fn footer(catalogue: &Catalogue, requirements: &[&Requirement]) -> String {
    let others = catalogue.requirements.len() - requirements.len();
    let others = if others > 0 { format!(", {others} not listed") } else { String::new() };
    let listed = count(requirements.len(), "requirement");
    format!("\n{listed}{others}; `steadfast explain ID` says all about one\n")
}

fn json(requirements: &[&Requirement]) -> Result<String> {
    Ok(serde_json::to_string_pretty(requirements)? + "\n")
}

fn markdown(requirements: &[&Requirement]) -> String {
    let mut page = "| id | area | level | since | what |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for r in requirements {
        let title = r.title.replace('|', "\\|");
        page.push_str(&format!(
            "| `{}` | {} | {} | {} | {title} |\n",
            r.id,
            r.area,
            r.level.as_str(),
            r.since
        ));
    }
    page
}
