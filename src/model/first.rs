//! Schema 1, which knew one kind of network: a slice in, a logit, a map, opacity, lung and an embedding out. By rule it is schema 2.

use toml::{Table, Value};

/// The side of the smallest picture that such a network was asked to judge, in pixels.
const MIN_SIDE: i64 = 48;

/// The same settings in schema 2. What is missing or of another type stays so, and is told by whoever reads the result.
pub(super) fn converted(mut file: Table) -> Table {
    let mut input = Table::new();
    let mut output = Table::new();
    let mut class = Table::new();
    if let Some(size) = file.remove("size") {
        input.insert("size".to_string(), Value::Array(vec![size.clone(), size]));
    }
    move_key(&mut file, "preprocess", &mut input);
    move_key(&mut file, "window", &mut input);
    if let Some(Value::Table(mut normalise)) = file.remove("normalise") {
        for key in ["mean", "std"] {
            if let Some(level) = normalise.remove(key) {
                let level = level.as_float().or(level.as_integer().map(|level| level as f64));
                let share = level.map_or(Value::Boolean(false), |level| Value::Float(level / 255.0));
                input.insert(key.to_string(), Value::Array(vec![share]));
            }
        }
    }
    for (key, value) in [("resize", "squash"), ("margins", "remove")] {
        input.insert(key.to_string(), value.into());
    }
    input.insert("modality".to_string(), Value::Array(vec!["CT".into()]));
    for (key, name) in [
        ("scores", "logit"),
        ("map", "map"),
        ("opacity", "opacity"),
        ("lung", "lung"),
        ("embedding", "embedding"),
        ("activation", "sigmoid"),
    ] {
        output.insert(key.to_string(), name.into());
    }
    if let Some(Value::Table(calibration)) = file.remove("calibration") {
        output.extend(calibration);
    }
    class.insert("id".to_string(), "positive".into());
    class.insert("alert".to_string(), true.into());
    if let Some(Value::Table(point)) = file.remove("operating_point") {
        class.extend(point);
    }
    if let Some(Value::Table(gate)) = file.get_mut("gate") {
        gate.insert("axial".to_string(), true.into());
        gate.insert("least_side".to_string(), MIN_SIDE.into());
    }
    file.insert("schema".to_string(), 2.into());
    file.insert("input".to_string(), input.into());
    file.insert("output".to_string(), output.into());
    file.insert("class".to_string(), Value::Array(vec![class.into()]));
    file
}

fn move_key(from: &mut Table, key: &str, to: &mut Table) {
    if let Some(value) = from.remove(key) {
        to.insert(key.to_string(), value);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Model;

    const FIRST: &str = "name = \"older\"\nversion = \"1\"\nsize = 336\npreprocess = 2\n\n\
        [normalise]\nmean = 127.0\nstd = 128\n\n[window]\ncenter = -600.0\nwidth = 1500.0\n\n\
        [calibration]\ntemperature = 1.25\n\n[operating_point]\nthreshold = 0.4\nuncertain = [0.3, 0.5]\nchosen = \"so\"\n\n\
        [gate]\nleast_lung = 0.03\nmost_black = 0.95\n";

    const SECOND: &str = "schema = 2\nname = \"older\"\nversion = \"1\"\n\n\
        [input]\nsize = [336, 336]\npreprocess = 2\nmean = [0.498039216]\nstd = [0.501960784]\nresize = \"squash\"\n\
        margins = \"remove\"\nmodality = [\"CT\"]\nwindow = { center = -600.0, width = 1500.0 }\n\n\
        [output]\nscores = \"logit\"\nmap = \"map\"\nopacity = \"opacity\"\nlung = \"lung\"\nembedding = \"embedding\"\n\
        activation = \"sigmoid\"\ntemperature = 1.25\n\n\
        [[class]]\nid = \"positive\"\nalert = true\nthreshold = 0.4\nuncertain = [0.3, 0.5]\nchosen = \"so\"\n\n\
        [gate]\naxial = true\nleast_side = 48\nleast_lung = 0.03\nmost_black = 0.95\n";

    #[test]
    fn a_file_of_schema_1_says_what_its_twin_of_schema_2_says() {
        let [first, named, second] = [FIRST.to_string(), format!("schema = 1\n{FIRST}"), SECOND.to_string()]
            .map(|text| format!("{:?}", Model::parse(&text).unwrap()));
        assert_eq!(first, second);
        assert_eq!(named, second);
        let cut = FIRST.replace("size = 336\n", "").replace("std = 128\n", "");
        let faults = Model::read(&cut).unwrap_err().join("; ");
        assert!(faults.contains("size is missing") && faults.contains("std is missing"), "{faults}");
    }
}
