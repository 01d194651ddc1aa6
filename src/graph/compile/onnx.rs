//! An ONNX file as its author wrote it: its input, outputs, weights beside it and operators, before anybody compiles it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Length;
use tract_onnx::pb::type_proto::Value as Kind;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use tract_onnx::prelude::Framework;

use crate::error::{Error, Result};
use crate::hash::sha256;

/// A parsed ONNX file with all of its weights.
pub struct Onnx {
    /// Of the file and of the files that hold its weights, in the order of their names, in lower-case hexadecimal.
    pub sha256: String,
    pub(super) proto: ModelProto,
}

/// An input or an output as the file declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// What it is called.
    pub name: String,
    /// Its numbers: "float32", "float16" and so on.
    pub numbers: String,
    /// The lengths of its axes, `None` where one is not fixed; nothing where the file does not say it.
    pub shape: Option<Vec<Option<usize>>>,
}

impl Declared {
    /// The channels, 1 or 3, of an input [N, height, width, channels]; `None` for any other.
    pub fn channels_last(&self) -> Option<usize> {
        match self.shape.as_deref() {
            Some([_, rows, _, Some(last @ (1 | 3))]) if !matches!(rows, Some(1 | 3)) => Some(*last),
            _ => None,
        }
    }
}

impl Onnx {
    /// Parses a file; `beside` gives the bytes of a file in its folder, such as model.onnx.data, which large networks keep their weights in.
    ///
    /// # Errors
    /// [`Error::Model`] for what is no ONNX file, and for weights that are not there.
    pub fn parse(bytes: &[u8], beside: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Onnx> {
        for (start, what) in [
            (&b"version https://git-lfs"[..], "a pointer of Git LFS: fetch the file itself"),
            (b"PK", "a ZIP archive, as PyTorch's checkpoints are: export it by torch.onnx.export"),
        ] {
            if bytes.starts_with(start) {
                return Err(Error::Model(format!("it is no ONNX file, but {what}")));
            }
        }
        let damaged =
            |error: &dyn std::fmt::Display| Error::Model(format!("it is no ONNX file, or a damaged one: {error}"));
        let mut proto =
            tract_onnx::onnx().proto_model_for_read(&mut &bytes[..]).map_err(|error| damaged(&error.root_cause()))?;
        let Some(graph) = &mut proto.graph else { return Err(damaged(&"it holds no graph")) };
        if graph.node.is_empty() {
            return Err(damaged(&"its graph has no node"));
        }
        let mut places = BTreeSet::new();
        each_tensor(graph, &mut |tensor| places.extend(place(tensor)));
        let mut all = bytes.to_vec();
        let mut files = BTreeMap::new();
        for place in places {
            let held = beside(&place).ok_or_else(|| {
                Error::Model(format!("its weights are in {place}, which is not here; put it beside the ONNX file"))
            })?;
            all.extend(&held);
            files.insert(place, held);
        }
        let mut wrong = None;
        each_tensor(graph, &mut |tensor| {
            if let Some(place) = place(tensor)
                && let Err(fault) = inline(tensor, &files[&place])
            {
                wrong = Some(format!("the weights {} are not in {place}: {fault}", tensor.name));
            }
        });
        match wrong {
            Some(wrong) => Err(Error::Model(wrong)),
            None => Ok(Onnx { sha256: sha256(&all), proto }),
        }
    }

    fn graph(&self) -> &GraphProto {
        self.proto.graph.as_ref().expect("a parsed file has a graph")
    }

    /// What it takes; weights are no inputs.
    pub fn inputs(&self) -> Vec<Declared> {
        let graph = self.graph();
        let is_weight = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        graph.input.iter().filter(|input| !is_weight(&input.name)).map(declared).collect()
    }

    /// What it gives.
    pub fn outputs(&self) -> Vec<Declared> {
        self.graph().output.iter().map(declared).collect()
    }

    /// The operator that gives an output its values, by ONNX's name: those that only cut, join, clip or reshape them are passed over.
    pub fn last_operator(&self, output: &str) -> Option<String> {
        const PASSED: [&str; 12] = [
            "Cast",
            "Clip",
            "Concat",
            "Flatten",
            "Gather",
            "Identity",
            "Reshape",
            "Slice",
            "Split",
            "Squeeze",
            "Transpose",
            "Unsqueeze",
        ];
        let nodes = &self.graph().node;
        let gives = |name: &str| nodes.iter().find(|node| node.output.iter().any(|given| given == name));
        let mut last = gives(output)?;
        // A file could lead in a circle.
        for _ in nodes {
            // Of 1 - p and p behind each other the second tells.
            let taken = if last.op_type == "Concat" { last.input.last() } else { last.input.first() };
            let before = taken.filter(|_| PASSED.contains(&&last.op_type[..])).and_then(|name| gives(name));
            let Some(before) = before else { break };
            last = before;
        }
        Some(last.op_type.clone())
    }

    /// The operators that it runs as training does, by ONNX's names, and how many of each: batch norms by the means of the batch, dropouts that
    /// drop.
    pub fn in_training(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for node in self.graph().node.iter().filter(|node| self.is_in_training(node)) {
            *count.entry(node.op_type.clone()).or_default() += 1;
        }
        count
    }

    fn is_in_training(&self, node: &NodeProto) -> bool {
        match &node.op_type[..] {
            "BatchNormalization" => is_by_batch(node) && !self.is_of_weights(node),
            "Dropout" => node.input.get(2).is_some_and(|name| self.holds_other_than_zero(name)),
            _ => false,
        }
    }

    /// Whether a batch norm is one of weights alone, `[1, ..]`, as networks write it that standardise their filters: what it gives is the
    /// same for every picture.
    fn is_of_weights(&self, node: &NodeProto) -> bool {
        let Some(name) = node.input.first() else { return false };
        if let Some(weights) = self.constant(name) {
            return weights.dims.first() == Some(&1);
        }
        let reshape = self.graph().node.iter().find(|node| node.op_type == "Reshape" && node.output.contains(name));
        let Some([weights, shape]) = reshape.map(|node| &node.input[..]) else { return false };
        self.constant(weights).is_some() && self.constant(shape).and_then(first_whole) == Some(1)
    }

    /// The file with each batch norm of weights as the instance norm that it is, which tract knows.
    pub(super) fn with_weights_normed(&self) -> Cow<'_, ModelProto> {
        let normed: Vec<usize> = (self.graph().node.iter().enumerate())
            .filter(|(_, node)| node.op_type == "BatchNormalization" && is_by_batch(node) && self.is_of_weights(node))
            .map(|(at, _)| at)
            .collect();
        if normed.is_empty() {
            return Cow::Borrowed(&self.proto);
        }
        let mut proto = self.proto.clone();
        let nodes = proto.graph.iter_mut().flat_map(|graph| &mut graph.node).enumerate();
        for (_, node) in nodes.filter(|(at, _)| normed.contains(at)) {
            node.op_type = "InstanceNormalization".to_string();
            node.input.truncate(3);
            node.output.truncate(1);
            node.attribute.retain(|attribute| attribute.name == "epsilon");
        }
        Cow::Owned(proto)
    }

