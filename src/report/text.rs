//! Text from a cluster made fit for a terminal, an XML file and a line: no control characters, no escapes, no surprise.

/// The text without ANSI escapes, with every other character that XML 1.0 forbids made visible as `\xNN`, and with plain
/// line ends.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => skip_escape(&mut letters),
            '\r' => {
                letters.next_if_eq(&'\n');
                out.push('\n');
            }
            '\t' | '\n' => out.push(letter),
            _ if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                out += &format!("\\x{:02x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out
}

/// Skips what follows an ESC: a control sequence up to its final letter, an operating system command up to its bell, or
/// one character.
fn skip_escape(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    if letters.next_if_eq(&'[').is_some() {
        while letters.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
        letters.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
    } else if letters.next_if_eq(&']').is_some() {
        while letters.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n')).is_some() {}
        letters.next_if_eq(&'\u{7}');
    } else {
        letters.next_if(|c| ('\u{20}'..='\u{7e}').contains(c));
    }
}

/// One clean line of at most so many characters; what is cut off is shown as `…`.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let line = clean(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most - 1).chain(['…']).collect()
}

/// The text in lines of at most so many characters, each beginning with the indent; a longer word has its own line.
pub(super) fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = vec![indent.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a first line");
        let fits = line.chars().count() + 1 + word.chars().count() <= width;
        match line.len() == indent.len() {
            true => *line += word,
            false if fits => *line += &format!(" {word}"),
            false => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m"), "red");
        assert_eq!(clean("\u{1b}]0;title\u{7}text"), "text");
        assert_eq!(clean("a\0b\u{7}c\u{9b}d\u{ffff}"), "a\\x00b\\x07c\\x9bd\\xffff");
        assert_eq!(clean("a\r\nb\rc"), "a\nb\nc");
    }

    #[test]
    fn a_line_is_a_line() {
        assert_eq!(one_line("a\n  b\tc", 10), "a b c");
        assert_eq!(one_line("abcdef", 4), "abc…");
    }

    #[test]
    fn wrapping_keeps_every_word() {
        assert_eq!(
            wrapped("one two  three\nlooooooong four", "  ", 10),
            "  one two\n  three\n  looooooong\n  four\n"
        );
    }
}
