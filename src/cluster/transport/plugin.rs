//! Credential plugins (KEP-541; client-go, `plugin/pkg/client/auth/exec`): run, bounded, and nothing of what they print told
//! but a few masked lines of their standard error.

use std::{
    io::{IsTerminal, Write},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rustls::{crypto::CryptoProvider, sign::CertifiedKey};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use super::identity;
use crate::{
    cluster::{
        access::Plugin,
        answer,
        kubeconfig::{files, yaml},
    },
    limits,
    secret::{self, Secret},
};

/// What a plugin gave.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    /// A bearer token.
    pub(super) token: Option<Secret>,
    /// A certificate of the client with its key.
    pub(super) identity: Option<Arc<CertifiedKey>>,
    /// Until when they hold; without it as long as they are not refused.
    pub(super) expires: Option<Timestamp>,
    /// What of it must not be shown.
    pub(super) secrets: Vec<Secret>,
}

/// Runs a plugin once. The error is for a person to read, and has no secret in it.
pub(super) async fn run(plugin: &Plugin, provider: &CryptoProvider) -> Result<Credentials, String> {
    let interactive = is_interactive(plugin)?;
    let mut child = start(plugin, interactive)?;
    let bound = if interactive { limits::PLUGIN_INTERACTIVE } else { limits::PLUGIN };
    let printed = match timeout(bound.duration(), follow(&mut child, plugin, interactive)).await {
        Ok(printed) => {
            printed.map_err(|error| format!("{} could not be followed: {error}", named(plugin)))?
        }
        Err(_) => {
            // It would be killed when it is dropped, too; this way it is gone before the error is told.
            let _ = child.kill().await;
            return Err(format!(
                "{} did not end within {} s; {}",
                named(plugin),
                bound.wait_secs(),
                by_hand(plugin)
            ));
        }
    };
    if !printed.status.success() {
        let code = printed.status.code().map_or("a signal".to_owned(), |code| format!("exit code {code}"));
        return Err(format!(
            "{} ended with {code}{}; {}",
            named(plugin),
            quoted(&printed, plugin),
            by_hand(plugin)
        ));
    }
    read(&printed.stdout, plugin, provider).map_err(|wrong| {
        format!("{} {wrong}{}; {}", named(plugin), quoted(&printed, plugin), by_hand(plugin))
    })
}

/// The plugin, for a person to read.
pub(super) fn named(plugin: &Plugin) -> String {
    format!("the credential plugin `{}` of the user `{}`", command(plugin), plugin.user)
}

fn command(plugin: &Plugin) -> String {
    plugin.exec.command.as_ref().map(|command| command.display().to_string()).unwrap_or_default()
}

fn by_hand(plugin: &Plugin) -> String {
    format!("run `{}` by hand as users[`{}`].user.exec of the kubeconfig says", command(plugin), plugin.user)
}

fn is_interactive(plugin: &Plugin) -> Result<bool, String> {
    let terminal = std::io::stdin().is_terminal();
    match plugin.exec.interactive_mode.as_deref() {
        Some("Never") => Ok(false),
        Some("Always") if !terminal => Err(format!(
            "{} needs a terminal (interactiveMode: Always), and standard input is none; use a kubeconfig for machines here",
            named(plugin)
        )),
        _ => Ok(terminal),
    }
}

fn start(plugin: &Plugin, interactive: bool) -> Result<Child, String> {
    let exec = &plugin.exec;
    let mut command = Command::new(exec.command.as_deref().unwrap_or_else(|| "".as_ref()));
    command
        .args(exec.args.iter().map(Secret::expose))
        .envs(exec.env.iter().map(|(name, value)| (name, value.expose())))
        .env("KUBERNETES_EXEC_INFO", info(plugin, interactive).to_string())
        .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command.spawn().map_err(|error| {
        let hint =
            exec.install_hint.as_deref().map(|hint| format!(": {}", visible(hint))).unwrap_or_default();
        match error.kind() {
            std::io::ErrorKind::NotFound => {
                format!("{} is not installed, or not in $PATH{hint}", named(plugin))
            }
            _ => format!("{} could not be started ({}){hint}", named(plugin), files::plain(&error)),
        }
    })
}

/// `ExecCredential`, as a plugin is given it.
fn info(plugin: &Plugin, interactive: bool) -> Value {
    let mut spec = json!({"interactive": interactive});
    if let Some(cluster) = &plugin.cluster {
        spec["cluster"] = cluster.clone();
    }
    json!({"kind": "ExecCredential", "apiVersion": plugin.exec.api_version, "spec": spec})
}

