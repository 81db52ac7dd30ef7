"""ONNX files: ours give the same logits at any size, anyone's are read or refused with the remedy."""

import copy
import importlib.util
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from temshift.core.errors import InputError, TemshiftError
from temshift.core.hashes import file_hash
from temshift.exitwaves.origin import Origin
from temshift.networks import (
    CompactUNetSettings,
    NetworkSettings,
    OnnxNetwork,
    ResNetUNetSettings,
    UNet,
    export_onnx,
    initialised,
)
from temshift.networks.onnx import METADATA
from temshift.networks.onnx_graphs import external_files, onnx_identity

pytestmark = pytest.mark.slow

SHAPE = CompactUNetSettings(widths=(4, 6), stem=2)
Shape = list[int | str | None]
FREE: Shape = ["n", 1, "y", "x"]


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def used(settings: NetworkSettings = SHAPE) -> UNet:
    """A network whose running statistics have moved."""
    network = initialised(settings, 0)
    network(3 * noise(4, 1, 64, 64) + 1)
    return network


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "network.onnx"
    export_onnx(used(), path)
    return path


def require_same(path: Path, network: UNet, sizes: list[tuple[int, int, int]]) -> None:
    """Ask ONNX Runtime itself."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for count, rows, columns in sizes:
        images = noise(count, 1, rows, columns)
        (found,) = session.run(["logits"], {"images": images.numpy()})
        with torch.inference_mode():
            expected = network.eval()(images).numpy()
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 2e-5 * np.abs(expected).max()


def test_logits_are_the_same_for_any_number_and_size_of_images(exported: Path) -> None:
    require_same(exported, used(), [(1, 64, 96), (3, 128, 128), (2, 50, 33), (5, 7, 1), (1, 1, 1)])


def test_the_file_is_sound_and_names_its_axes(exported: Path) -> None:
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    for (one,), name in ((model.graph.input, "images"), (model.graph.output, "logits")):
        axes = [axis.dim_param or axis.dim_value for axis in one.type.tensor_type.shape.dim]
        assert (one.name, axes) == (name, ["n", 1, "y", "x"])


def test_it_is_read_back_as_a_callable_that_can_travel(exported: Path) -> None:
    network, images = OnnxNetwork(exported), noise(3, 1, 40, 25)
    with torch.inference_mode():
        expected = used().eval()(images)
    assert torch.allclose(network(images), expected, atol=1e-5)
    assert torch.equal(pickle.loads(pickle.dumps(network))(images), network(images))
    halves = network(images.double())
    assert halves.dtype == torch.float64 and halves.shape == images.shape


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["convolution", "space_to_depth"])
@pytest.mark.parametrize("normalisation", ["batch", "group"])
def test_every_kind_of_the_resnet_is_exported(tmp_path: Path, stem: str, normalisation: str) -> None:
    settings = ResNetUNetSettings(width=8, stem=stem, normalisation=normalisation)
    export_onnx(used(settings), tmp_path / "network.onnx")
    require_same(tmp_path / "network.onnx", used(settings), [(1, 64, 96), (2, 50, 33), (1, 7, 130)])


def test_a_fixed_size_takes_others_in_overlapping_tiles(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    export_onnx(used(), path, size=(18, 24))
    require_same(path, used(), [(1, 18, 24), (4, 18, 24)])
    network, images = OnnxNetwork(path), noise(3, 1, 40, 18)
    assert network(images).shape == images.shape
    with torch.inference_mode():
        whole = used().eval()(noise(2, 1, 18, 24))
    assert torch.allclose(network(noise(2, 1, 18, 24)), whole, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 40, 25), (3, 16, 90), (1, 7, 33), (1, 5, 6)])
def test_tiles_of_a_network_that_looks_at_its_neighbours_are_its_output_on_the_whole(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    """A filter of 3 x 3: no seam, and the border that the network itself sees at the border of the image."""
    kernel = noise(1, 1, 3, 3)
    weight = helper.make_tensor("w", TensorProto.FLOAT, (1, 1, 3, 3), kernel.flatten().tolist())
    node = helper.make_node("Conv", ["a", "w"], ["b"], pads=[1, 1, 1, 1])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 1, 16, 16]) for name in "ab"]
    model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:], [weight]))
    model.ir_version, model.opset_import[0].version = 8, 17
    onnx.save(model, tmp_path / "a.onnx")
    images = noise(shape[0], 1, *shape[1:])
    given, whole = OnnxNetwork(tmp_path / "a.onnx")(images), nn.functional.conv2d(images, kernel, padding=1)
    inner = (..., slice(0, -1), slice(0, -1))  # far ends of images below the size of a tile are filled up
    assert torch.allclose(given[inner], whole[inner], atol=1e-4)
    if min(shape[1:]) >= 16:
        assert torch.allclose(given, whole, atol=1e-4)


def test_the_network_is_left_alone(tmp_path: Path) -> None:
    network = used()
    before = copy.deepcopy(network.state_dict())
    export_onnx(network, tmp_path / "network.onnx", size=(16, 16))
    assert network.training and all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


class Wavering(nn.Module):
    """Gives other logits while it is exported than afterwards."""

    def forward(self, images: Tensor) -> Tensor:
        return images if torch.compiler.is_exporting() else images + 1e-3


def test_an_export_that_errs_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TemshiftError, match=r"logits differ by \d.\de-04 of the largest.*nothing was written"):
        export_onnx(Wavering(), tmp_path / "network.onnx", size=(8, 8))
    assert not list(tmp_path.iterdir())


def made(path: Path, inputs: dict[str, Shape], outputs: dict[str, Shape], kind: int = TensorProto.FLOAT) -> Path:
    """A foreign network that passes its first input on to every output."""
    groups = (inputs, outputs)
    nodes = [helper.make_node("Identity", [next(iter(inputs))], [name]) for name in outputs]
    values = [[helper.make_tensor_value_info(name, kind, axes) for name, axes in group.items()] for group in groups]
    model = helper.make_model(helper.make_graph(nodes, "g", *values), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def test_any_names_and_free_axes_are_taken(tmp_path: Path) -> None:
    images = noise(2, 1, 5, 6)
    path = made(tmp_path / "a.onnx", {"x0": [None, None, "h", "w"]}, {"mask": [None, None, "h", "w"]})
    assert torch.equal(OnnxNetwork(path)(images), images)


@pytest.mark.parametrize("count", [1, 4, 6])
def test_a_fixed_number_of_images_is_taken_in_turns_and_filled_up(tmp_path: Path, count: int) -> None:
    one = OnnxNetwork(made(tmp_path / "1.onnx", {"a": [1, 1, "y", "x"]}, {"b": [1, 1, "y", "x"]}))
    two = OnnxNetwork(made(tmp_path / "2.onnx", {"a": [2, 1, "y", "x"]}, {"b": [2, 1, "y", "x"]}))
    images = noise(count, 1, 5, 6)
    assert torch.equal(one(images), images)
    assert torch.equal(two(images), images)
    assert torch.equal(two(noise(5, 1, 5, 6)), noise(5, 1, 5, 6))


def test_three_channels_are_given_the_image_thrice_and_several_come_out(tmp_path: Path) -> None:
    network = OnnxNetwork(made(tmp_path / "a.onnx", {"a": ["n", 3, "y", "x"]}, {"b": ["n", 3, "y", "x"]}))
    images = noise(2, 1, 5, 6)
    assert torch.equal(network(images), images.expand(-1, 3, -1, -1))
    assert (network.channels, network.ending) == (3, "")


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (["n", 64, 64, 1], ["n", 64, 64, 1]),
        (["n", "y", "x", 3], ["n", "y", "x", 1]),
        ([1, None, None, 1], [1, 1, None, None]),
    ],
)
def test_channels_last_are_named_as_that(tmp_path: Path, inputs: Shape, outputs: Shape) -> None:
    with pytest.raises(InputError, match=r"channels last in the .*\(NHWC\); it must be \(n, channels, y, x\), NCHW"):
        OnnxNetwork(made(tmp_path / "a.onnx", {"a": inputs}, {"b": outputs}))


def chained(path: Path, *kinds: str, channels: int = 1, **attributes: object) -> Path:
    """A network of operations in a row."""
    nodes = [
        helper.make_node(kind, [f"v{number}"], [f"v{number + 1}"], **(attributes if number == 0 else {}))
        for number, kind in enumerate(kinds)
    ]
    ends = (("v0", channels), (f"v{len(kinds)}", channels))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", axis, None, None]) for name, axis in ends]
    model = helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:]))
    model.ir_version, model.opset_import[0].version = 8, 17
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("kinds", "last"),
    [
        (("Relu", "Sigmoid"), "Sigmoid"),
        (("Sigmoid", "Identity"), "Sigmoid"),
        (("Sigmoid", "Exp"), "Exp"),
        (("Sigmoid", "Log"), "Sigmoid"),
        (("Relu", "Neg"), "Neg"),
    ],
)
def test_the_end_of_the_graph_is_known(tmp_path: Path, kinds: tuple[str, ...], last: str) -> None:
    assert OnnxNetwork(chained(tmp_path / "a.onnx", *kinds)).ending == last


@pytest.mark.parametrize(
    ("kind", "inputs", "last"),
    [
        ("Mul", ["s", "w"], "Sigmoid"),
        ("Div", ["s", "w"], "Sigmoid"),
        ("Sub", ["w", "s"], "Sigmoid"),
        ("Mul", ["s", "a"], "Mul"),  # the activation "swish"
    ],
)
def test_a_scale_behind_a_sigmoid_makes_no_logits(tmp_path: Path, kind: str, inputs: list[str], last: str) -> None:
    nodes = [helper.make_node("Sigmoid", ["a"], ["s"]), helper.make_node(kind, inputs, ["b"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "y", "x"]) for name in "ab"]
    scale = onnx.numpy_helper.from_array(np.array(255.0, np.float32), "w")
    model = helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:], [scale]))
    model.ir_version, model.opset_import[0].version = 8, 17
    onnx.save(model, tmp_path / "a.onnx")
    assert OnnxNetwork(tmp_path / "a.onnx").ending == last


def test_a_converted_network_that_takes_channels_last_is_named_as_that(tmp_path: Path) -> None:
    """All axes are free: only the transposition at the beginning says it."""
    path = chained(tmp_path / "a.onnx", "Transpose", "Relu", channels=None, perm=[0, 3, 1, 2])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="channels last in the input v0 .NHWC"):
        OnnxNetwork(path)


def test_an_output_of_channels_last_is_named_as_that(tmp_path: Path) -> None:
    path = chained(tmp_path / "a.onnx", "Transpose", perm=[0, 2, 3, 1])
    model = onnx.load(path)
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("v1", TensorProto.FLOAT, ["n", None, None, None]))
    onnx.save(model, path)
    with pytest.raises(InputError, match="channels last in (its output|the output).*NHWC"):
        OnnxNetwork(path)(noise(2, 1, 5, 6))


def external(path: Path, factor: float) -> Path:
    """A network that multiplies images by a number, which another file holds."""
    weight = onnx.numpy_helper.from_array(np.array([factor], np.float32), "w")
    node = helper.make_node("Mul", ["a", "w"], ["b"])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "y", "x"]) for name in "ab"]
    model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:], [weight]))
    model.ir_version, model.opset_import[0].version = 8, 17
    (path.parent / "weights.bin").unlink(missing_ok=True)  # or else it is added to
    options = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    onnx.save_model(model, path, **options)
    return path


def test_the_identity_of_a_file_is_that_of_all_its_files(tmp_path: Path, exported: Path) -> None:
    (tmp_path / "a").mkdir()
    path = external(tmp_path / "a" / "net.onnx", 2.0)
    assert torch.equal(OnnxNetwork(path)(noise(1, 1, 3, 4)), 2 * noise(1, 1, 3, 4))
    content, first = path.read_bytes(), onnx_identity(path)
    external(path, 3.0)
    assert path.read_bytes() == content
    assert onnx_identity(path) != first
    external(path, 2.0)
    assert onnx_identity(path) == first
    (tmp_path / "a" / "weights.bin").unlink()
    with pytest.raises(InputError, match=r"keeps weights in .*weights.bin, which is no file; put it next to net.onnx"):
        onnx_identity(path)
    os.mkfifo(tmp_path / "a" / "weights.bin")
    with pytest.raises(InputError, match="which is no file"):
        onnx_identity(path)
    assert onnx_identity(exported) == file_hash(exported)[:16]  # of one file the identity is what it was


@pytest.mark.parametrize("place", ["../weights.bin", "{absolute}", "link.bin"])
def test_weights_outside_the_folder_of_a_network_are_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "a").mkdir()
    path = external(tmp_path / "a" / "net.onnx", 2.0)
    (tmp_path / "a" / "weights.bin").rename(tmp_path / "weights.bin")
    (tmp_path / "a" / "link.bin").symlink_to("../weights.bin")
    model = onnx.load(path, load_external_data=False)
    (entry,) = (entry for entry in model.graph.initializer[0].external_data if entry.key == "location")
    entry.value = place.format(absolute=tmp_path / "weights.bin")
    onnx.save(model, path)
    with pytest.raises(InputError, match="outside its own folder, .* with its weights next to net.onnx"):
        onnx_identity(path)


def test_weights_in_an_inner_graph_and_in_attributes_count_too(tmp_path: Path) -> None:
    inner = onnx.numpy_helper.from_array(np.array([1.0], np.float32), "c")
    inner.ClearField("raw_data")
    inner.data_location = TensorProto.EXTERNAL
    inner.external_data.add(key="location", value="inner.bin")
    node = helper.make_node("Constant", [], ["c"], value=inner)
    out = helper.make_tensor_value_info("c", TensorProto.FLOAT, [1])
    branch = helper.make_graph([node], "branch", [], [out])
    choice = helper.make_node("If", ["a"], ["b"], then_branch=branch, else_branch=branch)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "ab"]
    onnx.save(helper.make_model(helper.make_graph([choice], "g", ends[:1], ends[1:])), tmp_path / "a.onnx")
    assert external_files(tmp_path / "a.onnx") == ["inner.bin"]


def test_the_images_that_a_network_was_trained_on_travel_with_it(tmp_path: Path) -> None:
    network = used()
    network.origin = Origin(pixel_angstrom=(0.4, 0.4), energy_kev=300, specimens={"particles": {"crystal": "Ag"}})
    export_onnx(network, tmp_path / "a.onnx", size=(16, 16))
    read = OnnxNetwork(tmp_path / "a.onnx")
    assert read.origin == network.origin
    assert pickle.loads(pickle.dumps(read)).origin == network.origin
    assert OnnxNetwork(made(tmp_path / "b.onnx", {"a": FREE}, {"b": FREE})).origin is None


def test_metadata_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "a.onnx", {"a": FREE}, {"b": FREE})
    model = onnx.load(path)
    model.metadata_props.add(key=METADATA, value='{"pixel_angstrom": [0, 0.4]}')
    onnx.save(model, path)
    with pytest.raises(InputError, match=r"a.onnx: trained_on, pixel_angstrom.0: .*greater than 0.001"):
        OnnxNetwork(path)


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ({"a": FREE, "c": FREE}, {"b": FREE}, r"has the input a .*, c .*; it must be one, float32 \(n, 1, y, x\)"),
        ({"a": FREE}, {"b": FREE, "c": FREE}, "has the output b .*, c .*; it must be one"),
        ({"a": ["n", "p"]}, {"b": ["n", "p"]}, r"has the input a tensor\(float\) \(n, p\); it must be one"),
        ({"a": ["n", 2, "y", "x"]}, {"b": ["n", 2, "y", "x"]}, "2 channels in the input .*; repeat the image"),
    ],
)
def test_other_inputs_and_outputs_are_refused(
    tmp_path: Path, inputs: dict[str, Shape], outputs: dict[str, Shape], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        OnnxNetwork(made(tmp_path / "a.onnx", inputs, outputs))


def test_other_types_are_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "a.onnx", {"a": FREE}, {"b": FREE}, TensorProto.DOUBLE)
    with pytest.raises(InputError, match=r"has the input a tensor\(double\) .* must be one, float32"):
        OnnxNetwork(path)


def test_logits_of_another_shape_are_told_when_they_come(tmp_path: Path) -> None:
    """The file leaves its axes open, so that only a run shows it."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, None, None]) for name in "ab"]
    node = helper.make_node("MaxPool", ["a"], ["b"], kernel_shape=[2, 2], strides=[2, 2])
    model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:]))
    model.ir_version, model.opset_import[0].version = 8, 17
    onnx.save(model, tmp_path / "a.onnx")
    with pytest.raises(InputError, match=r"gives logits \(1, 1, 4, 4\) for images \(1, 1, 8, 8\); export a network"):
        OnnxNetwork(tmp_path / "a.onnx")(noise(1, 1, 8, 8))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04"])
def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(InputError, match="a.onnx cannot be read as ONNX"):
        OnnxNetwork(tmp_path / "a.onnx")
    assert capfd.readouterr() == ("", "")


def test_a_truncated_file_is_refused(exported: Path, tmp_path: Path) -> None:
    content = exported.read_bytes()
    (tmp_path / "a.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="a.onnx cannot be read as ONNX"):
        OnnxNetwork(tmp_path / "a.onnx")


def test_a_missing_file_and_an_unusable_device_are_told(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere.onnx: there is no such file"):
        OnnxNetwork(tmp_path / "nowhere.onnx")
    with pytest.raises(InputError, match="device tpu: this ONNX Runtime cannot use it; take cpu"):
        OnnxNetwork(exported, device="tpu")


@pytest.mark.parametrize(
    ("missing", "act"),
    [
        ("onnxruntime", lambda path: OnnxNetwork(path)),
        ("onnxscript", lambda path: export_onnx(used(), path)),
    ],
)
def test_a_missing_extra_is_told(
    exported: Path, monkeypatch: pytest.MonkeyPatch, missing: str, act: Callable[[Path], object]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(InputError, match=rf"need {missing}; install them: pip install temshift\[onnx\]"):
        act(exported)
