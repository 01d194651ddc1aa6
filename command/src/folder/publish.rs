//! `lungglass publish`: a page with another network, as a folder for any static host or as one file, from what the command holds inside.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lungglass::model::{Model, Words};
use lungglass::package::Package;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::pack;
use crate::args::Publish;
use crate::failure::{Failure, Outcome, failed};
use crate::inputs;
use crate::output;
use crate::page::{KIOSK, PAGE};
use crate::report::escaped;
use crate::tell;

/// What the network is called below the published folder, and inside the kiosk.
const NETWORK: &str = "network.lungglass";
/// What the installed page is.
const MANIFEST: &str = "manifest.webmanifest";
/// The list of what is published.
const LIST: &str = "pkg/build.js";
/// How that list begins, behind its comment.
const ASSIGNMENT: &str = "globalThis.lungglassBuild = ";
/// What is handed out, by its hash, as `sha256sum --check` reads it.
const SUMS: &str = "SHA256SUMS";

/// Writes the folder or the file, and prints what it is.
pub fn run(arguments: &Publish) -> Result<Outcome, Failure> {
    let named = arguments.model.display();
    let network = if arguments.model.is_dir() {
        pack::packed(&arguments.model)?
    } else {
        fs::read(&arguments.model).map_err(failed(&named))?
    };
    let (model, _) = Package::parse(&network).and_then(|package| package.open()).map_err(failed(&named))?;
    if arguments.kiosk { write_kiosk(arguments, &network, &model) } else { write_site(arguments, &network, &model) }
}

fn write_site(arguments: &Publish, network: &[u8], model: &Model) -> Result<Outcome, Failure> {
    let out = &arguments.out;
    if PAGE.is_empty() {
        let text = "this command was built without the page: run cargo xtask build, then build the command again";
        return Err(Failure(text.to_string()));
    }
    if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure(format!("{}: it is there and not empty: choose a new folder", out.display())));
    }
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (path, bytes) in PAGE {
        let bytes = match *path {
            "index.html" => dressed(text(path, bytes)?, model)?.into_bytes(),
            MANIFEST => described(bytes, model)?,
            _ => bytes.to_vec(),
        };
        files.push((path.to_string(), bytes));
    }
    files.push((NETWORK.to_string(), network.to_vec()));
    let list = files.iter().position(|(path, _)| path == LIST).ok_or_else(|| damaged(LIST))?;
    files[list].1 = relisted(&files, list, arguments)?.into_bytes();
    let mut sums = String::new();
    files.sort();
    for (path, bytes) in &files {
        let place = out.join(path);
        fs::create_dir_all(place.parent().unwrap_or(out)).map_err(failed(place.display()))?;
        output::write(&place, |file| file.write_all(bytes).map_err(failed(place.display())))?;
        sums += &format!("{}  {path}\n", hexadecimal(bytes));
    }
    let place = out.join(SUMS);
    output::write(&place, |file| file.write_all(sums.as_bytes()).map_err(failed(place.display())))?;
    tell::print(&format!("{}: {} files for any static host, with {SUMS}\n", out.display(), files.len()))?;
    Ok(Outcome::AllRead)
}

fn write_kiosk(arguments: &Publish, network: &[u8], model: &Model) -> Result<Outcome, Failure> {
    let out = &arguments.out;
    if out.exists() {
        return Err(Failure(format!("{}: it is there already: choose another name", out.display())));
    }
    let page = match (&arguments.page, KIOSK) {
        (Some(path), _) => {
            inputs::is_no_folder(path, "html").map_err(failed(path.display()))?;
            fs::read_to_string(path).map_err(failed(path.display()))?
        }
        (None, Some(page)) => text("the kiosk", page)?.to_string(),
        (None, None) => {
            let text =
                "this command was built without the kiosk: name one with --page (lungglass-kiosk.html of a release)";
            return Err(Failure(text.to_string()));
        }
    };
    let end = page.rfind("  <script>").filter(|_| page.contains("id=\"kiosk-files\"")).ok_or_else(|| {
        Failure("--page: this is no kiosk of LungGlass; take lungglass-kiosk.html of a release".to_string())
    })?;
    if page.contains("id=\"kiosk-network\"") {
        return Err(Failure("--page: this kiosk has another network already".to_string()));
    }
    let element = format!("  <script type=\"text/plain\" id=\"kiosk-network\">{}</script>\n", STANDARD.encode(network));
    let whole = dressed(&format!("{}{element}{}", &page[..end], &page[end..]), model)?;
    output::write(out, |file| file.write_all(whole.as_bytes()).map_err(failed(out.display())))?;
    tell::print(&format!("{}  {}\n", hexadecimal(whole.as_bytes()), out.display()))?;
    Ok(Outcome::AllRead)
}

