//! A static server on the loopback for the page: for `lungglass serve`, for development and for tests. It knows files and headers, and
//! nothing of what it serves.
//!
//! It binds to 127.0.0.1, answers GET and HEAD for its own files to its own pages, and writes nothing. A page of another site cannot use
//! it, also not one whose name was made to point to the loopback (DNS rebinding).

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use httparse::{Request, Status};

/// What the page may do: load from its own origin and talk to its own origin, and nothing else. index.html says the same, for hosts that
/// send no such header; only `frame-ancestors` has no effect there.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
    connect-src 'self'; img-src 'self'; style-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lungglass";

/// Features of the browser that the page has no use for; it copies diagnostics when it is asked to, and nothing else. Those that Chromium
/// has on some systems only are left out: on others it complains of them.
const PERMISSIONS_POLICY: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), \
    clipboard-write=(self), display-capture=(), encrypted-media=(), fullscreen=(self), gamepad=(), geolocation=(), \
    gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), \
    microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), \
    serial=(), storage-access=(), usb=(), window-management=(), xr-spatial-tracking=()";

/// Sent with every answer, errors too.
const HEADERS: [(&str, &str); 8] = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Permissions-Policy", PERMISSIONS_POLICY),
    ("Cache-Control", "no-cache"),
];

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// How long a client may take for the head of its request, and how long it may leave an answer untaken.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many clients may be connected at once. One more takes the place of the one that has been there longest, if that has had
/// [`MIN_TIME`]; else it is turned away.
const MAX_CONNECTIONS: usize = 256;
/// How long a client may stay where others wait: on the loopback all of the page takes less.
const MIN_TIME: Duration = Duration::from_secs(2);

/// Where the files come from.
pub trait Files: Send + Sync + 'static {
    /// The file under a path such as `pkg/lungglass.js`, without a slash at its start and with nothing but plain names between slashes.
    fn open(&self, path: &str) -> Option<Body>;
}

/// The content of a file and its length in bytes.
pub struct Body {
    pub length: u64,
    pub content: Box<dyn Read>,
}

/// Takes the port on 127.0.0.1; 0 takes any free one. Connections wait until a [`Server`] answers them.
///
/// # Errors
/// The message is for the person who chose the port.
pub fn listen(port: u16) -> io::Result<TcpListener> {
    use std::io::ErrorKind;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        let message = match error.kind() {
            ErrorKind::AddrInUse => {
                format!("port {port} is taken: end the program that listens there, or choose another with --port")
            }
            ErrorKind::PermissionDenied => {
                format!("port {port} is not for this user: choose one above 1023 with --port")
            }
            _ => format!("cannot listen on 127.0.0.1:{port}: {error}"),
        };
        io::Error::new(error.kind(), message)
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
    /// Serves these files.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn start(listener: TcpListener, files: impl Files) -> io::Result<Server> {
        let address = listener.local_addr()?;
        let files: Arc<dyn Files> = Arc::new(files);
        let connections = Connections::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // A connection that broke before it was taken is no concern of the others.
                let Ok(stream) = stream else { continue };
                let Some(connection) = connections.add(&stream) else { continue };
                let files = files.clone();
                let work = move || {
                    // A client that has gone away is no concern of the server.
                    let _ = converse(stream, &*files, address.port());
                    drop(connection);
                };
                // Without a thread for it the client is turned away, and the next one may have better luck.
                let _ = thread::Builder::new().spawn(work);
            }
        });
        Ok(Server { address, stopped, thread: Some(thread) })
    }

    /// The address of the page, with a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves until the socket fails, and gives that failure.
    pub fn wait(mut self) -> io::Error {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        io::Error::other(format!("the server on {} stopped", self.address))
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

/// The clients that are connected, the one that has been there longest first.
#[derive(Clone, Default)]
struct Connections(Arc<Mutex<VecDeque<Client>>>);

struct Client {
    since: Instant,
    stream: Arc<TcpStream>,
}

impl Connections {
    /// Takes a client in; `None` where there is no place for it.
    fn add(&self, stream: &TcpStream) -> Option<Connection> {
        let stream = Arc::new(stream.try_clone().ok()?);
        let mut clients = self.clients();
        if clients.len() >= MAX_CONNECTIONS {
            clients.front().filter(|oldest| oldest.since.elapsed() >= MIN_TIME)?;
            let oldest = clients.pop_front()?;
            // Its thread ends by that; where it has ended already, nothing is lost.
            let _ = oldest.stream.shutdown(Shutdown::Both);
        }
        clients.push_back(Client { since: Instant::now(), stream: stream.clone() });
        Some(Connection { connections: self.clone(), stream })
    }

    fn clients(&self) -> MutexGuard<'_, VecDeque<Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's place, for as long as its thread runs.
struct Connection {
    connections: Connections,
    stream: Arc<TcpStream>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.clients().retain(|client| !Arc::ptr_eq(&client.stream, &self.stream));
    }
}

/// Reads one request and answers it.
fn converse(mut stream: TcpStream, files: &dyn Files, port: u16) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = Request::new(&mut headers);
        match request.parse(&head) {
            Ok(Status::Complete(_)) => {
                answer(&request, files, port).write(&mut stream, request.method != Some("HEAD"))?;
                return stream.shutdown(Shutdown::Write);
            }
            Ok(Status::Partial) if head.len() < MAX_HEAD => {}
            _ => return refusal("400 Bad Request", "this is no HTTP request\n").write(&mut stream, true),
        }
        // A client that sends a byte a minute must come to an end too.
        let left = deadline.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&chunk[..count]),
        }
    }
}

