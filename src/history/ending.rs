//! How a run ended, whatever its verdicts are: a part of the record, so that a replay ends no better than the run did.

use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Whether it came to its end.
    #[serde(flatten)]
    pub how: How,
    /// What is left in the cluster though it should not be, one object an item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
    /// What could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_error: Option<String>,
    /// A panic outside of the checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_error: Option<String>,
}

/// Whether a run came to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum How {
    /// Every scenario that was planned had its turn.
    #[default]
    Completed,
    /// It was stopped before its end.
    Stopped {
        /// What stopped it.
        by: Stopping,
    },
    /// The cluster could not be tested; nothing was created in it.
    Refused {
        /// Why.
        reason: String,
    },
    /// What steadfast was given leads to no cluster: a mistake in it, and nothing that a cluster did.
    Unusable {
        /// What is wrong with it.
        reason: String,
    },
}

/// What stops a run before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopping {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal was closed.
    HangUp,
    /// Nobody reads the progress any more: what it was piped into has ended.
    ClosedPipe,
    /// The run's own deadline.
    Deadline,
    /// The record cannot be written any more.
    Disk,
}

impl Stopping {
    /// For a person to read.
    pub const fn reason(self) -> &'static str {
        match self {
            Stopping::Interrupt => "stopped by Ctrl-C",
            Stopping::Terminate => "stopped by SIGTERM",
            Stopping::HangUp => "stopped by SIGHUP: the terminal was closed",
            Stopping::ClosedPipe => "stopped because the pipe that standard error leads to was closed",
            Stopping::Deadline => "the deadline of the run (--deadline-secs) was over",
            Stopping::Disk => "the record could not be written any more",
        }
    }
}

impl Ending {
    /// A run that something stopped.
    pub fn stopped(by: Stopping) -> Self {
        Self { how: How::Stopped { by }, ..Self::default() }
    }

    /// What stopped the run, if anything did.
    pub const fn stopped_by(&self) -> Option<Stopping> {
        match self.how {
            How::Stopped { by } => Some(by),
            How::Completed | How::Refused { .. } | How::Unusable { .. } => None,
        }
    }

    /// Why the cluster could not be tested, if it could not.
    pub fn refused(&self) -> Option<&str> {
        match &self.how {
            How::Refused { reason } | How::Unusable { reason } => Some(reason),
            How::Completed | How::Stopped { .. } => None,
        }
    }

    /// What was wrong with what steadfast was given, if that is why nothing was begun.
    pub fn unusable(&self) -> Option<&str> {
        match &self.how {
            How::Unusable { reason } => Some(reason),
            How::Completed | How::Stopped { .. } | How::Refused { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_reads_back() {
        let refused = How::Refused { reason: "no answer".to_owned() };
        for how in [How::Completed, How::Stopped { by: Stopping::HangUp }, refused] {
            let left_behind = vec!["namespace/a".to_owned()];
            let ending = Ending {
                how,
                left_behind,
                internal_error: Some("on purpose".to_owned()),
                ..Ending::default()
            };
            let text = serde_json::to_string(&ending).unwrap();
            assert_eq!(serde_json::from_str::<Ending>(&text).unwrap(), ending, "{text}");
        }
        assert_eq!(serde_json::to_string(&Ending::default()).unwrap(), r#"{"how":"completed"}"#);
    }
}
