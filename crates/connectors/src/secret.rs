//! Secrets by reference: a file that only its owner can read, or a systemd credential.
//!
//! Settings name a secret (`file:PATH`, `credential:NAME`) and never hold it, so
//! neither configuration nor ledger nor logs can leak one. A secret is read when
//! a connector opens, and shows as `(secret)` wherever somebody prints it.

use std::fmt;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where systemd puts the credentials of a unit.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A reference to a secret, as settings give it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The reference is of no known form.
    #[error("`{0}` names no secret; write `file:PATH` or `credential:NAME`")]
    Form(String),
    /// The program was not started with credentials.
    #[error("there are no systemd credentials; set `LoadCredential={0}:PATH` in the unit")]
    NoCredentials(String),
    /// The file cannot be read.
    #[error("the secret in `{path}` cannot be read: {error}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Others could read it too.
    #[error("`{path}` can be read by others (mode {mode:o}); run `chmod 600` on it")]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error(
        "`{path}` belongs to user {owner}; it has to belong to the user of this process or to root"
    )]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// The number of the user who owns it.
        owner: u32,
    },
}

/// A secret that was read; its debug form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Revealed(String);

impl Revealed {
    /// The secret itself, for the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Secret {
    /// Reads the secret; relative paths start at `folder`. A line break at its end is not part of it.
    ///
    /// # Errors
    /// When it is missing, or when others than its owner could read it.
    pub fn reveal(&self, folder: &Path) -> Result<Revealed, SecretError> {
        let path = self.path(folder)?;
        let read = |error| SecretError::Unreadable { path: path.clone(), error };
        let meta = std::fs::metadata(&path).map_err(read)?;
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretError::Exposed { path, mode });
        }
        let own = std::fs::metadata("/proc/self").map(|own| own.uid()).unwrap_or(meta.uid());
        if meta.uid() != own && meta.uid() != 0 {
            return Err(SecretError::Foreign { path, owner: meta.uid() });
        }
        let text = std::fs::read_to_string(&path).map_err(read)?;
        Ok(Revealed(text.trim_end_matches(['\n', '\r']).to_owned()))
    }

    /// The file that holds it: for programs that read keys themselves.
    ///
    /// # Errors
    /// When the reference is of no known form.
    pub fn path(&self, folder: &Path) -> Result<PathBuf, SecretError> {
        if let Some(path) = self.0.strip_prefix("file:") {
            return Ok(folder.join(path));
        }
        let name = self.0.strip_prefix("credential:").filter(|name| !name.contains('/'));
        let Some(name) = name else { return Err(SecretError::Form(self.0.clone())) };
        let credentials = std::env::var_os(CREDENTIALS);
        let folder = credentials.ok_or_else(|| SecretError::NoCredentials(name.to_owned()))?;
        Ok(Path::new(&folder).join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_of_ones_own_is_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s");
        std::fs::write(&file, "hush\n").unwrap();
        let secret = Secret("file:s".to_owned());
        for (mode, fits) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let revealed = secret.reveal(folder.path());
            assert_eq!(revealed.as_ref().is_ok_and(|s| s.as_str() == "hush"), fits, "{mode:o}");
            assert!(!format!("{revealed:?}").contains("hush"));
        }
        for bad in ["hush", "file:", "credential:../s", "credential:s"] {
            assert!(Secret(bad.to_owned()).reveal(&folder.path().join("none")).is_err(), "{bad}");
        }
    }
}
