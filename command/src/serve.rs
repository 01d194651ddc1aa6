//! `lungglass serve`: the page from inside the command, on the loopback, for machines without a web server or a network.

use std::io::{self, Write};
use std::path::Path;

use lungglass::classifier::SETTINGS;
use lungglass::model::Model;
use lungglass_server::{Body, Files, Server, listen};

use crate::args;
use crate::failure::{Failure, Outcome, failed};
use crate::listed::{self, LIST, POINT, damaged};
use crate::network;
use crate::page::PAGE;

/// Serves until the process is ended.
///
/// # Errors
/// The command was built without the page, or the port cannot be had.
pub fn run(arguments: &args::Serve) -> Result<Outcome, Failure> {
    if PAGE.is_empty() {
        return Err(Failure("built without the page: run cargo xtask build, then build the command again".to_owned()));
    }
    let message = |error: std::io::Error| Failure(error.to_string());
    let page = Embedded::with_point(arguments.operating_point.as_deref())?;
    let server = Server::start(listen(arguments.port).map_err(message)?, page).map_err(message)?;
    // Nobody need be there to read it.
    let _ = writeln!(io::stdout(), "{}", server.url());
    Err(message(server.wait()))
}

/// The page, and what stands beside it or in place of a file of it.
#[derive(Default)]
struct Embedded {
    more: Vec<(&'static str, Vec<u8>)>,
}

impl Embedded {
    /// With a site's operating point, and the list that names it.
    fn with_point(path: Option<&Path>) -> Result<Embedded, Failure> {
        let Some(path) = path else { return Ok(Embedded::default()) };
        let model = Model::parse(SETTINGS).map_err(failed("the built-in model"))?;
        let (_, point) = network::with_point(model, path)?;
        let (_, list) = PAGE.iter().find(|(own, _)| *own == LIST).ok_or_else(|| damaged(LIST))?;
        let settings = listed::Settings { point: true, ..listed::Settings::default() };
        let list = listed::relisted(list, [(POINT, &point[..])].into_iter(), settings)?;
        Ok(Embedded { more: vec![(LIST, list.into_bytes()), (POINT, point)] })
    }
}

impl Files for Embedded {
    fn open(&self, path: &str) -> Option<Body> {
        if let Some((_, bytes)) = self.more.iter().find(|(own, _)| *own == path) {
            return Some(Body { length: bytes.len() as u64, content: Box::new(io::Cursor::new(bytes.clone())) });
        }
        let (_, bytes) = PAGE.iter().find(|(own, _)| *own == path)?;
        Some(Body { length: bytes.len() as u64, content: Box::new(*bytes) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_page_is_whole_or_absent() {
        if PAGE.is_empty() {
            println!("SKIPPED the_page_is_whole_or_absent: the page was not built before the command");
            return;
        }
        let mut list = String::new();
        Embedded::default().open("pkg/build.js").unwrap().content.read_to_string(&mut list).unwrap();
        let mut listed = 0;
        for line in list.lines() {
            let Some((path, rest)) = line.trim().strip_prefix('"').and_then(|rest| rest.split_once("\": {\"size\": "))
            else {
                continue;
            };
            let mut bytes = Vec::new();
            Embedded::default().open(path).unwrap().content.read_to_end(&mut bytes).unwrap();
            let hash = Sha256::digest(&bytes);
            let (_, wanted) = rest.split_once("\"sha256\": \"").unwrap();
            assert_eq!(STANDARD.encode(hash), wanted.split('"').next().unwrap(), "{path}");
            listed += 1;
        }
        assert_eq!(listed + 2, PAGE.len());
        for path in ["index.html", "app.js", "service-worker.js", "pkg/lungglass_bg.wasm", "samples/lidc-slice.dcm"] {
            assert!(Embedded::default().open(path).is_some(), "{path}");
        }
        for path in ["", "pkg", "pkg/", "Cargo.toml", "../Cargo.toml", "pkg/lungglass.d.ts"] {
            assert!(Embedded::default().open(path).is_none(), "{path}");
        }
    }
}
