"""Writes the model folders of this directory: small networks of every kind that model.toml can describe, and folders with one fault each.

    python make.py

Needs numpy, onnx, onnxruntime and Pillow. What a sample must give is computed here, by Pillow and ONNX Runtime; `expected.txt` of a faulty
folder holds what `lungglass check` must say, a line a fault.
"""

import json
import shutil
from pathlib import Path

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

HERE = Path(__file__).parent
SLICE = HERE.parent / "cases" / "lidc-lung-window" / "input.png"
PHOTO = HERE.parent / "cases" / "photo-cat" / "input.png"
SEED = 20


def network(size, classes, last=None, has_map=False, batch="N", kind=TensorProto.FLOAT) -> onnx.ModelProto:
    """A convolution, the mean of its cells, and a value for each class: input [batch, channels, height, width], output `logits`."""
    channels, height, width = size
    random = numpy.random.default_rng(SEED)
    numbers = numpy.float16 if kind == TensorProto.FLOAT16 else numpy.float32
    weights = {
        "filters": random.normal(0, 0.6, (8, channels, 3, 3)),
        "filters.bias": random.normal(0, 0.3, 8),
        "heads": random.normal(0, 2.0, (classes, 8, 1, 1)),
        "heads.bias": random.normal(0, 0.3, classes),
    }
    final = "logits" if last is None else "values"
    nodes = [
        helper.make_node("Conv", ["x", "filters", "filters.bias"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "heads", "heads.bias"], ["map"]),
        helper.make_node("GlobalAveragePool", ["map"], ["c"]),
        helper.make_node("Flatten", ["c"], [final]),
    ]
    if last is not None:
        nodes.append(helper.make_node(last, [final], ["logits"]))
    outputs = [helper.make_tensor_value_info("logits", kind, [batch, classes])]
    if has_map:
        outputs.append(helper.make_tensor_value_info("map", kind, [batch, classes, None, None]))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", kind, [batch, channels, height, width])],
        outputs,
        [numpy_helper.from_array(value.astype(numbers), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def settings(size=(3, 64, 48), classes=("normal", "bacterial", "viral"), **changes) -> str:
    """A model.toml for `network`."""
    channels, height, width = size
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) if channels == 3 else ([0.449], [0.226])
    values = {"resize": "squash", "margins": "keep", "activation": "softmax", "temperature": 1.5, "more_input": "", "more_output": ""}
    values |= changes
    text = f"""schema = 2
name = "small"

[input]
size = [{height}, {width}]
channels = {channels}
mean = {mean}
std = {std}
resize = "{values["resize"]}"
margins = "{values["margins"]}"
{values["more_input"]}
[output]
scores = "logits"
activation = "{values["activation"]}"
"""
    if values["temperature"] is not None:
        text += f"temperature = {values['temperature']}\n"
    text += values["more_output"]
    for at, name in enumerate(classes):
        alert = "true" if at > 0 or len(classes) == 1 else "false"
        text += f'\n[[class]]\nid = "{name}"\nalert = {alert}\nwords = {{ en = "{name}", de = "{name}" }}\n'
    return text + '\n[words.en]\ntitle = "A small network"\npurpose = "It tells nothing."\nlimits = ["It is a test."]\n'


def small(path: Path) -> Image.Image:
    """A picture of at most 150 pixels a side."""
    picture = Image.open(path)
    picture.thumbnail((150, 150))
    return picture


def scaled(picture: Image.Image, size, resize: str, shortest: int) -> numpy.ndarray:
    """Channels of a picture at a network's size, 0..255, as torchvision and Pillow make them."""
    channels, height, width = size
    picture = picture.convert("RGB" if channels == 3 else "L")
    if resize == "center-crop":
        across, down = picture.size
        least = min(across, down)
        picture = picture.resize((shortest * across // least, shortest * down // least), Image.Resampling.BILINEAR)
        left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
        picture = picture.crop((left, top, left + width, top + height))
    elif resize == "fit":
        share = min(width / picture.width, height / picture.height)
        inner = picture.resize((round(picture.width * share), round(picture.height * share)), Image.Resampling.BILINEAR)
        picture = Image.new(inner.mode, (width, height))
        picture.paste(inner, (round((width - inner.width) / 2), round((height - inner.height) / 2)))
    else:
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    values = numpy.asarray(picture, numpy.float32).reshape(height, width, channels)
    return values.transpose(2, 0, 1)


def answers(model: onnx.ModelProto, path: Path, size, classes, activation: str, temperature, resize="squash", shortest=0) -> dict:
    """What a folder must give for a picture."""
    channels = size[0]
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) if channels == 3 else ([0.449], [0.226])
    values = scaled(small(path), size, resize, shortest) / 255
    values = (values - numpy.array(mean)[:, None, None]) / numpy.array(std)[:, None, None]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    logits = session.run(["logits"], {"x": values[None].astype(numpy.float32)})[0][0] / (temperature or 1)
    if activation == "softmax":
        scores = numpy.exp(logits - logits.max())
        scores /= scores.sum()
    else:
        scores = 1 / (1 + numpy.exp(-logits)) if activation == "sigmoid" else logits
    if len(classes) == 1:
        return {"score": round(float(scores[0]), 6), "tolerance": 0.005}
    return {"classes": {name: round(float(score), 6) for name, score in zip(classes, scores)}, "tolerance": 0.005}


def folder(name: str, model: onnx.ModelProto | None, text: str | None, samples: dict | None = None) -> Path:
    """Writes a model folder anew; samples are answers by their pictures."""
    place = HERE / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if model is not None:
        (place / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    if text is not None:
        (place / "model.toml").write_text(text)
    (place / "card.md").write_text("# A small network\n\nIts weights are random: it tells nothing, and is a test.\n")
    for path, answer in (samples or {}).items():
        (place / "samples").mkdir(exist_ok=True)
        small(path).save(place / "samples" / f"{path.parent.name}.png")
        (place / "samples" / f"{path.parent.name}.json").write_text(json.dumps(answer, indent=2) + "\n")
    return place


def whole() -> None:
    """Folders without fault."""
    many, one = ("normal", "bacterial", "viral"), ("finding",)
    for name, size, classes, activation, temperature, resize, more in (
        ("softmax", (3, 64, 48), many, "softmax", 1.5, "squash", ""),
        ("sigmoid", (3, 64, 64), many, "sigmoid", 0.7, "fit", ""),
        ("crop", (3, 56, 48), many, "softmax", 1.0, "center-crop", "shortest = 64\n"),
        ("one", (1, 64, 64), one, "sigmoid", 2.0, "squash", 'modality = ["CT"]\nwindow = { center = -600, width = 1500 }\n'),
        ("scores", (1, 48, 48), many, "none", None, "squash", ""),
    ):
        model = network(size, len(classes), "Softmax" if activation == "none" else None, has_map=name in ("one", "softmax"))
        output = 'map = "map"\n' if name in ("one", "softmax") else ""
        text = settings(
            size, classes, activation=activation, temperature=temperature, resize=resize, more_input=more, more_output=output
        )
        pictures = {
            path: answers(model, path, size, classes, activation, temperature, resize, 64) for path in (SLICE, PHOTO)
        }
        folder(f"whole/{name}", model, text, pictures)
    # Weights beside the file.
    model = network((3, 64, 48), 3)
    answer = answers(model, PHOTO, (3, 64, 48), many, "softmax", 1.5)
    place = folder("whole/outside", None, settings(), {PHOTO: answer})
    onnx.save(model, place / "model.onnx", save_as_external_data=True, location="model.onnx.data", size_threshold=0)


def faulty() -> None:
    """Folders with one fault each."""
    small, usual = network((3, 64, 48), 3), settings()

    def fault(name: str, model: onnx.ModelProto | None, text: str | None, expected: str, samples: dict | None = None) -> Path:
        place = folder(f"faults/{name}", model, text, samples)
        (place / "expected.txt").write_text(expected + "\n")
        return place

    fault("size", small, settings((3, 336, 336)), "model.onnx takes 64 x 48, [input] says 336 x 336")
    fault("channels", small, settings((1, 64, 48)), "model.onnx takes 3 channels, [input] says 1")
    key = usual.replace("[[class]]\nid = \"viral\"", "[[class]]\ntreshold = 0.4\nid = \"viral\"")
    fault("key", small, key, "model.toml: unknown key 'treshold' in [[class]] 3; did you mean 'threshold'?")
    fault("classes", network((3, 64, 48), 5), usual, "output 'logits' gives 5 values, model.toml names 3 classes")
    name = usual.replace('scores = "logits"', 'scores = "probabilities"')
    fault("output", small, name, "[output] scores names 'probabilities', and model.onnx gives 'logits'")
    half = network((3, 64, 48), 3, kind=TensorProto.FLOAT16)
    fault("half", half, usual, "it computes in float16 (4 of its weights); export float32")
    fault("batch", network((3, 64, 48), 3, batch=4), usual, "model.onnx takes 4 pictures at once; export it for one, or with a dynamic batch")
    fault("softmax", network((3, 64, 48), 1), settings(classes=("finding",)), 'model.toml: a softmax over one class is always 1: take activation = "sigmoid", or name all classes')
    fault("none", None, usual, "there is no model.onnx")
    fault("settings", small, None, "there is no model.toml; `lungglass init")
    window = settings(more_input='modality = ["CT"]\n')
    fault("window", small, window, "model.toml: [input]: window is missing: CT files hold Hounsfield units")
    fault("levels", small, usual.replace("mean = [0.485, 0.456, 0.406]", "mean = [124, 116, 104]"), "model.toml: [input]: mean is of values 0..1: divide by 255 what is of levels 0..255")
    fault(
        "sample", small, usual.replace("std = [0.229, 0.224, 0.225]", "std = [1, 1, 1]"), "sample photo-cat.png gives",
        {PHOTO: answers(small, PHOTO, (3, 64, 48), ("normal", "bacterial", "viral"), "softmax", 1.5)},
    )
    fault("gate", small, usual + '\n[gate]\nleast_lung = 0.1\n', "model.toml: [gate]: least_lung asks for the lung, and [output] names no lung")
    fault("schema", small, usual.replace("schema = 2", "schema = 3"), "model.toml: its schema is unknown here; this program reads a model.toml of schema 1 or 2")
    fault("unnamed", small, usual.replace("schema = 2\n", ""), "model.toml: schema is missing: write schema = 2 at its top")
    twice = "output 'logits' has been through a softmax already, and [output] would apply another: say activation = \"none\""
    fault("twice", network((3, 64, 48), 3, "Softmax"), usual, twice)
    held = network((3, 64, 48), 3, "Sigmoid")
    held.graph.node[-1].output[0] = "shares"
    held.graph.initializer.append(numpy_helper.from_array(numpy.array(1e-6, numpy.float32), "least"))
    held.graph.node.append(helper.make_node("Clip", ["shares", "least"], ["logits"]))
    onnx.checker.check_model(held)
    fault("held", held, usual, twice.replace("softmax", "sigmoid"))
    pair = network((3, 64, 48), 1, "Sigmoid")
    pair.graph.node[-1].output[0] = "share"
    pair.graph.initializer.append(numpy_helper.from_array(numpy.array([1], numpy.float32), "one"))
    pair.graph.node.extend([
        helper.make_node("Sub", ["one", "share"], ["rest"]), helper.make_node("Concat", ["rest", "share"], ["logits"], axis=1)
    ])
    pair.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2
    onnx.checker.check_model(pair)
    fault("pair", pair, settings(classes=("normal", "pneumonia")), twice.replace("softmax", "sigmoid"))
    bare = settings(activation="none", temperature=None)
    fault("bare", small, bare, "it gives no answer for a made picture: the network's value ")
    empty = 'sample photo-cat.png: its answer: nothing of it can be held; write what training gives'
    fault("empty", small, usual, empty, {PHOTO: {}})
    misspelt = "sample photo-cat.png: its answer: unknown key 'clases'; write what training gives"
    fault("misspelt", small, usual, misspelt, {PHOTO: {"clases": {"viral": 0.9}}})
    strange = "sample photo-cat.png: its answer: there is no class 'virus', but normal, bacterial, viral"
    fault("strange", small, usual, strange, {PHOTO: {"classes": {"virus": 0.9}}})
    place = fault("pointer", None, usual, "model.onnx: it is no ONNX file, but a pointer of Git LFS: fetch the file itself")
    (place / "model.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    other = onnx.ModelProto()
    other.CopyFrom(small)
    other.graph.node[1].op_type, other.graph.node[1].domain = "Magic", "org.example"
    other.opset_import.append(helper.make_opsetid("org.example", 1))
    fault("operator", other, usual, "it cannot be run: node b (Magic): no operator of this name is known")
    fused = onnx.ModelProto()
    fused.CopyFrom(small)
    fused.graph.node[0].op_type, fused.graph.node[0].domain = "FusedConv", "com.microsoft"
    fused.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    fault("fused", fused, usual, "it cannot be run: node a (FusedConv): ONNX Runtime alone knows it, and writes it as it optimises or quantises; give the file as it was exported")
    two = onnx.ModelProto()
    two.CopyFrom(small)
    two.graph.input.append(helper.make_tensor_value_info("age", TensorProto.FLOAT, ["N", 1]))
    fault("inputs", two, usual, "model.onnx takes 2 inputs (x, age); export a network that takes one picture")
    bytes_of = onnx.ModelProto()
    bytes_of.CopyFrom(small)
    bytes_of.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    fault("bytes", bytes_of, usual, "input 'x' takes uint8; export a network that takes float32")
    place = fault("outside", None, usual, "model.onnx: its weights are in model.onnx.data, which is not here; put it beside the ONNX file")
    onnx.save(network((3, 64, 48), 3), place / "model.onnx", save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    (place / "model.onnx.data").unlink()
    place = fault("broken", None, usual, "model.onnx: it is no ONNX file, or a damaged one: ")
    (place / "model.onnx").write_bytes(b"no network")
    trained = onnx.ModelProto()
    trained.CopyFrom(small)
    norm = [numpy_helper.from_array(numpy.full(8, value, numpy.float32), f"norm.{name}") for name, value in (("one", 1), ("none", 0))]
    drops = [numpy_helper.from_array(numpy.array(0.2, numpy.float32), "share"), numpy_helper.from_array(numpy.array(True), "drops")]
    trained.graph.initializer.extend(norm + drops)
    trained.graph.node[1].input[0] = "dropped"
    trained.graph.node.insert(1, helper.make_node(
        "BatchNormalization", ["a", "norm.one", "norm.none", "norm.none", "norm.one"], ["normal", "mean", "variance"], training_mode=1
    ))
    trained.graph.node.insert(2, helper.make_node("Dropout", ["normal", "share", "drops"], ["dropped"]))
    onnx.checker.check_model(trained)
    fault("training", trained, usual, "it was exported as it is trained (BatchNormalization 1, Dropout 1): ")
    last = onnx.ModelProto()
    last.CopyFrom(small)
    last.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64, 48, 3]))
    last.graph.node.insert(0, helper.make_node("Transpose", ["x"], ["first"], perm=[0, 3, 1, 2]))
    last.graph.node[1].input[0] = "first"
    onnx.checker.check_model(last)
    fault("last", last, usual, "input 'x' takes [N, 64, 48, 3], its channels last; export it with channels first, [N, 3, 64, 48] (tf2onnx: --inputs-as-nchw x)")
    both = settings((3, 336, 336)).replace("alert", "allert", 1)
    place = fault("several", network((3, 64, 48), 5), both, "")
    (place / "expected.txt").write_text("model.toml: unknown key 'allert' in [[class]] 1; did you mean 'alert'?\n")
    place = fault("differing", network((3, 64, 48), 5), settings((3, 336, 336)), "")
    (place / "expected.txt").write_text(
        "model.onnx takes 64 x 48, [input] says 336 x 336\noutput 'logits' gives 5 values, model.toml names 3 classes\n"
    )


if __name__ == "__main__":
    whole()
    faulty()
