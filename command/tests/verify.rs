//! `lungglass verify`: a release is known wherever it lies, and a page, module, kiosk, settings file or folder that somebody changed is not.
#![cfg(not(target_arch = "wasm32"))]

mod repository;

use std::fs;
use std::io::{Cursor, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lungglass::hash::sha256;
use lungglass::operating_point::{Drift, LocalPoint, Network, SCHEMA, Triage};
use lungglass_server::{Folder, Server, listen};
use minisign::KeyPair;
use repository::scratch;

/// The manifest of a release of four files; `cargo xtask release` writes the like, and its tests hold it to this one.
const MANIFEST: &str = include_str!("release/release.json");
const PAGE: [(&str, &[u8]); 4] = [
    ("app.js", b"abc"),
    ("index.html", b"<!doctype html>\n"),
    ("pkg/build.js", b"globalThis.lungglassBuild = {\n  \"id\": \"42\"\n};\n"),
    ("pkg/lungglass_bg.wasm", b"\0asm\x01\0\0\0"),
];

/// What was said on standard output, on standard error, and the exit code.
fn verify(target: impl AsRef<Path>, more: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lungglass"));
    let output = command.arg("verify").arg(target.as_ref()).args(more).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[track_caller]
fn accepted(target: impl AsRef<Path>, more: &[&str]) -> String {
    let (told, errors, code) = verify(target, more);
    assert_eq!(code, Some(0), "{told}{errors}");
    assert!(told.contains(": exactly "), "{told}");
    told
}

/// It was read, and is not what was released.
#[track_caller]
fn refused(target: impl AsRef<Path>, more: &[&str]) -> String {
    let (told, errors, code) = verify(target, more);
    assert_eq!(code, Some(1), "{told}{errors}");
    assert!(told.contains(": NOT "), "{told}{errors}");
    told
}

/// It cannot be said, or what should vouch for it does not.
#[track_caller]
fn failed(target: impl AsRef<Path>, more: &[&str]) -> String {
    let (told, errors, code) = verify(target, more);
    assert_eq!((code, told.as_str()), (Some(1), ""), "{errors}");
    errors
}

/// A key pair, whose public part lies in a file.
struct Signer {
    pair: KeyPair,
    key: PathBuf,
}

impl Signer {
    fn new(folder: &Path, name: &str) -> Signer {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let key = folder.join(format!("{name}.pub"));
        fs::write(&key, pair.pk.to_box().unwrap().to_string()).unwrap();
        Signer { pair, key }
    }

    fn sign(&self, path: &Path) {
        let (bytes, name) = (fs::read(path).unwrap(), path.file_name().unwrap().to_str().unwrap());
        let signature = minisign::sign(None, &self.pair.sk, Cursor::new(bytes), Some(name), None).unwrap();
        fs::write(path.with_file_name(format!("{name}.minisig")), signature.into_string()).unwrap();
    }

    fn option(&self) -> [&str; 2] {
        ["--key", self.key.to_str().unwrap()]
    }
}

/// A page as it is on a host's disk, with the manifest beside it.
struct Released {
    folder: PathBuf,
    page: PathBuf,
    manifest: PathBuf,
    signer: Signer,
}

impl Released {
    fn new(test: &str) -> Released {
        let folder = scratch(test);
        let page = folder.join("page");
        for (path, bytes) in PAGE {
            fs::create_dir_all(page.join(path).parent().unwrap()).unwrap();
            fs::write(page.join(path), bytes).unwrap();
        }
        let signer = Signer::new(&folder, "builder");
        let manifest = folder.join("release.json");
        fs::write(&manifest, MANIFEST).unwrap();
        signer.sign(&manifest);
        Released { page, manifest, signer, folder }
    }

    /// Lays the manifest and its signature beside the page.
    fn with_manifest_beside(self) -> Released {
        for name in ["release.json", "release.json.minisig"] {
            fs::copy(self.folder.join(name), self.page.join(name)).unwrap();
        }
        self
    }

    fn by_manifest(&self) -> [&str; 2] {
        ["--manifest", self.manifest.to_str().unwrap()]
    }

    fn serve(&self) -> Server {
        Server::start(listen(0).unwrap(), Folder::new(&self.page).unwrap()).unwrap()
    }
}

/// Each way to change a page, and the line that names it.
const CHANGES: [(&str, &[u8], &str); 5] = [
    ("app.js", b"abd", "differs  app.js: its SHA-256 is"),
    ("index.html", b"<!doctype html>\n<script src=evil.js></script>", "differs  index.html: it has "),
    ("pkg/lungglass_bg.wasm", b"\0asm\x01\0\0\x01", "differs  pkg/lungglass_bg.wasm: its SHA-256 is"),
    ("pkg/build.js", b"globalThis.lungglassBuild = {\n  \"id\": \"43\"\n};\n", "differs  pkg/build.js"),
    ("evil.js", b"fetch('https://evil.example')", "extra    evil.js"),
];

#[test]
fn a_page_on_a_disk_is_known_and_every_change_of_it_is_named() {
    let released = Released::new("page-on-disk").with_manifest_beside();
    let ways = [released.by_manifest(), released.signer.option()];
    for way in ways {
        let told = accepted(&released.page, &way);
        assert!(told.contains("LungGlass 1.2.3, build 42 (4 files)"), "{told}");
        for (path, bytes, expected) in CHANGES {
            let place = released.page.join(path);
            let before = fs::read(&place).ok();
            fs::write(&place, bytes).unwrap();
            let told = refused(&released.page, &way);
            assert!(told.lines().any(|line| line.starts_with(expected)), "{path}: {told}");
            assert_eq!(told.lines().count(), 2, "{told}");
            match before {
                Some(bytes) => fs::write(&place, bytes).unwrap(),
                None => fs::remove_file(&place).unwrap(),
            }
        }
        let place = released.page.join("app.js");
        fs::remove_file(&place).unwrap();
        assert!(refused(&released.page, &way).contains("\nmissing  app.js\n"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(released.page.join("index.html"), &place).unwrap();
            assert!(refused(&released.page, &way).contains("\ndiffers  app.js: it is no file but a link"));
            fs::remove_file(&place).unwrap();
        }
        fs::write(place, "abc").unwrap();
        accepted(&released.page, &way);
    }
}

#[test]
fn a_page_on_a_host_is_known_and_every_change_of_it_is_named() {
    let released = Released::new("page-on-host").with_manifest_beside();
    let server = released.serve();
    let ways = [released.by_manifest(), released.signer.option()];
    for way in ways {
        for address in [server.url(), format!("{}index.html", server.url())] {
            assert!(accepted(address, &way).contains("LungGlass 1.2.3, build 42 (4 files)"));
        }
        // A host does not tell what else it has: a file that no file of the page names is not seen, and does nothing.
        for (path, bytes, expected) in &CHANGES[..4] {
            let place = released.page.join(path);
            let before = fs::read(&place).unwrap();
            fs::write(&place, bytes).unwrap();
            let told = refused(server.url(), &way);
            let expected = expected.split(": ").next().unwrap();
            assert!(told.lines().any(|line| line.starts_with(expected)), "{path}: {told}");
            fs::write(&place, before).unwrap();
        }
        fs::rename(released.page.join("app.js"), released.folder.join("app.js")).unwrap();
        assert!(refused(server.url(), &way).contains("\nmissing  app.js\n"));
        fs::rename(released.folder.join("app.js"), released.page.join("app.js")).unwrap();
    }
}

#[test]
fn another_key_vouches_for_nothing() {
    let released = Released::new("other-key").with_manifest_beside();
    let other = Signer::new(&released.folder, "other");
    let server = released.serve();
    let told = "it was signed with another key";
    assert!(failed(&released.page, &other.option()).contains(told));
    assert!(failed(server.url(), &other.option()).contains(told));
    let both = [&other.option()[..], &released.by_manifest()].concat();
    assert!(failed(&released.page, &both).contains(told));
    // Who changes the page and the manifest of it cannot sign that.
    let changed = MANIFEST.replace(&sha256(b"abc"), &sha256(b"abd"));
    assert_ne!(changed, MANIFEST);
    fs::write(released.page.join("app.js"), "abd").unwrap();
    fs::write(released.page.join("release.json"), changed).unwrap();
    assert!(failed(&released.page, &released.signer.option()).contains("its signature does not fit it"));
    assert!(failed(server.url(), &released.signer.option()).contains("its signature does not fit it"));
    // The one who signs it with a key of his own is told apart by the key.
    other.sign(&released.page.join("release.json"));
    assert!(failed(&released.page, &released.signer.option()).contains(told));
    fs::remove_file(released.page.join("release.json.minisig")).unwrap();
    assert!(failed(&released.page, &released.signer.option()).contains("release.json.minisig"));
    for no_key in ["no such file", "RWQnotakey"] {
        assert!(failed(&released.page, &["--key", no_key]).contains("--key"));
    }
}

#[test]
fn a_kiosk_a_module_and_a_network_are_known_by_their_bytes() {
    let released = Released::new("files");
    let way = released.by_manifest();
    for (name, bytes, what) in [
        ("ward-7.html", &b"kiosk"[..], "the kiosk of"),
        ("lungglass_bg.wasm", b"\0asm\x01\0\0\0", "pkg/lungglass_bg.wasm of the page of"),
        ("copied.onnx", b"onnx", "the network"),
        ("model.toml", b"settings", "model/model.toml of"),
    ] {
        let path = released.folder.join(name);
        fs::write(&path, bytes).unwrap();
        let told = accepted(&path, &way);
        assert!(told.contains(what), "{told}");
        // One bit.
        let mut changed = bytes.to_vec();
        *changed.last_mut().unwrap() ^= 1;
        fs::write(&path, changed).unwrap();
        let told = refused(&path, &way);
        assert!(told.contains(name) && told.contains("SHA-256"), "{told}");
    }
    // A kiosk that was changed is told as one, whatever it is called.
    let kiosk = released.folder.join("renamed.html");
    fs::write(&kiosk, "<meta content=\"connect-src 'none'\">").unwrap();
    assert!(refused(&kiosk, &way).contains("NOT the kiosk of LungGlass 1.2.3"));
    // Its own signature vouches for it too.
    fs::write(&kiosk, "kiosk").unwrap();
    let key = released.signer.option();
    assert!(failed(&kiosk, &key).contains("renamed.html.minisig"));
    released.signer.sign(&kiosk);
    assert!(accepted(&kiosk, &key).contains("what was signed as \"renamed.html\""));
    fs::write(&kiosk, "kiosj").unwrap();
    assert!(refused(&kiosk, &key).contains("differs  renamed.html: its signature does not fit it"));
    let other = Signer::new(&released.folder, "other");
    fs::write(&kiosk, "kiosk").unwrap();
    assert!(refused(&kiosk, &other.option()).contains("it was signed with another key"));
}

#[test]
fn an_operating_point_is_known_by_its_seal_its_network_and_a_signature() {
    let released = Released::new("operating-point");
    let point = |network: &str| LocalPoint {
        schema: SCHEMA,
        site: "Ward 7".into(),
        made: "2026-11-30".into(),
        valid_until: "2027-05-29".into(),
        program: "1.2.3".into(),
        acceptance: sha256(b"acceptance"),
        network: Network { name: "net".into(), version: "0.1".into(), sha256: network.into(), temperature: None },
        triage: Triage { positive_from: 0.7, negative_to: 0.2, ppv: 0.9, npv: 0.9, confidence: 0.95, prevalence: None },
        drift: Drift { slices: 50, per_group: None, refused: 0.1, embedding: None, gray_levels: None },
    };
    let path = released.folder.join("operating-point.toml");
    let way = released.by_manifest();
    let text = point(&sha256(b"onnx")).to_text();
    fs::write(&path, &text).unwrap();
    assert!(accepted(&path, &way).contains("Ward 7, 2026-11-30 to 2027-05-29"));
    let changed = text.replace("positive_from = 0.7", "positive_from = 0.3");
    assert_ne!(changed, text);
    fs::write(&path, &changed).unwrap();
    assert!(refused(&path, &way).contains("its seal does not fit"));
    fs::write(&path, point(&sha256(b"another network")).to_text()).unwrap();
    assert!(refused(&path, &way).contains("which is not the network of this release"));
    // Who seals it anew is found by the signature.
    fs::write(&path, &text).unwrap();
    released.signer.sign(&path);
    let key = released.signer.option();
    assert!(accepted(&path, &key).contains("what was signed as \"operating-point.toml\""));
    let mut resealed = point(&sha256(b"onnx"));
    resealed.triage.positive_from = 0.3;
    fs::write(&path, resealed.to_text()).unwrap();
    accepted(&path, &way);
    assert!(refused(&path, &key).contains("its signature does not fit it"));
}

#[test]
fn all_that_a_release_hands_out_is_known_by_its_signed_hashes() {
    let released = Released::new("handed-out");
    let folder = released.folder.join("release");
    fs::create_dir_all(&folder).unwrap();
    let mut sums = String::new();
    for (name, text) in [("lungglass-kiosk.html", "kiosk"), ("lungglass-page.tar.gz", "page")] {
        fs::write(folder.join(name), text).unwrap();
        sums += &format!("{}  {name}\n", sha256(text.as_bytes()));
    }
    fs::write(folder.join("SHA256SUMS"), &sums).unwrap();
    assert!(failed(&folder, &[]).contains("name the builder's key with --key"));
    let key = released.signer.option();
    assert!(failed(&folder, &key).contains("SHA256SUMS.minisig"));
    released.signer.sign(&folder.join("SHA256SUMS"));
    released.signer.sign(&folder.join("lungglass-kiosk.html"));
    assert!(accepted(&folder, &key).contains("(2 files)"));

    let kiosk = folder.join("lungglass-kiosk.html");
    fs::write(&kiosk, "kiosj").unwrap();
    let told = refused(&folder, &key);
    assert!(
        told.contains("\ndiffers  lungglass-kiosk.html: its SHA-256 is")
            && told.contains("\ndiffers  lungglass-kiosk.html.minisig: "),
        "{told}"
    );
    fs::write(&kiosk, "kiosk").unwrap();
    fs::write(folder.join("setup.exe"), "").unwrap();
    fs::write(folder.join("none.minisig"), "").unwrap();
    let told = refused(&folder, &key);
    assert!(told.contains("\nextra    setup.exe\n") && told.contains("\nextra    none.minisig\n"), "{told}");
    fs::remove_file(folder.join("setup.exe")).unwrap();
    fs::remove_file(folder.join("none.minisig")).unwrap();
    fs::remove_file(folder.join("lungglass-page.tar.gz")).unwrap();
    assert!(refused(&folder, &key).contains("\nmissing  lungglass-page.tar.gz\n"));
    // Hashes that fit a changed file, without the key.
    fs::write(folder.join("lungglass-page.tar.gz"), "evil").unwrap();
    fs::write(folder.join("SHA256SUMS"), sums.replace(&sha256(b"page"), &sha256(b"evil"))).unwrap();
    assert!(refused(&folder, &key).contains("\ndiffers  SHA256SUMS: its signature does not fit it"));
}

#[test]
fn a_page_with_another_network_is_known_by_the_hashes_that_its_publisher_signed() {
    let released = Released::new("published");
    let key = released.signer.option();
    assert!(failed(&released.page, &key).contains("release.json"));
    let sums = released.page.join("SHA256SUMS");
    let lines = PAGE.iter().map(|(path, bytes)| format!("{}  {path}\n", sha256(bytes)));
    fs::write(&sums, lines.collect::<String>()).unwrap();
    released.signer.sign(&sums);
    assert!(accepted(&released.page, &key).contains("(4 files)"));
    fs::write(released.page.join("pkg/evil.js"), "").unwrap();
    fs::write(released.page.join("app.js"), "abd").unwrap();
    let told = refused(&released.page, &key);
    assert!(told.contains("\ndiffers  app.js: ") && told.contains("\nextra    pkg/evil.js\n"), "{told}");
    // It is no release, whoever signed it.
    assert!(refused(&released.page, &released.by_manifest()).contains("NOT the page of LungGlass 1.2.3"));
}

/// A host that answers each request with what is given for its path, and keeps what it was asked.
fn host(answers: impl Fn(&str) -> Vec<u8> + Send + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/lung/", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            kept.lock().unwrap().push(request);
            let _ = stream.write_all(&answers(&path));
        }
    });
    (address, asked)
}

