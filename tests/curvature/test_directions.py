"""Every kind of direction, and every specification of one."""

import contextlib
import io
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf
from support.states import make_state, nonlinear_state, perturbed_logits, properties, random_state
from torch import Tensor

from stability.curvature import directions, given_vector
from stability.curvature.direction import unit
from stability.curvature.direction_spec import DirectionSpec
from stability.curvature.directions import require_rank, resolve
from stability.curvature.spectrum import spectrum
from stability.errors import StabilityError
from stability.prediction.pause import Pause, no_pause
from stability.prediction.state import State

WIDTH, VOCAB = 6, 40


class Other:
    """Another place where states come from: it remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked = []

    def capture(self, prompt: str, position: int = -1, site: str = "prelogit") -> State:
        self.asked.append((prompt, position, site))
        return random_state(seed=len(prompt))

    def background(self, site: str, pause: Pause = no_pause) -> Tensor:
        self.asked.append(site)
        draw = torch.Generator().manual_seed(0)
        return torch.randn(300, WIDTH, generator=draw) * torch.arange(1.0, WIDTH + 1)


@pytest.fixture
def state() -> State:
    return random_state()


def named(spec: str, state: State, source: Other | None = None) -> directions.Direction:
    return resolve(DirectionSpec.parse(spec), state, spectrum(state, 3), source or Other())


def saved(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def normalised(vector: Tensor) -> Tensor:
    return vector.double() / vector.double().norm()


@pytest.mark.parametrize("spec", ["eig:2", "random:0", "covariance:1", "tokens:3,5", "prompt:hi"])
def test_every_specification_gives_a_unit_vector_of_its_kind(state, spec):
    found = named(spec, state)
    assert found.kind == spec.partition(":")[0]
    assert found.vector.dtype == torch.float64
    assert found.vector.shape == (WIDTH,)
    assert float(found.vector.norm()) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_an_eigendirection_is_the_vector_of_that_rank(state, index):
    found = named(f"eig:{index}", state)
    assert torch.equal(found.vector, spectrum(state, 3).vectors[:, index])
    assert found.label == f"eigendirection {index + 1}"


def test_a_random_direction_is_that_of_its_seed(state):
    first, again, other = (named(f"random:{seed}", state) for seed in (7, 7, 8))
    assert torch.equal(first.vector, again.vector)
    assert abs(float(first.vector @ other.vector)) < 0.99
    assert "7" in first.label


def test_directions_have_the_width_of_the_site_not_of_the_readout():
    below = nonlinear_state(d=9, D=5)
    for spec in ("eig:0", "random:0", "tokens:3,5"):
        assert named(spec, below).vector.shape == (9,)
    assert given_vector.pasted(below, saved(np.arange(9))).vector.shape == (9,)
    with pytest.raises(StabilityError, match="as the state, 9; received"):
        given_vector.pasted(below, saved(np.arange(5)))


def test_random_directions_favour_no_axis(state):
    vectors = torch.stack([directions.random(state, seed).vector for seed in range(2000)])
    covariance = vectors.T @ vectors / len(vectors)
    # each entry is a mean of 2,000 products with a standard deviation of at most 0.21
    torch.testing.assert_close(
        covariance, torch.eye(WIDTH, dtype=torch.float64) / WIDTH, rtol=0, atol=5 * 0.21 / 2000**0.5
    )
    assert float(vectors.mean(dim=0).norm()) < 0.1


def test_covariance_matched_directions_follow_the_spread_of_the_states(state):
    source = Other()
    vectors = source.background("prelogit")
    drawn = torch.stack(
        [directions.covariance_matched(state, vectors, seed).vector for seed in range(400)]
    )
    spread = drawn.square().mean(dim=0)
    assert spread.argmax() == WIDTH - 1
    assert float(spread[-1] / spread[0]) > 10  # the variances differ 36-fold
    again = directions.covariance_matched(state, vectors, 3).vector
    assert torch.equal(again, drawn[3])
    assert torch.equal(named("covariance:3", state, source).vector, drawn[3])
    assert source.asked[-1] == state.site


@pytest.mark.parametrize(("degrees", "copies"), [(0, 1), (115, 100)])
def test_covariance_matched_directions_of_a_plane_have_the_law_of_a_projected_gaussian(
    degrees, copies
):
    """`E[cos²] = a/(a + b)` towards the axis of standard deviation `a`, whatever its angle."""
    n, turn = 1000, math.radians(degrees)
    axes = torch.tensor(
        [[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]], dtype=torch.float64
    )
    points = torch.tensor([[3, 0], [-3, 0], [0, 1], [0, -1]], dtype=torch.float64)
    vectors, state = points.repeat(copies, 1) @ axes, random_state(V=5, d=2)
    shrunk = axes.numpy() @ ledoit_wolf(vectors.numpy())[0] @ axes.numpy().T
    a, b = np.sqrt(np.diag(shrunk))  # 3 to 1 with all copies, 4 to 3 with one
    drawn = torch.stack(
        [directions.covariance_matched(state, vectors, seed).vector for seed in range(n)]
    )
    along, across = (drawn @ axes.T).T
    # cos² and cos·sin both have the variance ab/2(a + b)²: four standard deviations of the mean
    near = 4 * (a * b / 2) ** 0.5 / (a + b) / n**0.5
    assert float(along.square().mean()) == pytest.approx(a / (a + b), abs=near)
    assert float((along * across).mean()) == pytest.approx(0, abs=near)


def test_fewer_states_than_dimensions_are_enough(state):
    vectors = torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(0))
    found = directions.covariance_matched(state, vectors, 0)
    assert float(found.vector.norm()) == pytest.approx(1, rel=1e-12)


def test_two_states_are_enough_for_the_line_through_them(state):
    first, second = random_state(1).vector, random_state(2).vector
    line = normalised(second - first)
    vectors = torch.stack([first, second])
    along = [
        float(directions.covariance_matched(state, vectors, seed).vector @ line)
        for seed in range(20)
    ]
    assert np.abs(along) == pytest.approx(1, rel=1e-12)
    assert {round(cosine) for cosine in along} == {-1, 1}


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_equal_states_have_no_covariance(state, n):
    vectors = random_state(1).vector.expand(n, WIDTH)
    with pytest.raises(StabilityError, match=f"two different vectors; received {n}, all equal"):
        directions.covariance_matched(state, vectors, 0)


@pytest.mark.parametrize(
    "state",
    [
        random_state(),
        random_state(softcap=2.0),
        nonlinear_state(),
        nonlinear_state(d=4, softcap=2.0),
    ],
    ids=["linear", "capped", "below a layer", "below a layer, capped"],
)
def test_a_token_difference_is_the_gradient_of_the_difference_of_two_logits(state):
    delta = torch.zeros(state.width, dtype=torch.float64, requires_grad=True)
    logits = perturbed_logits(state, delta)
    (gradient,) = torch.autograd.grad(logits[5] - logits[3], delta)
    found = named("tokens:3,5", state)
    torch.testing.assert_close(found.vector, normalised(gradient), rtol=1e-12, atol=1e-14)
    assert found.label == "<3> → <5>"
    assert torch.equal(named("tokens:5,3", state).vector, -found.vector)
    assert torch.equal(named("tokens:3, 5", state).vector, found.vector)


def test_a_prompt_difference_points_to_the_other_state(state):
    source = Other()
    found = named("prompt:a: b, c", state, source)
    other = random_state(seed=len("a: b, c"))
    expected = normalised(other.vector - state.vector)
    torch.testing.assert_close(found.vector, expected, rtol=1e-12, atol=1e-14)
    assert source.asked == [("a: b, c", -1, "prelogit")]
    assert found.label == "the way to 'a prompt'"


def test_the_same_state_is_no_direction(state):
    with pytest.raises(StabilityError, match="lead to another state; received 'a prompt'"):
        directions.prompt_difference(state, random_state())


@pytest.mark.parametrize(
    "other",
    [random_state(d=WIDTH + 1), make_state(torch.eye(WIDTH), torch.ones(WIDTH), site="final")],
    ids=["width", "site"],
)
def test_a_state_of_another_model_or_site_is_refused(state, other):
    with pytest.raises(StabilityError, match=f"'prelogit' and tiny at '{other.site}'"):
        directions.prompt_difference(state, other)


@pytest.mark.parametrize("name", ["my vector.npy", "my: vector.json"])
def test_a_file_holds_a_vector(state, tmp_path, name):
    vector = np.arange(1.0, WIDTH + 1)
    content = saved(vector) if name.endswith("npy") else json.dumps(vector.tolist()).encode()
    path = tmp_path / name
    path.write_bytes(content)
    found = named(f"file:{path}", state)
    expected = normalised(torch.from_numpy(vector))
    torch.testing.assert_close(found.vector, expected, rtol=1e-12, atol=0)
    assert (found.kind, found.label) == ("file", name)


@pytest.mark.parametrize(
    "content",
    [
        saved(np.arange(1, WIDTH + 1)),
        b"[1, 2, 3, 4, 5, 6]",
        b"\n [1.0,2,\r\n 3e0, 4,5,6 ] \n",
        "[1, 2, 3, 4, 5, 6]".encode("utf-8-sig"),
    ],
    ids=["npy", "json", "spaces", "byte order mark"],
)
def test_what_is_pasted_or_uploaded_is_what_a_file_holds(state, tmp_path, content):
    path = tmp_path / "a vector"
    path.write_bytes(content)
    found, read = given_vector.pasted(state, content), given_vector.from_file(state, path)
    expected = normalised(torch.arange(1, WIDTH + 1))
    torch.testing.assert_close(found.vector, expected, rtol=1e-12, atol=0)
    assert torch.equal(read.vector, found.vector)
    assert (found.kind, found.label, read.label) == ("file", "pasted vector", "a vector")
    assert given_vector.pasted(state, content, "mine.npy").label == "mine.npy"


@pytest.mark.parametrize("dtype", ["float32", "int64", ">f8", "float16"])
def test_a_saved_array_may_have_any_number_type(state, dtype):
    found = given_vector.pasted(state, saved(np.arange(1, WIDTH + 1).astype(dtype)))
    expected = normalised(torch.arange(1, WIDTH + 1))
    torch.testing.assert_close(found.vector, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not numbers",
        b"\xff\xfe\x00",
        b"[1, 2",
        b'["a", "b"]',
        b"[[1, 2], [3]]",
        b"[1, null, [2]]",
        b"[1" + b"0" * 400 + b"]",
        b"[" * 100_000,
        saved(np.ones(WIDTH)).replace(b"(6,)", b"(6000000000000,)"),
        b"\x93NUMPY\x01\x00",
        saved(np.ones(WIDTH))[:-5],
        saved(np.ones(WIDTH) * 1j),
        saved(np.arange(WIDTH).astype("M8[s]")),
        b'["1", "2", "3", "4", "5", "6"]',
    ],
)
def test_a_file_that_holds_none_is_refused(state, content):
    with pytest.raises(StabilityError, match=r"A vector must be a \.npy array or a JSON list") as e:
        given_vector.pasted(state, content, "bad")
    assert "; 'bad' is neither (" in str(e.value)


class Trap:
    """What a pickle runs when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_refused_and_not_run(state, tmp_path):
    trap = tmp_path / "sprung"
    for content, sentence in (
        (saved(np.array([Trap(trap)])), "as they could run code"),
        (pickle.dumps(Trap(trap)), "as they could run code"),
    ):
        with pytest.raises(StabilityError, match=sentence):
            given_vector.pasted(state, content)
    assert not trap.exists()
    pickle.loads(pickle.dumps(Trap(trap)))
    assert trap.exists()  # or the trap would prove nothing


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")  # numpy's reader
@properties(300)
@given(st.data(), st.booleans())
def test_damaged_content_gives_a_unit_vector_or_our_error(data, binary):
    vector = np.arange(1.0, WIDTH + 1)
    content = bytearray(saved(vector) if binary else json.dumps(vector.tolist()).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(StabilityError):  # and nothing else
        found = given_vector.pasted(random_state(), bytes(content))
        assert float(found.vector.norm()) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[1, 2]", rf"as the state, {WIDTH}; received an array of shape \(2,\)"),
        (b"[]", r"shape \(0,\)"),
        (b"3", r"shape \(\)"),
        (b"[[1], [2]]", "has several, 0, 1: name the one you mean"),
        (b"[0, 0, 0, 0, 0, 0]", "must not be zero"),
        (b"[1, 2, NaN, 0, Infinity, 0]", f"finite; 2 of its {WIDTH} components"),
        (b"[1, 2, null, 0, 0, 0]", f"finite; 1 of its {WIDTH} components"),
    ],
)
def test_a_vector_that_does_not_fit_is_refused(state, content, message):
    with pytest.raises(StabilityError, match=message):
        given_vector.pasted(state, content)


