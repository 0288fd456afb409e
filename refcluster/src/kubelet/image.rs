//! What an image runs when the manifest says nothing, and what is in it.

use super::filesystem::Volume;
use std::sync::Arc;

/// The command of an image.
pub(super) fn command(image: &str) -> Vec<String> {
    let words: &[&str] = match family(image) {
        Family::Nginx => &["nginx", "-g", "daemon off;"],
        Family::CoreDns => &["coredns"],
        Family::Pause => &["pause"],
        Family::Other => &["sh"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The files of an image, fresh for each container.
pub(super) fn root(image: &str) -> Arc<Volume> {
    let root = Volume::default();
    for directory in [
        "bin",
        "dev",
        "etc",
        "home",
        "mnt",
        "opt",
        "proc/sys/kernel",
        "root",
        "run",
        "tmp",
        "usr/bin",
        "var/log",
        "var/run",
    ] {
        root.ensure_directory(&format!("/{directory}"));
    }
    if matches!(family(image), Family::Nginx) {
        root.install("/usr/share/nginx/html/index.html", "<h1>Welcome to nginx!</h1>\n");
    }
    Arc::new(root)
}

enum Family {
    Nginx,
    CoreDns,
    Pause,
    Other,
}

fn family(image: &str) -> Family {
    let name = image.rsplit('/').next().unwrap_or_default();
    match name.split([':', '@']).next().unwrap_or_default() {
        name if name.starts_with("nginx") => Family::Nginx,
        "coredns" => Family::CoreDns,
        "pause" => Family::Pause,
        _ => Family::Other,
    }
}
