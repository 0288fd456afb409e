//! Commands that read text: `cat`, `tee`, `head`, `tail`, `grep`, `wc`, `sha256sum`, `tr`.

use super::print::unescaped;
use super::{contents, each, say, show};
use crate::shell::interpreter::Shell;
use sha2::{Digest, Sha256};
use std::fmt::Write;

pub(super) async fn cat(shell: &Shell, rest: &[&str]) -> i32 {
    if rest.is_empty() {
        while let Some(piece) = shell.io.input.read().await {
            shell.io.output.write(&piece);
        }
        return 0;
    }
    let mut status = 0;
    for name in rest {
        match contents(shell, "cat", &[name]).await {
            Ok(content) => shell.io.output.write(&content),
            Err(code) => status = code,
        }
    }
    status
}

pub(super) async fn tee(shell: &Shell, rest: &[&str]) -> i32 {
    let append = rest.contains(&"-a");
    let content = shell.io.input.read_all().await;
    shell.io.output.write(&content);
    let files: Vec<_> = rest.iter().filter(|name| !name.starts_with('-')).copied().collect();
    each(shell, "tee", &files, |shell, path| shell.container.files.write(path, &content, append))
}

async fn lines(shell: &Shell, command: &str, rest: &[&str]) -> Result<(usize, Vec<String>), i32> {
    let mut count = 10;
    let mut names = Vec::new();
    let mut arguments = rest.iter();
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix('-') {
            Some("n" | "c") => {
                count = arguments.next().and_then(|number| number.parse().ok()).unwrap_or(count)
            }
            Some(number) => count = number.trim_start_matches(['n', 'c']).parse().unwrap_or(count),
            None => names.push(*argument),
        }
    }
    let content = contents(shell, command, &names).await?;
    Ok((count, String::from_utf8_lossy(&content).lines().map(str::to_owned).collect()))
}

pub(super) async fn head(shell: &Shell, rest: &[&str]) -> i32 {
    match lines(shell, "head", rest).await {
        Ok((count, lines)) => {
            lines.iter().take(count).for_each(|line| show(shell, line));
            0
        }
        Err(code) => code,
    }
}

pub(super) async fn tail(shell: &Shell, rest: &[&str]) -> i32 {
    match lines(shell, "tail", rest).await {
        Ok((count, lines)) => {
            lines[lines.len().saturating_sub(count)..].iter().for_each(|line| show(shell, line));
            0
        }
        Err(code) => code,
    }
}

/// Fixed strings only, anchored by `^` and `$`.
pub(super) async fn grep(shell: &Shell, rest: &[&str]) -> i32 {
    let quiet = rest.iter().any(|option| option.starts_with('-') && option.contains('q'));
    let plain: Vec<_> = rest.iter().filter(|argument| !argument.starts_with('-')).copied().collect();
    let Some((pattern, names)) = plain.split_first() else { return 2 };
    let Ok(content) = contents(shell, "grep", names).await else { return 2 };
    let content = String::from_utf8_lossy(&content).into_owned();
    let wanted = pattern.trim_start_matches('^').trim_end_matches('$');
    let matches = |line: &&str| match (pattern.starts_with('^'), pattern.ends_with('$')) {
        (true, true) => *line == wanted,
        (true, false) => line.starts_with(wanted),
        (false, true) => line.ends_with(wanted),
        (false, false) => line.contains(wanted),
    };
    let found: Vec<_> = content.lines().filter(matches).collect();
    if !quiet {
        found.iter().for_each(|line| show(shell, line));
    }
    i32::from(found.is_empty())
}

pub(super) async fn word_count(shell: &Shell, rest: &[&str]) -> i32 {
    let Ok(content) = contents(shell, "wc", rest).await else { return 1 };
    let text = String::from_utf8_lossy(&content).into_owned();
    let count = match rest.iter().find(|option| option.starts_with('-')) {
        Some(&"-c") => content.len(),
        Some(&"-w") => text.split_whitespace().count(),
        _ => text.matches('\n').count(),
    };
    say(shell, &count.to_string())
}

pub(super) async fn sha256sum(shell: &Shell, rest: &[&str]) -> i32 {
    let names = if rest.is_empty() { &["-"] } else { rest };
    for name in names {
        let Ok(content) = contents(shell, "sha256sum", &[name]).await else { return 1 };
        let digest = Sha256::digest(&content).iter().fold(String::new(), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        say(shell, &format!("{digest}  {name}"));
    }
    0
}

/// `tr -d SET` only, the set written out.
pub(super) async fn translate(shell: &Shell, rest: &[&str]) -> i32 {
    let ["-d", set] = rest else { return 1 };
    let unwanted = unescaped(set);
    let content = shell.io.input.read_all().await;
    let text = String::from_utf8_lossy(&content).into_owned();
    shell.io.print(text.chars().filter(|c| !unwanted.contains(*c)).collect::<String>());
    0
}
