//! The folders of `--specs` and `--manifests`: plain text files of a bounded size, a bounded number of them, and nothing
//! that could be meant as one and is not read.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use super::Files;

/// How large a file may be, in bytes. The largest of our own has 6 KiB.
const FILE_BYTES: u64 = 256 << 10;

/// How many files a folder may hold, those below it included.
const FILES: usize = 4_096;

/// How many folders may lie in one another. Ours are two deep; a link to a folder above it has no end.
const DEPTH: usize = 4;

/// Reads every file of a folder that ends in `.yaml`.
///
/// # Errors
/// A file that is none, is too large, is no text, or is called as if it were YAML and is not: each is named.
pub(super) fn read(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut waiting = vec![(folder.to_path_buf(), 0)];
    while let Some((next, depth)) = waiting.pop() {
        let shown = next.display().to_string();
        ensure!(
            depth < DEPTH,
            "{shown} lies {DEPTH} folders deep; a spec or manifest lies in the folder of its area"
        );
        let entries = fs::read_dir(&next).with_context(|| format!("failed to read the folder {shown}"))?;
        for entry in entries {
            let path = entry.with_context(|| format!("failed to read the folder {shown}"))?.path();
            if path.is_dir() {
                waiting.push((path, depth + 1));
            } else if is_yaml(&path)? {
                let below = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                files.insert(below, text(&path)?);
                ensure!(files.len() <= FILES, "{} has more than {FILES} files", folder.display());
            }
        }
    }
    Ok(files)
}

/// Whether a file is to be read. One that looks as if it were meant to be, and is not, is an error.
fn is_yaml(path: &Path) -> Result<bool> {
    let extension =
        path.extension().map(|extension| extension.to_string_lossy().into_owned()).unwrap_or_default();
    match extension.as_str() {
        "yaml" => Ok(true),
        other if ["yaml", "yml", "json"].contains(&other.to_lowercase().as_str()) => {
            bail!("{}: a file that ends in .{other} is not read; let its name end in .yaml", path.display())
        }
        _ => Ok(false),
    }
}

fn text(path: &PathBuf) -> Result<String> {
    let shown = path.display();
    // Before it is opened: to open a pipe waits for whoever writes into it.
    let there = fs::metadata(path).with_context(|| format!("failed to read {shown}"))?;
    ensure!(there.is_file(), "{shown} is no plain file");
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(|| format!("failed to read {shown}"))?;
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("failed to read {shown}"))?;
    ensure!(bytes.len() as u64 <= FILE_BYTES, "{shown} is larger than {} KiB", FILE_BYTES >> 10);
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        anyhow::anyhow!("{shown}:{line}: it is no UTF-8 text")
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        root
    }

    fn refused(folder: &tempfile::TempDir) -> String {
        format!("{:#}", read(folder.path()).unwrap_err())
    }

    #[test]
    fn what_is_not_meant_to_be_read_is_left_alone() {
        let root = folder(&[("a/b.yaml", b"x"), ("README.md", b"\xff"), ("a/b.yaml~", b""), (".git/c", b"")]);
        assert_eq!(read(root.path()).unwrap(), Files::from([("a/b.yaml".to_owned(), "x".to_owned())]));
    }

    #[test]
    fn what_looks_like_yaml_and_is_not_read_is_refused() {
        for name in ["a/b.yml", "a/b.YAML", "b.json"] {
            assert!(refused(&folder(&[(name, b"x")])).contains("let its name end in .yaml"), "{name}");
        }
    }

    #[test]
    fn what_is_no_text_or_too_long_is_refused_with_its_place() {
        assert!(
            refused(&folder(&[("a/b.yaml", b"x\ny: \xff")])).ends_with("a/b.yaml:2: it is no UTF-8 text")
        );
        let long = vec![b'x'; FILE_BYTES as usize + 1];
        assert!(refused(&folder(&[("a/b.yaml", &long)])).ends_with("is larger than 256 KiB"));
    }

    #[test]
    fn pipes_devices_and_circles_are_refused_at_once() {
        let pipe = folder(&[]);
        assert!(Command::new("mkfifo").arg(pipe.path().join("a.yaml")).status().unwrap().success());
        assert!(refused(&pipe).ends_with("is no plain file"));
        let device = folder(&[]);
        std::os::unix::fs::symlink("/dev/zero", device.path().join("a.yaml")).unwrap();
        assert!(refused(&device).ends_with("is no plain file"));
        let circle = folder(&[("a/b.yaml", b"x")]);
        std::os::unix::fs::symlink("..", circle.path().join("a/up")).unwrap();
        assert!(refused(&circle).contains("4 folders deep"));
    }
}