def test_a_file_that_is_not_there_is_refused(state, tmp_path):
    with pytest.raises(StabilityError, match="must be readable"):
        named(f"file:{tmp_path / 'absent.npy'}", state)
    with pytest.raises(StabilityError, match="must be a sparse autoencoder's"):
        named(f"file:{tmp_path}", state)


@pytest.mark.parametrize("spec", ["", "eigen:0", "eig", "random:", "EIG:0", "north", "token:1,2"])
def test_a_specification_of_nothing_is_refused(state, spec):
    with pytest.raises(StabilityError, match=r"must be eig:K|must be whole and not negative"):
        named(spec, state)


@pytest.mark.parametrize(
    "spec",
    ["eig:-1", "eig:x", "eig:1.5", "random:-3", "random:x", "covariance:", "tokens:3", "tokens:,"],
)
def test_numbers_that_are_not_whole_are_refused(state, spec):
    with pytest.raises(StabilityError, match="whole and not negative; received '"):
        named(spec, state)


@pytest.mark.parametrize("index", [3, 100])
def test_an_eigendirection_that_is_not_held_is_refused(state, index):
    with pytest.raises(StabilityError, match=f"between 0 and 2 here; received {index}"):
        named(f"eig:{index}", state)


@pytest.mark.parametrize(("spec", "bad"), [("tokens:0,40", 40), ("tokens:99,1", 99)])
def test_a_token_outside_the_vocabulary_is_refused(state, spec, bad):
    with pytest.raises(StabilityError, match=f"between 0 and {VOCAB - 1} for tiny; received {bad}"):
        named(spec, state)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (0, 2)], ids=["one token", "two of one row"])
