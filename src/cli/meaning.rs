//! What the flags mean: from what was typed to [`Options`], [`Plan`] and [`Catalogue`].

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};

use super::{
    args::{
        CatalogueArgs, CleanupArgs, DetailArgs, ImageArgs, JunitArgs, RunArgs, SelectionArgs, TargetArgs,
        VoiceArgs,
    },
    exit,
};
use crate::{
    checks, limits,
    options::{AS_DOCUMENTED, Cleanup, Detail, Images, JunitStyle, Options, Progress, Target, Voice},
    plan::{PREFLIGHT, Plan, Selection},
    spec::Catalogue,
};

/// The catalogue that the flags name. One that does not read is a mistake in what was given, not in steadfast.
pub(super) fn catalogue(args: &CatalogueArgs) -> Result<Catalogue> {
    let read = Catalogue::from_folders(args.specs.as_deref(), args.manifests.as_deref());
    if args.specs.is_none() && args.manifests.is_none() {
        return read.context("the catalogue that this binary carries does not read");
    }
    let folder = |flag: &str, path: &Option<PathBuf>| Some(format!("--{flag} {}", path.as_ref()?.display()));
    let given = [folder("specs", &args.specs), folder("manifests", &args.manifests)];
    let given: Vec<_> = given.into_iter().flatten().collect();
    read.with_context(|| format!("the catalogue of {} does not read", given.join(" "))).map_err(exit::usage)
}

/// The catalogue of a run: with `--scenario`, every requirement is judged on that scenario.
pub(super) fn catalogue_of_run(args: &RunArgs) -> Result<Catalogue> {
    let catalogue = catalogue(&args.catalogue)?;
    match &args.scenario {
        None => Ok(catalogue),
        Some(path) => {
            let scenario = catalogue.read_scenario(path).map_err(exit::usage)?;
            Ok(catalogue.exploring(scenario))
        }
    }
}

/// The plan for what was selected. One without a requirement is a mistake: it could only say that nothing failed.
pub(super) fn plan(catalogue: &Catalogue, args: &SelectionArgs) -> Result<Plan> {
    let selection = Selection::parse(catalogue, &args.select, &args.skip).map_err(exit::usage)?;
    let plan = Plan::of(catalogue, &selection);
    if plan.is_empty() {
        let why = if args.skip.is_empty() {
            "what is selected is disruptive, and is run only when it is asked for by its id or as level:disruptive"
        } else {
            "--skip leaves out all that is selected"
        };
        return Err(exit::usage(anyhow!("there is nothing to judge: {why}")));
    }
    Ok(plan)
}

/// The plan for what was selected, if it can be run: every requirement in it has a check, and there is a preflight. Only a
/// catalogue of somebody else's can lack them.
pub(super) fn runnable(catalogue: &Catalogue, args: &SelectionArgs) -> Result<Plan> {
    let plan = plan(catalogue, args)?;
    have_checks(catalogue, plan.requirements.iter().chain(&plan.prerequisites)).map_err(exit::usage)?;
    if !catalogue.scenarios.contains_key(PREFLIGHT) {
        let why = "the catalogue has no specs/scenarios/preflight.yaml, which every run begins with; copy steadfast's own";
        return Err(exit::usage(anyhow!(why)));
    }
    Ok(plan)
}

/// Every one of these requirements has a check.
pub(super) fn have_checks<'i>(
    catalogue: &Catalogue,
    ids: impl IntoIterator<Item = &'i String>,
) -> Result<()> {
    let without = ids.into_iter().find(|id| checks::find(id).is_none());
    let Some(id) = without else { return Ok(()) };
    let area = catalogue.requirement(id).map_or("?", |requirement| &requirement.area);
    Err(anyhow!(
        "specs/{area}/{id}.yaml:1: no check is called {id}, so that it cannot be judged; write one (CONTRIBUTING.md), or leave \
         it out with --skip {id}"
    ))
}

/// The images that the flags name.
pub(super) fn images(args: &ImageArgs) -> Images {
    let nginx = (args.image != AS_DOCUMENTED).then(|| args.image.clone());
    let (probe, registry) = (args.probe_image.clone(), given(&args.registry));
    Images { nginx, probe, map: args.image_map.clone(), registry }
}

