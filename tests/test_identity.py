"""A fingerprint changes if the outputs can change, and only then; the same in every process."""

import copy
import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import nn
from unitscope.data import load_dataset
from unitscope.identity import fingerprint
from unitscope.models import load_generator, load_model


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(0.1, inplace=True),
        nn.Dropout(0.5),
        nn.Conv2d(4, 5, 3),
        nn.ReLU(),
    )


def model(change=lambda net: None, **options):
    net = network()
    change(net)
    return load_model(net, device="cpu", **{"input_size": 8, **options})


def setter(path: str, name: str, value):
    return lambda net: setattr(net.get_submodule(path), name, value)


def added(path: str):
    def change(net):
        with torch.no_grad():
            net.get_submodule(path).weight.view(-1)[0] += 1e-6

    return change


SCALE = 2.0


def doubled(images):
    return images * SCALE


class Shift:
    def __init__(self, by):
        self._by = by

    def __call__(self, images):
        return images + self._by


class Own(nn.Module):
    """A network with a plain tensor, a buffer that no file holds, a function and a private setting."""

    def __init__(self, power=2, rise=0.0, act=torch.relu, plain=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.act, self._power, self.plain = nn.Conv2d(3, 4, 1), act, power, torch.tensor([plain])
        self.register_buffer("rise", torch.tensor(rise), persistent=False)

    def forward(self, x):
        return self.act(self.conv(x) ** self._power * self.plain + self.rise)


def own(**options):
    return load_model(Own(**options), device="cpu", input_size=8, layers=["conv"])


DIFFERENT = {
    "a weight": lambda: model(added("0")),
    "a running mean": lambda: model(lambda net: net[1].running_mean.add_(1e-3)),
    "GELU for ReLU": lambda: model(lambda net: net.__setitem__(5, nn.GELU())),
    "a slope": lambda: model(setter("2", "negative_slope", 0.2)),
    "a stride": lambda: model(setter("4", "stride", (2, 2))),
    "a padding mode": lambda: model(setter("0", "padding_mode", "reflect")),
    "an epsilon": lambda: model(setter("1", "eps", 1e-3)),
    "coarser weights": lambda: model(lambda net: net.half().float()),
    "training mode": lambda: (lambda one: (one.module.train(), one)[1])(model()),
    "a mean": lambda: model(mean=(0.5, 0.456, 0.406)),
    "a deviation": lambda: model(std=(0.229, 0.224, 0.226)),
    "an input size": lambda: model(input_size=10),
    "no preprocessing": lambda: model(preprocess=lambda images: images),
    "another function": lambda: model(preprocess=lambda images: images * 2),
    "a function with a global": lambda: model(preprocess=doubled),
    "a function of a setting": lambda: model(preprocess=functools.partial(torch.add, other=0.1)),
    "an object": lambda: model(preprocess=Shift(1)),
    "an object with a private setting": lambda: model(preprocess=Shift(2)),
    "another architecture": lambda: own(),
    "a private setting": lambda: own(power=3),
    "a buffer that no file holds": lambda: own(rise=0.5),
    "a plain tensor": lambda: own(plain=2.0),
    "a function of a module": lambda: own(act=torch.sigmoid),
}

EQUAL = {
    "made again": model,
    "in place": lambda: model(setter("5", "inplace", True)),
    "dropout, which evaluation leaves out": lambda: model(setter("3", "p", 0.9)),
    "a momentum, which evaluation leaves out": lambda: model(setter("1", "momentum", 0.5)),
    "mean as an array": lambda: model(mean=np.array([0.485, 0.456, 0.406])),
    "channels last": lambda: (lambda one: (one.module.to(memory_format=torch.channels_last), one)[1])(model()),
    "class names": lambda: (lambda one: (setattr(one, "classes", tuple("abcde")), one)[1])(model()),
    "a subset of the layers": lambda: model(layers=["5"]),
    "frozen": lambda: model(lambda net: net.requires_grad_(False)),
    "used": lambda: (lambda one: (one(torch.rand(2, 3, 8, 8)), one)[1])(model()),
    "a copy": lambda: copy.deepcopy(model()),
}


def test_whatever_changes_outputs_changes_the_fingerprint():
    seen = {"as it is": model().fingerprint(), **{name: make().fingerprint() for name, make in DIFFERENT.items()}}
    assert len(set(seen.values())) == len(seen) and all(len(value) == 16 for value in seen.values())


@pytest.mark.parametrize("name", EQUAL)
def test_what_changes_no_output_changes_no_fingerprint(name):
    same = EQUAL[name]()
    assert same.fingerprint() == model().fingerprint()


def test_a_global_that_a_function_uses_counts(monkeypatch):
    before = fingerprint(doubled)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert fingerprint(doubled) != before


def test_an_edited_forward_of_ones_own_file_counts_and_its_place_and_comments_do_not(tmp_path):
    text = (
        "import torch\nclass Net(torch.nn.Conv2d):\n    def forward(self, x):\n        return"
        " ACT(super().forward(x))\nACT = torch.relu\n"
    )
    text += "def build():\n    torch.manual_seed(0)\n    return torch.nn.Sequential(Net(3, 4, 1), torch.nn.ReLU())\n"
    seen = []
    for number, content in enumerate(
        [text, "# a comment\n" + text, text.replace("torch.relu", "torch.tanh"), text.replace("ACT(s", "2 * ACT(s")]
    ):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "net.py").write_text(content)
        seen.append(
            load_model(f"python:{tmp_path / str(number) / 'net.py'}:build", input_size=8, device="cpu").fingerprint()
        )
    assert seen[0] == seen[1] and len(set(seen)) == 3


