"""Which vector of a file is meant, and at which site: never another one in silence."""

import numpy as np
import pytest
import torch
from support.vector_files import V, control_vector, npy, npz, pt, sae_folder, svec

from stability.errors import StabilityError
from stability.prediction.site_names import canonical_site
from stability.vector_files.choice import choose, choose_from
from stability.vector_files.registry import parse_vectors, split_name
from stability.vector_files.steering_vector import SteeringVector, from_array
from stability.vector_files.vector_file import checked

LAYERS = 4


def chosen(data: bytes, name: str | None = None, site: str | None = None, **options) -> dict:
    """By site, the layer whose numbers are applied there."""
    vector = choose(parse_vectors(data, "own"), LAYERS, name, site, **options)
    return {
        at: next(k for k, v in V.items() if np.array_equal(applied, v.astype(float)))
        for at, applied in vector.vectors.items()
    }


@pytest.fixture
def several(tmp_path) -> bytes:
    return control_vector(tmp_path / "v", {3: V[3], 1: V[1]})


def test_a_file_with_a_site_for_each_is_applied_at_all_of_them_and_says_so(several):
    assert chosen(several) == chosen(several, site="all") == {"block:1": 1, "block:3": 3}
    file = parse_vectors(several, "own")
    assert any("all applied with one" in sentence for sentence in choose(file, LAYERS).warnings)
    asked = choose(file, LAYERS, site="all").warnings
    assert not any("all applied with one" in sentence for sentence in asked)


def test_a_site_chooses_the_vector_that_is_applied_there(several):
    assert chosen(several, site="block:1") == {"block:1": 1}
    assert chosen(several, site="block:3,block:1") == {"block:1": 1, "block:3": 3}


@pytest.mark.parametrize("site", ["final", "blocks.3.hook_resid_post", "model.layers.3"])
def test_a_site_is_known_by_any_of_its_names(several, site):
    assert chosen(several, site=site) == {"block:3": 3}


@pytest.mark.parametrize("name", ["direction.3", "3", "block:3", "model.layers.3"])
def test_a_name_chooses_a_vector_and_may_put_it_anywhere(several, name):
    assert chosen(several, name) == {"block:3": 3}
    assert chosen(several, name, "block:0") == {"block:0": 3}
    file = parse_vectors(several, "own")
    said = choose(file, LAYERS, name, "block:0").warnings
    assert any("applies 'direction.3' at block:3; here it is applied at block:0" in s for s in said)


@pytest.mark.parametrize("name", ["2", "direction", "", "13", "direction.30"])
def test_a_name_that_the_file_has_not_is_refused_with_those_it_has(several, name):
    with pytest.raises(StabilityError, match=r"one of those in 'own', direction\.1, direction\.3"):
        chosen(several, name)


def test_a_site_that_the_file_has_not_is_refused_with_those_it_has(several):
    with pytest.raises(StabilityError, match=r"'own' has block:1, block:3, and not block:2"):
        chosen(several, site="block:2")
    with pytest.raises(StabilityError, match="and not prelogit"):
        chosen(several, site="prelogit")


def test_where_a_vector_was_measured_is_not_taken_for_where_it_is_added():
    assert chosen(svec()) == {"block:0": 1, "block:2": 3}
    assert chosen(svec(), site="block:2") == {"block:2": 3}
    with pytest.raises(StabilityError, match=r"measured at block:3 and is added .* at block:2"):
        chosen(svec(), site="block:3")
    assert chosen(svec(), "3", "block:3") == {"block:3": 3}


def test_a_vector_before_the_first_block_has_no_site():
    data = svec(directions={"0": V[1].tolist()})
    with pytest.raises(StabilityError, match="does not say where its vector belongs"):
        chosen(data)
    with pytest.raises(StabilityError, match="tool before the first block, which is no site here"):
        chosen(data, site="block:0")
    assert chosen(data, "0", "block:1") == {"block:1": 1}


def test_a_plain_vector_needs_a_site_and_takes_any():
    with pytest.raises(StabilityError, match="needs a site; 'own'"):
        chosen(npy(V[1]))
    for site in ("prelogit", "block:2"):
        assert chosen(npy(V[1]), site=site) == {site: 1}
    assert chosen(npy(V[1]), site="block:2,block:0") == {"block:0": 1, "block:2": 1}


