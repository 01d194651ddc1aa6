//! A table of a model.toml as a person wrote it: each key is taken once, and all that is wrong is told, not only the first.

use std::cell::RefCell;

use toml::{Table, Value};

/// What is wrong with a model.toml, each a sentence for its author without a full stop.
#[derive(Debug, Default)]
pub(super) struct Faults(RefCell<Vec<String>>);

impl Faults {
    pub fn add(&self, fault: String) {
        self.0.borrow_mut().push(fault);
    }

    pub fn into_list(self) -> Vec<String> {
        self.0.into_inner()
    }
}

/// A table of which keys are taken. [`Section::end`] tells those that nobody asked for.
pub(super) struct Section<'a> {
    /// As a person finds it: "[input]", "[[class]] 2", or nothing for the top of the file.
    name: String,
    /// Its keys from the top of the file on: "input", "gate.statistics".
    path: String,
    table: Table,
    known: Vec<&'static str>,
    faults: &'a Faults,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub fn whole(table: Table, faults: &'a Faults) -> Section<'a> {
        Section { name: String::new(), path: String::new(), table, known: Vec::new(), faults }
    }

    /// Tells that something is wrong here.
    pub fn fault(&self, text: &str) {
        let name = &self.name;
        self.faults.add(if name.is_empty() { text.to_string() } else { format!("{name}: {text}") });
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    /// The value of a key as `convert` understands it; a fault where it does not.
    fn read<T>(&mut self, key: &'static str, wanted: &str, convert: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.take(key)?;
        let found = convert(&value);
        if found.is_none() {
            self.fault(&format!("{key} must be {wanted}, and is {}", shown(&value)));
        }
        found
    }

    /// As [`Section::read`], and a fault where the key is missing.
    fn need<T>(&mut self, key: &'static str, wanted: &str, convert: impl Fn(&Value) -> Option<T>) -> Option<T> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            self.fault(&format!("{key} is missing: {wanted}"));
            return None;
        }
        self.read(key, wanted, convert)
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.read(key, "a text", text)
    }

    pub fn needed_text(&mut self, key: &'static str) -> Option<String> {
        self.need(key, "a text", |value| text(value).filter(|text| !text.trim().is_empty()))
    }

    pub fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, "a list of texts", |value| value.as_array()?.iter().map(text).collect())
    }

    /// One of these words.
    pub fn word(&mut self, key: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let wanted = format!("one of {}", words.join(", "));
        self.read(key, &wanted, |value| words.iter().find(|word| value.as_str() == Some(word)).copied())
    }

    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", Value::as_bool)
    }

    pub fn whole_number(&mut self, key: &'static str) -> Option<usize> {
        self.read(key, "a whole number, not negative", whole_number)
    }

    /// Two whole numbers.
    pub fn pair(&mut self, key: &'static str, wanted: &str) -> Option<[usize; 2]> {
        self.need(key, wanted, |value| {
            let list: Vec<usize> = value.as_array()?.iter().map(whole_number).collect::<Option<_>>()?;
            list.try_into().ok()
        })
    }

    pub fn number(&mut self, key: &'static str) -> Option<f64> {
        self.read(key, "a number", number)
    }

    pub fn needed_number(&mut self, key: &'static str) -> Option<f64> {
        self.need(key, "a number", number)
    }

    /// A number within 0..=1.
    pub fn share(&mut self, key: &'static str) -> Option<f64> {
        self.read(key, "a number from 0 to 1", |value| number(value).filter(|number| (0.0..=1.0).contains(number)))
    }

    pub fn numbers(&mut self, key: &'static str) -> Option<Vec<f64>> {
        self.read(key, "a list of numbers", numbers)
    }

    pub fn needed_numbers(&mut self, key: &'static str) -> Option<Vec<f64>> {
        self.need(key, "a list of numbers", numbers)
    }

    /// A list of rows.
    pub fn needed_rows(&mut self, key: &'static str) -> Option<Vec<Vec<f64>>> {
        self.need(key, "a list of rows of numbers", |value| value.as_array()?.iter().map(numbers).collect())
    }

    /// A table that is kept as it is.
    pub fn table(&mut self, key: &'static str) -> Option<Table> {
        self.read(key, "a table", |value| value.as_table().cloned())
    }

    /// A table by any keys, such as languages.
    pub fn texts_by_key(&mut self, key: &'static str) -> Vec<(String, String)> {
        let table = self.read(key, "a table of texts, such as { en = \"...\" }", |value| {
            value.as_table()?.iter().map(|(key, value)| Some((key.clone(), text(value)?))).collect()
        });
        table.unwrap_or_default()
    }

    fn within(&self, key: &str, table: Table) -> Section<'a> {
        let path = if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) };
        Section { name: format!("[{path}]"), path, table, known: Vec::new(), faults: self.faults }
    }

    /// The table of a key.
    pub fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let table = self.table(key)?;
        Some(self.within(key, table))
    }

    /// The tables of a table by any keys, such as languages.
    pub fn sections_by_key(&mut self, key: &'static str) -> Vec<(String, Section<'a>)> {
        let Some(outer) = self.section(key) else { return Vec::new() };
        let each = |(key, value): (String, Value)| match value {
            Value::Table(table) => Some((key.clone(), outer.within(&key, table))),
            other => {
                outer.fault(&format!("{key} must be a table, and is {}", shown(&other)));
                None
            }
        };
        outer.table.clone().into_iter().filter_map(each).collect()
    }

    /// The tables of a list: `[[key]]`.
    pub fn list(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let wanted = format!("a list of tables, each under [[{key}]]");
        let tables = self.read(key, &wanted, |value| {
            value.as_array()?.iter().map(|value| value.as_table().cloned()).collect::<Option<Vec<Table>>>()
        });
        let name = |at: usize| format!("[[{key}]] {}", at + 1);
        let section = |(at, table)| Section {
            name: name(at),
            path: key.to_string(),
            table,
            known: Vec::new(),
            faults: self.faults,
        };
        tables.unwrap_or_default().into_iter().enumerate().map(section).collect()
    }

    /// Tells the keys that were not asked for, each with the known one that it may be meant for.
    pub fn end(self) {
        for key in self.table.keys() {
            let place = if self.name.is_empty() { String::new() } else { format!(" in {}", self.name) };
            let near = self.known.iter().map(|known| (strsim::damerau_levenshtein(key, known), known)).min();
            let meant = match near {
                Some((steps, known)) if steps <= 2 || known.contains(&key[..]) || key.contains(known) => {
                    format!("; did you mean '{known}'?")
                }
                _ => format!("; known are {}", self.known.join(", ")),
            };
            self.faults.add(format!("unknown key '{key}'{place}{meant}"));
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_string)
}

fn number(value: &Value) -> Option<f64> {
    let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))?;
    number.is_finite().then_some(number)
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(number).collect()
}

fn whole_number(value: &Value) -> Option<usize> {
    usize::try_from(value.as_integer()?).ok()
}

/// A value in a few characters.
fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".to_string(),
        Value::Array(list) if list.len() > 4 => format!("a list of {} values", list.len()),
        Value::Array(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(date) => date.to_string(),
    }
}
