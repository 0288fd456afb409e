//! The command line as it is typed: flags, their environment twins and their help. What they mean is decided in
//! [`super::meaning`].

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::values;
use crate::{
    options::{
        Color, DEFAULT_IMAGE, DEFAULT_JOBS, DEFAULT_NAMESPACE_PREFIX, DEFAULT_PROBE_IMAGE, DnsBackends,
        JunitDialect, Keep, Progress,
    },
    secret::Secret,
};

/// Does this Kubernetes cluster keep the promises of a StatefulSet?
///
/// Applies the documented manifests, disturbs them, records what the cluster did, and judges the record. Without a
/// subcommand it is `run`.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: RunArgs,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  every promise that applies was kept
    1  a promise was broken
    2  nothing was broken, and not everything could be judged or was run
    3  nothing could be tested
    4  nothing that was selected applies to the cluster
    5  everything passed, and something is left in the cluster
    6  the selftest found a fault that no check catches, or a verdict that turned
   64  the command line, or a file that it names, is wrong
   70  a bug in steadfast
   74  a report could not be written
  130  stopped by SIGINT; 143 by SIGTERM, 129 by SIGHUP, 141 because nobody read its progress any more

Every flag has a twin in the environment: --storage-class is STEADFAST_STORAGE_CLASS. The flag wins.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the scenarios on a cluster and judge what they recorded (the default)
    Run(Box<RunArgs>),
    /// Print the requirements; needs no cluster
    List(ListArgs),
    /// Print all that is known about one requirement; needs no cluster
    Explain(ExplainArgs),
    /// Print what a run would do, and why it would not do the rest; needs no cluster
    Plan(PlanArgs),
    /// Print every image that a run pulls, one a line; needs no cluster
    Images(PlanArgs),
    /// Judge a recorded run again and rewrite its reports; needs no cluster
    Replay(ReplayArgs),
    /// Delete what killed runs left in the cluster, and nothing of runs that are at work
    Cleanup(Box<CleanupArgs>),
    /// Prove that every check can fail, on model clusters that lie; needs no cluster
    Selftest(SelftestArgs),
    /// The model cluster in this binary
    #[command(subcommand)]
    Embedded(EmbeddedCommand),
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub embedded: EmbeddedArgs,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Instead of the catalogue's scenarios, the one in this file: every requirement is judged on what it shows
    #[arg(long, value_name = "FILE", env = "STEADFAST_SCENARIO", hide_env = true)]
    pub scenario: Option<PathBuf>,
    #[command(flatten)]
    pub subject: SubjectArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
    #[command(flatten)]
    pub out: OutArgs,
    #[command(flatten)]
    pub junit: JunitArgs,
    #[command(flatten)]
    pub voice: VoiceArgs,
    #[command(flatten)]
    pub catalogue: CatalogueArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Which cluster")]
pub(super) struct EmbeddedArgs {
    /// Run on the model cluster in this binary; no cluster is needed, and nothing is said about any
    #[arg(long, env = "STEADFAST_EMBEDDED", hide_env = true, conflicts_with_all = OF_A_CLUSTER)]
    pub embedded: bool,
}

/// The flags that the model has no use for.
const OF_A_CLUSTER: [&str; 15] = [
    "kubeconfig",
    "context",
    "cluster",
    "user",
    "server",
    "tls_server_name",
    "certificate_authority",
    "insecure_skip_tls_verify",
    "client_certificate",
    "client_key",
    "token",
    "impersonate",
    "impersonate_groups",
    "impersonate_uid",
    "request_timeout",
];

