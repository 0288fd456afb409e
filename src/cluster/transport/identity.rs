//! The certificate that the client shows. rustls refuses one of X.509 version 1 before it is ever sent; whether it is good is
//! the server's to say, so that it is not parsed here but to see that the key belongs to it.

use std::sync::{Arc, Mutex};

use rustls::{
    SignatureScheme,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{
    cluster::{
        access::{Identity, Pem},
        kubeconfig::{Unusable, files},
    },
    secret::Secret,
};

/// Shows the certificate that there is at the moment, if there is one.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<Option<Arc<CertifiedKey>>>);

impl Shown {
    /// Shows this one from now on.
    pub(super) fn set(&self, key: Option<Arc<CertifiedKey>>) {
        *self.0.lock().expect("no holder panics") = key;
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.lock().expect("no holder panics").clone()
    }

    fn has_certs(&self) -> bool {
        self.0.lock().expect("no holder panics").is_some()
    }
}

/// The pair of the kubeconfig, ready to be shown.
pub(super) fn of_kubeconfig(
    identity: &Identity,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, Unusable> {
    let wrong = |pem: &Pem, wrong: String| {
        let hint = match &pem.file {
            Some(file) => {
                format!("look at it with `openssl x509 -in {0}` or `openssl pkey -in {0}`", file.display())
            }
            None => "make it anew with `base64 -w0 FILE`".to_owned(),
        };
        Unusable::new(pem.place.clone(), wrong, hint)
    };
    pair(&identity.certificate.text, &identity.key.text, provider).map_err(|error| match error {
        Wrong::Certificate(said) => wrong(&identity.certificate, said),
        Wrong::Key(said) => wrong(&identity.key, said),
    })
}

/// The pair of a kubeconfig that stands in files, which whoever renews certificates replaces.
#[derive(Debug)]
pub(super) struct Renewal {
    pub(super) identity: Identity,
    pub(super) shown: Arc<Shown>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl Renewal {
    /// Reads the files again. What does not read, half written, is read the next time.
    pub(super) async fn renew(&self) {
        let (Some(certificate), Some(key)) = (&self.identity.certificate.file, &self.identity.key.file)
        else {
            return;
        };
        let (Ok(certificate), Ok(key)) = tokio::join!(files::bytes(certificate), files::bytes(key)) else {
            return;
        };
        let secret = |bytes: &[u8]| Secret::new(String::from_utf8_lossy(bytes));
        if let Ok(pair) = pair(&secret(&certificate), &secret(&key), &self.provider) {
            self.shown.set(Some(pair));
        }
    }
}

/// Which of the two is wrong, and how.
#[derive(Debug)]
pub(super) enum Wrong {
    Certificate(String),
    Key(String),
}

/// A certificate, with those that lead from it to its authority, and its key.
pub(super) fn pair(
    certificate: &Secret,
    key: &Secret,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, Wrong> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.expose().as_bytes()).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| Wrong::Certificate("there is no certificate in PEM in it".to_owned()))?;
    let (_, leaf) = X509Certificate::from_der(&chain[0])
        .map_err(|_| Wrong::Certificate("what is in it is no X.509 certificate".to_owned()))?;
    let spki = leaf.public_key().raw.to_vec();
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| Wrong::Key(no_key(key)))?;
    let key = provider.key_provider.load_private_key(key);
    let key = key.map_err(|_| Wrong::Key("its kind of key is not known".to_owned()))?;
    if key.public_key().is_some_and(|public| public.as_ref() != spki.as_slice()) {
        return Err(Wrong::Key("it is not the key of the certificate".to_owned()));
    }
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

fn no_key(text: &Secret) -> String {
    match text.expose().contains("ENCRYPTED") {
        true => "the key in it is encrypted, and nobody can be asked for the passphrase".to_owned(),
        false => "there is no private key in PEM in it".to_owned(),
    }
}
