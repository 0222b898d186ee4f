//! What the signature algorithms of ID tokens need (RFC 7518 section 3.1, RFC 8037).

use aws_lc_rs::digest;
use openidconnect::core::CoreJwsSigningAlgorithm;

use crate::model::IdTokenAlgorithm;
use crate::model::IdTokenAlgorithm as Alg;

/// The key type (`kty`) and, where there is one, the curve (`crv`) that it needs.
pub(super) const fn key_type(algorithm: IdTokenAlgorithm) -> (&'static str, Option<&'static str>) {
    match algorithm {
        Alg::Rs256 | Alg::Rs384 | Alg::Rs512 | Alg::Ps256 | Alg::Ps384 | Alg::Ps512 => ("RSA", None),
        Alg::Es256 => ("EC", Some("P-256")),
        Alg::Es384 => ("EC", Some("P-384")),
        Alg::EdDsa => ("OKP", Some("Ed25519")),
    }
}

/// The hash that `at_hash` is made with (OpenID Connect Core 1.0, section 3.1.3.6); Ed25519 hashes
/// with SHA-512 (RFC 8032 section 5.1).
pub(super) fn hash(algorithm: IdTokenAlgorithm) -> &'static digest::Algorithm {
    match algorithm {
        Alg::Rs256 | Alg::Ps256 | Alg::Es256 => &digest::SHA256,
        Alg::Rs384 | Alg::Ps384 | Alg::Es384 => &digest::SHA384,
        Alg::Rs512 | Alg::Ps512 | Alg::EdDsa => &digest::SHA512,
    }
}

/// The same algorithm as the library names it.
pub(super) const fn core(algorithm: IdTokenAlgorithm) -> CoreJwsSigningAlgorithm {
    match algorithm {
        Alg::Rs256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        Alg::Rs384 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
        Alg::Rs512 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
        Alg::Ps256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        Alg::Ps384 => CoreJwsSigningAlgorithm::RsaSsaPssSha384,
        Alg::Ps512 => CoreJwsSigningAlgorithm::RsaSsaPssSha512,
        Alg::Es256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        Alg::Es384 => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        Alg::EdDsa => CoreJwsSigningAlgorithm::EdDsa,
    }
}
