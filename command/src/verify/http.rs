//! One request at a time to the host that the user named: GET, no redirect, no cookie, no cache. http is spoken here; for https, whose keys
//! and certificates are the system's business, the system's `curl` is asked.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// How long a host may take to take a connection, and between two pieces of an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long an answer may take as a whole.
const DEADLINE: Duration = Duration::from_secs(300);
/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// Whether this is meant as an address, and not as a path.
pub fn is_address(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, _)| scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Where a page or a file lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    is_https: bool,
    /// With brackets around an IPv6 address.
    host: String,
    port: u16,
    /// From the first slash on.
    path: String,
}

impl Address {
    /// # Errors
    /// It is no address of a page, or of another scheme than http and https.
    pub fn parse(text: &str) -> Result<Address, Failure> {
        let wrong = |what: &str| Failure(format!("{text}: {what}"));
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it is no address"))?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(wrong("only http and https can be asked")),
        };
        if rest.contains(['?', '#', '\\']) || rest.chars().any(|c| c.is_control() || c.is_whitespace() || !c.is_ascii())
        {
            return Err(wrong(
                "name the page alone, without ? and #, and other characters than ASCII as percent escapes",
            ));
        }
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        if authority.contains('@') {
            return Err(wrong("name the host without a user"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong("its port is no number"))?)
            }
            _ => (authority, if is_https { 443 } else { 80 }),
        };
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        Ok(Address { is_https, host: host.to_owned(), port, path: format!("/{path}") })
    }

    /// The name of the file, where it is not the address of a folder.
    pub fn file(&self) -> Option<&str> {
        self.path.rsplit('/').next().filter(|name| name.contains('.'))
    }

    /// The folder that the file lies in, or that it is.
    pub fn folder(&self) -> Address {
        let path = match self.file() {
            Some(name) => self.path[..self.path.len() - name.len()].to_owned(),
            None => format!("{}/", self.path.trim_end_matches('/')),
        };
        Address { path, ..self.clone() }
    }

    /// A file below this folder, with slashes between names.
    pub fn below(&self, path: &str) -> Address {
        let mut whole = self.path.clone();
        for byte in path.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => whole.push(byte as char),
                other => whole += &format!("%{other:02X}"),
            }
        }
        Address { path: whole, ..self.clone() }
    }

    fn authority(&self) -> String {
        let usual = if self.is_https { 443 } else { 80 };
        if self.port == usual { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.is_https { "https" } else { "http" }, self.authority(), self.path)
    }
}

/// What a host sent.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most as much as was asked for.
    pub body: Vec<u8>,
    /// Whether more than that came.
    pub is_longer: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// Asks for one file and reads at most so many bytes of it.
///
/// # Errors
/// The host cannot be reached, or does not speak HTTP.
pub fn get(address: &Address, most: u64) -> Result<Answer, Failure> {
    let answer = if address.is_https { through_curl(address, most) } else { over_a_socket(address, most) };
    answer.map_err(|error| Failure(format!("{address}: {error}")))
}

fn over_a_socket(address: &Address, most: u64) -> io::Result<Answer> {
    let host = address.host.trim_start_matches('[').trim_end_matches(']');
    let mut last = io::Error::other("the host has no address");
    let mut connected = None;
    for place in (host, address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, PATIENCE) {
            Ok(stream) => {
                connected = Some(stream);
                break;
            }
            Err(error) => last = error,
        }
    }
    let mut stream = connected.ok_or(last)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: lungglass-verify\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n",
        address.path,
        address.authority()
    );
    stream.write_all(request.as_bytes())?;
    read(stream, most, true)
}

fn through_curl(address: &Address, most: u64) -> io::Result<Answer> {
    // No settings of the user's, no redirect; the answer as HTTP/1.1, its head before its body.
    let mut child = Command::new("curl")
        .args(["--disable", "--silent", "--show-error", "--include", "--http1.1", "--proto", "=https", "--suppress-connect-headers"])
        .args(["--connect-timeout", "20", "--max-time", "300", "--user-agent", "lungglass-verify"])
        .args(["--header", "Accept-Encoding: identity", "--url"])
        .arg(address.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                io::Error::other("https needs the program curl, which is not installed here: install it, or fetch the page and verify its folder")
            }
            _ => error,
        })?;
    let out = child.stdout.take().ok_or_else(|| io::Error::other("curl has no output"))?;
    let answer = read(out, most, false);
    if answer.as_ref().is_ok_and(|answer| answer.is_longer) {
        // It has more to say, which is not needed.
        let _ = child.kill();
        let _ = child.wait();
        return answer;
    }
    let ended = child.wait_with_output()?;
    if ended.status.success() {
        return answer;
    }
    let told = String::from_utf8_lossy(&ended.stderr);
    Err(io::Error::other(told.lines().next().unwrap_or("curl failed").to_owned()))
}