struct Answer {
    status: &'static str,
    media_type: &'static str,
    body: Body,
}

impl Answer {
    fn write(mut self, stream: &mut TcpStream, with_body: bool) -> io::Result<()> {
        let mut head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\nAllow: GET, HEAD\r\n",
            self.status, self.media_type, self.body.length
        );
        for (name, value) in HEADERS {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        stream.write_all(head.as_bytes())?;
        if with_body {
            io::copy(&mut self.body.content, stream)?;
        }
        Ok(())
    }
}

fn answer(request: &Request, files: &dyn Files, port: u16) -> Answer {
    let values = |name: &str| {
        let named = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| std::str::from_utf8(header.value).unwrap_or("")).collect::<Vec<_>>()
    };
    let own = match values("Host")[..] {
        [host] => is_own_host(host, port),
        _ => false,
    };
    // A browser names the page that asks wherever it is another site's.
    let own_page = values("Origin")
        .iter()
        .all(|origin| origin.strip_prefix("http://").is_some_and(|host| is_own_host(host, port)));
    if !own || !own_page {
        return refusal("403 Forbidden", "this server answers only to its own address on the loopback\n");
    }
    if !matches!(request.method, Some("GET" | "HEAD")) {
        return refusal("405 Method Not Allowed", "only GET and HEAD\n");
    }
    let found = path(request.path.unwrap_or("")).and_then(|path| Some((files.open(&path)?, media_type(&path))));
    match found {
        Some((body, media_type)) => Answer { status: "200 OK", media_type, body },
        None => refusal("404 Not Found", "not found\n"),
    }
}

fn refusal(status: &'static str, message: &'static str) -> Answer {
    let body = Body { length: message.len() as u64, content: Box::new(message.as_bytes()) };
    Answer { status, media_type: "text/plain; charset=utf-8", body }
}

