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
            Action::OpenGate(ordinals) => self.gate(ordinals, true).await,
            Action::CloseGate(ordinals) => self.gate(ordinals, false).await,
            Action::DeletePods(ordinals) => self.delete_pods(ordinals).await,
            Action::DeleteAllPods => self.delete_all_pods().await,
            Action::Scale(replicas) => self.scale(*replicas).await,
            Action::WriteTokens(tokens) => self.write_tokens(tokens).await,
            Action::ReadTokens(tokens) => self.read_tokens(tokens).await,
            Action::Inspect(ordinals) => self.inspect(ordinals).await,
            Action::Connect(ordinals) => self.connect(ordinals).await,
            Action::FollowDns(names) => self.follow_dns(names),
            Action::AskDns(names) => self.ask_dns(names).await,
            Action::LookupTools(ordinals) => self.lookup_tools(ordinals).await,
            Action::Churn(ordinal) => self.churn(*ordinal).await,
            Action::Read(path) => self.read(&path.replace("{namespace}", &self.namespace)).await.map(|_| ()),
        }
    }
}