@pytest.mark.parametrize("spec", ["critters/dino_vit", "critters/clip_resnet", "critters/resnet_s"])
def test_a_pass_changes_no_fingerprint(spec):
    one = load_model(spec, pretrained=False, device="cpu")
    before = one.fingerprint()
    one.embed(torch.rand(1, 3, 64, 64))
    if one.clip is not None:
        one.encode_text(["a pig"])
    assert one.fingerprint() == before


@pytest.mark.parametrize("build", [
    lambda: timm.create_model("swin_tiny_patch4_window7_224", img_size=56, window_size=7, depths=(1, 1, 1, 1)),
    lambda: timm.create_model("efficientnet_lite0"),
    lambda: timm.create_model("convnext_atto"),
    lambda: torchvision.models.squeezenet1_1(),
], ids=["swin", "efficientnet", "convnext", "squeezenet"])  # fmt: skip
def test_networks_of_other_packages_keep_theirs(build):
    torch.manual_seed(0)
    net = build().eval()
    before = fingerprint(net)
    with torch.no_grad():
        net(torch.rand(1, 3, 56, 56))
    torch.manual_seed(0)
    assert fingerprint(net) == before == fingerprint(build().eval())


def test_generators_count_their_settings_and_their_mean():
    def gan(change=lambda one: None):
        one = load_generator("critters/biggan", pretrained=False, device="cpu")
        change(one)
        return one.fingerprint()

    activation = next(
        part
        for part in load_generator("critters/biggan", pretrained=False, device="cpu").module.modules()
        if isinstance(part, nn.BatchNorm2d) or hasattr(part, "eps")
    )
    path = next(
        name
        for name, part in load_generator("critters/biggan", pretrained=False, device="cpu").module.named_modules()
        if type(part) is type(activation) and hasattr(part, "eps")
    )
    seen = [
        gan(),
        gan(lambda one: one.w_mean.add_(1)),
        gan(lambda one: setattr(one.module.get_submodule(path), "eps", 0.1)),
        gan(lambda one: next(one.module.parameters()).data.view(-1)[:1].add_(1)),
    ]
    assert len(set(seen)) == 4 and gan() == seen[0]


def test_another_process_finds_the_same():
    code = (
        "import torch\nfrom unitscope.models import load_model, load_generator\nfrom unitscope.data import"
        " load_dataset\nprint(load_model('critters/clip_resnet',"
        " device='cpu').fingerprint(),load_model('critters/resnet_s', device='cpu').fingerprint(),"
        " load_generator('critters/stylegan', device='cpu').fingerprint(),load_dataset('critters/test',"
        " limit=5).subset([1, 2]).fingerprint())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(Path(__file__).parents[1] / "lib")}
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    here = [
        load_model("critters/clip_resnet", device="cpu"),
        load_model("critters/resnet_s", device="cpu"),
        load_generator("critters/stylegan", device="cpu"),
        load_dataset("critters/test", limit=5).subset([1, 2]),
    ]
    assert there.stdout.split() == [thing.fingerprint() for thing in here]


def test_things_that_hold_themselves_and_sets_come_to_an_end():
    loop = [1]
    loop.append(loop)
    assert fingerprint(loop) == fingerprint(loop) and fingerprint({"b", "a"}) == fingerprint({"a", "b"})
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 2, "b": 1})
    assert fingerprint("ab", "c") != fingerprint("a", "bc") and fingerprint(1) != fingerprint(True) != fingerprint("1")