#[derive(Debug, Args)]
#[command(next_help_heading = "Which cluster")]
pub(super) struct TargetArgs {
    /// The kubeconfig file [default: $KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, value_name = "PATH", env = "STEADFAST_KUBECONFIG", hide_env = true)]
    pub kubeconfig: Option<PathBuf>,
    /// The context in it [default: the current one]
    #[arg(long, value_name = "NAME", env = "STEADFAST_CONTEXT", hide_env = true)]
    pub context: Option<String>,
    /// The cluster in it [default: the context's]
    #[arg(long, value_name = "NAME", env = "STEADFAST_CLUSTER", hide_env = true)]
    pub cluster: Option<String>,
    /// The user in it [default: the context's]
    #[arg(long, value_name = "NAME", env = "STEADFAST_USER", hide_env = true)]
    pub user: Option<String>,
    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub login: LoginArgs,
    /// How long one request may take, watches excepted, such as 30s or 2m; 0 for no bound [default: 30s]
    #[arg(long, value_name = "DURATION", env = "STEADFAST_REQUEST_TIMEOUT", hide_env = true)]
    #[arg(value_parser = values::timeout)]
    pub request_timeout: Option<Duration>,
}

/// What kubectl's flags of the same names put in place of the cluster of the kubeconfig.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which cluster")]
pub(super) struct ServerArgs {
    /// The API server's address [default: that of the cluster in the kubeconfig]
    #[arg(long, value_name = "URL", env = "STEADFAST_SERVER", hide_env = true)]
    pub server: Option<String>,
    /// The name that the server's certificate is for [default: the server's host]
    #[arg(long, value_name = "NAME", env = "STEADFAST_TLS_SERVER_NAME", hide_env = true)]
    pub tls_server_name: Option<String>,
    /// A file with the authorities that may have signed the server's certificate
    #[arg(long, value_name = "PATH", env = "STEADFAST_CERTIFICATE_AUTHORITY", hide_env = true)]
    pub certificate_authority: Option<PathBuf>,
    /// Do not look at the server's certificate
    #[arg(long, env = "STEADFAST_INSECURE_SKIP_TLS_VERIFY", hide_env = true)]
    pub insecure_skip_tls_verify: bool,
}

/// What kubectl's flags of the same names put in place of the user of the kubeconfig.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which cluster")]
pub(super) struct LoginArgs {
    /// A file with the client's certificate
    #[arg(long, value_name = "PATH", env = "STEADFAST_CLIENT_CERTIFICATE", hide_env = true)]
    pub client_certificate: Option<PathBuf>,
    /// A file with the key of the client's certificate
    #[arg(long, value_name = "PATH", env = "STEADFAST_CLIENT_KEY", hide_env = true)]
    pub client_key: Option<PathBuf>,
    /// A bearer token
    #[arg(long, value_name = "TOKEN", env = "STEADFAST_TOKEN", hide_env = true, value_parser = values::secret)]
    pub token: Option<Secret>,
    /// The user to impersonate
    #[arg(long = "as", value_name = "NAME", env = "STEADFAST_AS", hide_env = true)]
    pub impersonate: Option<String>,
    /// A group to impersonate; may be repeated
    #[arg(long = "as-group", value_name = "NAME", env = "STEADFAST_AS_GROUP", hide_env = true)]
    pub impersonate_groups: Vec<String>,
    /// The uid to impersonate
    #[arg(long = "as-uid", value_name = "UID", env = "STEADFAST_AS_UID", hide_env = true)]
    pub impersonate_uid: Option<String>,
}

#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Which requirements")]
pub(super) struct SelectionArgs {
    /// Only these: an id, `area:dns`, `level:core`; may be repeated
    #[arg(
        short,
        long,
        value_name = "EXPR",
        env = "STEADFAST_SELECT",
        hide_env = true,
        value_delimiter = ','
    )]
    pub select: Vec<String>,
    /// Not these; written like --select, and stronger
    #[arg(long, value_name = "EXPR", env = "STEADFAST_SKIP", hide_env = true, value_delimiter = ',')]
    pub skip: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What is run in the cluster")]