def test_several_plain_vectors_need_a_name():
    data = npz(happy=V[1], sad=V[3])
    with pytest.raises(StabilityError, match="has several, happy, sad"):
        chosen(data, site="block:2")
    assert chosen(data, "sad", "block:2") == {"block:2": 3}


def test_the_rows_of_a_matrix_are_blocks_if_there_are_as_many():
    rows = np.stack([V[0], V[1], V[2], V[3]])
    assert chosen(npy(rows), site="block:2") == {"block:2": 2}
    assert chosen(npy(rows), site="all") == {f"block:{i}": i for i in range(4)}
    with pytest.raises(StabilityError, match="does not say where its vectors belong"):
        chosen(npy(rows))
    with pytest.raises(StabilityError, match="has several, 0, 1, 2"):
        chosen(npy(rows[:3]), site="block:1")
    assert chosen(npy(rows[:3]), "1", "block:0") == {"block:0": 1}


def test_a_persona_vectors_first_row_is_the_embeddings():
    rows = torch.from_numpy(np.stack([V[3], V[0], V[1], V[2], V[3]]))
    assert chosen(pt(rows), site="block:1") == {"block:1": 1}
    said = choose(parse_vectors(pt(rows), "own"), LAYERS, site="block:1").warnings
    assert any("after one for the embeddings" in sentence for sentence in said)


def test_a_feature_of_a_dictionary_is_named_and_lands_at_the_hook(tmp_path):
    folder = sae_folder(tmp_path / "sae")
    with pytest.raises(StabilityError, match="has several, 0, 1, 2"):
        choose_from(folder, LAYERS)
    vector = choose_from(f"{folder}#1", LAYERS)
    assert vector.site == "block:2"
    np.testing.assert_array_equal(vector.vectors["block:2"], V[1])


def test_a_mode_may_be_chosen_and_the_length_and_the_sign_are_kept():
    vector = choose(parse_vectors(npy(-V[1]), "own"), LAYERS, site="block:1", mode="project")
    assert vector.mode == "project"
    np.testing.assert_array_equal(vector.vectors["block:1"], -V[1].astype(float))
    assert vector.norm == pytest.approx(np.linalg.norm(V[1].astype(float)), rel=1e-15)
    with pytest.raises(StabilityError, match="received mode 'rotate'"):
        choose(parse_vectors(npy(V[1]), "own"), LAYERS, site="block:1", mode="rotate")


def test_a_vector_of_zeros_is_refused_but_for_one_layer_of_several(tmp_path):
    nothing = np.zeros_like(V[1])
    with pytest.raises(StabilityError, match="must not be zero"):
        chosen(npy(nothing), site="block:1")
    data = control_vector(tmp_path / "v", {1: nothing, 3: V[3]})
    assert len(choose(parse_vectors(data, "own"), LAYERS).vectors) == 2
    with pytest.raises(StabilityError, match="must not be zero"):
        choose(parse_vectors(data, "own"), LAYERS, mode="project")


def test_an_array_makes_a_steering_vector():
    vector = from_array(V[1], "layers.1")
    assert isinstance(vector, SteeringVector)
    assert (vector.site, vector.mode) == ("block:1", "add")
    with pytest.raises(StabilityError, match="finite; 8 of its 8"):
        from_array(V[1] * np.nan, "block:1")


def test_a_path_may_have_a_sharp_in_it(tmp_path):
    path = tmp_path / "c#.npy"
    path.write_bytes(npy(V[1]))
    assert split_name(str(path)) == (path, None)
    assert split_name(f"{path}#vector") == (path, "vector")
    absent = f"{tmp_path}/absent.npy#3"
    assert str(split_name(absent)[0]) == absent


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("blocks.5.hook_resid_post", "block:5"),
        ("blocks.5.hook_resid_pre", "block:4"),
        ("blocks.0.hook_resid_pre", None),
        ("blocks.5.hook_resid_mid", None),
        ("blocks.5.hook_mlp_out", None),
        ("blocks.5.attn.hook_z", None),
        ("model.layers.5", "block:5"),
        ("model.language_model.layers.5", "block:5"),
        ("base_model.model.model.layers.12", "block:12"),
        ("layers.5", "block:5"),
        ("transformer.h.5", "block:5"),
        ("gpt_neox.layers.5", "block:5"),
        ("model.decoder.layers.5", "block:5"),
        ("model.layers.5.mlp", None),
        ("vision_tower.encoder.layers.5", None),
        ("layers.-1", None),
        ("layers.5\n", None),
        ("prelogit", "prelogit"),
        ("block:5", "block:5"),
    ],
)
def test_the_names_of_other_tools_are_sites_or_stay_as_they_are(name, site):
    assert canonical_site(name) == (site or name)


