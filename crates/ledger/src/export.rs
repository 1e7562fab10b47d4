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
        writeln!(out, "{}", line_of(&row)).map_err(failed)
    })?;
    for head in heads(&connection, file)? {
        writeln!(out, "{}", line_of_head(&head)).map_err(failed)?;
    }
    Ok(count)
}

fn line_of(row: &Row) -> String {
    let (prev, hash) = (hex(&row.prev), hex(&row.hash));
    let Row { seq, time, version, body, .. } = row;
    format!(
        r#"{{"seq":{seq},"time":"{time}","version":{version},"prev":"{prev}","hash":"{hash}","body":{body}}}"#
    )
}

fn line_of_head(head: &Head) -> String {
    let Head { seq, hash, signature } = head;
    // As it is written, whatever the letter case that it was read in.
    let (hash, signature) = (hash.to_ascii_lowercase(), signature.to_ascii_lowercase());
    format!(r#"{{"head":{{"seq":{seq},"hash":"{hash}","signature":"{signature}"}}}}"#)
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
    mut lines: impl BufRead,
    key: &PublicKey,
    kept: &[Head],
) -> Result<Verified, VerifyError> {
    let (mut rows, mut heads) = (Vec::new(), Vec::new());
    let mut line = String::new();
    for number in 1_u64.. {
        line.clear();
        if lines.read_line(&mut line).map_err(LedgerError::io("read", name))? == 0 {
            break;
        }
        let damaged = |what: &str| LedgerError::damaged(name, format!("line {number}: {what}"));
        let text = line.strip_suffix('\n').ok_or_else(|| damaged("it is cut off"))?;
        let read = serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))?;
        // Every byte counts: a line must be exactly as an export writes it.
        let written = match read {
            Line::Head { head } => {
                let written = line_of_head(&head);
                heads.push(head);
                written
            }
            Line::Entry { .. } if !heads.is_empty() => {
                return Err(damaged("an entry stands behind a signature").into());
            }
            Line::Entry { seq, time, version, prev, hash } => {
                let bytes =
                    |text: &str| unhex(text).ok_or_else(|| damaged("a hash is no hexadecimal"));
                let body = body_of(text).ok_or_else(|| damaged("`body` is not its last member"))?;
                let (prev, hash) = (bytes(&prev)?, bytes(&hash)?);
                let row = Row { seq, time, version, body: body.to_owned(), prev, hash };
                let written = line_of(&row);
                rows.push(row);
                written
            }
        };
        if written != text {
            return Err(damaged("it is not as an export writes it").into());
        }
    }
    Ok(check(&rows, &heads, key, kept)?)
}

/// The body's own bytes: what follows the first `"body":` up to the closing brace.
fn body_of(line: &str) -> Option<&str> {
    line.split_once(r#","body":"#)?.1.strip_suffix('}')
}
