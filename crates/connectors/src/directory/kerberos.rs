//! Asks a Kerberos server whether it would let somebody in, without a password.
//!
//! Writes one message (AS-REQ without pre-authentication, RFC 4120 section
//! 5.4.1) and reads of the answer only whether it is a ticket or which error.
//! The few lines of DER that this takes are here, because a Kerberos library
//! would bring encryption that nothing here uses.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The largest answer that is read.
const LARGEST: u64 = 64 * 1024;

/// What a Kerberos server says of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A ticket, or that a password is all that is missing.
    Welcome,
    /// Disabled, locked or expired.
    Revoked,
    /// There is no such account.
    Stranger,
    /// Something else: an error code of RFC 4120.
    Other(u8),
    /// Nothing that can be read, or nothing in time.
    Nothing,
}

/// Asks one server about accounts, one after the other over one connection.
pub(super) async fn ask(server: (String, u16), realm: String, accounts: Vec<String>) -> Vec<Said> {
    let mut stream = None;
    let mut all = Vec::with_capacity(accounts.len());
    for account in accounts {
        let request = request(&realm, &account);
        let mut answer = exchange(&mut stream, &server, &request).await;
        // Servers end connections when they like; once more over a new one.
        if answer.is_err() {
            stream = None;
            answer = exchange(&mut stream, &server, &request).await;
        }
        all.push(answer.ok().and_then(|answer| said(&answer)).unwrap_or(Said::Nothing));
    }
    all
}

async fn exchange(
    stream: &mut Option<TcpStream>,
    server: &(String, u16),
    request: &[u8],
) -> io::Result<Vec<u8>> {
    let stream = match stream {
        Some(stream) => stream,
        None => stream.insert(TcpStream::connect(server.clone()).await?),
    };
    let mut message =
        u32::try_from(request.len()).map_err(io::Error::other)?.to_be_bytes().to_vec();
    message.extend_from_slice(request);
    stream.write_all(&message).await?;
    let length = u64::from(stream.read_u32().await?);
    if length > LARGEST {
        return Err(io::Error::other("the answer is too long"));
    }
    let mut answer = Vec::new();
    stream.take(length).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Reads whether the answer is a ticket or which error it tells.
fn said(answer: &[u8]) -> Option<Said> {
    let (tag, body, _) = element(answer)?;
    // AS-REP is application 11, KRB-ERROR application 30.
    if tag == 0x6b {
        return Some(Said::Welcome);
    }
    let (_, mut fields, _) = element(body).filter(|_| tag == 0x7e)?;
    while let Some((tag, field, rest)) = element(fields) {
        fields = rest;
        if tag == 0xa6 {
            let (_, code, _) = element(field)?;
            return Some(match *code.last()? {
                // Pre-authentication is required; or the password is too old, but can be changed.
                25 | 23 => Said::Welcome,
                // The client's entry has expired; its credentials have been revoked.
                1 | 18 => Said::Revoked,
                6 => Said::Stranger,
                other => Said::Other(other),
            });
        }
    }
    None
}

/// Splits bytes into the first element's tag and content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum * 256 + usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn request(realm: &str, account: &str) -> Vec<u8> {
    let options = tagged(0x03, &[0; 5]);
    let until = tagged(0x18, b"20370913024805Z");
    // AES-256, AES-128, RC4: what servers of any age have.
    let encryption = tagged(0x30, &[number(18), number(17), number(23)].concat());
    let body = [
        tagged(0xa0, &options),
        tagged(0xa1, &principal(1, &[account])),
        tagged(0xa2, &text(realm)),
        tagged(0xa3, &principal(2, &["krbtgt", realm])),
        tagged(0xa5, &until),
        tagged(0xa7, &number(1)),
        tagged(0xa8, &encryption),
    ];
    let fields = [
        tagged(0xa1, &number(5)),
        tagged(0xa2, &number(10)),
        tagged(0xa4, &tagged(0x30, &body.concat())),
    ];
    tagged(0x6a, &tagged(0x30, &fields.concat()))
}

fn principal(kind: u8, names: &[&str]) -> Vec<u8> {
    let names: Vec<u8> = names.iter().flat_map(|name| text(name)).collect();
    let fields = [tagged(0xa0, &number(kind)), tagged(0xa1, &tagged(0x30, &names))];
    tagged(0x30, &fields.concat())
}

fn text(text: &str) -> Vec<u8> {
    tagged(0x1b, text.as_bytes())
}

/// A number below 128.
fn number(value: u8) -> Vec<u8> {
    vec![0x02, 0x01, value]
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => bytes.push(short),
        Ok(byte) => bytes.extend([0x81, byte]),
        Err(_) => {
            // Names are bounded by the directory to far below 64 KiB.
            bytes.push(0x82);
            bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: u8) -> Vec<u8> {
        let fields =
            [tagged(0xa0, &number(5)), tagged(0xa1, &number(30)), tagged(0xa6, &number(code))];
        tagged(0x7e, &tagged(0x30, &fields.concat()))
    }

    #[test]
    fn answers_of_kerberos_servers_are_understood() {
        for (code, meant) in [
            (25, Said::Welcome),
            (23, Said::Welcome),
            (18, Said::Revoked),
            (1, Said::Revoked),
            (6, Said::Stranger),
            (68, Said::Other(68)),
        ] {
            assert_eq!(said(&error(code)), Some(meant));
        }
        assert_eq!(said(&tagged(0x6b, b"x")), Some(Said::Welcome));
    }

    #[test]
    fn nothing_is_read_into_broken_answers() {
        let whole = error(25);
        for end in 0..whole.len() {
            assert_eq!(said(&whole[..end]), None, "{end}");
        }
        for bytes in [&[0x7e, 0x80][..], &[0x7e, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0]] {
            assert_eq!(said(bytes), None);
        }
    }

    #[test]
    fn long_names_are_written_with_long_lengths() {
        let long = "x".repeat(300);
        let request = request("SHOP.TEST", &long);
        let (tag, body, rest) = element(&request).unwrap();
        assert_eq!((tag, rest.len()), (0x6a, 0));
        assert!(body.len() > 300);
    }
}
