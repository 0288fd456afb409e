//! How TLS is spoken to a server: with aws-lc-rs, which has all that Go's has, P-521 included.

use std::sync::Arc;

use rustls::{
    ClientConfig,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use super::{
    certificate::{Anyone, Verifier},
    identity::Shown,
};
use crate::cluster::{access::Trust, kubeconfig::Unusable};

/// The cryptography.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A configuration that believes as it is told and shows the client's certificate.
pub(super) fn config(
    trust: &Trust,
    shown: Arc<Shown>,
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig, Unusable> {
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider has TLS 1.2 and 1.3");
    let builder = builder.dangerous();
    let builder = match trust.insecure {
        true => builder.with_custom_certificate_verifier(Arc::new(Anyone(provider))),
        false => {
            builder.with_custom_certificate_verifier(Arc::new(Verifier::new(authorities(trust)?, provider)))
        }
    };
    let mut config = builder.with_client_cert_resolver(shown);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A session that is taken up again would show the certificate of the one before.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The authorities that are named, or those of the system.
fn authorities(trust: &Trust) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let Some((pem, place)) = &trust.authorities else {
        return Ok(rustls_native_certs::load_native_certs().certs);
    };
    let authorities: Vec<_> = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
    let readable = authorities.iter().any(|der| x509_parser::parse_x509_certificate(der).is_ok());
    match readable {
        true => Ok(authorities),
        false => {
            let hint = "look at it with `openssl x509`, or make the data anew with `base64 -w0 FILE`";
            Err(Unusable::new(place.clone(), "there is no certificate in PEM in it", hint))
        }
    }
}

/// The name that a server's certificate must be for.
pub(super) fn name(host: &str) -> Option<ServerName<'static>> {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    ServerName::try_from(host.to_owned()).ok()
}