/// What an installed page says of itself.
fn described(manifest: &[u8], model: &Model) -> Result<Vec<u8>, Failure> {
    let mut manifest: Value = serde_json::from_slice(manifest).map_err(|_| damaged(MANIFEST))?;
    manifest["description"] = english(model).purpose.into();
    Ok(format!("{manifest:#}\n").into_bytes())
}

/// The words in English, else in any language.
fn english(model: &Model) -> Words {
    model.words.get("en").or(model.words.values().next()).cloned().unwrap_or_default()
}

/// The page's text with the words of the network in place of ours, from the first moment on.
fn dressed(html: &str, model: &Model) -> Result<String, Failure> {
    let words = english(model);
    let title = if words.title.is_empty() { &model.name } else { &words.title };
    let mut html = html.to_string();
    let described = format!("<meta name=\"description\" content=\"{}\">", escaped(&words.purpose));
    replace(&mut html, "<meta name=\"description\" content=\"", "\">", &described)?;
    replace(
        &mut html,
        "<title data-words=\"page.title\">",
        "</title>",
        &format!("<title>LungGlass: {}</title>", escaped(title)),
    )?;
    replace(
        &mut html,
        "<h1 id=\"title\" data-words=\"intro.title\">",
        "</h1>",
        &format!("<h1 id=\"title\">{}</h1>", escaped(title)),
    )?;
    let purpose = format!("<p id=\"intro-text\">{}</p>", escaped(&words.purpose));
    replace(&mut html, "<p id=\"intro-text\" data-words=\"intro.text\">", "</p>", &purpose)?;
    replace(&mut html, "<body", ">", "<body class=\"foreign-network\">")?;
    Ok(html)
}

/// Puts `with` in the place of what begins with `from` and goes on to `to`.
fn replace(html: &mut String, from: &str, to: &str, with: &str) -> Result<(), Failure> {
    let start = html.find(from).ok_or_else(|| damaged("index.html"))?;
    let end = html[start + from.len()..].find(to).ok_or_else(|| damaged("index.html"))?;
    html.replace_range(start..start + from.len() + end + to.len(), with);
    Ok(())
}

/// The list of what is published, with the network and the page's text as they are now, and an id of its own.
fn relisted(files: &[(String, Vec<u8>)], at: usize, arguments: &Publish) -> Result<String, Failure> {
    let old = text(LIST, &files[at].1)?;
    let start = old.find(ASSIGNMENT).ok_or_else(|| damaged(LIST))? + ASSIGNMENT.len();
    let mut list: Value =
        serde_json::from_str(old[start..].trim_end().trim_end_matches(';')).map_err(|_| damaged(LIST))?;
    for (path, bytes) in files {
        if path == NETWORK || list["files"].get(path).is_some() {
            list["files"][path] = json!({ "size": bytes.len(), "sha256": STANDARD.encode(Sha256::digest(bytes)) });
        }
    }
    list["network"] = NETWORK.into();
    if arguments.fixed {
        list["choosesNetwork"] = false.into();
    }
    if arguments.no_dicom {
        list["savesObjects"] = false.into();
    }
    list["id"] = hexadecimal(list.to_string().as_bytes()).into();
    Ok(format!("// Written by `lungglass publish`: what this site published.\n{ASSIGNMENT}{list:#};\n"))
}

fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes).map_err(|_| damaged(name))
}

fn damaged(what: &str) -> Failure {
    Failure(format!("{what} inside this command is not what is expected; build it again"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    lungglass::hash::sha256(bytes)
}
