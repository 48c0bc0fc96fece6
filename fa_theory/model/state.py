"""Start states on disk: one .npz file with the data, the weights, the biases and the feedback."""

from __future__ import annotations

import io
import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import floating, is_exact, to_numpy
from fa_theory.files import replacing
from fa_theory.model.feedback import AdaptiveFeedback, DirectFeedback, FeedbackAlignment
from fa_theory.model.network import Network
from fa_theory.model.problem import Problem

Matrix = np.ndarray[Any, Any]


class State(NamedTuple):
    """The arrays of a state file.

    Attributes
    ----------
    X, Y : array
        (N, d) samples and (N, m) or (N,) labels.
    weights : tuple of arrays
        W_1, ..., W_L.
    biases : tuple of (array or None)
        b_1, ..., b_L.
    matrices : tuple of arrays
        B_2, ..., B_L, the feedback of FA, adaFA (at the start) and DFA; empty where there is none.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import fa_theory as ft
    >>> from fa_theory.model import load_state, save_state
    >>> with TemporaryDirectory() as folder:
    ...     network, problem = ft.initialise("gaussian", (2, 3, 1)), ft.Problem([[1.0, 2.0]], [1.0])
    ...     save_state(Path(folder) / "start.npz", network, problem)
    ...     state = load_state(Path(folder) / "start.npz")
    >>> state.X.tolist(), state.biases, [W.shape for W in state.weights], [B.shape for B in state.matrices]
    ([[1.0, 2.0]], (None, None), [(3, 2), (1, 3)], [(3, 1)])
    """

    X: Matrix
    Y: Matrix
    weights: tuple[Matrix, ...]
    biases: tuple[Matrix | None, ...]
    matrices: tuple[Matrix, ...]


def _stored_matrix(rule: Any, weight: Any) -> Matrix | None:
    match rule:
        case FeedbackAlignment() | DirectFeedback() | AdaptiveFeedback():
            return to_numpy(rule.matrix(weight))
    return None


def save_state(path: str | os.PathLike[str], network: Network, problem: Problem) -> None:
    """Write X, Y, W1, ..., b1, ... and B2, ... to an .npz file, whole or not at all.

    Feedback is written for FA, adaFA and DFA; backprop and sign-FA follow from the weights.

    Raises
    ------
    ValueError
        If the arrays are exact rationals, which an .npz file cannot hold, or some layers' feedback has a matrix to
        write and others' has none.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.model import save_state
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "start.npz"
    ...     save_state(path, ft.initialise("gaussian", (2, 3, 1), biases=True), ft.Problem([[1.0, 2.0]], [1.0]))
    ...     with np.load(path) as file:
    ...         sorted(file)
    ['B2', 'W1', 'W2', 'X', 'Y', 'b1', 'b2']
    """
    if is_exact(problem.X):
        raise ValueError("a state file holds floating-point numbers, got exact rationals")
    arrays = {"X": to_numpy(problem.X), "Y": to_numpy(problem.Y)}
    for layer, (W, b) in enumerate(zip(network.weights, network.biases, strict=True), start=1):
        arrays[f"W{layer}"] = to_numpy(W)
        if b is not None:
            arrays[f"b{layer}"] = to_numpy(b)
    stored = [_stored_matrix(rule, W) for rule, W in zip(network.feedback, network.weights[1:], strict=True)]
    matrices = {f"B{layer}": matrix for layer, matrix in enumerate(stored, start=2) if matrix is not None}
    if 0 < len(matrices) < len(stored):
        raise ValueError(f"a state file holds feedback for all hidden layers or for none, got {network.rule_name}")
    # packed first: where the disk is full, NumPy 2.0 leaves the archive open, of which Python warns
    packed = io.BytesIO()
    np.savez(packed, **arrays, **matrices)  # type: ignore[arg-type]
    with replacing(path) as stream:
        stream.write(packed.getbuffer())