/// The true page, with these headers more.
fn page_with(headers: &'static str) -> impl Fn(&str) -> Vec<u8> {
    move |path| {
        let path = path.trim_start_matches("/lung/");
        let path = if path.is_empty() { "index.html" } else { path };
        match PAGE.iter().find(|(own, _)| *own == path) {
            Some((_, bytes)) => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", bytes.len());
                [head.as_bytes(), bytes].concat()
            }
            None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        }
    }
}

#[test]
fn a_host_is_asked_for_the_files_of_the_page_and_nothing_else() {
    let released = Released::new("asked");
    let way = released.by_manifest();
    let (address, asked) = host(page_with(""));
    accepted(address, &way);
    let asked = asked.lock().unwrap();
    let mut paths: Vec<&str> = asked.iter().map(|request| request.lines().next().unwrap()).collect();
    paths.sort();
    let mut expected = vec!["GET /lung/ HTTP/1.1".to_owned()];
    expected.extend(PAGE.iter().map(|(path, _)| format!("GET /lung/{path} HTTP/1.1")));
    expected.sort();
    assert_eq!(paths, expected);
    // Nothing of this machine or its user.
    for request in asked.iter() {
        let names: Vec<&str> =
            request.lines().skip(1).filter_map(|line| line.split_once(':').map(|(name, _)| name)).collect();
        assert_eq!(names, ["Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"]);
    }
}

