"""State files: bitwise round trips, and files that are refused."""

import io
import zipfile
from fractions import Fraction

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given

from fa_theory.model import Network, Problem, SignFeedback, feedback_rules, load_state, save_state
from fa_theory.testing import instances


def same_bits(one, other):
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def round_trip(folder, network, problem):
    path = folder / "state.npz"
    save_state(path, network, problem)
    state = load_state(path)
    rules = feedback_rules(network.rule_name, state.weights, state.matrices)
    return Network(state.weights, network.activation, rules, state.biases), Problem(state.X, state.Y, problem.loss)


@given(instances())
def test_bitwise_round_trip(tmp_path_factory, instance):
    network, problem = instance
    again, same_problem = round_trip(tmp_path_factory.mktemp("state"), network, problem)
    assert same_bits(problem.X, same_problem.X)
    assert same_bits(problem.Y, same_problem.Y)
    for one, other in zip((*network.weights, *network.matrices()), (*again.weights, *again.matrices()), strict=True):
        assert same_bits(one, other)
    for b, other in zip(network.biases, again.biases, strict=True):
        assert b is other is None or same_bits(b, other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_bits_and_both_precisions(tmp_path, dtype):
    rng = np.random.default_rng(0)
    X, Y, W1, W2, B = (rng.standard_normal(shape).astype(dtype) for shape in ((5, 3), (5, 2), (4, 3), (2, 4), (4, 2)))
    weights = [W1, W2]
    network = Network(weights, "relu", feedback_rules("adafa:0.7", weights, [B]), [None, W2[:, 0]])
    moved = network.with_parameters(network.parameters._replace(weights=(W1 + 1, W2 + 1)))
    for each in (network, moved):
        again, problem = round_trip(tmp_path, each, Problem(X, Y))
        assert same_bits(problem.X, X)
        assert same_bits(again.matrices()[0], each.matrices()[0])
        assert same_bits(again.weights[1], each.weights[1])
        np.testing.assert_allclose(again.feedback[0].D, network.feedback[0].D, rtol=0, atol=8 * np.finfo(dtype).eps)


def test_other_libraries_are_saved_from_the_host(tmp_path):
    weights = [strict.ones((1, 2)), strict.ones((1, 1))]
    save_state(tmp_path / "s", Network(weights, "linear", "sign-fa"), Problem(strict.ones((3, 2)), [1, 2, 3]))
    state = load_state(tmp_path / "s")
    assert state.matrices == ()
    assert state.X.tolist() == [[1.0, 1.0]] * 3


NETWORK = Network([np.ones((3, 2)), np.ones((1, 3))], "linear", [np.ones((3, 1))], [np.zeros(3), None])
PROBLEM = Problem(np.ones((4, 2)), np.ones(4))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "state.npz"
    save_state(path, NETWORK, PROBLEM)
    before = path.read_bytes()

    def disk_full(stream, **arrays):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_state(path, NETWORK, PROBLEM)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(stream, **arrays):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_state(tmp_path / "state.npz", NETWORK, PROBLEM)
    assert list(tmp_path.iterdir()) == []


def test_no_folder_to_write_to(tmp_path):
    with pytest.raises(FileNotFoundError):
        save_state(tmp_path / "missing" / "state.npz", NETWORK, PROBLEM)


def test_what_no_state_file_can_hold(tmp_path):
    half = np.array([[Fraction(1, 2)]], dtype=object)
    with pytest.raises(ValueError, match="got exact rationals"):
        save_state(tmp_path / "s.npz", Network([half, half], "linear", "backprop"), Problem(half, [1]))
    mixed = Network([np.eye(2)] * 3, "linear", [np.eye(2), SignFeedback()])
    with pytest.raises(ValueError, match="for all hidden layers or for none, got fa,sign-fa"):
        save_state(tmp_path / "s.npz", mixed, Problem(np.eye(2), np.eye(2)))
    assert list(tmp_path.iterdir()) == []


GOOD = {
    "X": np.ones((4, 2)),
    "Y": np.ones(4),
    "W1": np.ones((3, 2)),
    "W2": np.ones((2, 3)),
    "W3": np.ones((1, 2)),
    "b1": np.zeros(3),
    "B2": np.ones((3, 2)),
    "B3": np.ones((2, 1)),
}


def test_integers_and_one_dimensional_labels_are_fine(tmp_path):
    np.savez(tmp_path / "s.npz", **{name: array.astype(int) for name, array in GOOD.items()})
    state = load_state(tmp_path / "s.npz")
    assert state.Y.shape == (4,)
    assert {array.dtype for array in (state.X, *state.weights, *state.matrices)} == {np.dtype(float)}
    assert [b is None for b in state.biases] == [False, True, True]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"X": None}, "array X is missing"),
        ({"Y": None}, "array Y is missing"),
        ({"W2": None}, "array W2 is missing"),
        ({"W2": None, "W3": None, "B2": None, "B3": None}, "array W2 is missing"),
        ({"B3": None}, "array B3 is missing; feedback is given for all hidden layers or for none"),
        ({"B2": None}, "array B2 is missing"),
        ({"B4": np.ones((1, 1))}, "array B4 has no layer; there are 3 weights"),
        ({"b4": np.ones(1)}, "array b4 has no layer"),
        ({"B1": np.ones((1, 1))}, "unknown array 'B1'"),
        ({"w1": np.ones((1, 1))}, "unknown array 'w1'"),
        ({"W01": np.ones((1, 1))}, "unknown array 'W01'"),
        ({"X": np.full((4, 2), np.nan)}, r"X must be finite, got nan at index \(0, 0\)"),
        ({"B2": np.full((3, 2), np.inf)}, "B2 must be finite, got inf"),
        ({"W1": np.ones((3, 2)) * 1j}, "W1 must hold real numbers"),
        ({"W1": np.ones((3, 2), bool)}, "W1 must hold real numbers"),
        ({"Y": np.array(["a"] * 4)}, "Y must hold real numbers"),
        ({"X": np.ones(4)}, r"X must have 2 dimension\(s\), got shape \(4,\)"),
        ({"Y": np.ones((4, 1, 1))}, r"Y must have 1 or 2 dimension"),
        ({"Y": np.ones(3)}, "Y must have one row for each of the 4 rows of X, got 3"),
        ({"Y": np.ones((4, 2))}, "W3 must have 2 rows, one for each column of Y, got 1"),
        ({"X": np.ones((4, 3))}, r"W1 must have 3 columns, one for each column of X, got shape \(3, 2\)"),
        ({"W2": np.ones((2, 2))}, r"W2 must have 3 columns, one for each row of W1, got shape \(2, 2\)"),
        ({"b1": np.ones(2)}, r"b1 must have shape \(3,\), got \(2,\)"),
        ({"b1": np.ones((3, 1))}, "b1 must have 1 dimension"),
        ({"B2": np.ones((2, 3))}, r"B2 must have 3 rows, one for each column of W2, got shape \(2, 3\)"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, changes, complaint):
    path = tmp_path / "s.npz"
    np.savez(path, **{name: array for name, array in {**GOOD, **changes}.items() if array is not None})
    with pytest.raises(ValueError, match=rf"s\.npz: {complaint}"):
        load_state(path)


