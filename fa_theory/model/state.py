"""Start states on disk: one .npz file with the data, the weights, the biases and the feedback."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import floating, to_numpy
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
    """
    arrays = {"X": to_numpy(problem.X), "Y": to_numpy(problem.Y)}
    for layer, (W, b) in enumerate(zip(network.weights, network.biases, strict=True), start=1):
        arrays[f"W{layer}"] = to_numpy(W)
        if b is not None:
            arrays[f"b{layer}"] = to_numpy(b)
    for layer, (rule, W) in enumerate(zip(network.feedback, network.weights[1:], strict=True), start=2):
        matrix = _stored_matrix(rule, W)
        if matrix is not None:
            arrays[f"B{layer}"] = matrix
    with replacing(path) as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def load_state(path: str | os.PathLike[str]) -> State:
    """Read and validate a state file; shapes that depend on the rule are checked when the network is built.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no .npz archive, an array is missing, has an unknown name, is pickled, not real, not finite or
        of the wrong rank; the message names the array.
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
    ranks = {"X": 2, "Y": 1 if arrays["Y"].ndim == 1 else 2, "W": 2, "b": 1, "B": 2}
    try:
        checked = {name: floating(name, array, ranks[name[0]]) for name, array in arrays.items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    return State(
        checked["X"],
        checked["Y"],
        tuple(checked[f"W{layer}"] for layer in range(1, depth + 1)),
        tuple(checked.get(f"b{layer}") for layer in range(1, depth + 1)),
        tuple(checked[name] for name in feedback),
    )


def _read(path: Path) -> dict[str, Matrix]:
    if not path.exists():
        raise FileNotFoundError(f"state file {path} does not exist")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError(f"{path} is a single .npy array, not an .npz archive")
            arrays = {}
            for name in archive.files:
                try:
                    arrays[name] = archive[name]
                except ValueError as error:
                    raise ValueError(f"{path}: array {name} cannot be read ({error})") from None
            return arrays
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(f"{path} is not a readable .npz archive ({error})") from None
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} is not a readable .npz archive ({error})") from None