pub(super) struct SubjectArgs {
    #[command(flatten)]
    pub images: ImageArgs,
    /// The StorageClass of every claim [default: the cluster's default class]
    #[arg(long, value_name = "NAME", env = "STEADFAST_STORAGE_CLASS", hide_env = true)]
    #[arg(value_parser = values::class_name)]
    pub storage_class: Option<String>,
    /// The cluster's DNS zone [default: what a pod's resolv.conf says]
    #[arg(long, value_name = "ZONE", env = "STEADFAST_CLUSTER_DOMAIN", hide_env = true)]
    #[arg(value_parser = values::zone)]
    pub cluster_domain: Option<String>,
    /// The pods that answer DNS, such as kube-system/k8s-app=kube-dns [default: the endpoints of the Service that has
    /// the nameserver's address]
    #[arg(long, value_name = "NAMESPACE/SELECTOR", env = "STEADFAST_DNS_BACKENDS", hide_env = true)]
    #[arg(value_parser = values::dns_backends)]
    pub dns_backends: Option<DnsBackends>,
    /// How long an old DNS answer may be served before it breaks the promise [default: 60]
    #[arg(long, value_name = "N", env = "STEADFAST_DNS_STALE_SECS", hide_env = true)]
    #[arg(value_parser = values::dns_stale_secs)]
    pub dns_stale_secs: Option<f64>,
    /// What the names of the namespaces begin with
    #[arg(long, value_name = "PREFIX", env = "STEADFAST_NAMESPACE_PREFIX", hide_env = true)]
    #[arg(default_value = DEFAULT_NAMESPACE_PREFIX, value_parser = values::namespace_prefix)]
    pub namespace_prefix: String,
    /// Whether what was created stays
    #[arg(long, value_name = "WHEN", env = "STEADFAST_KEEP", hide_env = true, default_value = "never")]
    #[arg(value_parser = one_of(values::KEEP))]
    pub keep: Keep,
}

#[derive(Debug, Args)]
pub(super) struct ImageArgs {
    /// What the nginx of the documented manifests is run as; `as-documented` keeps their images
    #[arg(long, value_name = "NAME", env = "STEADFAST_IMAGE", hide_env = true, default_value = DEFAULT_IMAGE)]
    #[arg(value_parser = values::image)]
    pub image: String,
    /// The image of the probe pods and of the instrumented sets
    #[arg(long, value_name = "NAME", env = "STEADFAST_PROBE_IMAGE", hide_env = true)]
    #[arg(default_value = DEFAULT_PROBE_IMAGE, value_parser = values::image)]
    pub probe_image: String,
    /// The registry, with a path where there is one, that has a copy of every image
    #[arg(long, value_name = "PREFIX", env = "STEADFAST_REGISTRY", hide_env = true)]
    #[arg(value_parser = values::image)]
    pub registry: Option<String>,
    /// What is run in the place of an image, `steadfast images` lists them; may be repeated
    #[arg(long, value_name = "OLD=NEW", env = "STEADFAST_IMAGE_MAP", hide_env = true, value_delimiter = ',')]
    #[arg(value_parser = values::image_pair)]
    pub image_map: Vec<(String, String)>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "How fast")]