def test_tokens_with_one_row_are_refused_by_name(a, b):
    state = make_state(torch.tensor([[1.0, 2], [3, 4], [1, 2]]))
    words = rf"different rows of W_U; received {a} \(<{a}>\) and {b} \(<{b}>\)"
    with pytest.raises(StabilityError, match=words):
        directions.token_difference(state, a, b)


@pytest.mark.parametrize(
    ("spec", "expected"), [("eig:0", 0), ("eig:7", 7), ("random:3", None), ("prompt:eig:3", None)]
)
def test_an_eigendirection_has_a_rank_and_others_have_none(spec, expected):
    assert DirectionSpec.parse(spec).rank == expected


@pytest.mark.parametrize(
    ("spec", "words"),
    [("eig:x", "whole and not negative"), ("eig:8", "between 0 and 7 here; received 8")],
)
def test_a_bad_rank_is_refused_before_any_work(spec, words):
    with pytest.raises(StabilityError, match=words):
        require_rank(DirectionSpec.parse(spec).rank, 8)


@properties(50)
@given(st.integers(0, 10_000), st.integers(1, 20), st.floats(-300, 300))
def test_a_unit_vector_has_length_one_and_the_same_direction_at_any_size(seed, d, exponent):
    vector = np.random.default_rng(seed).standard_normal(d)
    found = unit(vector * 10.0**exponent, d)
    assert float(found.norm()) == pytest.approx(1, rel=1e-14)
    expected = torch.from_numpy(vector / np.linalg.norm(vector))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


