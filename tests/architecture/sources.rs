//! Reads the sources just well enough to tell which paths each file names, tests not counted.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// One file under `src/`.
pub(crate) struct Source {
    /// From the root of the crate: `src/spec/yaml.rs`.
    pub(crate) path: String,
    /// Its module: `spec`, `yaml`.
    pub(crate) module: Vec<String>,
    /// Every path it names, `use` groups taken apart, `super` resolved: `crate`, `limits`, `ALL`.
    pub(crate) paths: Vec<Vec<String>>,
    /// Every word in it.
    pub(crate) words: Vec<String>,
}

/// Every file under `src/` that is compiled outside of tests.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    files.sort();
    let sources: Vec<_> = files.iter().map(|file| read(root, file)).collect();
    let tests: BTreeSet<Vec<String>> = sources.iter().flat_map(|(_, tests)| tests.clone()).collect();
    let is_test = |module: &[String]| (1..=module.len()).any(|n| tests.contains(&module[..n]));
    sources.into_iter().map(|(source, _)| source).filter(|source| !is_test(&source.module)).collect()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src/ can be read") {
        let path = entry.expect("src/ can be read").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// A source, and the modules that it declares for tests alone.
fn read(root: &Path, file: &Path) -> (Source, Vec<Vec<String>>) {
    let text = std::fs::read_to_string(file).expect("a source can be read");
    let path = file.strip_prefix(root).expect("it lies below the root").to_string_lossy().replace('\\', "/");
    let module: Vec<String> = path["src/".len()..path.len() - ".rs".len()]
        .split('/')
        .filter(|part| *part != "mod")
        .map(str::to_owned)
        .collect();
    let (words, test_modules) = without_tests(words(&text));
    let paths = paths(&words, &module);
    let tests = test_modules.into_iter().map(|name| [module.clone(), vec![name]].concat()).collect();
    (Source { path, module, paths, words }, tests)
}

/// Identifiers, `::` and single characters; comments, strings and characters left out.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), text);
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("::") => keep(&mut words, "::"),
            '"' => quoted(rest),
            'r' | 'b' if raw_string(rest).is_some() => raw_string(rest).expect("just asked"),
            '\'' => character(rest),
            c if c.is_alphanumeric() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
                keep(&mut words, &rest[..end.unwrap_or(rest.len())])
            }
            c if c.is_whitespace() => c.len_utf8(),
            c => keep(&mut words, &rest[..c.len_utf8()]),
        };
        rest = &rest[taken..];
    }
    words
}

fn keep(words: &mut Vec<String>, word: &str) -> usize {
    words.push(word.to_owned());
    word.len()
}

/// The length of the string literal that the text begins with.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return index + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.trim_start_matches('b').strip_prefix('r')?;
    let count = hashes.len() - hashes.trim_start_matches('#').len();
    let start = text.len() - hashes.len() + count;
    text[start..].starts_with('"').then_some(())?;
    let end = format!("\"{}", "#".repeat(count));
    Some(start + 1 + text[start + 1..].find(&end)? + end.len())
}

/// The length of the character literal, or of the quote of a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    let escaped = matches!(characters.next(), Some((_, '\\')));
    let end =
        if escaped { text[3..].find('\'').map(|at| at + 3) } else { characters.next().map(|(at, _)| at) };
    end.filter(|end| text[*end..].starts_with('\'')).map_or(1, |end| end + 1)
}

/// The words without the items under `#[cfg(test)]` (or `any(test, …)`), and the names of the files among those.
fn without_tests(words: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut files, mut at) = (Vec::new(), Vec::new(), 0);
    while at < words.len() {
        if !is_for_tests(&words[at..]) {
            kept.push(words[at].clone());
            at += 1;
            continue;
        }
        let end = item_end(&words, at);
        if words[end] == ";" && words[end - 2] == "mod" {
            files.push(words[end - 1].clone());
        }
        at = end + 1;
    }
    (kept, files)
}

fn is_for_tests(words: &[String]) -> bool {
    let begins = |with: &[&str]| words.len() > with.len() && words.iter().zip(with).all(|(a, b)| a == b);
    begins(&["#", "[", "cfg", "(", "test"]) || begins(&["#", "[", "cfg", "(", "any", "(", "test"])
}

/// Where the item that begins at `start` ends: at its `;` or at the brace that closes it.
fn item_end(words: &[String], start: usize) -> usize {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate().skip(start) {
        match word.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return at,
            "}" => depth -= 1,
            ";" if depth == 0 => return at,
            _ => {}
        }
    }
    words.len() - 1
}

/// Every path, groups taken apart.
fn paths(words: &[String], module: &[String]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for at in 1..words.len() {
        let begins = words[at] == "::" && (at < 2 || words[at - 2] != "::");
        if begins && is_name(&words[at - 1]) {
            tree(words, at - 1, &[], &mut paths);
        }
    }
    paths.iter().map(|path| resolved(path, module)).collect()
}

/// Follows the path that begins at `at`, and the branches of its group; gives the place after it.
fn tree(words: &[String], mut at: usize, prefix: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    while words.get(at).is_some_and(|word| is_name(word) || word == "*") {
        path.push(words[at].clone());
        at += 1;
        if words.get(at).map(String::as_str) != Some("::") {
            break;
        }
        at += 1;
    }
    if words.get(at).map(String::as_str) != Some("{") {
        paths.push(path);
        return at;
    }
    at += 1;
    while at < words.len() && words[at] != "}" {
        at = if is_name(&words[at]) { tree(words, at, &path, paths) } else { at + 1 };
    }
    at + 1
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The path with `self` and `super` at its head replaced by what they stand for.
fn resolved(path: &[String], module: &[String]) -> Vec<String> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    let from_self = usize::from(path[0] == "self");
    if supers + from_self == 0 {
        return path.to_vec();
    }
    let base = module[..module.len().saturating_sub(supers)].iter().cloned();
    let rest = path.iter().skip(supers + from_self).cloned();
    std::iter::once("crate".to_owned()).chain(base).chain(rest).collect()
}

#[test]
fn groups_are_taken_apart_and_super_is_resolved() {
    let text =
        "use crate::{spec::{self, Level}, limits};\n// use tokio::x\nlet s = \"kube::y\"; super::z::w();";
    let module = ["report".to_owned(), "html".to_owned()];
    let paths: Vec<String> = paths(&words(text), &module).iter().map(|path| path.join("::")).collect();
    for expected in ["crate::spec::Level", "crate::limits", "crate::report::z::w"] {
        assert!(paths.iter().any(|path| path == expected), "{expected} in {paths:?}");
    }
    assert!(!paths.iter().any(|path| path.contains("tokio") || path.contains("kube")), "{paths:?}");
}

#[test]
fn what_is_for_tests_is_left_out() {
    let text =
        "use std::fmt;\n#[cfg(test)]\nmod tests { use std::fs; }\n#[cfg(test)] mod sample;\nuse std::env;";
    let (words, files) = without_tests(words(text));
    assert_eq!(files, ["sample"]);
    assert!(words.contains(&"env".to_owned()) && !words.contains(&"fs".to_owned()), "{words:?}");
}

#[test]
fn quotes_and_lifetimes_do_not_confuse_it() {
    let text = r##"fn f<'a>(c: char) { c == '"'; c == '\''; let r = r#"a " b"#; std::env::var("x") }"##;
    assert!(paths(&words(text), &[]).iter().any(|path| path.join("::") == "std::env::var"));
}
