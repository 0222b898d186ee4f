//! A certificate authority that lives for one run, and certificates made by it.

use std::time::Duration;
use std::time::SystemTime;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use rcgen::PublicKeyData as _;

/// A certificate authority with its key in memory.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its key, both as PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate (for one made by an [`Authority`], followed by the authority's).
    pub certificate: String,
    /// The private key (PKCS #8).
    pub key: String,
    /// SHA-256 of the `SubjectPublicKeyInfo` in standard base64 (the form of RFC 7469 pins).
    pub spki_sha256: String,
}

impl Authority {
    /// Makes a new authority.
    pub fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "Panelgate lab authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// The authority's own certificate as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Issues a server certificate for DNS names (wildcards allowed) or IP addresses.
    pub fn issue(&self, names: &[&str]) -> Result<Identity, rcgen::Error> {
        self.sign(&server_params(names)?)
    }

    /// The same, which ends at a moment in seconds since 1970.
    pub fn issue_until(&self, names: &[&str], end: u64) -> Result<Identity, rcgen::Error> {
        let mut params = server_params(names)?;
        params.not_after = (SystemTime::UNIX_EPOCH + Duration::from_secs(end)).into();
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Identity, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificate: format!("{}{}", certificate.pem(), self.pem),
            spki_sha256: pin_of(&key),
            key: key.serialize_pem(),
        })
    }
}

/// Makes a self-signed certificate, as a cPanel server has it after installation.
pub fn self_signed(names: &[&str]) -> Result<Identity, rcgen::Error> {
    let key = KeyPair::generate()?;
    let certificate = server_params(names)?.self_signed(&key)?;
    Ok(Identity { certificate: certificate.pem(), spki_sha256: pin_of(&key), key: key.serialize_pem() })
}

fn server_params(names: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    if let Some(first) = names.first() {
        params.distinguished_name.push(DnType::CommonName, *first);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn pin_of(key: &KeyPair) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, &key.subject_public_key_info()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issued_certificate_carries_its_authority_and_a_pin() {
        let authority = Authority::new().unwrap();
        let identity = authority.issue(&["web1.example.com", "*.example.com", "127.0.0.1"]).unwrap();
        assert_eq!(identity.certificate.matches("BEGIN CERTIFICATE").count(), 2);
        assert_eq!(STANDARD.decode(&identity.spki_sha256).unwrap().len(), 32);
    }
}
