//! AWS Signature Version 4: a request signed with a key that never travels.
//!
//! Source: AWS, "Create a signed AWS API request". The clock is an argument.
//! The path is encoded once more for the signature, as every service but S3
//! wants it.

use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::template::{encoded, joined};

/// What signs, and for which service.
pub(super) struct Keys {
    pub(super) access: String,
    pub(super) secret: String,
    pub(super) session: Option<String>,
    pub(super) region: String,
    pub(super) service: String,
}

/// What is signed.
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a [(String, String)],
    pub(super) content_type: Option<&'a str>,
    pub(super) body: &'a [u8],
}

impl Keys {
    /// The headers to send with a request, its signature among them.
    pub(super) fn headers(&self, request: &Signed<'_>, now: Timestamp) -> Vec<(String, String)> {
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut headers = vec![("host", request.host.to_owned()), ("x-amz-date", time.clone())];
        headers.extend(request.content_type.map(|kind| ("content-type", kind.to_owned())));
        headers.extend(self.session.clone().map(|token| ("x-amz-security-token", token)));
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let day = time.split('T').next().unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let canonical = canonical(request, &headers, &names);
        let text =
            format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let parts = [day, &self.region, &self.service, "aws4_request", &text];
        let first = format!("AWS4{}", self.secret).into_bytes();
        let signature = parts.iter().fold(first, |key, part| mac(&key, part.as_bytes()));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.access,
            hex(&signature)
        );
        let sent = headers.into_iter().filter(|(name, _)| name.starts_with("x-amz-"));
        let mut sent: Vec<_> = sent.map(|(name, value)| (name.to_owned(), value)).collect();
        sent.push(("authorization".to_owned(), authorization));
        sent
    }
}

fn canonical(request: &Signed<'_>, headers: &[(&str, String)], names: &str) -> String {
    let path: Vec<String> = request.path.split('/').map(encoded).collect();
    let mut query = request.query.to_vec();
    query.sort();
    let lines: String =
        headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let payload = hex(&Sha256::digest(request.body));
    let (method, path, query) = (request.method, path.join("/"), joined(&query));
    format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}")
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    // A key of any length fits HMAC; the other branch cannot be reached.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// Bytes in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of AWS's published test suite (aws-sig-v4-test-suite).
    #[test]
    fn signatures_are_those_of_the_published_vectors() {
        let keys = Keys {
            access: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session: None,
            region: "us-east-1".to_owned(),
            service: "service".to_owned(),
        };
        let get = |query: &[(String, String)]| {
            let request = Signed {
                method: "GET",
                host: "example.amazonaws.com",
                path: "/",
                query,
                content_type: None,
                body: b"",
            };
            let headers = keys.headers(&request, "2015-08-30T12:36:00Z".parse().unwrap());
            headers.last().unwrap().1.rsplit('=').next().unwrap().to_owned()
        };
        assert_eq!(get(&[]), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            get(&[pair("Param2", "value2"), pair("Param1", "value1")]),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
    }
}
