//! `steadfast embedded serve`: the model cluster, to look around in with `kubectl`.

use std::path::Path;

use anyhow::Result;

use super::{
    args::{EmbeddedCommand, ServeArgs},
    exit,
};
use crate::{
    embedded::{self, Fault, Model},
    report::{Outcome, place::write_to},
};

/// Does what the subcommand says.
pub(super) fn handle(command: &EmbeddedCommand) -> Result<u8> {
    let EmbeddedCommand::Serve(args) = command;
    serve(args)
}

fn serve(args: &ServeArgs) -> Result<u8> {
    let faults: Result<Vec<Fault>, _> = args.fault.iter().map(|name| name.parse()).collect();
    let model = Model { seed: args.seed, faults: faults.map_err(exit::usage)?, ..Model::default() };
    embedded::serve(model, args.port, |server| {
        write_to(&args.out, embedded::kubeconfig(server))
            .map_err(|error| exit::ending(Outcome::ReportIo, error))?;
        exit::print(&told(&args.out))
    })?;
    Ok(exit::OK)
}

fn told(kubeconfig: &Path) -> String {
    format!(
        "the model cluster is up until Ctrl-C:\n  export KUBECONFIG={}\n  kubectl get nodes\n",
        kubeconfig.display()
    )
}
