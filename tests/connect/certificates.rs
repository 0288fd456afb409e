//! Certificates of every kind that a kubeconfig may lead to, made anew for each test. No key is ever kept.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
    PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey,
};

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    P256,
    P384,
    P521,
    Ed25519,
    Rsa,
}

impl Key {
    fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Key::P256 => &PKCS_ECDSA_P256_SHA256,
            Key::P384 => &PKCS_ECDSA_P384_SHA384,
            Key::P521 => &PKCS_ECDSA_P521_SHA512,
            Key::Ed25519 => &PKCS_ED25519,
            Key::Rsa => &PKCS_RSA_SHA256,
        }
    }

    fn pair(self) -> KeyPair {
        KeyPair::generate_for(self.algorithm()).unwrap()
    }
}

/// An authority.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pub(crate) certificate: String,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// What a server's certificate is for.
pub(crate) const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "api.example"];

fn for_server(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

impl Authority {
    pub(crate) fn new(key: Key) -> Self {
        let key = key.pair();
        let mut params = params("an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { params, key, certificate }
    }

    /// One of X.509 version 1, as old tools make them.
    pub(crate) fn version_1() -> Self {
        let key = Key::P256.pair();
        let certificate = version_1("an authority", &key, "an authority", &key);
        Self { params: params("an authority"), key, certificate }
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> String {
        params.signed_by(key, &Issuer::from_params(&self.params, &self.key)).unwrap().pem()
    }

    pub(crate) fn server(&self, key: Key) -> Pair {
        self.server_for(key, &NAMES)
    }

    pub(crate) fn server_for(&self, key: Key, names: &[&str]) -> Pair {
        let key = key.pair();
        Pair { certificate: self.sign(&for_server("a server", names), &key), key: key.serialize_pem() }
    }

    /// One that may sign others itself.
    pub(crate) fn server_that_is_an_authority(&self) -> Pair {
        let key = Key::P256.pair();
        let mut params = for_server("a server", &NAMES);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Pair { certificate: self.sign(&params, &key), key: key.serialize_pem() }
    }

    /// One that was good until an hour ago.
    pub(crate) fn expired_server(&self) -> Pair {
        let key = Key::P256.pair();
        let mut params = for_server("a server", &NAMES);
        let now = SystemTime::now();
        params.not_before = (now - Duration::from_secs(7200)).into();
        params.not_after = (now - Duration::from_secs(3600)).into();
        Pair { certificate: self.sign(&params, &key), key: key.serialize_pem() }
    }

    /// One behind an authority in between, which the server sends with it.
    pub(crate) fn server_behind_another(&self) -> Pair {
        let key = Key::P256.pair();
        let mut between = params("in between");
        between.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = self.sign(&between, &key);
        let between = Authority { params: between, key, certificate };
        let leaf = between.server(Key::P256);
        Pair { certificate: leaf.certificate + &between.certificate, key: leaf.key }
    }

    pub(crate) fn client(&self, key: Key) -> Pair {
        let key = key.pair();
        let mut params = params("a client");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Pair { certificate: self.sign(&params, &key), key: key.serialize_pem() }
    }

    /// A client's of X.509 version 1, as `openssl x509 -req` makes it.
    pub(crate) fn client_version_1(&self) -> Pair {
        let key = Key::P256.pair();
        let certificate = version_1("an authority", &self.key, "a client", &key);
        Pair { certificate, key: key.serialize_pem() }
    }
}

/// A server that signs for itself, and says that it may sign for others too.
pub(crate) fn self_signed(is_authority: bool) -> Pair {
    let key = Key::P256.pair();
    let mut params = for_server("a server", &NAMES);
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    Pair { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// A certificate without version and extensions (RFC 5280, section 4.1), which no library makes any more.
fn version_1(issuer: &str, issuer_key: &KeyPair, subject: &str, key: &KeyPair) -> String {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    // One byte without a sign is enough for one test.
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed) as u8 & 0x7f;
    let ecdsa_with_sha256 = der(0x30, &der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
    let validity = der(0x30, &[der(0x17, b"250101000000Z"), der(0x17, b"490101000000Z")].concat());
    let to_be_signed = der(
        0x30,
        &[
            der(0x02, &[serial]),
            ecdsa_with_sha256.clone(),
            name(issuer),
            validity,
            name(subject),
            key.subject_public_key_info(),
        ]
        .concat(),
    );
    let signature = [&[0][..], &issuer_key.sign(&to_be_signed).unwrap()].concat();
    let certificate = der(0x30, &[to_be_signed, ecdsa_with_sha256, der(0x03, &signature)].concat());
    pem("CERTIFICATE", &certificate)
}

/// A distinguished name of a common name alone.
fn name(common: &str) -> Vec<u8> {
    let attribute = [der(0x06, &[0x55, 0x04, 0x03]), der(0x0c, common.as_bytes())].concat();
    der(0x30, &der(0x31, &der(0x30, &attribute)))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=127 => vec![tag, length as u8],
        128..=255 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content.to_vec()].concat()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