def test_a_vector_without_a_site_is_not_taken_for_one_that_the_file_lacks():
    data = npz(layer_2=V[2], offset=V[1])
    assert chosen(data, site="block:2") == {"block:2": 2}
    with pytest.raises(StabilityError, match="has block:2, no site, and not block:3"):
        chosen(data, site="block:3")
    assert chosen(data, "offset", "block:3") == {"block:3": 1}


def test_the_last_of_the_hidden_states_is_said_to_come_after_the_final_norm():
    rows = np.stack([V[0], *(V[layer] for layer in range(LAYERS))])
    file = parse_vectors(pt(torch.from_numpy(rows)), "own")
    last, before = (choose(file, LAYERS, site=f"block:{block}") for block in (3, 2))
    assert last.extracted == {"block:3": "prelogit"}
    assert any("after the final norm" in sentence for sentence in last.warnings)
    assert before.extracted == {"block:2": "block:2"}
    assert not any("after the final norm" in sentence for sentence in before.warnings)


@pytest.mark.parametrize("name", ["v.npz#a#b", "v#w.npz#a#b"])
def test_a_sharp_may_stand_in_the_name_of_a_vector_and_of_a_file(tmp_path, name):
    file = name.removesuffix("#a#b")
    (tmp_path / file).write_bytes(npz(**{"a#b": V[1]}))
    assert split_name(str(tmp_path / name)) == (tmp_path / file, "a#b")


@pytest.mark.parametrize(
    "vectors",
    [
        {"block:1": np.array([1, 2]), "block:0": np.array([3, 4], dtype=">i2")},
        {"layers.1": np.float32([1, 2]), "model.layers.0": np.array([[3.0, 4.0]])},
    ],
)
def test_a_steering_vector_is_kept_in_order_in_float64_under_the_names_of_sites(vectors):
    vector = SteeringVector("own", "array", vectors)
    assert [(site, v.dtype, v.tolist()) for site, v in vector.vectors.items()] == [
        ("block:0", np.float64, [3, 4]),
        ("block:1", np.float64, [1, 2]),
    ]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_a_vector_may_be_a_tensor_that_torch_differentiates(dtype):
    tensor = torch.tensor([0.5, -3.0], dtype=dtype, requires_grad=True)
    assert checked(tensor, "the vector", "own").tolist() == [0.5, -3.0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (torch.ones(2, device="meta"), "numbers are packed, or missing"),
        (torch.ones(2).to_sparse(), "numbers are packed, or missing"),
        (torch.ones(2, dtype=torch.bool), "holds truth values"),
        (torch.ones(2, dtype=torch.complex64), "holds complex numbers"),
        ([True, 0.5], "holds truth values"),
        (np.array([True, 0.5], dtype=object), "holds truth values"),
    ],
)
def test_what_would_be_made_into_numbers_is_refused(values, words):
    with pytest.raises(StabilityError, match=words):
        checked(values, "the vector", "own")


def test_the_last_blocks_output_has_two_names_in_a_file_too():
    data = npz(final=V[3], prelogit=V[2])
    assert chosen(data) == chosen(data, site="all") == {"block:3": 3, "prelogit": 2}
    assert chosen(data, site="final") == chosen(data, site="block:3") == {"block:3": 3}
    assert chosen(data, "final", "block:0") == {"block:0": 3}


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        ({"layers.1": np.array([1.0]), "block:1": np.array([2.0])}, "has two for block:1"),
        (
            {"block:1": np.array([1.0]), "block:2": np.array([1.0, 2.0])},
            "one width; those of 'own' have 1, 2",
        ),
        ({"block:1": np.array([np.nan])}, "1 of its 1 components are NaN"),
        ({"block:1": np.ones((2, 2))}, "numbers in a row"),
        ({"block:1": np.array([True, False])}, "holds truth values"),
        ({"block:1": np.array(["a"])}, "holds text"),
        ({"block:1": np.array([1e200])}, "between 1e-60 and 1e\\+60"),
        ({"block:1": np.array([1e-200])}, "between 1e-60 and 1e\\+60"),
    ],
)
def test_a_steering_vector_that_cannot_be_meant_is_refused(vectors, words):
    with pytest.raises(StabilityError, match=words):
        SteeringVector("own", "array", vectors)