/// What a plugin printed, and how it ended.
struct Printed {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// How long the output is waited for after the end: a child of the plugin may hold it open for ever.
const LINGERS: Duration = limits::LOOK_AGAIN.duration();

async fn follow(child: &mut Child, plugin: &Plugin, interactive: bool) -> std::io::Result<Printed> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let live = interactive && std::io::stderr().is_terminal();
    let shows = |text: &str| {
        if live {
            eprint!("{}", masked(text, plugin))
        }
    };
    let status = {
        let reading =
            async { tokio::join!(collect(out, &mut stdout, |_| ()), collect(err, &mut stderr, shows)) };
        tokio::pin!(reading);
        tokio::select! {
            _ = &mut reading => child.wait().await?,
            status = child.wait() => {
                let _ = timeout(LINGERS, &mut reading).await;
                status?
            }
        }
    };
    Ok(Printed { status, stdout, stderr })
}

/// Reads to the end, or as much as a plugin may print, and shows each whole line, and a part of one that is followed by a
/// pause, as a question is.
async fn collect(stream: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>, show: impl Fn(&str)) {
    let Some(stream) = stream else { return };
    let mut stream = stream.take(limits::PLUGIN_OUTPUT.bytes as u64 + 1);
    let (mut shown, mut chunk) = (0, [0; 4096]);
    loop {
        let read = timeout(limits::LOOK_AGAIN.duration(), stream.read(&mut chunk)).await;
        let until = match &read {
            Ok(Ok(count @ 1..)) => {
                into.extend_from_slice(&chunk[..*count]);
                into.iter().rposition(|byte| *byte == b'\n').map_or(shown, |at| at + 1)
            }
            _ => into.len(),
        };
        if until > shown {
            show(&String::from_utf8_lossy(&into[shown..until]));
            shown = until;
        }
        if matches!(read, Ok(Ok(0) | Err(_))) {
            let _ = std::io::stderr().flush();
            return;
        }
    }
}

fn read(stdout: &[u8], plugin: &Plugin, provider: &CryptoProvider) -> Result<Credentials, String> {
    if stdout.len() > limits::PLUGIN_OUTPUT.bytes {
        return Err(format!("printed more than {} MiB", limits::PLUGIN_OUTPUT.bytes >> 20));
    }
    let said: Value = yaml::read(stdout).unwrap_or(Value::Null);
    let expected = plugin.exec.api_version.as_deref().unwrap_or_default();
    if said["kind"] != "ExecCredential" {
        return Err(format!("printed {} bytes that are no ExecCredential", stdout.len()));
    }
    if said["apiVersion"] != expected {
        return Err(format!("did not answer in the apiVersion that the kubeconfig names, {expected}"));
    }
    let field = |name: &str| said["status"][name].as_str().filter(|text| !text.is_empty()).map(Secret::new);
    let (token, certificate, key) = (field("token"), field("clientCertificateData"), field("clientKeyData"));
    if token.as_ref().is_some_and(|token| http::HeaderValue::from_str(token.expose()).is_err()) {
        return Err("gave a token with a character in it that no token has".to_owned());
    }
    let identity = match (&certificate, &key) {
        (Some(certificate), Some(key)) => {
            Some(identity::pair(certificate, key, provider).map_err(|wrong| match wrong {
                identity::Wrong::Certificate(wrong) => {
                    format!("gave a certificate that cannot be used: {wrong}")
                }
                identity::Wrong::Key(wrong) => format!("gave a key that cannot be used: {wrong}"),
            })?)
        }
        (None, None) if token.is_none() => return Err("gave neither a token nor a certificate".to_owned()),
        (None, None) => None,
        _ => return Err("gave a certificate without its key, or a key without its certificate".to_owned()),
    };
    let expires = match said["status"]["expirationTimestamp"].as_str() {
        Some(at) => Some(at.parse().map_err(|_| "gave an expirationTimestamp that is no time".to_owned())?),
        None => None,
    };
    Ok(Credentials { secrets: token.iter().chain(&key).cloned().collect(), token, identity, expires })
}

/// How many lines of a plugin's standard error are quoted.
const LINES_QUOTED: usize = 4;

/// The last lines of its standard error.
fn quoted(printed: &Printed, plugin: &Plugin) -> String {
    let text = String::from_utf8_lossy(&printed.stderr);
    let said = masked(&text, plugin);
    let lines: Vec<String> =
        said.lines().filter(|line| !line.trim().is_empty()).map(answer::beginning_of_line).collect();
    let last = &lines[lines.len().saturating_sub(LINES_QUOTED)..];
    if last.is_empty() { String::new() } else { format!(", and said: {}", last.join(" / ")) }
}

/// A text of the plugin without what it was given, and without what looks like a credential.
fn masked(text: &str, plugin: &Plugin) -> String {
    let exec = &plugin.exec;
    let given = exec.args.iter().chain(exec.env.iter().map(|(_, value)| value));
    let given: Vec<Secret> = given.filter(|given| given.expose().len() >= 3).cloned().collect();
    let lines = secret::masked_output(&secret::without(text, &given));
    lines
        .split_inclusive('\n')
        .map(|line| {
            let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
            visible(body.trim_end_matches('\r')) + end
        })
        .collect()
}

fn visible(text: &str) -> String {
    answer::visible_text(text)
}
