//! Redirections: where a command reads and writes.

use super::Shell;
use crate::shell::io::{Input, Io, Output};
use crate::shell::syntax::Redirection;

impl Shell {
    /// The streams of a command with redirections; none if one of them fails.
    pub(super) async fn redirected(&mut self, redirections: &[Redirection]) -> Option<Io> {
        let mut io = self.io.clone();
        for redirection in redirections {
            let target = self.text(&redirection.target).await;
            if let Err(error) = self.redirect(&mut io, redirection, &target) {
                self.io.complain(format!("sh: can't open {target}: {error}\n"));
                return None;
            }
        }
        Some(io)
    }

    fn redirect(&self, io: &mut Io, redirection: &Redirection, target: &str) -> Result<(), &'static str> {
        let files = &self.container.files;
        let path = self.absolute(target);
        match redirection.operator.as_str() {
            "<" if target == "/dev/null" => io.input = Input::Empty,
            "<" => io.input = Input::bytes(files.read(&path).ok_or("no such file")?),
            ">&" => {
                let copied = if target == "2" { io.errors.clone() } else { io.output.clone() };
                *io.writer(redirection.fd) = copied;
            }
            "<&" => {}
            operator => *io.writer(redirection.fd) = self.opened(&path, operator == ">>")?,
        }
        Ok(())
    }

    fn opened(&self, path: &str, append: bool) -> Result<Output, &'static str> {
        let container = &self.container;
        match path {
            "/dev/null" => return Ok(Output::Null),
            "/dev/stdout" | "/proc/1/fd/1" => return Ok(container.log.clone()),
            "/dev/stderr" | "/proc/1/fd/2" => return Ok(container.log.clone()),
            _ => container.files.write(path, b"", append)?,
        }
        Ok(Output::File { files: container.files.clone(), path: path.to_owned() })
    }

    /// A path, seen from the current directory.
    pub(in crate::shell) fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.directory) }
    }
}

impl Io {
    fn writer(&mut self, fd: u32) -> &mut Output {
        if fd == 2 { &mut self.errors } else { &mut self.output }
    }
}
