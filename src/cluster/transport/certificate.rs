//! Whether a server's certificate is believed, as kubectl decides it (Go, `crypto/x509`, `Certificate.Verify` and
//! `matchHostnames`). rustls' own rules are asked first. They refuse every certificate that may sign others; Go does not, and
//! takes one that is itself among the authorities: what a server makes that signs for itself. And they refuse `*.example`.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Believes in these authorities.
#[derive(Debug)]
pub(super) struct Verifier {
    roots: RootCertStore,
    authorities: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// One that believes in these. Those that do not read are left out, as Go leaves them out.
    pub(super) fn new(authorities: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        Self { roots, authorities, provider }
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, between, now, algorithms) {
            Ok(()) => {}
            // What says nothing on who has signed stays as it is.
            Err(Error::InvalidCertificate(
                refused @ (CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
                | CertificateError::Revoked),
            )) => return Err(invalid(refused)),
            // Such as an authority of the same name with another key.
            Err(_) => self.verify_leniently(leaf, now)?,
        }
        match verify_server_name(&parsed, name) {
            Err(_) if is_named(leaf, name) => Ok(()),
            verified => verified,
        }
    }

    /// What Go believes beyond rustls: a certificate that is an authority of ours, or that one of them has signed, though it
    /// may sign others itself. Its time and its purpose are held to what they are for any other.
    fn verify_leniently(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        let (_, parsed) =
            X509Certificate::from_der(leaf).map_err(|_| invalid(CertificateError::BadEncoding))?;
        if !self.authorities.iter().any(|ca| ca == leaf || self.has_signed(ca, &parsed)) {
            return Err(invalid(CertificateError::UnknownIssuer));
        }
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < parsed.validity().not_before.timestamp() {
            return Err(invalid(CertificateError::NotValidYet));
        }
        if now > parsed.validity().not_after.timestamp() {
            return Err(invalid(CertificateError::Expired));
        }
        if is_for_servers(&parsed) { Ok(()) } else { Err(invalid(CertificateError::InvalidPurpose)) }
    }

    /// Whether an authority has signed a certificate.
    fn has_signed(&self, authority: &CertificateDer<'_>, leaf: &X509Certificate<'_>) -> bool {
        let Ok((_, authority)) = X509Certificate::from_der(authority) else { return false };
        if authority.subject().as_raw() != leaf.issuer().as_raw() {
            return false;
        }
        let key = authority.public_key();
        let algorithms = self.provider.signature_verification_algorithms.all.iter();
        let is_meant = |oid: &[u8], id: &[u8]| id.windows(oid.len()).any(|window| window == oid);
        algorithms
            .filter(|algorithm| {
                is_meant(key.algorithm.algorithm.as_bytes(), algorithm.public_key_alg_id().as_ref())
            })
            .filter(|algorithm| {
                is_meant(leaf.signature_algorithm.algorithm.as_bytes(), algorithm.signature_alg_id().as_ref())
            })
            .any(|algorithm| {
                let signed = leaf.tbs_certificate.as_ref();
                algorithm
                    .verify_signature(&key.subject_public_key.data, signed, &leaf.signature_value.data)
                    .is_ok()
            })
    }
}

fn invalid(error: CertificateError) -> Error {
    Error::InvalidCertificate(error)
}

/// Whether it may stand for a server: where it says for what it is, that must be among it.
fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    match certificate.extended_key_usage() {
        Ok(Some(usage)) => usage.value.server_auth || usage.value.any,
        Ok(None) => true,
        Err(_) => false,
    }
}

/// Whether a certificate names a host, label by label, with `*` for any first one.
fn is_named(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    let ServerName::DnsName(host) = name else { return false };
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    names.value.general_names.iter().any(|name| match name {
        GeneralName::DNSName(pattern) => matches(pattern, host.as_ref()),
        _ => false,
    })
}

fn matches(pattern: &str, host: &str) -> bool {
    let lower = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let (pattern, host) = (lower(pattern), lower(host));
    match (pattern.split_once('.'), host.split_once('.')) {
        (Some(("*", below)), Some((first, rest))) => !first.is_empty() && below == rest,
        _ => pattern == host && !pattern.contains('*'),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates, server_name, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        None
    }
}

/// Believes any certificate: `insecure-skip-tls-verify`.
#[derive(Debug)]
pub(super) struct Anyone(pub(super) Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_first_label() {
        for (pattern, host, expected) in [
            ("*.example", "k.example", true),
            ("*.Example.", "K.EXAMPLE", true),
            ("*.example", "a.k.example", false),
            ("*.example", "example", false),
            ("*.example", ".example", false),
            ("k.example", "k.example.", true),
            ("k*.example", "k1.example", false),
            ("*", "example", false),
            ("a.*.example", "a.b.example", false),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
    }
}
