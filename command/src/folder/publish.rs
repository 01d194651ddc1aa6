//! `lungglass publish`: a page with another network, as a folder for any static host or as one file, from what the command holds inside.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lungglass::classifier::SETTINGS;
use lungglass::model::{Model, Words};
use lungglass::package::Package;
use serde_json::Value;

use super::pack;
use crate::args::Publish;
use crate::failure::{Failure, Outcome, failed};
use crate::listed::{self, LIST, NETWORK, POINT, damaged};
use crate::page::{KIOSK, PAGE};
use crate::report::escaped;
use crate::{inputs, network, output, tell};

/// What the installed page is.
const MANIFEST: &str = "manifest.webmanifest";
/// What is handed out, by its hash, as `sha256sum --check` reads it.
const SUMS: &str = "SHA256SUMS";

/// What is put into the page.
struct Put {
    /// Another network, packed, with its settings.
    network: Option<(Vec<u8>, Model)>,
    /// A site's operating point.
    point: Option<Vec<u8>>,
}

/// Writes the folder or the file, and prints what it is.
pub fn run(arguments: &Publish) -> Result<Outcome, Failure> {
    let network = match &arguments.model {
        None => None,
        Some(path) => {
            let bytes =
                if path.is_dir() { pack::packed(path)? } else { fs::read(path).map_err(failed(path.display()))? };
            let (model, _) =
                Package::parse(&bytes).and_then(|package| package.open()).map_err(failed(path.display()))?;
            Some((bytes, model))
        }
    };
    let own = || Model::parse(SETTINGS).map_err(failed("the built-in model"));
    let point = match &arguments.operating_point {
        None => None,
        Some(path) => {
            let model = network.as_ref().map_or_else(own, |(_, model)| Ok(model.clone()))?;
            Some(network::with_point(model, path)?.1)
        }
    };
    let put = Put { network, point };
    if arguments.kiosk { write_kiosk(arguments, &put) } else { write_site(arguments, put) }
}

fn write_site(arguments: &Publish, put: Put) -> Result<Outcome, Failure> {
    let out = &arguments.out;
    if PAGE.is_empty() {
        let text = "this command was built without the page: run cargo xtask build, then build the command again";
        return Err(Failure(text.to_string()));
    }
    if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure(format!("{}: it is there and not empty: choose a new folder", out.display())));
    }
    let settings = listed::Settings {
        network: put.network.is_some(),
        point: put.point.is_some(),
        fixed: arguments.fixed,
        no_dicom: arguments.no_dicom,
    };
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (path, bytes) in PAGE {
        let bytes = match (*path, &put.network) {
            ("index.html", Some((_, model))) => dressed(text(path, bytes)?, model)?.into_bytes(),
            (MANIFEST, Some((_, model))) => described(bytes, model)?,
            _ => bytes.to_vec(),
        };
        files.push((path.to_string(), bytes));
    }
    files.extend(put.network.map(|(network, _)| (NETWORK.to_string(), network)));
    files.extend(put.point.map(|point| (POINT.to_string(), point)));
    let list = files.iter().position(|(path, _)| path == LIST).ok_or_else(|| damaged(LIST))?;
    let all = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    files[list].1 = listed::relisted(&files[list].1, all, settings)?.into_bytes();
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

fn write_kiosk(arguments: &Publish, put: &Put) -> Result<Outcome, Failure> {
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
    let mut elements = String::new();
    for (id, what, bytes) in [
        ("kiosk-network", "another network", put.network.as_ref().map(|(network, _)| network)),
        ("kiosk-point", "an operating point", put.point.as_ref()),
    ] {
        // That of another network would be refused when the page starts.
        if (bytes.is_some() || put.network.is_some()) && page.contains(&format!("id=\"{id}\"")) {
            return Err(Failure(format!("--page: this kiosk has {what} already")));
        }
        if let Some(bytes) = bytes {
            elements += &format!("  <script type=\"text/plain\" id=\"{id}\">{}</script>\n", STANDARD.encode(bytes));
        }
    }
    let whole = format!("{}{elements}{}", &page[..end], &page[end..]);
    let whole = match &put.network {
        Some((_, model)) => dressed(&whole, model)?,
        None => whole,
    };
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

fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes).map_err(|_| damaged(name))
}

fn hexadecimal(bytes: &[u8]) -> String {
    lungglass::hash::sha256(bytes)
}