    /// A constant of the file.
    fn constant(&self, name: &str) -> Option<&TensorProto> {
        let graph = self.graph();
        let weight = graph.initializer.iter().find(|tensor| tensor.name == name);
        let constant =
            graph.node.iter().find(|node| node.op_type == "Constant" && node.output.iter().any(|given| given == name));
        weight.or_else(|| constant?.attribute.iter().find_map(|attribute| attribute.t.as_ref()))
    }

    /// Whether a value is a constant of the file, and not 0 or false.
    fn holds_other_than_zero(&self, name: &str) -> bool {
        self.constant(name).is_some_and(|tensor| {
            tensor.raw_data.iter().any(|byte| *byte != 0) || tensor.int32_data.iter().any(|value| *value != 0)
        })
    }

    /// How often it uses each operator, by ONNX's names.
    pub fn operators(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for node in &self.graph().node {
            *count.entry(node.op_type.clone()).or_default() += 1;
        }
        count
    }

    /// The version of ONNX's own operators that it is written in; 0 where it does not say it.
    pub fn opset(&self) -> i64 {
        let own = |domain: &str| domain.is_empty() || domain == "ai.onnx";
        self.proto.opset_import.iter().find(|import| own(&import.domain)).map_or(0, |import| import.version)
    }

    /// The numbers of its weights that are not float32, by how many weights have them: "float16" and so on. Whole numbers are shapes and
    /// places, and are left out.
    pub fn other_numbers(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for tensor in &self.graph().initializer {
            let kind = numbers(tensor.data_type);
            if matches!(&kind[..], "float16" | "bfloat16" | "float64") {
                *count.entry(kind).or_default() += 1;
            }
        }
        count
    }
}

