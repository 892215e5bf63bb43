"""Careless values of parameters: each ends in one message that names the parameter to change, and no kernel starts."""

import pytest
from unitscope.errors import UnitscopeError
from unitscope.publish import run as running
from unitscope.publish.run import plan

CARELESS = [
    ("pure", "n_units=0", "'n_units'.*must be at least 1, got 0"),
    ("pure", "clusters=1", "'clusters'.*must be at least 2, got 1"),
    ("pure", "seed=-1", "'seed'.*must be at least 0, got -1"),
    ("pure", "n_ref=200000", "'n_ref' must be at most n_images, got n_ref=200000.*lower n_ref"),
    ("pure", "n_ref=4", "'n_ref' must be at least 5"),
    ("pure", "n_units=many", "'n_units'.*takes int"),
    ("pure", "n_unit=3", "unknown parameter 'n_unit'; did you mean 'n_units'"),
    ("pure", "model=resnet50", "'model'.*did you mean 'timm/resnet50'"),
    ("pure", "model=critters/resnett", "'model'.*did you mean 'critters/resnet'"),
    ("pure", "model=python:nowhere.py:build", "'model'.*file that is not there: /.*nowhere.py"),
    ("pure", "model=python:nowhere.py", "'model'.*takes python:FILE.py:FUNCTION"),
    ("pure", "weights=last.pt", "'weights'.*file that is not there: /.*last.pt"),
    ("pure", "judge_weights=clip.pt", "'judge_weights'.*file that is not there: /.*clip.pt"),
    ("pure", "judge=open_clip/ViT-B-32-quickgelu/openai@clip.pt", "'judge'.*weight file that is not there: /.*clip.pt"),
    ("pure", "rival=dino_vit", "'rival'.*did you mean 'critters/dino_vit'"),
    ("pure", "networks=['critters/resnet', {'name': 'critters/resnet', 'weigths': 'a.pt'}]", "'networks'.*'weights'"),
    ("pure", "networks=['my_net.py:build']", "'networks'.*did you mean 'python:my_net.py:build'"),
    ("pure", "images=folder:nowhere", "'images'.*folder that is not there: /.*nowhere"),
    ("pure", "images=critters/tset", "unknown dataset 'critters/tset'; did you mean 'critters/test'"),
    ("directions", "similarity=lpips:alex@alex.pth", "'similarity'.*weight file that is not there: /.*alex.pth"),
    ("directions", "judges=['colour', 'embed:critters/dino_vitt']", "'judges'.*did you mean 'critters/dino_vit'"),
    ("directions", "others=['critters/resnet_s@own.pt']", "'others'.*weight file that is not there"),
    ("linking", "generator=python:gan.py:build", "'generator'.*file that is not there: /.*gan.py"),
    ("linking", "n_pairs=0", "'n_pairs'.*must be at least 1"),
    ("rosetta", "controls=['python:net.py:build@w.pt']", "'controls'.*file that is not there: /.*net.py"),
    ("rosetta", "anchor=resnet_s", "'anchor'.*did you mean 'critters/resnet_s'"),
    ("rosetta", "k=0", "'k'.*must be at least 1"),
    ("rosetta_editing", "clip=clip_resnet", "'clip'.*did you mean 'critters/clip_resnet'"),
]


@pytest.mark.parametrize(
    "chapter, given, message", CARELESS, ids=[f"{chapter} {given}" for chapter, given, _ in CARELESS]
)
def test_a_careless_value_is_refused_by_the_parameters_name(book, monkeypatch, chapter, given, message):
    monkeypatch.setattr(running, "execute", lambda *_: pytest.fail("a kernel would have been started"))
    with pytest.raises(UnitscopeError, match=message) as caught:
        plan(book, chapter, assignments=[given])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1500


def test_the_books_own_presets_and_values_make_sense(book):
    for chapter in ("pure", "directions", "linking", "rosetta", "rosetta_editing"):
        plan(book, chapter, "smoke")
    plan(book, "pure", assignments=["n_units=1", "seed=0", "networks=[]", "clusters=3"])
    plan(book, "linking", assignments=["units=0"])
