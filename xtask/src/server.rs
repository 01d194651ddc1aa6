//! A static server on the loopback for the page, for development and tests. It knows files and headers, and nothing of what it serves.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use httparse::{Request, Status};

/// What the page may do. It may load from its own origin and talk to its own origin, and nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
    connect-src 'self'; img-src 'self' blob:; style-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lungglass";

/// Sent with every answer, errors too.
const HEADERS: [(&str, &str); 5] = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-cache"),
];

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long a client may keep a connection without sending or taking a byte.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes the port on 127.0.0.1; 0 takes any free one. Connections wait until a [`Server`] answers them.
pub fn listen(port: u16) -> Result<TcpListener> {
    use std::io::ErrorKind;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            anyhow!("port {port} is taken: end the program that listens there, or choose another with --port")
        }
        ErrorKind::PermissionDenied => anyhow!("port {port} is not for this user: choose one above 1023 with --port"),
        _ => anyhow!("cannot listen on 127.0.0.1:{port}: {error}"),
    })
}

/// A running server. It stops when it is dropped.
///
/// Each connection has a thread and carries one request: a browser opens several at once and keeps some idle, and none of them
/// may make another wait.
pub struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the files below `folder`.
    pub fn start(listener: TcpListener, folder: &Path) -> Result<Server> {
        let address = listener.local_addr()?;
        let folder: Arc<Path> =
            folder.canonicalize().with_context(|| format!("cannot serve {}", folder.display()))?.into();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // A connection that broke before it was taken is no concern of the others.
                let Ok(stream) = stream else { continue };
                let folder = folder.clone();
                // A client that has gone away is no concern of the server.
                thread::spawn(move || drop(converse(stream, &folder, address.port())));
            }
        });
        Ok(Server { address, stopped, thread: Some(thread) })
    }

    /// The address of the page, with a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves until the socket fails.
    pub fn wait(mut self) -> Result<()> {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        bail!("the server on {} stopped", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads one request and answers it.
fn converse(mut stream: TcpStream, folder: &Path, port: u16) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = Request::new(&mut headers);
        match request.parse(&head) {
            Ok(Status::Complete(_)) => {
                answer(&request, folder, port).write(&mut stream, request.method != Some("HEAD"))?;
                return stream.shutdown(Shutdown::Write);
            }
            Ok(Status::Partial) if head.len() < LONGEST_HEAD => {}
            _ => return refusal("400 Bad Request", "this is no HTTP request\n").write(&mut stream, true),
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&chunk[..count]),
        }
    }
}

struct Answer {
    status: &'static str,
    media_type: &'static str,
    length: u64,
    body: Box<dyn Read>,
}

impl Answer {
    fn write(mut self, stream: &mut TcpStream, with_body: bool) -> io::Result<()> {
        let mut head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\nAllow: GET, HEAD\r\n",
            self.status, self.media_type, self.length
        );
        for (name, value) in HEADERS {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        stream.write_all(head.as_bytes())?;
        if with_body {
            io::copy(&mut self.body, stream)?;
        }
        Ok(())
    }
}

fn answer(request: &Request, folder: &Path, port: u16) -> Answer {
    let mut hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("Host"));
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => std::str::from_utf8(host.value).unwrap_or(""),
        _ => "",
    };
    if !is_own_host(host, port) {
        return refusal("403 Forbidden", "this server answers only to its own address on the loopback\n");
    }
    if !matches!(request.method, Some("GET" | "HEAD")) {
        return refusal("405 Method Not Allowed", "only GET and HEAD\n");
    }
    let file = resolve(folder, request.path.unwrap_or("")).and_then(|path| {
        let file = File::open(&path).ok()?;
        Some((file.metadata().ok()?.len(), file, media_type(&path)))
    });
    match file {
        Some((length, file, media_type)) => Answer { status: "200 OK", media_type, length, body: Box::new(file) },
        None => refusal("404 Not Found", "not found\n"),
    }
}

