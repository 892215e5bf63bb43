"""One pass, many reducers; shards that survive a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny import Noise, hooks, resnet, wrap
from unitscope.errors import UnitscopeError
from unitscope.extract import Moments, Pooled, StoredMaps, TopK, stream

LAYERS = ["layer2", "layer4"]


def reducers():
    return [TopK("layer2", 5), TopK("layer4", 5), Pooled("layer4"), Moments("layer2"), StoredMaps("layer4", (1, 2))]


def same(ours, theirs) -> bool:
    if isinstance(ours, torch.Tensor):
        return torch.allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    return all(same(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(vars(ours).values(), vars(theirs).values()))


def slow(model, images):
    """Everything in one batch, every layer in a pass of its own."""
    network, x = model.module, images.images
    x = network.layer2(network.layer1(network.maxpool(network.act1(network.bn1(network.conv1(x))))))
    last = network.layer4(network.layer3(x))
    top = last.amax((2, 3)).T.sort(descending=True, stable=True)
    return x, last, top


@pytest.mark.parametrize("batch_size, shard", [(64, 4096), (3, 7), (1, 4)])
def test_stream_finds_what_one_big_batch_finds(model, noise, tmp_path, batch_size, shard):
    lower, last, top = slow(model, noise)
    _, best, pooled, moments, stored = stream(
        model, noise, LAYERS, reducers(), batch_size=batch_size, shard=shard, resume=tmp_path
    )
    assert torch.equal(best.indices, top.indices[:, :5])
    torch.testing.assert_close(best.values, top.values[:, :5], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(pooled, last.mean((2, 3)), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(moments.mean.float(), lower.mean((0, 2, 3)), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(stored, last[:, [1, 2]], rtol=1e-4, atol=1e-6)


def test_each_image_is_read_once_and_the_pass_ends_at_the_deepest_layer(model, noise):
    passes = []
    model.module.layer2.register_forward_hook(lambda *_: passes.append(1))
    model.module.layer4.register_forward_hook(lambda *_: pytest.fail("ran too far"))
    stream(model, noise, ["layer2"], [TopK("layer2", 2), Pooled("layer2"), Moments("layer2")], batch_size=8)
    assert noise.read == list(range(20)) and len(passes) == 3


def test_the_model_is_left_as_found_and_results_may_enter_autograd(model, noise):
    before = {name: (value.clone(), value.stride()) for name, value in model.module.state_dict().items()}
    _, _, pooled, _, stored = stream(model, noise, LAYERS, reducers())
    after = model.module.state_dict()
    assert all(torch.equal(after[name], value) and after[name].stride() == s for name, (value, s) in before.items())
    assert hooks(model) == 0 and not model.module.training
    weight = torch.ones(16, requires_grad=True)
    ((pooled * weight).sum() + (stored * weight[0]).sum()).backward()
    assert weight.grad is not None


def test_an_interrupted_pass_goes_on_behind_its_last_shard(model, tmp_path):
    images = Noise(20)
    expected = stream(model, images, LAYERS, reducers(), batch_size=4)

    def fail(index):
        if index == 13:
            raise OSError("disk gone")

    images.trap, images.read = fail, []
    with pytest.raises(OSError, match="disk gone"):
        stream(model, images, LAYERS, reducers(), batch_size=4, shard=5, resume=tmp_path)
    assert hooks(model) == 0
    images.trap, images.read = lambda index: None, []
    found = stream(model, images, LAYERS, reducers(), batch_size=4, shard=5, resume=tmp_path)
    assert images.read == list(range(10, 20))  # shards 0..4 and 5..9 were finished
    assert all(map(same, found, expected))
    images.read = []
    stream(model, images, LAYERS, reducers(), batch_size=4, shard=5, resume=tmp_path)
    assert images.read == []


SCRIPT = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from tiny import Noise, resnet, wrap
from unitscope.extract import TopK, stream
images = Noise(20)
images.trap = lambda index: os.kill(os.getpid(), signal.SIGKILL) if index == 13 else None
stream(wrap(resnet()), images, ["layer4"], [TopK("layer4", 5)], batch_size=5, shard=5, resume=sys.argv[2])
"""