# --- turned directions ----------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["eig:0", "random:4", "turn:-20,2,random:4"])
@pytest.mark.parametrize("degrees", [-135.0, 0.0, 30.0, 90.0])
def test_a_turned_direction_lies_in_the_plane_at_its_angle(state, start, degrees):
    e1 = named(start, state).vector
    v = spectrum(state, 3).vectors[:, 1]
    e2 = v - (v @ e1) * e1
    found = named(f"turn:{degrees},1,{start}", state).vector
    assert float(found @ e1) == pytest.approx(math.cos(math.radians(degrees)), abs=1e-12)
    sine = float(found @ e2 / e2.norm())
    assert sine == pytest.approx(math.sin(math.radians(degrees)), abs=1e-12)


@pytest.mark.parametrize("written", ["turn:30,1,eig:0", "turn:-12.5,2,turn:90,0,prompt:a,b: c"])
def test_a_turned_direction_is_read_as_it_is_written(written):
    spec = DirectionSpec.parse(written)
    assert str(spec) == written
    assert spec.kind == "turn"
    assert spec.rank is None


def test_a_turned_direction_names_the_ranks_that_it_needs_and_what_it_is(state):
    spec = DirectionSpec.parse("turn:30,1,turn:5,4,eig:0")
    assert spec.ranks == (1, 4, 0)
    words = "eigendirection 1, turned by 30° towards eigendirection 2"
    assert named("turn:30,1,eig:0", state).label == words
    assert DirectionSpec.parse("turn:30,1,eig:0").label == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("turn:x,1,eig:0", "at most 360 degrees"),
        ("turn:nan,1,eig:0", "at most 360 degrees"),
        ("turn:361,1,eig:0", "at most 360 degrees"),
        ("turn:30,-1,eig:0", "whole and not negative"),
        ("turn:30,1", "A direction must be"),
        ("turn:30,1,nothing:0", "A direction must be"),
        ("turn:1,1," * 9 + "eig:0", "8 times at most; received 9"),
        ("turn:1,1," * 9999 + "eig:0", "8 times at most; received 9999"),
    ],
)
def test_a_turn_that_cannot_be_is_refused_in_one_sentence(written, words):
    with pytest.raises(StabilityError, match=words) as refused:
        DirectionSpec.parse(written)
    assert "\n" not in str(refused.value)


