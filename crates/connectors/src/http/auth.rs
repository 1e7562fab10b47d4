//! How requests prove who sends them: a header, a password, a token, a signature.
//!
//! Secrets are filled in once, when the connector opens, and never enter the
//! scope that paths and bodies take their values from. A token is kept until a
//! minute before it ends, and dropped when it is answered with 401.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value as Json, json};

use super::definition::AuthPart;
use super::sigv4::{Keys, hex};
use super::template::{Place, Template};

/// A token is renewed so long before it ends.
const EARLY: Duration = Duration::from_secs(60);

/// Everything needed to prove who sends a request.
pub(super) enum Auth {
    /// A header with a token or a password.
    Header(String, String),
    /// A token for a client's secret or signed assertion.
    Token(TokenSource),
    /// A signature over the request.
    Aws(Keys),
}

/// Where tokens come from.
pub(super) struct TokenSource {
    /// Its address.
    pub(super) url: String,
    form: Vec<(String, String)>,
    signer: Option<Signer>,
    kept: Mutex<Option<Token>>,
}

/// A token that was issued.
#[derive(Clone)]
pub(super) struct Token {
    /// What is sent.
    pub(super) value: String,
    /// The whole answer that it came with.
    pub(super) answer: Json,
    until: Instant,
}

struct Signer {
    key: KeyPair,
    key_id: String,
    client: String,
}

enum KeyPair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
}

impl Auth {
    /// Fills secrets in.
    ///
    /// # Errors
    /// Names a setting that is missing, or a key that is none.
    pub(super) fn new(part: &AuthPart, secrets: &Json) -> Result<Self, String> {
        let fill = |template: &Template| template.render(secrets, Place::Plain);
        Ok(match part {
            AuthPart::Header { name, value } => {
                Self::Header(name.to_lowercase(), value.render(secrets, Place::Header)?)
            }
            AuthPart::Basic { user, password } => {
                let both = STANDARD.encode(format!("{}:{}", fill(user)?, fill(password)?));
                Self::Header("authorization".to_owned(), format!("Basic {both}"))
            }
            AuthPart::OAuth2 { token_url, form, assertion } => {
                let signer = match assertion {
                    Some(part) if fill(&part.key).is_ok() => Some(Signer {
                        key: key_pair(&fill(&part.key)?)?,
                        key_id: fill(&part.key_id).unwrap_or_default(),
                        client: fill(&part.client)?,
                    }),
                    _ => None,
                };
                let mut fields = Vec::new();
                for (name, value) in form {
                    if signer.is_none() || name != "client_secret" {
                        fields.push((name.clone(), fill(value)?));
                    }
                }
                let url = fill(token_url)?;
                Self::Token(TokenSource { url, form: fields, signer, kept: Mutex::default() })
            }
            AuthPart::Aws { access_key, secret_key, session_token, region, service } => {
                Self::Aws(Keys {
                    access: fill(access_key)?,
                    secret: fill(secret_key)?,
                    session: session_token.as_ref().and_then(|token| fill(token).ok()),
                    region: fill(region)?,
                    service: fill(service)?,
                })
            }
        })
    }
}

impl TokenSource {
    /// The token that is still good, if there is one.
    pub(super) fn kept(&self) -> Option<Token> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone().filter(|token| Instant::now() < token.until)
    }

    /// Forgets the token that was refused; one that came since is kept.
    pub(super) fn forget(&self, refused: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_some_and(|token| token.value == refused) {
            *kept = None;
        }
    }

    /// The form that asks for a token.
    ///
    /// # Errors
    /// When an assertion cannot be signed.
    pub(super) fn form(&self, now: Timestamp) -> Result<Vec<(String, String)>, String> {
        let mut form = self.form.clone();
        if let Some(signer) = &self.signer {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            form.push(("client_assertion_type".to_owned(), kind.to_owned()));
            form.push(("client_assertion".to_owned(), signer.assertion(&self.url, now)?));
        }
        Ok(form)
    }

    /// Keeps a token from the issuer's answer.
    ///
    /// # Errors
    /// When there is none in it.
    pub(super) fn keep(&self, answer: Json) -> Result<Token, String> {
        let value = answer.get("access_token").and_then(Json::as_str);
        let value = value.ok_or("its answer holds no `access_token`")?.to_owned();
        let seconds = answer.get("expires_in").and_then(|seconds| match seconds {
            Json::String(text) => text.parse().ok(),
            other => other.as_u64(),
        });
        let life = Duration::from_secs(seconds.unwrap_or(300));
        let until = Instant::now() + life.checked_sub(EARLY).unwrap_or(life / 2);
        let token = Token { value, answer, until };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }
}

impl Signer {
    /// A statement that lives five minutes (RFC 7523).
    fn assertion(&self, audience: &str, now: Timestamp) -> Result<String, String> {
        let mut random = [0; 16];
        let source = SystemRandom::new();
        let failed = |_| "the assertion cannot be signed".to_owned();
        ring::rand::SecureRandom::fill(&source, &mut random).map_err(failed)?;
        let mut header = json!({ "alg": self.key.algorithm(), "typ": "JWT" });
        if !self.key_id.is_empty()
            && let Some(header) = header.as_object_mut()
        {
            header.insert("kid".to_owned(), self.key_id.as_str().into());
        }
        let now = now.as_second();
        let claims = json!({
            "iss": self.client, "sub": self.client, "aud": audience,
            "iat": now, "exp": now + 300, "jti": hex(&random),
        });
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let text = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(text.as_bytes(), &source).map_err(failed)?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl KeyPair {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
        }
    }

    fn sign(
        &self,
        text: &[u8],
        random: &SystemRandom,
    ) -> Result<Vec<u8>, ring::error::Unspecified> {
        match self {
            Self::P256(key) => key.sign(random, text).map(|signature| signature.as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, random, text, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

fn key_pair(pem: &str) -> Result<KeyPair, String> {
    let lines = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.collect::<String>());
    let der = der.map_err(|_| "the private key is no PEM file".to_owned())?;
    if let Ok(key) = RsaKeyPair::from_pkcs8(&der) {
        return Ok(KeyPair::Rsa(Box::new(key)));
    }
    let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = EcdsaKeyPair::from_pkcs8(curve, &der, &SystemRandom::new());
    key.map(KeyPair::P256).map_err(|_| {
        "the private key is neither RSA nor P-256 in PKCS#8; convert it with `openssl pkcs8 -topk8 -nocrypt`"
            .to_owned()
    })
}
