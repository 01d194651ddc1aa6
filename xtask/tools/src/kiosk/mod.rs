//! The kiosk: the whole published page as one HTML file that opens from a disk, needs no server and no network, and may use none. It
//! knows how index.html names its parts, and nothing of what they do.

mod bundle;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bundle::Module;
use flate2::{Compression, GzBuilder};
use serde_json::json;
use sha2::{Digest, Sha256};

use xtask::places::root;
use xtask::published::{self, File};
use xtask::variant::Variant;

const BOOT: &str = include_str!("boot.js");
const SHEET: &str = "<link rel=\"stylesheet\" href=\"";
const FILE: &str = "dist/lungglass-kiosk.html";
/// Texts that go with every copy, each in an element of its own at the end of the file.
const NOTICES: [&str; 3] = ["LICENSE-MIT", "LICENSE-APACHE", "www/samples/README.md"];

/// Writes the file, with a site's operating point if one is given, and gives its path.
pub fn write(point: Option<&[u8]>) -> Result<PathBuf> {
    let folder = root().join("www");
    let mut files = published::files(&folder)?;
    // The page asks for the list too: as a module, like the rest.
    let list = fs::read(folder.join(published::LIST)).context("the page was not built")?;
    files.push(File { path: published::LIST.to_owned(), bytes: list });
    let notices = NOTICES.iter().map(|path| {
        let text = fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"))?;
        Ok((*path, text))
    });
    let html = page(&files, &notices.collect::<Result<Vec<_>>>()?, point)?;
    let path = root().join(FILE);
    fs::create_dir_all(path.parent().context("the file has a folder")?)?;
    fs::write(&path, &html).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{FILE}: {} bytes", html.len());
    Ok(path)
}

fn page(files: &[File], notices: &[(&str, String)], point: Option<&[u8]>) -> Result<String> {
    let text = |path: &str| {
        let file = files.iter().find(|file| file.path == path)?;
        std::str::from_utf8(&file.bytes).ok()
    };
    let part = |path: &str| text(path).with_context(|| format!("{path} is missing"));
    let page = bundle::bundle("app.js", &text)?;
    let mut workers = Vec::new();
    for path in &page.workers {
        let worker = bundle::bundle(path, &text)?;
        ensure!(worker.workers.is_empty(), "{path} starts a worker of its own, and the kiosk does not know how");
        workers.push(worker.modules);
    }
    // What is no part of the page's own text, style and code: the module, the sample, the licences. Of the modules the one that runs
    // everywhere, because each holds the network.
    let is_data = |path: &str| [".wasm", ".dcm", ".txt"].iter().any(|end| path.ends_with(end));
    let is_left_out = |path: &str| path.ends_with(Variant::Relaxed.file());
    let data: Vec<_> = files.iter().filter(|file| is_data(&file.path) && !is_left_out(&file.path)).collect();
    let packed = pack(&page.modules, &workers, &data)?;

    let mut html = part("index.html")?.to_owned();
    let icon = format!("data:image/svg+xml;base64,{}", STANDARD.encode(part("icon.svg")?));
    let hosted = policy(&html)?.to_owned();
    let mut styles = Vec::new();
    while let Some((_, rest)) = html.split_once(SHEET) {
        let (path, rest) = rest.split_once('"').context("the address of a style sheet does not end")?;
        let attributes = rest.split('>').next().unwrap_or_default().to_owned();
        let style = part(path)?;
        ensure!(!style.contains("url(") && !style.contains("@import"), "{path} loads something");
        let link = format!("{SHEET}{path}\"{attributes}>");
        replace(&mut html, &link, &format!("<style{attributes}>{style}</style>"))?;
        styles.push(style);
    }
    replace(&mut html, &hosted, &own_policy(&hosted, &styles)?)?;
    replace(&mut html, "<link rel=\"icon\" href=\"icon.svg\"", &format!("<link rel=\"icon\" href=\"{icon}\""))?;
    replace(&mut html, "<img src=\"icon.svg\"", &format!("<img src=\"{icon}\""))?;
    replace(&mut html, "  <script type=\"module\" src=\"app.js\"></script>\n", "")?;
    // A file on a disk cannot be installed.
    for link in ["manifest", "apple-touch-icon"] {
        remove_line(&mut html, &format!("<link rel=\"{link}\""))?;
    }
    let mut tail = String::new();
    for (path, notice) in notices {
        ensure!(!notice.contains("</script"), "{path} would end the element that holds it");
        tail += &format!("  <script type=\"text/plain\" data-notice=\"{path}\">\n{notice}</script>\n");
    }
    if let Some(point) = point {
        tail += &format!("  <script type=\"text/plain\" id=\"kiosk-point\">{}</script>\n", STANDARD.encode(point));
    }
    // By this the command knows whether it is of the page that it holds inside.
    let id =
        text(published::LIST).and_then(|list| list.split_once("\"id\": \"")?.1.split('"').next()).unwrap_or_default();
    tail += &format!(
        "  <script type=\"text/plain\" id=\"kiosk-files\" data-build=\"{id}\">{packed}</script>\n  <script>{BOOT}</script>\n</body>"
    );
    replace(&mut html, "</body>", &tail)?;
    if let Some(left) = leftover(&html) {
        anyhow::bail!("the page loads {left}, and the kiosk does not know how to put it inside");
    }
    Ok(html)
}