/// Everything that `run` is told.
pub(super) fn options(args: &RunArgs) -> Options {
    let (subject, pace) = (&args.subject, &args.pace);
    Options {
        target: Target { embedded: args.embedded.embedded, ..target(&args.target) },
        jobs: pace.jobs,
        out: out(args),
        junit: args.junit.junit.clone().filter(|junit| !junit.as_os_str().is_empty()),
        junit_style: junit_style(&args.junit, &args.catalogue),
        keep: subject.keep,
        images: images(&subject.images),
        storage_class: given(&subject.storage_class),
        cluster_domain: given(&subject.cluster_domain),
        dns_backends: subject.dns_backends.clone(),
        dns_stale_secs: subject.dns_stale_secs.unwrap_or(limits::DNS_STALE_HARD.wait_secs()),
        timeout_scale: pace.timeout_scale,
        deadline_secs: pace.deadline_secs.unwrap_or(limits::RUN.wait_secs() * pace.timeout_scale),
        namespace_prefix: subject.namespace_prefix.clone(),
        seed: pace.seed,
        voice: voice(&args.voice),
    }
}

/// How the flags want JUnit files to be written.
pub(super) fn junit_style(args: &JunitArgs, catalogue: &CatalogueArgs) -> JunitStyle {
    let mut properties: Vec<(String, String)> = Vec::new();
    for (name, value) in &args.junit_property {
        // The last of several counts, as with flags.
        properties.retain(|(known, _)| known != name);
        properties.push((name.clone(), value.clone()));
    }
    JunitStyle {
        dialect: args.junit_dialect,
        hostname: hostname(),
        suite_prefix: given(&args.junit_suite_prefix),
        attachment_base: given(&args.junit_attachment_base),
        report_url: given(&args.report_url),
        properties,
        specs: catalogue.specs.as_ref().map(|folder| folder.display().to_string()),
    }
}

/// The folder that was asked for, by a flag or by `$ARTIFACTS`.
pub(super) fn out(args: &RunArgs) -> Option<PathBuf> {
    args.out.out.clone().filter(|out| !out.as_os_str().is_empty()).or_else(artifacts)
}

/// Everything that `cleanup` is told.
pub(super) fn cleanup(args: &CleanupArgs) -> Cleanup {
    Cleanup {
        target: target(&args.target),
        run_id: args.run_id.clone(),
        older_than_secs: args.older_than,
        include_live: args.include_live,
        dry_run: args.dry_run,
    }
}

/// How much detail was asked for.
pub(super) fn detail(args: &DetailArgs) -> Detail {
    match (args.quiet, args.verbose) {
        (true, _) => Detail::Quiet,
        (_, true) => Detail::Verbose,
        _ => Detail::Normal,
    }
}

fn voice(args: &VoiceArgs) -> Voice {
    let detail = detail(&args.detail);
    let progress = match args.progress {
        Progress::Auto if detail == Detail::Quiet => Progress::None,
        wanted => wanted,
    };
    Voice { color: args.color, progress, detail }
}

fn target(args: &TargetArgs) -> Target {
    let TargetArgs { server, login, .. } = args;
    Target {
        kubeconfig: given_path(&args.kubeconfig),
        context: given(&args.context),
        cluster: given(&args.cluster),
        user: given(&args.user),
        server: given(&server.server),
        tls_server_name: given(&server.tls_server_name),
        certificate_authority: given_path(&server.certificate_authority),
        insecure_skip_tls_verify: server.insecure_skip_tls_verify,
        client_certificate: given_path(&login.client_certificate),
        client_key: given_path(&login.client_key),
        token: login.token.clone().filter(|token| !token.is_empty()),
        impersonate: given(&login.impersonate),
        impersonate_groups: login
            .impersonate_groups
            .iter()
            .filter(|group| !group.is_empty())
            .cloned()
            .collect(),
        impersonate_uid: given(&login.impersonate_uid),
        request_timeout: args.request_timeout,
        embedded: false,
    }
}

fn given_path(path: &Option<PathBuf>) -> Option<PathBuf> {
    path.clone().filter(|path| !path.as_os_str().is_empty())
}

/// A name, if it is one: CI systems set variables that they mean to leave out to the empty string.
fn given(name: &Option<String>) -> Option<String> {
    name.clone().filter(|name| !name.is_empty())
}

/// The name of this host, as far as it is easily known.
pub(super) fn hostname() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| std::env::var("HOSTNAME").ok()).map(|name| name.trim().to_owned());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| JunitStyle::default().hostname)
}

/// Where Prow and others that know `$ARTIFACTS` look for reports.
pub(super) fn artifacts() -> Option<PathBuf> {
    std::env::var_os("ARTIFACTS").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests;