#[test]
fn what_a_host_adds_to_a_true_page_is_named() {
    let released = Released::new("added");
    let way = released.by_manifest();
    for headers in [
        "Refresh: 0; url=https://evil.example\r\n",
        "Link: <https://evil.example/a.css>; rel=stylesheet\r\n",
        "NEL: {\"report_to\":\"a\"}\r\n",
        "Set-Cookie: who=you\r\n",
        "Content-Security-Policy: default-src 'self'; report-uri https://evil.example\r\n",
    ] {
        let (address, _) = host(page_with(headers));
        let told = refused(address, &way);
        let name = headers.split(':').next().unwrap().to_lowercase();
        assert!(told.contains(&format!("\nextra    app.js: the host's header {name}: ")), "{headers}: {told}");
    }
    let (address, _) = host(page_with("Content-Security-Policy: default-src 'self'\r\nX-Frame-Options: DENY\r\n"));
    accepted(address, &way);
    let (address, _) = host(page_with("Content-Encoding: br\r\n"));
    assert!(refused(address, &way).contains("the host sends it as br"));

    let (elsewhere, reached) = host(page_with(""));
    let to = format!("HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n").into_bytes();
    let (address, _) = host(move |_| to.clone());
    let told = refused(address, &way);
    assert!(told.contains(&format!("differs  app.js: the host answers with status 302, to {elsewhere}")), "{told}");
    assert!(reached.lock().unwrap().is_empty(), "a redirect is told, and not followed");
}