/// Modules and files, compressed, as base64; boot.js unpacks it. The same input gives the same text.
fn pack(page: &[Module], workers: &[Vec<Module>], files: &[&File]) -> Result<String> {
    let sizes: Vec<_> = files.iter().map(|file| json!({ "path": file.path, "size": file.bytes.len() })).collect();
    let index = serde_json::to_vec(&json!({ "page": page, "workers": workers, "files": sizes }))?;
    let mut packer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    packer.write_all(&u32::try_from(index.len())?.to_le_bytes())?;
    packer.write_all(&index)?;
    for file in files {
        packer.write_all(&file.bytes)?;
    }
    Ok(STANDARD.encode(packer.finish()?))
}

/// The Content-Security-Policy that the page's own text holds.
fn policy(html: &str) -> Result<&str> {
    let (_, rest) = html
        .split_once("<meta http-equiv=\"Content-Security-Policy\" content=\"")
        .context("index.html has no Content-Security-Policy")?;
    Ok(rest.split_once('"').context("the Content-Security-Policy does not end")?.0)
}

/// The hosted policy without any place to load from or send to: what the page needs is named by its hash, or was made by the page itself.
fn own_policy(hosted: &str, styles: &[&str]) -> Result<String> {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let mut directives = Vec::new();
    for directive in hosted.split(';').map(str::trim) {
        let (name, value) = directive.split_once(' ').unwrap_or((directive, ""));
        directives.push(match name {
            "script-src" => format!("script-src {} blob: 'wasm-unsafe-eval'", hash(BOOT)),
            "style-src" => {
                let hashes: Vec<_> = styles.iter().map(|style| hash(style)).collect();
                format!("style-src {}", hashes.join(" "))
            }
            "worker-src" => "worker-src blob:".to_owned(),
            "connect-src" => "connect-src 'none'".to_owned(),
            "img-src" => format!("img-src {}", value.replace("'self'", "data:")),
            "manifest-src" => continue,
            _ => directive.to_owned(),
        });
    }
    let policy = directives.join("; ");
    ensure!(!policy.contains("'self'"), "the kiosk has no place that is its own: {policy}");
    ensure!(policy.contains("connect-src 'none'"), "index.html lacks a connect-src");
    Ok(policy)
}

fn replace(html: &mut String, from: &str, to: &str) -> Result<()> {
    ensure!(html.matches(from).count() == 1, "index.html must hold this once: {from}");
    *html = html.replacen(from, to, 1);
    Ok(())
}

/// Removes the one line that begins with `start`.
fn remove_line(html: &mut String, start: &str) -> Result<()> {
    let line = html.lines().find(|line| line.trim_start().starts_with(start));
    let line = format!("{}\n", line.with_context(|| format!("index.html has no line {start}"))?);
    replace(html, &line, "")
}

/// The first address in `src` or `href` that is neither inside the file nor a link for people.
fn leftover(html: &str) -> Option<&str> {
    let markup = html.split("<script type=\"text/plain\"").next().unwrap_or(html);
    ["src=\"", "href=\""]
        .iter()
        .flat_map(|name| markup.split(name).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .find(|address| !["data:", "#", "https://"].iter().any(|own| address.starts_with(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTED: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; \
        img-src 'self' blob:; style-src 'self'; manifest-src 'self'; base-uri 'none'; trusted-types lungglass";

    #[test]
    fn the_policy_lets_nothing_out() {
        let policy = own_policy(HOSTED, &["abc"]).unwrap();
        for wanted in [
            "default-src 'none'; ",
            "connect-src 'none'; ",
            "worker-src blob:; ",
            "img-src data: blob:; ",
            "style-src 'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='; ",
            "base-uri 'none'; trusted-types lungglass",
        ] {
            assert!(policy.contains(wanted), "{wanted}: {policy}");
        }
        assert!(!policy.contains("'self'") && !policy.contains("manifest-src"));
        assert!(own_policy("default-src 'none'", &[]).is_err());
        assert!(own_policy("connect-src 'self'; font-src 'self'", &[]).is_err());
    }

    #[test]
    fn the_page_of_this_repository_can_be_put_in_one_file() {
        let mut files = published::files(&root().join("www")).unwrap();
        // Whether or not the module was built: what matters here is the page.
        files.retain(|file| !file.path.starts_with("pkg/"));
        for path in [published::LIST, "pkg/lungglass.js"] {
            files.push(File { path: path.to_owned(), bytes: b"export {};\n".to_vec() });
        }
        let html = page(&files, &[("LICENSE", "the licence\n".to_owned())], None).unwrap();
        assert!(html.contains("connect-src 'none'"));
        assert!(html.contains("data-notice=\"LICENSE\">\nthe licence\n</script>"));
        assert_eq!(html, page(&files, &[("LICENSE", "the licence\n".to_owned())], None).unwrap());

        let pointed = page(&files, &[], Some(b"a point")).unwrap();
        assert!(pointed.contains("id=\"kiosk-point\">YSBwb2ludA==</script>"));

        // A part that the kiosk does not know must not be left outside unseen.
        let index = files.iter_mut().find(|file| file.path == "index.html").unwrap();
        index.bytes = String::from_utf8(index.bytes.clone())
            .unwrap()
            .replace("</header>", "<img src=\"new.png\"></header>")
            .into();
        assert!(page(&files, &[], None).unwrap_err().to_string().contains("new.png"));
    }
}
