//! Files: volumes, and the way a container sees them through its mounts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most bytes that one file may have.
const LARGEST_FILE_BYTES: usize = 64 << 20;

#[derive(Clone, Debug)]
enum Node {
    Directory,
    File(Vec<u8>),
}

/// A tree of files, by absolute path without the last slash.
#[derive(Debug, Default)]
pub(crate) struct Volume(Mutex<BTreeMap<String, Node>>);

impl Volume {
    fn nodes(&self) -> MutexGuard<'_, BTreeMap<String, Node>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes everything.
    pub(crate) fn clear(&self) {
        self.nodes().clear();
    }

    /// Writes a file, its directories too.
    pub(crate) fn install(&self, path: &str, content: impl Into<Vec<u8>>) {
        let mut nodes = self.nodes();
        for (index, _) in path.match_indices('/').skip(1) {
            nodes.entry(path[..index].to_owned()).or_insert(Node::Directory);
        }
        nodes.insert(path.to_owned(), Node::File(content.into()));
    }

    /// Makes a directory, unless there is something by that name.
    pub(crate) fn ensure_directory(&self, path: &str) {
        let mut nodes = self.nodes();
        for (index, _) in path.match_indices('/').skip(1) {
            nodes.entry(path[..index].to_owned()).or_insert(Node::Directory);
        }
        nodes.entry(path.to_owned()).or_insert(Node::Directory);
    }
}

/// Why a file operation fails, as a shell words it.
pub(crate) type FileError = &'static str;

/// The files of a container: its own, with volumes mounted over them.
#[derive(Debug)]
pub(crate) struct Mounts {
    root: Arc<Volume>,
    mounts: Vec<Mount>,
}

/// A volume at a place.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub(crate) at: String,
    pub(crate) volume: Arc<Volume>,
    /// Where in the volume the mount begins; "" for all of it.
    pub(crate) sub_path: String,
    pub(crate) read_only: bool,
}

impl Mounts {
    pub(crate) fn new(root: Arc<Volume>, mut mounts: Vec<Mount>) -> Self {
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.at.len()));
        Self { root, mounts }
    }

    fn locate(&self, path: &str) -> (&Volume, String, bool) {
        let path = normalized(path);
        for mount in &self.mounts {
            if let Some(rest) = path.strip_prefix(&mount.at)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                return (&mount.volume, format!("{}{rest}", mount.sub_path), mount.read_only);
            }
        }
        (&self.root, path, false)
    }

    /// The content of a file.
    pub(crate) fn read(&self, path: &str) -> Option<Vec<u8>> {
        let (volume, path, _) = self.locate(path);
        match volume.nodes().get(&path) {
            Some(Node::File(content)) => Some(content.clone()),
            _ => None,
        }
    }

    pub(crate) fn is_file(&self, path: &str) -> bool {
        let (volume, path, _) = self.locate(path);
        matches!(volume.nodes().get(&path), Some(Node::File(_)))
    }

    pub(crate) fn is_directory(&self, path: &str) -> bool {
        let (volume, path, _) = self.locate(path);
        path.is_empty() || matches!(volume.nodes().get(&path), Some(Node::Directory))
    }

    /// Writes a file, or adds to it. Its directory must be there.
    pub(crate) fn write(&self, path: &str, content: &[u8], append: bool) -> Result<(), FileError> {
        if path == "/dev/null" {
            return Ok(());
        }
        if self.is_directory(path) {
            return Err("Is a directory");
        }
        if !self.is_directory(parent(&normalized(path))) {
            return Err("nonexistent directory");
        }
        let (volume, path, read_only) = self.locate(path);
        if read_only {
            return Err("Read-only file system");
        }
        let mut nodes = volume.nodes();
        let node = nodes.entry(path).or_insert(Node::File(Vec::new()));
        let mut bytes = match node {
            Node::File(bytes) if append => std::mem::take(bytes),
            _ => Vec::new(),
        };
        bytes.extend_from_slice(content);
        let fits = bytes.len() <= LARGEST_FILE_BYTES;
        *node = Node::File(bytes);
        if fits { Ok(()) } else { Err("No space left on device") }
    }

    /// Makes a directory; with `parents` also those above, and none of them needs to be new.
    pub(crate) fn make_directory(&self, path: &str, parents: bool) -> Result<(), FileError> {
        let path = normalized(path);
        if self.is_file(&path) || (self.is_directory(&path) && !parents) {
            return Err("File exists");
        }
        if self.is_directory(&path) {
            return Ok(());
        }
        if parents {
            self.make_directory(parent(&path), true)?;
        } else if !self.is_directory(parent(&path)) {
            return Err("No such file or directory");
        }
        let (volume, path, read_only) = self.locate(&path);
        if read_only {
            return Err("Read-only file system");
        }
        volume.nodes().insert(path, Node::Directory);
        Ok(())
    }

    /// Removes a file; with `recursive` a directory with all in it.
    pub(crate) fn remove(&self, path: &str, recursive: bool) -> Result<(), FileError> {
        let directory = self.is_directory(path);
        if !directory && !self.is_file(path) {
            return Err("No such file or directory");
        }
        if directory && !recursive {
            return Err("Is a directory");
        }
        let (volume, path, read_only) = self.locate(path);
        if read_only {
            return Err("Read-only file system");
        }
        let below = format!("{path}/");
        volume.nodes().retain(|node, _| *node != path && !node.starts_with(&below));
        Ok(())
    }

    /// The names in a directory.
    pub(crate) fn list(&self, path: &str) -> Option<Vec<String>> {
        let shown = normalized(path);
        if !self.is_directory(path) {
            return None;
        }
        let (volume, inner, _) = self.locate(path);
        let below = format!("{inner}/");
        let nodes = volume.nodes();
        let own = nodes.keys().filter_map(|node| node.strip_prefix(&below)).map(str::to_owned);
        let mounted = self.mounts.iter().filter_map(|mount| {
            mount
                .at
                .strip_prefix(&format!("{shown}/"))
                .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
        });
        let mut names: Vec<String> = own.filter(|name| !name.contains('/')).chain(mounted).collect();
        names.sort();
        names.dedup();
        Some(names)
    }
}

/// A path without `.`, `..`, doubled or trailing slashes; the root is "".
pub(crate) fn normalized(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().map(|part| format!("/{part}")).collect()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
