"""Messages about names that do not exist."""

import pytest
from unitscope.errors import LONGEST_VALUE, plural, shortened, unknown


@pytest.mark.parametrize(
    "noun, many",
    [
        ("layer", "layers"),
        ("key", "keys"),
        ("chapter", "chapters"),
        ("similarity", "similarities"),
        ("class", "classes"),
        ("species", "species"),
        ("axis", "axes"),
        ("zoo network", "zoo networks"),
        ("recorded run", "recorded runs"),
        ("timm/resnet18 tag", "timm/resnet18 tags"),
        ("seed_map", "seed_maps"),
    ],
)
def test_a_message_lists_names_in_plain_english(noun, many):
    assert plural(noun) == many
    assert f" {many}: one, two." in str(unknown(noun, "other", ["one", "two"]))


@pytest.mark.parametrize(
    "got, near", [("layr4", "layer4"), ("LAYER4", "layer4"), ("stem", "Stem"), ("zzz", None), ("", None)]
)
def test_the_nearest_name_is_proposed_whatever_its_case(got, near):
    message = str(unknown("layer", got, ["layer3", "layer4", "Stem"]))
    assert (f"did you mean {near!r}?" in message) is (near is not None) and message.startswith(
        f"unknown layer {got!r};"
    )


def test_odd_values_fit_into_a_message():
    class Rude:
        def __repr__(self):
            raise RuntimeError

    assert len(str(unknown("layer", "x" * 100_000, ["a"]))) < 200
    assert (
        len(shortened("x" * 100_000)) <= LONGEST_VALUE
        and shortened(Rude()) == "a Rude"
        and shortened("a\nb") == r"'a\nb'"
    )
    assert "there are none" in str(unknown("layer", None, []))
