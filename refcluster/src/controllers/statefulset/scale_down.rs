//! Taking down the pods whose ordinals are not asked for any more.
//!
//! Follows `processCondemned` of `pkg/controller/statefulset/stateful_set_control.go`.

use super::control::{Replica, Step};
use super::{Sync, takeover};
use crate::fault::Fault;
use crate::json;
use serde_json::Value;
use std::sync::Arc;

impl Sync<'_> {
    /// Takes down one pod after the other, or all at once.
    pub(super) fn process_condemned(
        &mut self,
        replicas: &[Replica],
        condemned: &[Arc<Value>],
    ) -> Result<Step, crate::status::Status> {
        let several = condemned.len() > 1;
        let monotonic = if self.parallel() {
            several && self.world.tells(Fault::ParallelScaleDownOrdered)
        } else {
            !(several && self.replicas() == 0 && self.world.tells(Fault::ScaleToZeroAtOnce))
        };
        if !condemned.is_empty() {
            takeover::delete_foreign(self.world, &self.set);
        }
        let first_unavailable = self.first_unavailable(replicas, condemned);
        let mut step = Step::Next;
        for pod in condemned {
            if self.may_go(pod, first_unavailable.as_deref(), monotonic) {
                if self.world.tells(Fault::ScaleDownDeletesClaims) {
                    self.delete_claims(pod);
                }
                if self.world.tells(Fault::ScaleDownWithoutGrace) {
                    self.delete_pod_with(pod, Some(0))?;
                } else {
                    self.delete_pod(pod)?;
                }
            }
            if !monotonic {
                continue;
            }
            step = Step::Stop;
            if !self.overlaps_terminations(pod) {
                break;
            }
        }
        Ok(step)
    }

    fn may_go(&mut self, pod: &Value, first_unavailable: Option<&str>, monotonic: bool) -> bool {
        if json::terminating(pod) {
            return false;
        }
        if !monotonic || self.is_available(pod) {
            return true;
        }
        let is_first = first_unavailable == Some(json::uid(pod));
        is_first && !self.world.tells(Fault::ScaleDownNeverRemovesUnready)
    }

    fn first_unavailable(&mut self, replicas: &[Replica], condemned: &[Arc<Value>]) -> Option<String> {
        let pods = replicas.iter().map(|replica| &replica.pod).chain(condemned.iter().rev());
        let first = pods.into_iter().find(|pod| self.is_unavailable(pod))?;
        Some(json::uid(first).to_owned())
    }
}
