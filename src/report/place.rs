//! Where a path leads: to a file, which is replaced in one piece, or into somebody's pipe or output, which never is.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::write::Staged;

/// Writes a file where a path leads: whole or not at all where that is a plain file, also through a link, and straight
/// into it where it is a pipe or a device.
pub fn write_to(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    match Place::of(path)? {
        Place::File(path) => Staged::new(&path, bytes)?.commit().map(|_| ()),
        Place::Stream(path) => write_into(&path, bytes.as_ref()),
    }
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A plain file, or none yet, in a folder that is there. Links are followed.
    File(PathBuf),
    /// A pipe, a socket or a device: it is written to, and never replaced.
    Stream(PathBuf),
}

impl Place {
    /// Looks where a path leads, and whether a file can be there.
    pub fn of(path: &Path) -> Result<Self> {
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => bail!("{} is a folder; name a file", path.display()),
            Ok(there) if there.is_file() && !is_handle(path) => Ok(Place::File(fs::canonicalize(path)?)),
            Ok(_) => Ok(Place::Stream(path.to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Place::File(Self::of_new(path)?)),
            Err(error) => Err(error).with_context(|| format!("failed to look at {}", path.display())),
        }
    }

    /// The place of a file that is not there yet, maybe at the end of links that lead nowhere so far.
    fn of_new(path: &Path) -> Result<PathBuf> {
        let mut path = path.to_owned();
        for _ in 0..LINKS_FOLLOWED {
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let name =
                path.file_name().with_context(|| format!("{} is not the name of a file", path.display()))?;
            let shown = folder.display();
            let folder = fs::canonicalize(folder)
                .with_context(|| format!("there is no folder {shown}; make it with `mkdir -p {shown}`"))?;
            let place = folder.join(name);
            match fs::read_link(&place) {
                Ok(target) => path = folder.join(target),
                Err(_) => return Ok(place),
            }
        }
        bail!("{} is a link that leads in a circle", path.display())
    }
}

/// How many links are followed, as many as Linux does (path_resolution(7)).
const LINKS_FOLLOWED: usize = 40;

/// Whether the path names an open file of a process, such as `/dev/fd/63`: what it leads to is somebody's output.
fn is_handle(path: &Path) -> bool {
    ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder))
}

/// Whether two names lead to one file, by whatever links.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let of = |path: &Path| fs::metadata(path).map(|there| (there.dev(), there.ino())).ok();
        of(one).is_some_and(|file| of(other) == Some(file))
    }
    #[cfg(not(unix))]
    {
        let of = |path: &Path| fs::canonicalize(path).ok();
        of(one).is_some_and(|file| of(other) == Some(file))
    }
}

/// Writes into what is there. Nothing is cut off, because it may be somebody's output.
pub fn write_into(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = OpenOptions::new().append(true).open(path).and_then(|mut open| open.write_all(bytes));
    written.with_context(|| format!("failed to write into {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn others_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("junit.xml");
        write_to(&path, "<testsuites/>").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_stays_a_link() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("elsewhere")).unwrap();
        symlink("elsewhere/junit.xml", at("link")).unwrap();
        symlink("link", at("link-to-it")).unwrap();
        for text in ["where there was nothing", "in the place of the first"] {
            write_to(&at("link-to-it"), text).unwrap();
            assert_eq!(fs::read_to_string(at("elsewhere/junit.xml")).unwrap(), text);
        }
        assert!(fs::symlink_metadata(at("link-to-it")).unwrap().is_symlink());
        symlink("circle", at("circle")).unwrap();
        assert!(write_to(&at("circle"), "").is_err());
    }

    #[test]
    fn a_file_needs_a_folder_and_is_none() {
        let root = tempfile::tempdir().unwrap();
        let missing = Place::of(&root.path().join("missing/junit.xml")).unwrap_err();
        assert!(format!("{missing:#}").contains("mkdir -p"), "{missing:#}");
        assert!(format!("{:#}", Place::of(root.path()).unwrap_err()).contains("is a folder"));
    }
}
