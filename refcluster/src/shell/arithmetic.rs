//! Integer arithmetic, by precedence climbing.

use super::interpreter::Shell;

/// An expression that is being evaluated.
pub(super) struct Arithmetic<'a> {
    shell: &'a Shell,
    tokens: Vec<String>,
    at: usize,
}

impl Arithmetic<'_> {
    /// The value of an expression, in which variables need no `$`.
    pub(super) fn evaluate(shell: &Shell, expression: &str) -> i64 {
        let mut arithmetic = Arithmetic { shell, tokens: tokens(expression), at: 0 };
        arithmetic.binary(0)
    }

    fn binary(&mut self, least: u8) -> i64 {
        let mut left = self.unary();
        while let Some(operator) = self.tokens.get(self.at).cloned() {
            let level = level(&operator);
            if level == 0 || level <= least {
                break;
            }
            self.at += 1;
            let right = self.binary(level);
            left = apply(&operator, left, right);
        }
        left
    }

    fn unary(&mut self) -> i64 {
        let token = self.tokens.get(self.at).cloned().unwrap_or_default();
        self.at += 1;
        match token.as_str() {
            "-" => -self.unary(),
            "+" => self.unary(),
            "!" => i64::from(self.unary() == 0),
            "(" => {
                let value = self.binary(0);
                self.at += 1;
                value
            }
            token => token.parse().unwrap_or_else(|_| {
                self.shell.variable(token).and_then(|value| value.trim().parse().ok()).unwrap_or(0)
            }),
        }
    }
}

fn tokens(expression: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = expression.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() || c == '$' {
            continue;
        }
        let mut token = c.to_string();
        let word = c.is_alphanumeric() || c == '_';
        while let Some(next) = chars.peek().copied() {
            let pair = matches!(format!("{token}{next}").as_str(), "==" | "!=" | "<=" | ">=" | "&&" | "||");
            if (word && (next.is_alphanumeric() || next == '_')) || pair {
                token.push(next);
                chars.next();
            } else {
                break;
            }
        }
        tokens.push(token);
    }
    tokens
}

fn level(operator: &str) -> u8 {
    match operator {
        "||" => 1,
        "&&" => 2,
        "==" | "!=" => 3,
        "<" | ">" | "<=" | ">=" => 4,
        "+" | "-" => 5,
        "*" | "/" | "%" => 6,
        _ => 0,
    }
}

fn apply(operator: &str, left: i64, right: i64) -> i64 {
    match operator {
        "||" => i64::from(left != 0 || right != 0),
        "&&" => i64::from(left != 0 && right != 0),
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        "/" => left.checked_div(right).unwrap_or(0),
        _ => left.checked_rem(right).unwrap_or(0),
    }
}