fn refusal(status: &'static str, message: &'static str) -> Answer {
    let media_type = "text/plain; charset=utf-8";
    Answer { status, media_type, length: message.len() as u64, body: Box::new(message.as_bytes()) }
}

/// Whether the Host header names this server. A page of another site whose name was made to point to the loopback (DNS rebinding) does not.
fn is_own_host(host: &str, port: u16) -> bool {
    let Some(name) = host.strip_suffix(&format!(":{port}")).or((port == 80).then_some(host)) else {
        return false;
    };
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// The file that a request's target names: below `folder` (which is canonical) also after links are followed, and no hidden one.
fn resolve(folder: &Path, url: &str) -> Option<PathBuf> {
    let encoded = url.split(['?', '#']).next()?.strip_prefix('/')?;
    let name = if encoded.is_empty() { "index.html".to_owned() } else { decode(encoded)? };
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']);
    if !name.split('/').all(plain) {
        return None;
    }
    let path = folder.join(name).canonicalize().ok()?;
    let below = path.strip_prefix(folder).ok()?;
    let hidden = below.iter().any(|part| part.to_string_lossy().starts_with('.'));
    (!hidden && fs::metadata(&path).ok()?.is_file()).then_some(path)
}

/// Percent-decoding; None where the escapes or the text that they make are malformed.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || (rest.next()? as char).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn media_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match extension.as_str() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "dcm" => "application/dicom",
        "toml" | "md" | "txt" | "ts" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a page in it, removed at the end.
    struct Site {
        outer: PathBuf,
        folder: PathBuf,
    }

    impl Site {
        fn new(name: &str) -> Site {
            let outer = std::env::temp_dir().join(format!("lungglass-xtask-{}-{name}", std::process::id()));
            let folder = outer.join("www");
            fs::create_dir_all(folder.join("pkg")).unwrap();
            fs::create_dir_all(folder.join(".git")).unwrap();
            for (file, text) in [
                ("www/index.html", "<!doctype html>"),
                ("www/a b.md", "text"),
                ("www/.hidden", "hidden"),
                ("www/.git/config", "hidden"),
                ("www/pkg/module.wasm", &"x".repeat(100_000)),
                ("secret", "secret"),
            ] {
                fs::write(outer.join(file), text).unwrap();
            }
            let folder = folder.canonicalize().unwrap();
            Site { outer, folder }
        }

        fn resolve(&self, url: &str) -> Option<PathBuf> {
            let path = resolve(&self.folder, url)?;
            Some(path.strip_prefix(&self.folder).unwrap().to_owned())
        }
    }

    impl Drop for Site {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.outer);
        }
    }

    #[test]
    fn files_below_the_folder_are_found() {
        let site = Site::new("found");
        for (url, file) in [
            ("/", "index.html"),
            ("/?a=../secret", "index.html"),
            ("/index.html#x", "index.html"),
            ("/a%20b.md", "a b.md"),
            ("/pkg/module.wasm?v=1", "pkg/module.wasm"),
        ] {
            assert_eq!(site.resolve(url).as_deref(), Some(Path::new(file)), "{url}");
        }
    }

    #[test]
    fn nothing_else_is_found() {
        let site = Site::new("refused");
        let urls = [
            "",
            "*",
            "index.html",
            "http://127.0.0.1/index.html",
            "/missing",
            "/pkg",
            "/pkg/",
            "//index.html",
            "/index.html/",
            "/.hidden",
            "/.git/config",
            "/%2ehidden",
            "/../secret",
            "/%2e%2e/secret",
            "/pkg/../../secret",
            "/..%2fsecret",
            "/..%5csecret",
            "/index.html%00",
            "/%",
            "/%2",
            "/%zz",
            "/%ff",
            "/./index.html",
        ];
        for url in urls {
            assert_eq!(site.resolve(url), None, "{url}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_out_or_to_hidden_files_are_not_followed() {
        let site = Site::new("links");
        for (name, aim) in [("out", "../secret"), ("up", ".."), ("hidden", ".hidden"), ("inside", "index.html")] {
            std::os::unix::fs::symlink(aim, site.folder.join(name)).unwrap();
        }
        for url in ["/out", "/up/secret", "/up/www/index.html", "/hidden"] {
            let found = site.resolve(url);
            // A way out and in again ends below the folder: that is as good as the direct one.
            assert!(found.is_none() || url == "/up/www/index.html", "{url}: {found:?}");
        }
        assert_eq!(site.resolve("/inside").as_deref(), Some(Path::new("index.html")));
    }

    #[test]
    fn only_the_loopback_is_an_own_host() {
        for host in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080"] {
            assert!(is_own_host(host, 8080), "{host}");
        }
        for host in [
            "",
            "localhost",
            "localhost:80",
            "localhost:80800",
            "evil.example:8080",
            "127.0.0.1.evil.example:8080",
            "evil-localhost:8080",
            "localhost:8080:8080",
            "127.0.0.1:8080@evil.example",
        ] {
            assert!(!is_own_host(host, 8080), "{host}");
        }
        assert!(is_own_host("localhost", 80));
        assert!(is_own_host("localhost:80", 80));
    }

    #[test]
    fn media_types() {
        for (file, expected) in [
            ("a.wasm", "application/wasm"),
            ("a.JS", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("index.html", "text/html; charset=utf-8"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.dcm", "application/dicom"),
            ("model.toml", "text/plain; charset=utf-8"),
            ("a", "application/octet-stream"),
        ] {
            assert_eq!(media_type(Path::new(file)), expected, "{file}");
        }
    }

    /// Sends raw bytes and gives all that comes back until the server closes.
    fn exchange(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn answers_over_a_socket() {
        let site = Site::new("socket");
        let server = Server::start(listen(0).unwrap(), &site.folder).unwrap();
        let port = server.address.port();
        let ask = |line: &str, host: &str| {
            exchange(server.address, format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
        };
        let own = format!("127.0.0.1:{port}");

        for malformed in [
            &b"\x00\xff\xfe\r\n\r\n"[..],
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\nx\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\r\n",
            b"",
        ] {
            assert!(!exchange(server.address, malformed).contains(" 200 "));
        }
        let page = ask("GET /", &own);
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        assert!(page.ends_with("\r\n\r\n<!doctype html>"), "{page}");
        for (name, value) in HEADERS {
            assert!(page.contains(&format!("{name}: {value}\r\n")), "{name}: {page}");
        }
        let large = ask("GET /pkg/module.wasm", &own);
        assert!(large.contains("Content-Length: 100000\r\n") && large.len() > 100_000);
        let head = ask("HEAD /pkg/module.wasm", &own);
        assert!(head.contains("Content-Length: 100000\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(ask("POST /", &own).starts_with("HTTP/1.1 405 "));
        assert!(ask("GET /../secret", &own).starts_with("HTTP/1.1 404 "));
        let foreign = ask("GET /", &format!("evil.example:{port}"));
        assert!(foreign.starts_with("HTTP/1.1 403 ") && foreign.contains("Content-Security-Policy: "), "{foreign}");
    }

    #[test]
    fn idle_connections_keep_nobody_waiting() {
        let site = Site::new("idle");
        let server = Server::start(listen(0).unwrap(), &site.folder).unwrap();
        let idle: Vec<_> = (0..32).map(|_| TcpStream::connect(server.address).unwrap()).collect();
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        assert!(exchange(server.address, request.as_bytes()).starts_with("HTTP/1.1 200 "));
        drop(idle);
    }

    #[test]
    fn a_taken_port_is_said_in_one_line() {
        let taken = listen(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        let message = listen(port).unwrap_err().to_string();
        assert!(message.contains(&port.to_string()) && message.contains("--port"), "{message}");
        assert_eq!(message.lines().count(), 1);
    }
}
