//! `test` and `[`.

use crate::kubelet::filesystem::Mounts;

/// Evaluates a condition; 0 is true, 1 is false, 2 is a mistake.
pub(super) fn test(files: &Mounts, arguments: &[&str]) -> i32 {
    match evaluate(files, arguments) {
        Some(true) => 0,
        Some(false) => 1,
        None => 2,
    }
}

fn evaluate(files: &Mounts, arguments: &[&str]) -> Option<bool> {
    if let Some(at) = arguments.iter().position(|argument| *argument == "-o") {
        return Some(evaluate(files, &arguments[..at])? || evaluate(files, &arguments[at + 1..])?);
    }
    if let Some(at) = arguments.iter().position(|argument| *argument == "-a") {
        return Some(evaluate(files, &arguments[..at])? && evaluate(files, &arguments[at + 1..])?);
    }
    match *arguments {
        [] => Some(false),
        ["!", ref rest @ ..] => evaluate(files, rest).map(|holds| !holds),
        [text] => Some(!text.is_empty()),
        [operator, operand] => unary(files, operator, operand),
        [left, operator, right] => binary(left, operator, right),
        _ => None,
    }
}

fn unary(files: &Mounts, operator: &str, operand: &str) -> Option<bool> {
    let exists = || files.is_file(operand) || files.is_directory(operand);
    Some(match operator {
        "-f" => files.is_file(operand),
        "-d" => files.is_directory(operand),
        "-e" | "-r" | "-w" => exists(),
        "-x" => files.is_directory(operand),
        "-s" => files.read(operand).is_some_and(|content| !content.is_empty()),
        "-n" => !operand.is_empty(),
        "-z" => operand.is_empty(),
        "-L" | "-h" => false,
        _ => return None,
    })
}

fn binary(left: &str, operator: &str, right: &str) -> Option<bool> {
    let numbers = || Some((left.trim().parse::<i64>().ok()?, right.trim().parse::<i64>().ok()?));
    Some(match operator {
        "=" | "==" => left == right,
        "!=" => left != right,
        "-eq" => numbers().map(|(a, b)| a == b)?,
        "-ne" => numbers().map(|(a, b)| a != b)?,
        "-lt" => numbers().map(|(a, b)| a < b)?,
        "-le" => numbers().map(|(a, b)| a <= b)?,
        "-gt" => numbers().map(|(a, b)| a > b)?,
        "-ge" => numbers().map(|(a, b)| a >= b)?,
        _ => return None,
    })
}