def load_state(path: str | os.PathLike[str]) -> State:
    """Read and validate a state file; the columns of B2, B3, ..., which depend on the rule, are for `Network` to check.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no .npz archive, an array is missing, has an unknown name, is pickled, not real, not finite or
        of a shape that does not fit; the message names the array.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import fa_theory as ft
    >>> from fa_theory.model import load_state, save_state
    >>> network, problem = ft.initialise("gaussian", (2, 3, 1)), ft.Problem([[1.0, 2.0]], [1.0])
    >>> with TemporaryDirectory() as folder:
    ...     save_state(Path(folder) / "start.npz", network, problem)
    ...     state = load_state(Path(folder) / "start.npz")
    >>> (state.weights[0] == network.weights[0]).all().item(), state.matrices[0].shape
    (True, (3, 1))
    """
    arrays = _read(Path(path))
    unknown = [name for name in arrays if not re.fullmatch(r"X|Y|[Wb][1-9]\d*|B([2-9]|[1-9]\d+)", name)]
    if unknown:
        raise ValueError(f"{path}: unknown array {unknown[0]!r}; a state holds X, Y, W1, W2, ..., b1, ..., B2, ...")
    depth = sum(name[0] == "W" for name in arrays)
    required = ["X", "Y", *(f"W{layer}" for layer in range(1, max(depth, 2) + 1))]
    missing = [name for name in required if name not in arrays]
    if missing:
        raise ValueError(f"{path}: array {missing[0]} is missing")
    stray = [name for name in arrays if name[0] in "bB" and int(name[1:]) > depth]
    if stray:
        raise ValueError(f"{path}: array {stray[0]} has no layer; there are {depth} weights")
    feedback = [name for name in (f"B{layer}" for layer in range(2, depth + 1)) if name in arrays]
    if feedback and len(feedback) != depth - 1:
        absent = next(f"B{layer}" for layer in range(2, depth + 1) if f"B{layer}" not in arrays)
        raise ValueError(f"{path}: array {absent} is missing; feedback is given for all hidden layers or for none")
    ranks: dict[str, int | tuple[int, ...]] = {"X": 2, "Y": (1, 2), "W": 2, "b": 1, "B": 2}
    try:
        checked = {name: floating(name, array, ranks[name[0]]) for name, array in arrays.items()}
        _check_shapes(checked, depth)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    return State(
        checked["X"],
        checked["Y"],
        tuple(checked[f"W{layer}"] for layer in range(1, depth + 1)),
        tuple(checked.get(f"b{layer}") for layer in range(1, depth + 1)),
        tuple(checked[name] for name in feedback),
    )


def _check_shapes(arrays: dict[str, Matrix], depth: int) -> None:
    N, d = arrays["X"].shape
    Y = arrays["Y"]
    if len(Y) != N:
        raise ValueError(f"Y must have one row for each of the {N} rows of X, got {len(Y)}")
    n_outputs = Y.shape[1] if Y.ndim == 2 else 1
    below, below_name = d, "column of X"
    for layer in range(1, depth + 1):
        W, b = arrays[f"W{layer}"], arrays.get(f"b{layer}")
        if W.shape[1] != below:
            raise ValueError(f"W{layer} must have {below} columns, one for each {below_name}, got shape {W.shape}")
        if b is not None and len(b) != len(W):
            raise ValueError(f"b{layer} must have shape ({len(W)},), got {b.shape}")
        if layer > 1 and f"B{layer}" in arrays and len(arrays[f"B{layer}"]) != below:
            got = arrays[f"B{layer}"].shape
            raise ValueError(f"B{layer} must have {below} rows, one for each column of W{layer}, got shape {got}")
        below, below_name = len(W), f"row of W{layer}"
    if below != n_outputs:
        raise ValueError(f"W{depth} must have {n_outputs} rows, one for each column of Y, got {below}")


def _read(path: Path) -> dict[str, Matrix]:
    if not path.exists():
        raise FileNotFoundError(f"state file {path} does not exist")
    if path.is_dir():
        raise ValueError(f"{path} is not a readable .npz archive: it is a folder")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a readable .npz archive")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: _read_array(archive, name) for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, MemoryError, OSError, RuntimeError) as error:
        raise ValueError(f"{path} is not a readable .npz archive ({error})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read_array(archive: Any, name: str) -> Matrix:
    try:
        array = archive[name]
    except ValueError as error:
        raise ValueError(f"array {name} cannot be read ({error})") from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} is not an array")  # noqa: TRY004 - the file is at fault, not a type
    return array
