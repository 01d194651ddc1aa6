//! The boundary to Python, and nothing else: what people call is in lungglass/__init__.py.
#![cfg(not(target_arch = "wasm32"))]

use std::ffi::OsString;
use std::path::PathBuf;

use lungglass_command::session::{self, Stopped};
use pyo3::prelude::*;

/// A network that is ready to read.
#[pyclass(frozen)]
struct Session(session::Session);

#[pymethods]
impl Session {
    #[new]
    #[pyo3(signature = (model=None, operating_point=None))]
    fn new(py: Python<'_>, model: Option<PathBuf>, operating_point: Option<PathBuf>) -> PyResult<Session> {
        let opened = py.detach(|| session::Session::open(model.as_deref(), operating_point.as_deref()));
        opened.map(Session).map_err(|stopped| thrown(py, stopped))
    }

    /// The slices of files, folders and archives: the lines of `lungglass classify --json`. Other threads of Python go on.
    fn read(&self, py: Python<'_>, paths: Vec<PathBuf>) -> PyResult<Vec<String>> {
        py.detach(|| self.0.read(&paths)).map_err(|stopped| thrown(py, stopped))
    }

    /// Name, version and SHA-256 of the network, and a site's operating point, as JSON.
    fn model(&self, py: Python<'_>) -> PyResult<String> {
        self.0.model().map_err(|stopped| thrown(py, stopped))
    }
}

/// `lungglass validate` with these words behind it. False where rows could not be read; the report is written all the same.
#[pyfunction]
fn validate(py: Python<'_>, words: Vec<OsString>) -> PyResult<bool> {
    py.detach(|| session::validate(words)).map_err(|stopped| thrown(py, stopped))
}

/// The exception with its code; one of Python's own if that cannot be made.
fn thrown(py: Python<'_>, Stopped { code, message }: Stopped) -> PyErr {
    let made = py.import("lungglass._error").and_then(|module| module.getattr("Error")?.call1((code, message)));
    made.map_or_else(|error| error, PyErr::from_value)
}

#[pymodule]
fn _lungglass(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Session>()?;
    module.add_function(wrap_pyfunction!(validate, module)?)
}
