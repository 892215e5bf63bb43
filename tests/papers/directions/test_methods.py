"""Ways to find directions: what each is defined by, and clear errors for input that it cannot take."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from unitscope.errors import UnitscopeError
from unitscope.evidence.directions.controls import closest
from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions import (
    FINDERS,
    Directions,
    activations,
    find,
    find_many,
    index,
    layer_activations,
    plane_arrows,
    spread_layers,
)
from unitscope.papers.directions.basis import along
from unitscope.papers.directions.factor import ica
from unitscope.papers.directions.kmeans import kmeans, lloyd, plus_plus


@pytest.fixture
def given():
    generator = torch.Generator().manual_seed(0)
    codes = (torch.rand(400, 10, generator=generator) < 0.2) * torch.rand(400, 10, generator=generator)
    return activations(codes @ torch.rand(10, 8, generator=generator) + 0.01 * torch.rand(400, 8, generator=generator))


@pytest.mark.parametrize("method", FINDERS)
def test_every_method_gives_unit_vectors_and_a_response_an_image(given, method):
    found = find(method, given, 6, seed=1)
    assert found.responses.shape == (400, len(found)) and found.vectors.shape == (len(found), 8)
    torch.testing.assert_close(found.vectors.norm(dim=1), torch.ones(len(found)), atol=1e-4, rtol=0)
    again = find(method, given, 6, seed=1)
    assert torch.equal(found.responses, again.responses)


def test_neurons_are_ranked_by_raw_responses(given):
    assert torch.equal(find("neurons", given).responses, given.raw)
    torch.testing.assert_close(
        find("neurons, cosine", given).responses, given.raw / given.raw.norm(dim=1, keepdim=True)
    )


def test_pca_axes_are_scikit_learns_and_skewed_to_the_right(given):
    found = find("PCA", given, 4)
    theirs = PCA(4).fit(given.unit_norm.numpy()).components_
    np.testing.assert_allclose(np.abs((found.vectors.numpy() * theirs).sum(1)), 1, atol=1e-4)
    centred = found.responses - found.responses.mean(0)
    assert (centred.pow(3).mean(0) > 0).all()
    assert (found.flipped().responses == -found.responses).all()


def test_ica_unmixes_independent_sources():
    generator = torch.Generator().manual_seed(0)
    sources = torch.rand(4000, 3, generator=generator).pow(6) - 0.1
    mixed = sources @ torch.randn(3, 5, generator=generator)
    found = ica(Centred(mixed), 3)
    related = np.corrcoef(found.responses.numpy().T, sources.numpy().T)[:3, 3:]
    assert (np.abs(related).max(0) > 0.97).all()


class Centred:
    """Activations that are not normalised row by row, so that the mixture stays linear."""

    def __init__(self, rows):
        self.raw = self.unit_norm = rows


def test_kmeans_reaches_scikit_learns_inertia(given):
    x = given.unit_norm
    ours = min(lloyd(x, plus_plus(x, 6, torch.Generator().manual_seed(s))).inertia for s in range(8))
    theirs = KMeans(6, n_init=8, random_state=0).fit(x.numpy()).inertia_
    assert ours <= theirs * 1.01


def test_a_settled_centroid_is_the_mean_of_its_nearest_images(given):
    x = given.unit_norm
    found = lloyd(x, x[:5])
    nearest = torch.cdist(x, found.centroids).argmin(1)
    for cluster in range(5):
        torch.testing.assert_close(found.centroids[cluster], x[nearest == cluster].mean(0), atol=5e-3, rtol=0)
    slow = torch.cdist(x, found.centroids).min(1).values.square().sum().item()
    assert found.inertia == pytest.approx(slow, rel=1e-2)


def test_empty_clusters_start_anew():
    x = torch.eye(4).repeat(5, 1)
    found = lloyd(x, torch.ones(4, 4) * torch.tensor([1.0, 0, 0, 0]))
    assert found.inertia == pytest.approx(0, abs=1e-5)


def test_most_exciting_images_of_a_cluster_are_the_closest(given):
    found = kmeans(given, 5)
    gaps = torch.cdist(given.unit_norm, kmeans(given, 5).vectors)
    assert torch.equal(found.responses.argmax(0), (gaps).argmin(0))


def test_identity_start_needs_as_many_clusters_as_units(given):
    assert len(kmeans(given, 8, start="identity")) == 8
    with pytest.raises(UnitscopeError, match="1 to 8"):
        kmeans(given, 9, start="identity")
    with pytest.raises(UnitscopeError, match="start"):
        kmeans(given, 3, start="identty")


def test_a_reader_adds_a_method_by_a_function(given):
    def loudest(given, k, seed) -> Directions:
        return along("loudest", given.unit_norm, given.raw[given.raw.norm(dim=1).topk(k).indices])

    assert find(loudest, given, 3).name == "loudest"


def test_constant_units_are_left_out_and_counted():
    y = torch.rand(20, 4)
    y[:, 2] = 0
    given = activations(y)
    assert given.constant == (2,) and given.units.tolist() == [0, 1, 3]
    with pytest.raises(UnitscopeError, match="another layer"):
        activations(y, keep_constant=True)
    with pytest.raises(UnitscopeError, match="alike"):
        activations(torch.ones(9, 3))


def test_input_that_cannot_work_is_named(given):
    with pytest.raises(UnitscopeError, match="1 to 400 directions"):
        find("k-means", given, 401)
    with pytest.raises(UnitscopeError, match="did you mean 'PCA'"):
        find("PCB", given)
    with pytest.raises(UnitscopeError, match="non-negative"):
        find("NMF", activations(torch.randn(50, 4)), 3)
    with pytest.raises(UnitscopeError, match="finite"):
        activations(torch.full((4, 3), torch.inf))
    found, left_out = find_many(["PCA", "NMF"], activations(torch.randn(50, 4)), 3)
    assert list(found) == ["PCA"] and "non-negative" in left_out["NMF"]


def test_layer_activations_are_means_over_positions():
    from unitscope.data.critters import critter_set
    from unitscope.models import load_model

    model, images = load_model("critters/resnet_s", pretrained=False, device="cpu"), critter_set("test", 4)
    kept = []
    model.module.layer2.register_forward_hook(lambda module, inputs, output: kept.append(output))
    model(images.load(range(4)).images)
    found = layer_activations(model, images, ["layer2"])["layer2"]
    torch.testing.assert_close(found.raw, kept[0].mean((2, 3))[:, found.units], atol=1e-5, rtol=1e-4)


def test_layers_are_spread_from_early_to_late():
    from unitscope.models import load_model

    model = load_model("critters/dino_vit", pretrained=False, device="cpu")
    names = list(model.layers)
    assert spread_layers(model, names[2]) == sorted(
        {*(names[round(i * (len(names) - 1) / 3)] for i in range(4)), names[2]}, key=names.index
    )
    small = load_model("critters/resnet_s", pretrained=False, device="cpu")
    assert spread_layers(small, "layer2") == ["layer1", "layer2", "layer3", "layer4"]
    with pytest.raises(UnitscopeError, match="did you mean 'layer2'"):
        spread_layers(small, "layr2")


def test_arrows_are_seen_in_the_plane_and_ordered_by_angle():
    vectors = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0.7, 0.7, 0], [0, 0, 1.0]])
    assert plane_arrows(vectors, (0, 1)).tolist() == [[1, 0], [pytest.approx(0.7), pytest.approx(0.7)], [0, 1]]


def test_the_index_of_directions_is_that_of_their_images():
    rows = Similarity("s", torch.randn(20, 3))
    found = Directions("x", torch.eye(2), torch.rand(20, 2))
    best = found.responses[:, 1].topk(3).indices
    slow = -torch.cdist(rows.vectors[best], rows.vectors[best]).square().mean()
    assert index(rows, found, 3)[1] == pytest.approx(slow.item(), rel=1e-4)


def test_closest_directions_are_found_by_what_drives_them():
    responses = torch.rand(50, 3)
    a = Directions("a", torch.eye(3), responses)
    b = Directions("b", torch.eye(3), 5 - 2 * responses[:, [2, 0, 1]] + 0)
    assert closest(a, a) == pytest.approx([1, 1, 1])
    slow = max(np.corrcoef(responses[:, 0], b.responses[:, k])[0, 1] for k in range(3))
    assert closest(a, b)[0] == pytest.approx(slow, abs=1e-6)


def test_a_sample_of_units_keeps_their_numbers():
    given = activations(torch.rand(20, 9))
    some = given.sample(4, seed=1)
    assert len(some.units) == 4 and some.units.tolist() == sorted(some.units.tolist())
    assert torch.equal(some.raw, given.raw[:, some.units])
    assert given.sample(0) is given and given.sample(9) is given
    with pytest.raises(UnitscopeError, match="0 \\(all\\) or more"):
        given.sample(-1)


def test_rotated_units_are_the_layer_turned_and_ranked_by_raw_responses():
    given = activations(torch.rand(50, 6, generator=torch.Generator().manual_seed(0)))
    found = find("rotated units", given)
    torch.testing.assert_close(found.vectors @ found.vectors.T, torch.eye(6), atol=1e-5, rtol=0)
    expected = (given.raw - given.raw.mean(0)) @ found.vectors.T
    torch.testing.assert_close(found.responses, expected, atol=1e-5, rtol=1e-4)
    with pytest.raises(UnitscopeError, match="a rotation gives 1 to 6"):
        find("rotated units", given, 7)