class Trap:
    """Unpickling this would be seen."""

    def __reduce__(self):
        return pytest.fail, ("a pickled object was loaded",)


def test_pickles_are_refused_unread(tmp_path):
    np.savez(tmp_path / "s.npz", **{**GOOD, "W1": np.array([[Trap()]], dtype=object)})
    with pytest.raises(ValueError, match=r"array W1 cannot be read .*allow_pickle=False"):
        load_state(tmp_path / "s.npz")


def npz_bytes(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def corrupted():
    data = bytearray(npz_bytes(X=np.random.default_rng(0).random(1000)))
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", npz_bytes(**GOOD)[:-30], corrupted(), b"\x93NUMPY\x01\x00", b"PK\x05\x06" + b"\x00" * 3],
    ids=["empty", "text", "truncated", "corrupted", "npy header", "zip end"],
)
def test_files_that_are_no_archives(tmp_path, content):
    path = tmp_path / "s.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"s\.npz is not a readable \.npz archive"):
        load_state(path)


def test_a_single_array_a_folder_and_nothing(tmp_path):
    np.save(tmp_path / "single.npy", np.ones((2, 2)))
    for name in ("single.npy", "."):
        with pytest.raises(ValueError, match=r"not a readable \.npz archive"):
            load_state(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"state file .*missing\.npz does not exist"):
        load_state(tmp_path / "missing.npz")


@pytest.mark.parametrize("content", [b"hello", b"\x93NUMPY\x01\x00\x10\x00nonsense........"])
def test_members_that_are_no_arrays(tmp_path, content):
    path = tmp_path / "s.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", content)
    with pytest.raises(ValueError, match=r"s\.npz"):
        load_state(path)


def test_an_empty_archive(tmp_path):
    np.savez(tmp_path / "s.npz")
    with pytest.raises(ValueError, match="array X is missing"):
        load_state(tmp_path / "s.npz")
