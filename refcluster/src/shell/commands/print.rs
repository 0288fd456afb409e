//! Commands that print their arguments: `echo`, `printf`, `seq`.

use super::show;
use crate::shell::interpreter::Shell;

pub(super) fn echo(shell: &Shell, rest: &[&str]) -> i32 {
    let (end, words) = match rest {
        ["-n", words @ ..] => ("", words),
        words => ("\n", words),
    };
    let (interpreted, words) = match words {
        ["-e", words @ ..] => (true, words),
        words => (false, words),
    };
    let text = words.join(" ");
    shell.io.print(format!("{}{end}", if interpreted { unescaped(&text) } else { text }));
    0
}

pub(super) fn printf(shell: &Shell, rest: &[&str]) -> i32 {
    let Some((format, arguments)) = rest.split_first() else { return 1 };
    let mut arguments = arguments.iter();
    loop {
        let before = arguments.len();
        shell.io.print(format_once(format, &mut arguments));
        if arguments.len() == 0 || arguments.len() == before {
            return 0;
        }
    }
}

fn format_once<'a>(format: &str, arguments: &mut impl Iterator<Item = &'a &'a str>) -> String {
    let mut text = String::new();
    let format = unescaped(format);
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match chars.find(|c| c.is_alphabetic() || *c == '%') {
            Some('%') | None => text.push('%'),
            Some('b') => text.push_str(&unescaped(arguments.next().copied().unwrap_or_default())),
            Some('x') => {
                let number: i64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0);
                text.push_str(&format!("{number:x}"));
            }
            Some('d' | 'i' | 'u') => {
                text.push_str(arguments.next().copied().filter(|n| !n.is_empty()).unwrap_or("0"))
            }
            Some(_) => text.push_str(arguments.next().copied().unwrap_or_default()),
        }
    }
    text
}

pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let escaped = &rest[at + 1..];
        let octal = escaped.bytes().take(3).take_while(|byte| (b'0'..b'8').contains(byte)).count();
        let length = octal.max(escaped.chars().next().map_or(0, char::len_utf8));
        match &escaped[..length] {
            "n" => plain.push('\n'),
            "t" => plain.push('\t'),
            "r" => plain.push('\r'),
            "\\" => plain.push('\\'),
            digits if octal > 0 => plain.extend(u8::from_str_radix(digits, 8).ok().map(char::from)),
            other => plain.extend(["\\", other]),
        }
        rest = &escaped[length..];
    }
    plain + rest
}

pub(super) fn sequence(shell: &Shell, rest: &[&str]) -> i32 {
    let numbers: Vec<i64> = rest.iter().filter_map(|number| number.parse().ok()).collect();
    let (first, last) = match numbers[..] {
        [last] => (1, last),
        [first, last] => (first, last),
        _ => return 1,
    };
    (first..=last).for_each(|number| show(shell, &number.to_string()));
    0
}
