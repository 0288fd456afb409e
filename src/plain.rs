//! Text from elsewhere made plain: what a terminal would obey is shown instead, and so is what a CI system would take for a
//! command to it. The one place where that is done, for every terminal and every file.
//!
//! A cluster chooses the names of its objects, its messages and its version; a record may be anybody's. None of it may move
//! a cursor, hide what stands before it, or set a variable of the job that prints it.

use std::borrow::Cow;

/// The text with everything made visible that is not seen for what it is: control characters and escapes as `\xNN`,
/// characters that are invisible or turn the direction of others as `\u{NNNN}`. Tabs and line ends stay.
///
/// Of what CI systems take for commands, one character is written as its number, which breaks them: `##vso[` and
/// `##[` (Azure Pipelines, GitHub Actions), `##teamcity[`, `::set-output name=a::b` (GitHub Actions), and at the beginning of
/// a line the `---`, `+++`, `~~~` and `^^^ +++` of Buildkite.
pub fn visible(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        visible_line(line, &mut out);
    }
    out
}

fn visible_line(line: &str, out: &mut String) {
    let folds = ["--- ", "+++ ", "~~~ ", "^^^ "].iter().any(|fold| line.starts_with(fold));
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        let rest = &line[at..];
        let obeyed = (at == 0 && folds)
            || (letter == '#' && is_log_command(rest))
            || (letter == ':' && before.is_whitespace() && is_workflow_command(rest));
        match letter {
            '\t' => out.push('\t'),
            _ if obeyed || letter.is_control() => *out += &format!("\\x{:02x}", u32::from(letter)),
            _ if is_unseen(letter) => *out += &format!("\\u{{{:x}}}", u32::from(letter)),
            _ => out.push(letter),
        }
        before = letter;
    }
}

/// `##vso[`, `##teamcity[` and their like, wherever they stand in a line.
fn is_log_command(rest: &str) -> bool {
    let name = rest.strip_prefix("##").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()));
    name.is_some_and(|rest| rest.starts_with('['))
}

/// `::name …::`, at the beginning of a line or of a word, which may become one where the text is wrapped.
fn is_workflow_command(rest: &str) -> bool {
    let Some(command) = rest.strip_prefix("::") else { return false };
    command.starts_with(|c: char| c.is_ascii_alphabetic()) && command.contains("::")
}

/// Whether a character cannot be seen, or changes where others are seen, and is no control character.
const fn is_unseen(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}'
            | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether there is anything in the text that [`visible`] would show otherwise.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| {
        matches!(byte, b'\n' | b'\t' | b' '..=b'~')
            && !matches!(byte, b'#' | b':' | b'-' | b'+' | b'^' | b'~')
    })
}

/// The colours that our own summaries use (ECMA-48, select graphic rendition).
pub const COLOURS: &[&str] = &["\u{1b}[0m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"];

/// What goes to a terminal, as a whole: everything is visible but our own colours.
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, colour)) = next_colour(rest) {
        out += &visible(&rest[..at]);
        out += colour;
        rest = &rest[at + colour.len()..];
    }
    out += &visible(rest);
    out.into()
}

fn next_colour(text: &str) -> Option<(usize, &'static str)> {
    COLOURS.iter().filter_map(|colour| Some((text.find(colour)?, *colour))).min()
}

/// JSON that is written already, with the same made harmless by escapes that a reader of JSON undoes: nothing is lost.
pub fn in_json(json: String) -> String {
    if json.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~') && byte != b'#') {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    for (at, letter) in json.char_indices() {
        let obeyed = letter == '#' && is_log_command(&json[at..]);
        let raw = matches!(letter, '\n' | '\t');
        if obeyed || (letter.is_control() && !raw) || is_unseen(letter) {
            let mut units = [0; 2];
            letter.encode_utf16(&mut units).iter().for_each(|unit| out += &format!("\\u{unit:04x}"));
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a hostile cluster would send.
    const HOSTILE: &[&str] = &[
        "\u{1b}[2J\u{1b}]0;title\u{7}",
        "\u{9b}31mred",
        "a\rb",
        "a\0b\u{8}\u{7f}",
        "\u{202e}txt.exe",
        "in\u{200b}visible\u{feff}",
        "##vso[task.setvariable variable=a]b",
        "x ##[error]no",
        "##teamcity[testFinished name='a']",
        "::set-output name=a::b",
        "a\n  ::add-mask::b",
        "a\n--- group",
        "+++ group",
    ];

    #[test]
    fn nothing_is_obeyed() {
        for text in HOSTILE {
            let shown = visible(text);
            assert!(shown.contains("\\x") || shown.contains("\\u{"), "{shown}");
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{shown:?}");
            for command in ["##vso[", "##[", "##teamcity[", " ::add-mask::", "\n--- "] {
                assert!(!format!("\n {shown}").contains(command), "{shown}");
            }
            assert_eq!(visible(&shown), shown, "what is visible stays as it is");
        }
        assert_eq!(visible("\u{1b}[31mred"), "\\x1b[31mred");
        assert_eq!(visible("::set-output name=a::b"), "\\x3a:set-output name=a::b");
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in [
            "web-0 was created",
            "a\r\nb",
            "é — ü, 日本\tx",
            "::1 and fd00::1 and ::ffff:10.0.0.1",
            "## heading",
            "issue #1",
            "cluster::cleanup::left",
            "a --- b",
            "---",
        ] {
            assert_eq!(visible(text), text.replace("\r\n", "\n"));
        }
    }

    #[test]
    fn a_terminal_gets_our_colours_and_no_others() {
        let text = "\u{1b}[31mfail\u{1b}[0m \u{1b}[41m\u{1b}[2J";
        assert_eq!(for_terminal(text), "\u{1b}[31mfail\u{1b}[0m \\x1b[41m\\x1b[2J");
        assert!(matches!(for_terminal("web 0\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_says_the_same_and_is_obeyed_by_nobody() {
        for text in HOSTILE {
            let json = in_json(serde_json::to_string(&[text]).unwrap());
            assert!(json.chars().all(|c| !c.is_control() && !is_unseen(c)) && !json.contains("##"), "{json}");
            assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap(), [(*text).to_owned()]);
        }
    }
}
