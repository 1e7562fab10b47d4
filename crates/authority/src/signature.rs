//! Approvals that only their person can have given: Ed25519 over a text of the decision.
//!
//! The text names its purpose, the plan and its hash, the alternative, the
//! verdict, the person and the end, a line each; nothing else is signed. Reading
//! key files and drawing random numbers is the program's part.

use cordon_model::Person;
use cordon_model::record::{By, Decision, Verdict};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

/// The first line of every signed text.
const PURPOSE: &str = "cordon decision, form 1";

/// Why a decision cannot be signed, or its signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Only people sign.
    #[error("only a person can sign a decision")]
    NotAPerson,
    /// A line break in a name could make one text out of two decisions.
    #[error("a name in the decision holds a control character")]
    ControlCharacter,
    /// The person cannot sign.
    #[error("`{0}` has no key in people.toml")]
    NoKey(String),
    /// Nobody has signed.
    #[error("it is not signed")]
    Unsigned,
    /// The signature is by another key, or for another decision.
    #[error("the signature does not fit the decision and the key of `{0}`")]
    Wrong(String),
    /// The text is no key.
    #[error("it is not an Ed25519 key of 64 hexadecimal digits")]
    NotAKey,
}

/// The secret half of a person's key.
pub struct SecretKey(SigningKey);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl SecretKey {
    /// Makes the key of 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a key in hexadecimal, as its file holds it.
    ///
    /// # Errors
    /// When the text is no key.
    pub fn from_hex(text: &str) -> Result<Self, SignatureError> {
        let seed: Option<[u8; 32]> = unhex(text.trim());
        seed.map(|seed| Self::from_seed(&seed)).ok_or(SignatureError::NotAKey)
    }

    /// The key in hexadecimal, for its file alone.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(self.0.as_bytes())
    }

    /// The public half in hexadecimal, for `people.toml`.
    #[must_use]
    pub fn public_hex(&self) -> String {
        hex(self.0.verifying_key().as_bytes())
    }
}

/// The text that is signed.
///
/// # Errors
/// When no person has decided, or a name would break the text's lines.
pub fn signed_text(decision: &Decision) -> Result<String, SignatureError> {
    let By::Person(person) = &decision.by else { return Err(SignatureError::NotAPerson) };
    let choice = &decision.choice;
    let verdict = match decision.verdict {
        Verdict::Approved => "approved",
        Verdict::Declined => "declined",
        Verdict::Expired => "expired",
    };
    let until = decision.until.map_or_else(|| "none".to_owned(), |until| until.to_string());
    let values = [
        ("plan", choice.plan.as_str()),
        ("sha256", &choice.sha256),
        ("alternative", choice.alternative.as_str()),
        ("verdict", verdict),
        ("person", person),
        ("until", &until),
    ];
    if values.iter().any(|(_, value)| value.chars().any(char::is_control)) {
        return Err(SignatureError::ControlCharacter);
    }
    let lines = values.iter().map(|(name, value)| format!("{name}: {value}\n"));
    Ok(format!("{PURPOSE}\n{}", lines.collect::<String>()))
}

/// Signs a decision; the answer belongs in its `signature`.
///
/// # Errors
/// As [`signed_text`].
pub fn sign(key: &SecretKey, decision: &Decision) -> Result<String, SignatureError> {
    let text = signed_text(decision)?;
    Ok(hex(&key.0.sign(text.as_bytes()).to_bytes()))
}

/// Checks that a decision is the word of this person.
///
/// # Errors
/// Why it does not count.
pub fn verify(person: &Person, decision: &Decision) -> Result<(), SignatureError> {
    let no_key = || SignatureError::NoKey(person.name.clone());
    let key = public_key(person.key.as_deref().ok_or_else(no_key)?)?;
    let signature = decision.signature.as_deref().ok_or(SignatureError::Unsigned)?;
    let wrong = || SignatureError::Wrong(person.name.clone());
    if decision.by != By::Person(person.name.clone()) {
        return Err(wrong());
    }
    let signature = Signature::from_bytes(&unhex::<64>(signature).ok_or_else(wrong)?);
    let text = signed_text(decision)?;
    key.verify_strict(text.as_bytes(), &signature).map_err(|_| wrong())
}

/// Reads a public key in hexadecimal.
pub(crate) fn public_key(text: &str) -> Result<VerifyingKey, SignatureError> {
    let bytes: [u8; 32] = unhex(text.trim()).ok_or(SignatureError::NotAKey)?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| SignatureError::NotAKey)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