/// Whether a host, as in the Host header, is this server.
fn is_own_host(host: &str, port: u16) -> bool {
    let Some(name) = host.strip_suffix(&format!(":{port}")).or((port == 80).then_some(host)) else {
        return false;
    };
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// The path that a request's target names; None where it has a part that is hidden, empty or no plain name.
fn path(target: &str) -> Option<String> {
    let encoded = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let name = if encoded.is_empty() { "index.html".to_owned() } else { decode(encoded)? };
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']);
    name.split('/').all(plain).then_some(name)
}

/// The files below a folder on the disk.
pub struct Folder {
    canonical: PathBuf,
}

impl Folder {
    /// # Errors
    /// The folder is not there.
    pub fn new(folder: &Path) -> io::Result<Folder> {
        Ok(Folder { canonical: folder.canonicalize()? })
    }

    /// A file below the folder also after links are followed, and no hidden one.
    fn resolve(&self, path: &str) -> Option<PathBuf> {
        let file = self.canonical.join(path).canonicalize().ok()?;
        let below = file.strip_prefix(&self.canonical).ok()?;
        let hidden = below.iter().any(|part| part.to_string_lossy().starts_with('.'));
        (!hidden && fs::metadata(&file).ok()?.is_file()).then_some(file)
    }
}

impl Files for Folder {
    fn open(&self, path: &str) -> Option<Body> {
        let file = File::open(self.resolve(path)?).ok()?;
        Some(Body { length: file.metadata().ok()?.len(), content: Box::new(file) })
    }
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

fn media_type(path: &str) -> &'static str {
    let extension = Path::new(path).extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
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
    use proptest::prelude::*;

    use super::*;

    /// A folder with a page in it, removed at the end.
    struct Site {
        outer: PathBuf,
        folder: PathBuf,
        files: Folder,
    }

    impl Site {
        fn new(name: &str) -> Site {
            let outer = std::env::temp_dir().join(format!("lungglass-server-{}-{name}", std::process::id()));
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
            let files = Folder::new(&folder).unwrap();
            Site { outer, folder, files }
        }

        fn resolve(&self, url: &str) -> Option<PathBuf> {
            let file = self.files.resolve(&path(url)?)?;
            Some(file.strip_prefix(&self.folder).unwrap().to_owned())
        }

        fn serve(&self) -> Server {
            Server::start(listen(0).unwrap(), Folder::new(&self.folder).unwrap()).unwrap()
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
            assert_eq!(media_type(file), expected, "{file}");
        }
    }

    /// Sends raw bytes and gives all that comes back until the server closes.
    fn exchange(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request).unwrap();
        // Whoever was refused may find the connection closed already.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn answers_over_a_socket() {
        let site = Site::new("socket");
        let server = site.serve();
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
        let with = |header: &str| ask("GET /", &format!("{own}\r\n{header}"));
        assert!(with(&format!("Origin: http://{own}")).starts_with("HTTP/1.1 200 "));
        for header in [
            "Origin: https://evil.example",
            "Origin: null",
            "Origin: ",
            &format!("Origin: http://{own}.evil.example"),
            &format!("Origin: http://{own}\r\nOrigin: https://evil.example"),
            &format!("Host: {own}"),
        ] {
            assert!(with(header).starts_with("HTTP/1.1 403 "), "{header}");
        }
        let foreign = ask("GET /", &format!("evil.example:{port}"));
        assert!(foreign.starts_with("HTTP/1.1 403 ") && foreign.contains("Content-Security-Policy: "), "{foreign}");
    }

    #[test]
    fn idle_connections_keep_nobody_waiting() {
        let site = Site::new("idle");
        let server = site.serve();
        let idle: Vec<_> = (0..32).map(|_| TcpStream::connect(server.address).unwrap()).collect();
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        assert!(exchange(server.address, request.as_bytes()).starts_with("HTTP/1.1 200 "));
        drop(idle);
    }

    /// Whatever comes, no answer but to a whole request for a file, and the server goes on.
    #[test]
    fn malformed_requests_stop_nothing() {
        let site = Site::new("malformed");
        let server = site.serve();
        let address = server.address;
        const STARTS: [&str; 6] =
            ["", "GET ", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: ", "HEAD /%", "PUT /index.html HTTP/1.1\r\n"];
        const ENDS: [&str; 4] = ["", "\r\n\r\n", "\n\n", " HTTP/1.1\r\n\r\n"];
        proptest!(ProptestConfig::with_cases(128), |(
            start in prop::sample::select(&STARTS[..]),
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            end in prop::sample::select(&ENDS[..]),
        )| {
            let given = exchange(address, &[start.as_bytes(), &bytes, end.as_bytes()].concat());
            prop_assert!(given.is_empty() || given.starts_with("HTTP/1.1 4"), "{}", given);
            let page = exchange(address, format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes());
            prop_assert!(page.starts_with("HTTP/1.1 200 "), "{}", page);
        });
    }

    /// No target leads out of the folder, whatever escapes it uses.
    #[test]
    fn no_target_leads_out() {
        let site = Site::new("targets");
        proptest!(|(target in "(/|\\.|%2e|%2f|%5c|\\\\|secret|www|pkg|%00|:){1,12}")| {
            let found = path(&target).and_then(|path| site.files.resolve(&path));
            prop_assert!(found.is_none_or(|file| file.starts_with(&site.folder)));
        });
    }

    #[test]
    fn a_head_without_end_is_refused() {
        let site = Site::new("endless");
        let server = site.serve();
        let mut request = format!("GET / HTTP/1.1\r\nHost: {}\r\nX: ", server.address).into_bytes();
        request.resize(MAX_HEAD + 4096, b'x');
        let answer = exchange(server.address, &request);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let many = format!("GET / HTTP/1.1\r\nHost: {}\r\n{}\r\n", server.address, "a: b\r\n".repeat(100));
        assert!(exchange(server.address, many.as_bytes()).starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn more_clients_than_allowed_are_turned_away_and_the_next_is_served() {
        let site = Site::new("crowd");
        let server = site.serve();
        let crowd: Vec<_> = (0..MAX_CONNECTIONS).map(|_| TcpStream::connect(server.address).unwrap()).collect();
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        assert_eq!(exchange(server.address, request.as_bytes()), "");
        drop(crowd);
        // The threads of the crowd need a moment to see that it has gone.
        let served = (0..200).any(|_| {
            thread::sleep(Duration::from_millis(50));
            exchange(server.address, request.as_bytes()).starts_with("HTTP/1.1 200 ")
        });
        assert!(served);
    }

    /// Clients that ask for a file and take none of it hold all places, and are not waited for.
    #[test]
    fn slow_readers_keep_nobody_waiting_for_long() {
        let site = Site::new("slow");
        fs::write(site.folder.join("large.bin"), vec![0; 16 << 20]).unwrap();
        let server = site.serve();
        let ask = |file: &str| format!("GET /{file} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        let slow: Vec<_> = (0..MAX_CONNECTIONS)
            .map(|_| {
                let mut stream = TcpStream::connect(server.address).unwrap();
                stream.write_all(ask("large.bin").as_bytes()).unwrap();
                stream
            })
            .collect();
        let start = Instant::now();
        while !exchange(server.address, ask("").as_bytes()).starts_with("HTTP/1.1 200 ") {
            assert!(start.elapsed() < PATIENCE / 2, "nobody is answered");
            thread::sleep(Duration::from_millis(50));
        }
        // The next ones take the places of other slow readers.
        for _ in 0..20 {
            assert!(exchange(server.address, ask("").as_bytes()).starts_with("HTTP/1.1 200 "));
        }
        drop(slow);
    }

    #[test]
    fn the_header_and_the_page_forbid_the_same() {
        let html = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../www/index.html")).unwrap();
        let (_, rest) = html.split_once("<meta http-equiv=\"Content-Security-Policy\" content=\"").unwrap();
        let page = rest.split('"').next().unwrap();
        assert_eq!(CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'; ", ""), page);
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