/// Whether a batch norm takes mean and variance of what it is given.
fn is_by_batch(node: &NodeProto) -> bool {
    node.attribute.iter().any(|attribute| attribute.name == "training_mode" && attribute.i != 0)
}

/// The first of a tensor's whole numbers of 64 bits.
fn first_whole(tensor: &TensorProto) -> Option<i64> {
    let stored = tensor.raw_data.first_chunk().map(|bytes| i64::from_le_bytes(*bytes));
    stored.or_else(|| tensor.int64_data.first().copied())
}

fn each_tensor(graph: &mut GraphProto, with: &mut dyn FnMut(&mut TensorProto)) {
    graph.initializer.iter_mut().for_each(&mut *with);
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        attribute.t.iter_mut().chain(&mut attribute.tensors).for_each(&mut *with);
        attribute.g.iter_mut().for_each(|inner| each_tensor(inner, with));
    }
}

fn of(tensor: &TensorProto, key: &str) -> Option<String> {
    tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.clone())
}

/// The file that holds a tensor's values, if it is another one.
fn place(tensor: &TensorProto) -> Option<String> {
    let is_outside = tensor.data_location == Some(DataLocation::External as i32);
    is_outside.then(|| of(tensor, "location").unwrap_or_default())
}

/// Puts a tensor's values in it.
fn inline(tensor: &mut TensorProto, file: &[u8]) -> std::result::Result<(), String> {
    let number =
        |key: &str| of(tensor, key).map(|text| text.parse::<usize>().map_err(|_| format!("its {key} is '{text}'")));
    let offset = number("offset").transpose()?.unwrap_or(0);
    let length = number("length").transpose()?.unwrap_or(file.len().saturating_sub(offset));
    let end = offset.saturating_add(length);
    let values = file.get(offset..end).ok_or_else(|| format!("it ends at byte {} of {end}", file.len()))?;
    tensor.raw_data = values.to_vec();
    tensor.external_data.clear();
    tensor.data_location = None;
    Ok(())
}

fn declared(info: &ValueInfoProto) -> Declared {
    let kind = info.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let Some(Kind::TensorType(tensor)) = kind else {
        return Declared { name: info.name.clone(), numbers: "no tensor".to_string(), shape: None };
    };
    let length = |length: &Option<Length>| match length {
        Some(Length::DimValue(length)) => usize::try_from(*length).ok().filter(|length| *length > 0),
        _ => None,
    };
    let shape = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(|axis| length(&axis.value)).collect());
    Declared { name: info.name.clone(), numbers: numbers(tensor.elem_type), shape }
}

/// What a person calls a kind of numbers.
fn numbers(kind: i32) -> String {
    match DataType::try_from(kind) {
        Ok(DataType::Float) => "float32".to_string(),
        Ok(DataType::Double) => "float64".to_string(),
        Ok(other) => format!("{other:?}").to_lowercase(),
        Err(_) => format!("numbers of kind {kind}"),
    }
}
