//! Text in lines: on one, or on several of a width.

use crate::plain::visible;

/// One line, all of it visible, of at most so many characters; what is cut off is shown as `…`.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let line = visible(text).split_whitespace().collect::<Vec<_>>().join(" ");
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