pub(super) struct PaceArgs {
    /// How many scenarios run side by side
    #[arg(short, long, value_name = "N", env = "STEADFAST_JOBS", hide_env = true)]
    #[arg(default_value_t = DEFAULT_JOBS, value_parser = values::jobs)]
    pub jobs: usize,
    /// Wait this many times as long for everything; what the cluster promises is not stretched
    #[arg(long, value_name = "F", env = "STEADFAST_TIMEOUT_SCALE", hide_env = true, default_value = "1")]
    #[arg(value_parser = values::scale)]
    pub timeout_scale: f64,
    /// How long the whole run may take, from the first connection to the last delete [default: 1200, times
    /// --timeout-scale]
    #[arg(long, value_name = "N", env = "STEADFAST_DEADLINE_SECS", hide_env = true)]
    #[arg(value_parser = values::deadline_secs)]
    pub deadline_secs: Option<f64>,
    /// The seed of all that is random [default: drawn, and printed]
    #[arg(long, value_name = "N", env = "STEADFAST_SEED", hide_env = true)]
    pub seed: Option<u64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(super) struct OutArgs {
    /// The folder of the reports [default: $ARTIFACTS, else reports/<run id>]
    #[arg(short, long, value_name = "DIR", env = "STEADFAST_OUT", hide_env = true)]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(super) struct JunitArgs {
    /// Write the JUnit file here as well; - for standard output
    #[arg(long, value_name = "PATH", env = "STEADFAST_JUNIT", hide_env = true)]
    pub junit: Option<PathBuf>,
    /// How the JUnit file is written; `strict` is valid in the two schemas that are in use
    #[arg(long, value_name = "DIALECT", env = "STEADFAST_JUNIT_DIALECT", hide_env = true)]
    #[arg(default_value = "rich", value_parser = one_of(values::JUNIT_DIALECT))]
    pub junit_dialect: JunitDialect,
    /// What the names of all suites begin with, to tell the clusters of one dashboard apart
    #[arg(long, value_name = "PREFIX", env = "STEADFAST_JUNIT_SUITE_PREFIX", hide_env = true)]
    pub junit_suite_prefix: Option<String>,
    /// One more property of every suite; may be repeated
    #[arg(long, value_name = "NAME=VALUE", env = "STEADFAST_JUNIT_PROPERTY", hide_env = true)]
    #[arg(value_parser = values::property, value_delimiter = ',')]
    pub junit_property: Vec<(String, String)>,
    /// A folder to put before the paths of attached files, for consumers that want absolute ones
    #[arg(long, value_name = "DIR", env = "STEADFAST_JUNIT_ATTACHMENT_BASE", hide_env = true)]
    pub junit_attachment_base: Option<String>,
    /// Where people will find the reports: the JUnit file names this address
    #[arg(long, value_name = "URL", env = "STEADFAST_REPORT_URL", hide_env = true)]
    pub report_url: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Terminal")]
pub(super) struct VoiceArgs {
    /// Colours
    #[arg(long, value_name = "WHEN", env = "STEADFAST_COLOR", hide_env = true, default_value = "auto")]
    #[arg(value_parser = one_of(values::COLOR))]
    pub color: Color,
    /// How the run tells how far it is
    #[arg(long, value_name = "HOW", env = "STEADFAST_PROGRESS", hide_env = true, default_value = "auto")]
    #[arg(value_parser = one_of(values::PROGRESS))]
    pub progress: Progress,
    #[command(flatten)]
    pub detail: DetailArgs,
}

#[derive(Debug, Args)]
pub(super) struct DetailArgs {
    /// Print the verdict line and errors only; no progress either, unless it is asked for
    #[arg(short, long, env = "STEADFAST_QUIET", hide_env = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print every requirement with its evidence
    #[arg(short, long, env = "STEADFAST_VERBOSE", hide_env = true)]
    pub verbose: bool,
}

#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Catalogue")]
pub(super) struct CatalogueArgs {
    /// Read requirements and scenarios from this folder, not from the binary
    #[arg(long, value_name = "DIR", env = "STEADFAST_SPECS", hide_env = true)]
    pub specs: Option<PathBuf>,
    /// Read manifests from this folder, not from the binary
    #[arg(long, value_name = "DIR", env = "STEADFAST_MANIFESTS", hide_env = true)]
    pub manifests: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// How the list is written
    #[arg(long, value_name = "FORMAT", env = "STEADFAST_FORMAT", hide_env = true, default_value = "table")]
    #[arg(value_parser = one_of(values::FORMAT))]
    pub format: Format,
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub catalogue: CatalogueArgs,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Table,
    Json,
    Markdown,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The requirement's id, as `list` prints it
    #[arg(value_name = "ID")]
    pub id: String,
    #[command(flatten)]
    pub catalogue: CatalogueArgs,
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub images: ImageArgs,
    #[command(flatten)]
    pub catalogue: CatalogueArgs,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The folder of a run: the one that has history.jsonl
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The folder of the new reports [default: the folder that is replayed]
    #[arg(short, long, value_name = "DIR", env = "STEADFAST_OUT", hide_env = true)]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub junit: JunitArgs,
    /// Colours
    #[arg(long, value_name = "WHEN", env = "STEADFAST_COLOR", hide_env = true, default_value = "auto")]
    #[arg(value_parser = one_of(values::COLOR))]
    pub color: Color,
    #[command(flatten)]
    pub detail: DetailArgs,
    #[command(flatten)]
    pub catalogue: CatalogueArgs,
}

#[derive(Debug, Args)]
pub(super) struct CleanupArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Only what this run made [default: what any run made]
    #[arg(long, value_name = "ID", env = "STEADFAST_RUN_ID", hide_env = true, value_parser = values::run_id)]
    pub run_id: Option<String>,
    /// Only what is at least this old, such as 2h or 90m
    #[arg(long, value_name = "DURATION", env = "STEADFAST_OLDER_THAN", hide_env = true)]
    #[arg(value_parser = values::age_secs)]
    pub older_than: Option<u64>,
    /// Delete what belongs to runs that are at work as well, and with it their verdicts
    #[arg(long, env = "STEADFAST_INCLUDE_LIVE", hide_env = true)]
    pub include_live: bool,
    /// Only print what would be deleted
    #[arg(long, env = "STEADFAST_DRY_RUN", hide_env = true)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct SelftestArgs {
    /// Only this fault, of the cluster or of the API server; may be repeated [default: all]
    #[arg(long, value_name = "NAME", env = "STEADFAST_FAULT", hide_env = true, value_delimiter = ',')]
    pub fault: Vec<String>,
    /// Instead of the matrices, this many random scenarios on the honest model, from the seed on
    #[arg(long, value_name = "N", env = "STEADFAST_RANDOM", hide_env = true, conflicts_with = "fault")]
    pub random: Option<u64>,
    /// A record of a real cluster that passes, a run's folder or its history.jsonl: evidence is taken out of it as well; may
    /// be repeated
    #[arg(long, value_name = "PATH", env = "STEADFAST_RECORD", hide_env = true, value_delimiter = ',')]
    #[arg(conflicts_with_all = ["fault", "random"])]
    pub record: Vec<PathBuf>,
    /// How long random scenarios are begun, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        env = "STEADFAST_RANDOM_SECS",
        hide_env = true,
        default_value_t = 300
    )]
    pub random_secs: u64,
    /// The folder of the reports [default: reports/selftest]
    #[arg(short, long, value_name = "DIR", env = "STEADFAST_OUT", hide_env = true)]
    pub out: Option<PathBuf>,
    /// How many clusters run at the same time [default: one for each core]
    #[arg(short, long, value_name = "N", env = "STEADFAST_JOBS", hide_env = true, value_parser = values::jobs)]
    pub jobs: Option<usize>,
    /// The seed of all that is random
    #[arg(long, value_name = "N", env = "STEADFAST_SEED", hide_env = true, default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub catalogue: CatalogueArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum EmbeddedCommand {
    /// Serve it on a loopback port in real time, and write a kubeconfig for kubectl
    Serve(ServeArgs),
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The kubeconfig that is written
    #[arg(short, long, value_name = "PATH", env = "STEADFAST_OUT", hide_env = true)]
    #[arg(default_value = "embedded.kubeconfig")]
    pub out: PathBuf,
    /// The port; 0 for one that is free
    #[arg(long, value_name = "N", env = "STEADFAST_PORT", hide_env = true, default_value_t = 0)]
    pub port: u16,
    /// The seed of all that is random
    #[arg(long, value_name = "N", env = "STEADFAST_SEED", hide_env = true, default_value_t = 0)]
    pub seed: u64,
    /// A lie that the cluster tells; may be repeated
    #[arg(long, value_name = "NAME", env = "STEADFAST_FAULT", hide_env = true, value_delimiter = ',')]
    pub fault: Vec<String>,
}

/// One of a closed list of words.
fn one_of<T>(words: &'static [(&'static str, T)]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let find = |word: String| words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word))
        .map(move |word| find(word).expect("clap lets no other word through"))
}
