//! The ledger as text: one JSON object per line, to be kept, searched and checked elsewhere.
//!
//! `{"seq":1,"time":"..","version":1,"prev":"..","hash":"..","body":{..}}` per
//! entry, `body` last and byte for byte as it was hashed, then one line
//! `{"head":{..}}` per signed head. Checking needs the public key and nothing else.

use std::io::{self, BufRead, Write};
use std::path::Path;

use serde::Deserialize;

use crate::chain::{Head, Row, hex, unhex};
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::rows::{each_row, heads, open_read_only};
use crate::verify::{Verified, VerifyError, check};

/// Writes a ledger's file as lines; returns how many entries.
///
/// # Errors
/// When the ledger cannot be read or the lines cannot be written.
pub fn export(file: &Path, out: &mut impl Write) -> Result<u64, LedgerError> {
    let connection = open_read_only(file)?;
    let failed = |error: io::Error| LedgerError::io("write the export of", file)(error);
    let mut count = 0;
    each_row(&connection, file, 0, |row| {
        count += 1;
        let (prev, hash) = (hex(&row.prev), hex(&row.hash));
        let Row { seq, time, version, body, .. } = row;
        writeln!(
            out,
            r#"{{"seq":{seq},"time":"{time}","version":{version},"prev":"{prev}","hash":"{hash}","body":{body}}}"#
        )
        .map_err(failed)
    })?;
    for head in heads(&connection, file)? {
        let Head { seq, hash, signature } = head;
        writeln!(out, r#"{{"head":{{"seq":{seq},"hash":"{hash}","signature":"{signature}"}}}}"#)
            .map_err(failed)?;
    }
    Ok(count)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Head { head: Head },
    Entry { seq: u64, time: String, version: u16, prev: String, hash: String },
}

/// Checks an export against a public key and any heads that were kept elsewhere.
///
/// # Errors
/// The first entry that is not as it was written, or the line that cannot be read.
pub fn verify_export(
    name: &Path,
    lines: impl BufRead,
    key: &PublicKey,
    kept: &[Head],
) -> Result<Verified, VerifyError> {
    let (mut rows, mut heads) = (Vec::new(), Vec::new());
    for (line, number) in lines.lines().zip(1_u64..) {
        let line = line.map_err(LedgerError::io("read", name))?;
        let damaged = |what: &str| LedgerError::damaged(name, format!("line {number}: {what}"));
        let read = serde_json::from_str(&line).map_err(|error| damaged(&error.to_string()))?;
        match read {
            Line::Head { head } => heads.push(head),
            Line::Entry { seq, time, version, prev, hash } => {
                let bytes =
                    |text: &str| unhex(text).ok_or_else(|| damaged("a hash is no hexadecimal"));
                let body =
                    body_of(&line).ok_or_else(|| damaged("`body` is not its last member"))?;
                let (prev, hash) = (bytes(&prev)?, bytes(&hash)?);
                rows.push(Row { seq, time, version, body: body.to_owned(), prev, hash });
            }
        }
    }
    Ok(check(&rows, &heads, key, kept)?)
}

/// The body's own bytes: what follows the first `"body":` up to the closing brace.
fn body_of(line: &str) -> Option<&str> {
    line.split_once(r#","body":"#)?.1.strip_suffix('}')
}
