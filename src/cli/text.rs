//! Plain text of a fixed width, the same on every terminal and in every test.

/// The width of all that is printed, in characters.
const WIDTH: usize = 100;

/// The text after `lead`, wrapped; further lines are indented as far as `lead` reaches. Ends with a newline.
pub(super) fn wrapped(lead: &str, text: &str) -> String {
    let indent = lead.chars().count();
    let (mut page, mut column) = (lead.to_owned(), indent);
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > indent && column + 1 + width > WIDTH {
            page.push('\n');
            page.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            page.push(' ');
            column += 1;
        }
        page.push_str(word);
        column += width;
    }
    format!("{}\n", page.trim_end())
}

/// A title with wrapped paragraphs below it, or nothing where there are none.
pub(super) fn section(title: &str, paragraphs: impl IntoIterator<Item = String>) -> String {
    let body: String = paragraphs.into_iter().collect();
    if body.is_empty() { String::new() } else { format!("\n{title}\n{body}") }
}

/// Rows of a name and a text, the texts in one column.
pub(super) fn rows<'r>(rows: impl IntoIterator<Item = (&'r str, String)>) -> Vec<String> {
    let rows: Vec<_> = rows.into_iter().collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(name, text)| wrapped(&format!("  {name:width$}  "), text)).collect()
}

/// `1 pod`, `2 pods`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Milliseconds as `5 s` or `500 ms`.
pub(super) fn millis(millis: u64) -> String {
    if millis.is_multiple_of(1_000) { format!("{} s", millis / 1_000) } else { format!("{millis} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_and_hang_below_the_first() {
        let text = wrapped("  lead  ", &"word ".repeat(40));
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("        word")), "{text}");
    }

    #[test]
    fn a_word_longer_than_the_line_is_kept_whole() {
        let long = "x".repeat(150);
        assert_eq!(wrapped("", &long), format!("{long}\n"));
    }

    #[test]
    fn an_empty_section_is_not_printed() {
        assert_eq!(section("Title", []), "");
    }

    #[test]
    fn bounds_are_printed_in_the_unit_that_fits() {
        assert_eq!((millis(5_000), millis(500)), ("5 s".to_owned(), "500 ms".to_owned()));
    }
}