def test_a_direction_is_not_turned_towards_itself(state):
    with pytest.raises(StabilityError, match="not parallel to it; received eigendirection 1"):
        named("turn:30,0,eig:0", state)


@properties(30)
@given(st.floats(-180, 180), st.floats(-180, 180), st.sampled_from(["eig:0", "random:4"]))
def test_turns_towards_one_eigendirection_add_up(first, second, start):
    state = random_state()
    pairs = spectrum(state, 3)
    once = DirectionSpec.parse(f"turn:{first:.6f},1,{start}")
    found = directions.turned_on(once, second, 1, state, pairs, Other())
    nested = directions.turned(resolve(once, state, pairs, Other()), pairs, second, 1)
    assert found.argument.start == DirectionSpec.parse(start)
    torch.testing.assert_close(
        resolve(found, state, pairs, Other()).vector, nested.vector, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_vector_that_is_not_finite_has_no_direction(bad):
    with pytest.raises(StabilityError, match="finite; 1 of its 2 components"):
        unit(torch.tensor([1.0, bad]), 2)


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("eig:0", "eigendirection 1"),
        ("random:7", "random, seed 7"),
        ("covariance:7", "covariance-matched, seed 7"),
        ("tokens:3,5", "token difference, id 3 → id 5"),
        ("file:v.npy", "file:v.npy"),
    ],
)
def test_a_written_direction_has_the_name_that_people_read_elsewhere(written, label):
    assert DirectionSpec.parse(written).label == label


@pytest.mark.parametrize("degrees", [3.55e-15, -1e-10, 1e-9, 359.999999999, -0.0, 1 / 3])
def test_a_turn_is_written_so_that_it_is_read_again(degrees):
    spec = DirectionSpec("eig", 0).turned(degrees, 1)
    assert DirectionSpec.parse(str(spec)) == spec
    assert "-0," not in str(spec)


def test_a_direction_is_not_turned_more_often_than_is_read(state):
    spec, pairs = DirectionSpec("eig", 0), spectrum(state, 3)
    for times in range(8):
        spec = directions.turned_on(spec, 10.0, 1 + times % 2, state, pairs, Other())
    assert DirectionSpec.parse(str(spec)) == spec
    assert spec.turns == 8
    with pytest.raises(StabilityError, match="8 times at most; received 9"):
        directions.turned_on(spec, 10.0, 1, state, pairs, Other())


@pytest.mark.parametrize(
    ("written", "seed"),
    [
        *[("random:7", 7), ("covariance:0", 0), ("turn:30,1,turn:5,2,random:7", 7)],
        *[
            ("eig:3", None),
            ("tokens:1,2", None),
            ("turn:30,1,eig:0", None),
            ("prompt:random:7", None),
        ],
    ],
)
def test_a_seed_is_that_of_what_is_drawn(written, seed):
    assert DirectionSpec.parse(written).seed == seed


def test_what_is_easily_got_wrong_about_a_vector_goes_with_its_direction(state, tmp_path):
    """A vector that its own tool applies elsewhere is used here with a word."""
    path = tmp_path / "layer_0.npy"
    path.write_bytes(saved(np.arange(1, WIDTH + 1)))
    found = named(f"file:{path}#vector", state)
    assert any(f"at block:0; here it is applied at {state.site}" in s for s in found.warnings)
