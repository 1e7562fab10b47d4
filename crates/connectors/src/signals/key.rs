//! Signing and verifying: Ed25519 and P-256 of our own, RSA of others besides.
//!
//! The key decides the algorithm, never the token: a token that names another
//! one, or none, is refused before anything of it is believed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cordon_model::action::Json;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::json;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is not written as PKCS #8 in PEM.
    #[error("it is no private key in PKCS #8; make one with `openssl genpkey -algorithm ed25519`")]
    Form,
    /// Neither Ed25519 nor P-256.
    #[error("it is neither an Ed25519 nor a P-256 key")]
    Sort,
    /// The system gave no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// It is no JSON Web Key Set, or holds no key that can be used.
    #[error("the key set holds no Ed25519, P-256 or RSA key for signatures")]
    Set,
}

/// A key that signs.
pub(super) struct Signer {
    pair: Pair,
    id: String,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Signer {
    /// Reads a private key.
    pub(super) fn from_pem(pem: &str, id: &str) -> Result<Self, KeyError> {
        let body = pem
            .split_once("-----BEGIN PRIVATE KEY-----")
            .and_then(|(_, rest)| rest.split_once("-----END PRIVATE KEY-----"))
            .ok_or(KeyError::Form)?
            .0;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| KeyError::Form)?;
        // What OpenSSL writes has no public half; it is computed.
        let ed25519 = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map(Pair::Ed25519);
        let p256 = || {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new())
                .map(Pair::P256)
        };
        let pair = ed25519.or_else(|_| p256()).map_err(|_| KeyError::Sort)?;
        Ok(Self { pair, id: id.to_owned() })
    }

    /// Writes claims as a signed Security Event Token.
    pub(super) fn sign(&self, claims: &Json) -> Result<String, KeyError> {
        let alg = match self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::P256(_) => "ES256",
        };
        let header = json!({ "alg": alg, "typ": "secevent+jwt", "kid": self.id });
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), signed.as_bytes())
                .map_err(|_| KeyError::Random)?
                .as_ref()
                .to_vec(),
        };
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The public keys of somebody who sends events.
#[derive(Clone, Debug)]
pub struct Keys(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    half: Half,
}

#[derive(Clone, Debug)]
enum Half {
    Ed25519(Vec<u8>),
    P256(Vec<u8>),
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl Keys {
    /// Reads a JSON Web Key Set (RFC 7517); keys of other sorts are left out.
    ///
    /// # Errors
    /// When no key is left.
    pub fn from_jwks(set: &Json) -> Result<Self, KeyError> {
        let keys = set.get("keys").and_then(Json::as_array).ok_or(KeyError::Set)?;
        let keys: Vec<Key> = keys.iter().filter_map(Key::read).collect();
        if keys.is_empty() { Err(KeyError::Set) } else { Ok(Self(keys)) }
    }

    /// Whether one of the keys has signed this; none if there is no key of that id and algorithm.
    pub(super) fn verify(
        &self,
        id: Option<&str>,
        algorithm: &str,
        signed: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let fits = |key: &&Key| {
            let named = id.is_none() || key.id.is_none() || key.id.as_deref() == id;
            named && key.half.algorithm() == algorithm
        };
        let mut fitting = self.0.iter().filter(fits).peekable();
        fitting.peek()?;
        Some(fitting.any(|key| key.half.has_signed(signed, signature)))
    }
}

impl Key {
    fn read(jwk: &Json) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Json::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let half = match (text("kty")?, text("crv")) {
            ("OKP", Some("Ed25519")) => Half::Ed25519(bytes("x")?),
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                // The form of an uncompressed point (SEC 1, section 2.3.3).
                Half::P256([&[4_u8][..], &x, &y].concat())
            }
            ("RSA", None) => Half::Rsa { n: bytes("n")?, e: bytes("e")? },
            _ => return None,
        };
        Some(Self { id: text("kid").map(str::to_owned), half })
    }
}

impl Half {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
            Self::Rsa { .. } => "RS256",
        }
    }

    fn has_signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(signed, signature),
            Self::P256(key) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(signed, signature)
            }
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed,
                signature,
            ),
        };
        verified.is_ok()
    }
}

/// A number for an event that is the same whenever the same is said.
pub(super) fn fingerprint(of: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, of.as_bytes());
    hex(digest.as_ref().iter().take(16))
}

/// A number that is never the same.
pub(super) fn unique() -> Result<String, KeyError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(hex(bytes.iter()))
}

fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