#[test]
fn a_host_that_is_not_there_or_speaks_something_else_is_no_release() {
    let released = Released::new("no-host");
    let way = released.by_manifest();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(failed(format!("http://127.0.0.1:{port}/"), &way).contains("http://127.0.0.1"));
    let (address, _) = host(|_| b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec());
    assert!(failed(address, &way).contains("none of HTTP"));
    assert!(failed(format!("https://127.0.0.1:{port}/"), &way).contains("https://127.0.0.1"));
    assert!(failed("ftp://127.0.0.1/", &way).contains("only http and https"));
    assert!(failed(released.folder.join("nowhere"), &way).contains("nowhere"));
    assert!(failed(&released.folder, &way).contains("neither index.html"));
}

/// Over TLS, by the system's curl, from a server of OpenSSL with a certificate that is made here.
#[test]
fn a_kiosk_is_fetched_over_https_from_a_host_with_a_certificate_that_is_trusted() {
    let there = |program: &str| Command::new(program).arg("version").output().is_ok();
    if !there("curl") || !there("openssl") {
        println!(
            "SKIPPED a_kiosk_is_fetched_over_https_from_a_host_with_a_certificate_that_is_trusted: it needs curl and openssl"
        );
        return;
    }
    let released = Released::new("https");
    fs::write(released.folder.join("kiosk.html"), "kiosk").unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-keyout", "tls.key", "-out", "tls.crt"])
        .current_dir(&released.folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new("openssl")
        .args(["s_server", "-accept", &port.to_string(), "-cert", "tls.crt", "-key", "tls.key", "-WWW", "-quiet"])
        .current_dir(&released.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ask = |trusted: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lungglass"));
        command.args(["verify", &format!("https://127.0.0.1:{port}/kiosk.html")]).args(released.by_manifest());
        if trusted {
            command.env("CURL_CA_BUNDLE", released.folder.join("tls.crt"));
        }
        let output = command.output().unwrap();
        (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
            output.status.code(),
        )
    };
    let mut answer = ask(true);
    for _ in 0..100 {
        if answer.2 == Some(0) {
            break;
        }
        thread::sleep(Duration::from_millis(50));
        answer = ask(true);
    }
    let untrusted = ask(false);
    fs::write(released.folder.join("kiosk.html"), "kiosj").unwrap();
    let changed = ask(true);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(answer.0.contains("exactly the kiosk of LungGlass 1.2.3"), "{answer:?}");
    assert_eq!((untrusted.0.as_str(), untrusted.2), ("", Some(1)), "{untrusted:?}");
    assert!(changed.0.contains("NOT ") && changed.2 == Some(1), "{changed:?}");
}

/// The page that this very command was built with, from www/.
#[test]
fn what_the_command_holds_inside_is_known_without_a_manifest() {
    let folder = scratch("inside");
    let list = fs::read_to_string(repository::path("www/pkg/build.js")).unwrap_or_default();
    let listed = list.lines().filter_map(|line| {
        line.trim().strip_prefix('"')?.split_once("\": {\"size\": ").map(|(path, _)| path.to_owned())
    });
    let mut paths: Vec<String> = listed.collect();
    paths.extend(["pkg/build.js".to_owned(), "service-worker.js".to_owned()]);
    for path in &paths {
        let Ok(bytes) = fs::read(repository::path("www").join(path)) else { continue };
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        fs::write(folder.join(path), bytes).unwrap();
    }
    let (told, errors, code) = verify(&folder, &[]);
    if errors.contains("built without the page") || told.is_empty() {
        println!(
            "SKIPPED what_the_command_holds_inside_is_known_without_a_manifest: the page was not built before the command"
        );
        return;
    }
    if code != Some(0) && told.contains("pkg/build.js") {
        println!(
            "SKIPPED what_the_command_holds_inside_is_known_without_a_manifest: www/ was built anew since the command"
        );
        return;
    }
    assert_eq!(code, Some(0), "{told}");
    let module = folder.join("pkg/lungglass_bg.wasm");
    accepted(&module, &[]);
    accepted(repository::path("model/model.toml"), &[]);
    accepted(repository::path("model/lungglass.onnx"), &[]);
    let mut bytes = fs::read(&module).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&module, bytes).unwrap();
    assert!(refused(&module, &[]).contains("differs  lungglass_bg.wasm: its SHA-256 is"));
    assert!(refused(&folder, &[]).contains("\ndiffers  pkg/lungglass_bg.wasm: its SHA-256 is"));
}
