//! Which server is believed, and the certificate that the client shows, read from where they stand.

use std::path::{Path, PathBuf};

use super::{Unusable, choose::Chosen, files, usable::Places};
use crate::{
    cluster::access::{Identity, Pem, Trust},
    secret::Secret,
};

/// Which server is believed.
pub(super) async fn trust(place: &Places<'_>) -> Result<Trust, Unusable> {
    let cluster = &place.chosen.cluster;
    let ca_flag = place.target.certificate_authority.is_some();
    let at_file = place.flag_or(ca_flag, "--certificate-authority", place.cluster("certificate-authority"));
    let authorities = match (&cluster.ca_data, &cluster.ca_file) {
        (Some(_), Some(_)) => {
            let wrong = "there is certificate-authority-data beside it";
            return Err(Unusable::new(at_file, wrong, "leave one of them"));
        }
        (Some(data), None) => Some((data.clone(), place.cluster("certificate-authority-data"))),
        (None, Some(file)) => Some((read(file, &at_file).await?, at_file.clone())),
        (None, None) => None,
    };
    // An empty file says nothing, and leaves the authorities of the system.
    let authorities = authorities.filter(|(pem, _)| !pem.is_empty());
    if cluster.insecure && authorities.is_some() {
        let at = place.flag_or(
            place.target.insecure_skip_tls_verify,
            "--insecure-skip-tls-verify",
            place.cluster("insecure-skip-tls-verify"),
        );
        return Err(Unusable::new(at, "there are certificate authorities beside it", "leave one of them"));
    }
    Ok(Trust { authorities, insecure: cluster.insecure, server_name: cluster.tls_server_name.clone() })
}

/// The certificate that the client shows.
pub(super) async fn identity(place: &Places<'_>) -> Result<Option<Identity>, Unusable> {
    let Chosen { user, .. } = place.chosen;
    let data = user.certificate_data.as_ref().map(|pem| Secret::new(String::from_utf8_lossy(pem)));
    let at = place.flag_or(
        place.target.client_certificate.is_some(),
        "--client-certificate",
        place.user("client-certificate"),
    );
    let Some(certificate) =
        pem(data, user.certificate_file.as_ref(), &place.user("client-certificate-data"), &at).await?
    else {
        return Ok(None);
    };
    let at = place.flag_or(place.target.client_key.is_some(), "--client-key", place.user("client-key"));
    match pem(user.key_data.clone(), user.key_file.as_ref(), &place.user("client-key-data"), &at).await? {
        Some(key) => Ok(Some(Identity { certificate, key })),
        None => {
            let hint = "name its key with client-key or client-key-data";
            Err(Unusable::new(certificate.place, "there is no key for it", hint))
        }
    }
}

async fn pem(
    data: Option<Secret>,
    file: Option<&PathBuf>,
    at_data: &str,
    at_file: &str,
) -> Result<Option<Pem>, Unusable> {
    match (data, file) {
        (Some(text), _) => Ok(Some(Pem { file: None, text, place: at_data.to_owned() })),
        (None, Some(file)) => {
            let text = Secret::new(String::from_utf8_lossy(&read(file, at_file).await?));
            Ok(Some(Pem { file: Some(file.clone()), text, place: at_file.to_owned() }))
        }
        (None, None) => Ok(None),
    }
}

/// The content of a file that is named at a place.
pub(super) async fn read(file: &Path, at: &str) -> Result<Vec<u8>, Unusable> {
    let wrong = |error: std::io::Error| {
        let wrong = format!("{} could not be read ({})", file.display(), files::plain(&error));
        Unusable::new(at, wrong, format!("try `ls -l {}`", file.display()))
    };
    files::bytes(file).await.map_err(wrong)
}