def test_a_killed_process_loses_no_finished_shard(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(tmp_path)]
    died = subprocess.run(command, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    finished = [path.name for path in tmp_path.rglob("*.safetensors")]
    assert "000000000.safetensors" in finished
    images, model = Noise(20), wrap(resnet())
    (found,) = stream(model, images, ["layer4"], [TopK("layer4", 5)], batch_size=5, shard=5, resume=tmp_path)
    assert images.read == list(range(5 * len(finished), 20))
    (expected,) = stream(model, Noise(20), ["layer4"], [TopK("layer4", 5)])
    assert same(found, expected)


@pytest.mark.parametrize("harm", ["cut", "flip", "empty"])
def test_a_damaged_shard_is_computed_again(model, noise, tmp_path, harm):
    (expected,) = stream(model, noise, ["layer4"], [TopK("layer4", 5)], shard=10, resume=tmp_path)
    path = sorted(tmp_path.rglob("*.safetensors"))[1]
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes({"cut": content[:-20], "flip": content, "empty": b""}[harm])
    noise.read = []
    (found,) = stream(model, noise, ["layer4"], [TopK("layer4", 5)], shard=10, resume=tmp_path)
    assert noise.read == list(range(10, 20)) and same(found, expected)


def test_shards_of_another_question_are_not_taken(model, noise, tmp_path):
    asked = dict(model=model, images=noise, layers=["layer4"], reducers=[TopK("layer4", 5)], shard=10, resume=tmp_path)
    stream(**asked)
    with torch.no_grad():
        other = wrap(resnet())
        other.module.layer4[0].conv1.weight[0, 0, 0, 0] += 1
    changes = [
        {"model": other}, {"images": Noise(20, seed=1)}, {"reducers": [TopK("layer4", 4)]}, {"layers": LAYERS},
        {"shard": 20}, {"dtype": torch.bfloat16}, {"reducers": [Pooled("layer4")]},
    ]  # fmt: skip
    for change in changes:
        images = change.get("images", noise)
        images.read = []
        stream(**{**asked, "reducers": [TopK("layer4", 5)], **change})
        assert images.read == list(range(20)), change


def test_reducers_keep_what_they_hold(model):
    images = Noise(20)
    top = TopK("layer4", 5)
    stream(model, images, ["layer4"], [top])
    assert same(top.result(), stream(model, images, ["layer4"], [TopK("layer4", 5)])[0])


def test_errors_come_before_the_pass(model, noise):
    cases = {
        "did you mean 'layer4'": (["layr4"], [TopK("layr4", 2)]),
        "which `layers` lacks": (["layer2"], [TopK("layer4", 2)]),
        "100 references of each unit, got 20 images": (["layer4"], [TopK("layer4", 100)]),
        "needs images and reducers": (["layer4"], []),
    }
    for message, (layers, asked) in cases.items():
        with pytest.raises(UnitscopeError, match=message):
            stream(model, noise, layers, asked)
    with pytest.raises(UnitscopeError, match="got 0 images"):
        stream(model, noise.subset([]), ["layer4"], [TopK("layer4", 1)])
    with pytest.raises(UnitscopeError, match="at least 1"):
        stream(model, noise, ["layer4"], [TopK("layer4", 1)], batch_size=0)
    assert noise.read == []


def test_mixed_precision_is_close_and_comes_back_in_float32(model, noise):
    (exact,) = stream(model, noise, ["layer4"], [Pooled("layer4")])
    (found,) = stream(model, noise, ["layer4"], [Pooled("layer4")], dtype=torch.bfloat16)
    assert found.dtype == torch.float32 and not torch.equal(found, exact)
    torch.testing.assert_close(found, exact, rtol=0.1, atol=0.05 * float(exact.max()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_finds_what_the_cpu_finds(model, noise):
    expected = stream(model, noise, LAYERS, reducers())
    found = stream(model, noise, LAYERS, reducers(), device="cuda", batch_size=8)
    assert all(map(same, found, expected))
