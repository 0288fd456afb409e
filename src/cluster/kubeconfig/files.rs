//! Which files are read, and how: as kubectl does, and never without an end.

use std::{
    collections::BTreeSet,
    io::Read,
    path::{Path, PathBuf},
};

use super::{Unusable, model::Config, yaml};
use crate::{cluster::environment::Environment, limits};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) config: Config,
    /// The files that there are, for a person to read.
    pub(super) files: Vec<PathBuf>,
    /// The files that `$KUBECONFIG` names and that are not there.
    pub(super) missing: Vec<PathBuf>,
}

/// Reads the file of the flag; without it those of `$KUBECONFIG`, of which some may be missing; without it `~/.kube/config`,
/// which may be missing too.
pub(super) async fn read(flag: Option<&Path>, environment: &Environment) -> Result<Found, Unusable> {
    if let Some(path) = flag {
        let config = one(path).await?.ok_or_else(|| {
            Unusable::new(shown(path), "there is no such file", "name one that is there with --kubeconfig")
        })?;
        return Ok(Found { config, files: vec![path.to_owned()], missing: Vec::new() });
    }
    let mut found = Found::default();
    for path in named(environment) {
        match one(&path).await? {
            Some(config) => {
                found.config.merge(config);
                found.files.push(path);
            }
            // That there is no ~/.kube/config needs no word.
            None if environment.path("KUBECONFIG").is_none() => {}
            None => found.missing.push(path),
        }
    }
    Ok(found)
}

/// The files of the environment, each once.
fn named(environment: &Environment) -> Vec<PathBuf> {
    let Some(list) = environment.path("KUBECONFIG") else {
        return environment
            .path("HOME")
            .map(|home| Path::new(&home).join(".kube/config"))
            .into_iter()
            .collect();
    };
    let mut seen = BTreeSet::new();
    let paths = std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty());
    paths.filter(|path| seen.insert(path.clone())).collect()
}

async fn one(path: &Path) -> Result<Option<Config>, Unusable> {
    let bytes = match bytes(path).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Unusable::new(shown(path), plain(&error), format!("try `ls -l {}`", path.display())));
        }
    };
    let hint = || format!("look at that place, or try `kubectl --kubeconfig {} config view`", path.display());
    let value = yaml::read(&bytes).map_err(|wrong| Unusable::new(shown(path), wrong, hint()))?;
    Config::read(path, &value).map(Some)
}

fn shown(path: &Path) -> String {
    format!("the kubeconfig {}", path.display())
}

/// An I/O error in a few words.
pub(in crate::cluster) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut rest = text.chars();
    rest.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(rest).collect()
}

/// The content of a file, on a thread of its own: one that is a pipe that nobody writes to holds up nobody but itself, and
/// one that has no end is an error.
pub(in crate::cluster) async fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let (send, receive) = tokio::sync::oneshot::channel();
    let path = path.to_owned();
    std::thread::Builder::new().name("read".to_owned()).spawn(move || drop(send.send(bounded(&path))))?;
    match tokio::time::timeout(limits::READ.duration(), receive).await {
        Ok(read) => read.unwrap_or_else(|_| Err(std::io::Error::other("it was not read"))),
        Err(_) => {
            Err(std::io::Error::other(format!("nobody wrote to it within {} s", limits::READ.wait_secs())))
        }
    }
}

fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let limit = limits::KUBECONFIG.bytes as u64;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(std::io::Error::other(format!("it is longer than {} MiB", limit >> 20))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::of(pairs.iter().copied())
    }

    #[test]
    fn each_file_is_read_once_and_empty_names_are_none() {
        let list = environment(&[("KUBECONFIG", "/a::/b:/a:")]);
        assert_eq!(named(&list), [PathBuf::from("/a"), PathBuf::from("/b")]);
        let home = environment(&[("HOME", "/home/me"), ("KUBECONFIG", "")]);
        assert_eq!(named(&home), [PathBuf::from("/home/me/.kube/config")]);
        assert!(named(&environment(&[])).is_empty());
    }

    #[tokio::test]
    async fn files_that_are_missing_are_left_out_but_for_the_flags() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "current-context: here").unwrap();
        let list = format!("{}:{}/missing", file.display(), folder.path().display());
        let found = read(None, &environment(&[("KUBECONFIG", &list)])).await.unwrap();
        assert_eq!(found.config.current_context.as_deref(), Some("here"));
        assert_eq!((found.files.len(), found.missing.len()), (1, 1));
        let said =
            read(Some(&folder.path().join("missing")), &environment(&[])).await.unwrap_err().to_string();
        assert!(said.contains("there is no such file; name one that is there with --kubeconfig"), "{said}");
    }

    #[tokio::test]
    async fn a_file_without_end_and_a_folder_are_errors() {
        for (path, wrong) in [("/dev/zero", "longer than 16 MiB"), ("/", "is a directory")] {
            let said = read(Some(Path::new(path)), &environment(&[])).await.unwrap_err().to_string();
            assert!(said.contains(wrong), "{said}");
        }
    }
}