/// Reads an answer. `is_raw`: its body may come in chunks, and has the length that its head says; else it was unpacked already.
fn read(mut from: impl Read, most: u64, is_raw: bool) -> io::Result<Answer> {
    let start = Instant::now();
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let mut more = |bytes: &mut Vec<u8>| -> io::Result<bool> {
        if start.elapsed() > DEADLINE {
            return Err(io::Error::other("the answer takes too long"));
        }
        let read = from.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..read]);
        Ok(read > 0)
    };
    let (status, headers, length) = loop {
        let mut storage = [httparse::EMPTY_HEADER; 128];
        let mut response = httparse::Response::new(&mut storage);
        match response.parse(&bytes) {
            Ok(httparse::Status::Complete(length)) => {
                let headers = response.headers.iter();
                let headers: Vec<(String, String)> = headers
                    .map(|header| {
                        (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
                    })
                    .collect();
                break (response.code.unwrap_or_default(), headers, length);
            }
            Ok(httparse::Status::Partial) if bytes.len() <= MAX_HEAD => {
                if !more(&mut bytes)? {
                    return Err(io::Error::other("the answer ends in its head"));
                }
            }
            _ => return Err(io::Error::other("the answer is none of HTTP")),
        }
    };
    bytes.drain(..length);
    let mut answer = Answer { status, headers, body: Vec::new(), is_longer: false };
    let is_chunked =
        answer.header("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
    if is_raw && is_chunked {
        loop {
            match httparse::parse_chunk_size(&bytes) {
                Ok(httparse::Status::Complete((start, size))) => {
                    if size == 0 {
                        return Ok(answer);
                    }
                    if size.saturating_add(answer.body.len() as u64) > most {
                        answer.is_longer = true;
                        return Ok(answer);
                    }
                    // `most` bounds it, and with it what is kept here.
                    let end = start + size as usize + 2;
                    while bytes.len() < end {
                        if !more(&mut bytes)? {
                            return Err(io::Error::other("the answer ends too early"));
                        }
                    }
                    answer.body.extend_from_slice(&bytes[start..end - 2]);
                    bytes.drain(..end);
                }
                Ok(httparse::Status::Partial) if bytes.len() <= MAX_HEAD => {
                    if !more(&mut bytes)? {
                        return Err(io::Error::other("the answer ends too early"));
                    }
                }
                _ => return Err(io::Error::other("the answer is none of HTTP")),
            }
        }
    }
    let length: Option<u64> = answer.header("content-length").and_then(|value| value.parse().ok()).filter(|_| is_raw);
    while length.is_none_or(|length| (bytes.len() as u64) < length) && bytes.len() as u64 <= most {
        if !more(&mut bytes)? {
            if length.is_some() {
                return Err(io::Error::other("the answer ends too early"));
            }
            break;
        }
    }
    if let Some(length) = length {
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    }
    if bytes.len() as u64 > most {
        bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        answer.is_longer = true;
    }
    answer.body = bytes;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (given, folder, file) in [
            ("http://ward.example", "http://ward.example/", None),
            ("http://ward.example/lung/", "http://ward.example/lung/", None),
            ("http://ward.example:8080/lung", "http://ward.example:8080/lung/", None),
            ("https://ward.example:443/a/index.html", "https://ward.example/a/", Some("index.html")),
            ("http://[::1]:81/k/kiosk.html", "http://[::1]:81/k/", Some("kiosk.html")),
        ] {
            let parsed = address(given);
            assert_eq!((parsed.folder().to_string().as_str(), parsed.file()), (folder, file), "{given}");
        }
        assert_eq!(address("http://a/b").folder().below("pkg/a b%.js").to_string(), "http://a/b/pkg/a%20b%25.js");
        for wrong in [
            "ftp://a/",
            "http://",
            "http:///a",
            "http://me@a/",
            "http://a/?b",
            "http://a/#b",
            "http://a:port/",
            "http://a/ b",
            "http://ä/",
        ] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
        for (text, is) in [("http://a", true), ("FTP://a", true), ("C://a", false), ("a/b", false), ("./http:", false)]
        {
            assert_eq!(is_address(text), is, "{text}");
        }
    }

    #[test]
    fn answers_are_read_to_their_end_and_no_further() {
        let body = |text: &str, most| read(text.as_bytes(), most, true).map(|answer| (answer.body, answer.is_longer));
        let of = |text: &str| (text.as_bytes().to_vec(), false);
        assert_eq!(body("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", 9).unwrap(), of("abc"));
        assert_eq!(body("HTTP/1.0 200 OK\r\n\r\nabc", 3).unwrap(), of("abc"));
        assert_eq!(body("HTTP/1.0 200 OK\r\n\r\nabcd", 3).unwrap(), (b"abc".to_vec(), true));
        let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(body(chunks, 5).unwrap(), of("abcde"));
        assert_eq!(body(chunks, 4).unwrap(), (b"abc".to_vec(), true));
        // A chunk that says more than any memory holds takes none.
        assert!(body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", 9).unwrap().1);
        for (text, told) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "ends too early"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "ends too early"),
            ("HTTP/1.1 200 OK\r\n", "ends in its head"),
            ("SSH-2.0-OpenSSH\r\n\r\n", "none of HTTP"),
        ] {
            assert!(body(text, 9).unwrap_err().to_string().contains(told), "{text}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MAX_HEAD + 1));
        assert!(body(&endless, 9).unwrap_err().to_string().contains("none of HTTP"));
    }
}
