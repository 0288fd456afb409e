//! From a step in a scenario's file to what is done.

use super::{Done, Driver};
use crate::spec::Action;

impl Driver {
    /// Does one step.
    pub(super) async fn act(&mut self, action: &Action) -> Done {
        match action {
            Action::StartProbes => self.start_probes().await,
            Action::Apply(apply) => self.apply(apply).await,
            Action::DryRun(dry_run) => self.dry_run(dry_run).await,
            Action::Await(condition) => self.wait(condition).await,
            Action::Quiet(quiet) => self.quiet(quiet).await,
            Action::OpenGate(pods) => self.gate(pods, true).await,
            Action::CloseGate(pods) => self.gate(pods, false).await,
            Action::DeletePods(pods) => self.delete_pods(pods).await,
            Action::DeleteAllPods => self.delete_all_pods().await,
            Action::Crash(pods) => self.crash(pods).await,
            Action::Scale(replicas) => self.scale(*replicas).await,
            Action::Request(request) => self.send(request).await,
            Action::WriteTokens(tokens) => self.write_tokens(tokens).await,
            Action::ReadTokens(tokens) => self.read_tokens(tokens).await,
            Action::Inspect(pods) => self.inspect(pods).await,
            Action::Connect(pods) => self.connect(pods).await,
            Action::FollowDns(names) => self.follow_dns(names),
            Action::AskDns(names) => self.ask_dns(names).await,
            Action::LookupTools(pods) => self.lookup_tools(pods).await,
            Action::Churn(pod) => self.churn(pod).await,
            Action::Read(path) => self.read(&path.replace("{namespace}", &self.namespace)).await.map(|_| ()),
        }
    }
}
