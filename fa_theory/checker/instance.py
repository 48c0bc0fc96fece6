"""The instance of a certificate over the rationals, read from its text or from the state file beside it."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from flint import acb_mat, arb, arb_mat, fmpq, fmpq_mat

LARGEST_FILE = 1 << 26


class RejectedError(Exception):
    """A claim is wrong, or cannot be confirmed."""


class UnreadableError(Exception):
    """The file is not a certificate."""


class TooWideError(Exception):
    """The precision is too low to tell."""


def need(condition: object, why: str) -> None:
    """Reject the certificate unless a condition holds."""
    if not condition:
        raise RejectedError(why)


def file_bytes(file: Path) -> bytes:
    """Return the bytes of a plain file that is not too large."""
    if not file.is_file() or file.stat().st_size > LARGEST_FILE:
        raise UnreadableError(f"{file} must be a file of at most {LARGEST_FILE} bytes")
    return file.read_bytes()


def number(text: Any) -> fmpq:
    """Return the rational of a hexadecimal float or a fraction."""
    if isinstance(text, str) and re.fullmatch(r"-?0x[01](\.[0-9a-f]{1,16})?p[+-][0-9]{1,4}", text):
        return fmpq(*float.fromhex(text).as_integer_ratio())
    if isinstance(text, str) and re.fullmatch(r"-?[0-9]{1,999}/[0-9]{1,999}", text):
        return fmpq(*map(int, text.split("/")))
    raise ValueError(f"a number must be a hexadecimal float or a fraction, got {str(text)[:40]!r}")


def _arrays(given: dict[str, Any], folder: Path) -> dict[str, fmpq_mat]:
    if "arrays" in given:
        return {name: fmpq_mat([list(map(number, row)) for row in rows]) for name, rows in given["arrays"].items()}
    import numpy as np

    name = given["state"]["file"]
    need(name == Path(name).name, "the state file must lie beside the certificate")
    stored = file_bytes(folder / name)
    need(hashlib.sha256(stored).hexdigest() == given["state"]["sha256"], f"{name} is not the state of this certificate")
    if sum(each.file_size for each in zipfile.ZipFile(BytesIO(stored)).infolist()) > LARGEST_FILE:
        raise ValueError(f"{name} holds too much")
    with np.load(BytesIO(stored), allow_pickle=False) as archive:
        read = {name: archive[name].astype(float) for name in archive.files}
    flat = {"Y": (-1, 1), "b1": (1, -1), "b2": (1, -1)}
    shaped = {name: a.reshape(flat[name]) if a.ndim == 1 else a for name, a in read.items()}
    return {
        name: fmpq_mat([[fmpq(*x.as_integer_ratio()) for x in row] for row in a.tolist()]) for name, a in shaped.items()
    }


class Instance:
    """The instance over the rationals; W1, W2 have the biases as last columns, `inputs` a 1 for a hidden bias."""

    def __init__(self, given: dict[str, Any], folder: Path) -> None:
        plain = json.dumps({key: given[key] for key in given if key != "sha256"}, sort_keys=True)
        need(
            hashlib.sha256(plain.encode()).hexdigest() == given["sha256"], "the instance is not the one that was hashed"
        )
        arrays = _arrays(given, folder)
        self.rule, self.loss, self.run = given["rule"], given["loss"], given["run"]
        self.kappa, self.slope = number(given["kappa"]), number(given["slope"])
        need(self.rule in ("fa", "dfa", "sign-fa", "adafa", "backprop") and 0 <= self.slope <= 1, "rule or slope")
        need(self.loss in ("squared", "logistic", "exponential"), "the loss is unknown")
        matrices: list[Any] = [arrays.get(name) for name in ("X", "Y", "W1", "W2", "B2")]
        self.X, self.Y, self.W1, self.W2, self.B = matrices
        self.hidden, self.biased = "b1" in arrays, "b2" in arrays
        self.linear, self.N, self.m, self.n = self.slope == 1, self.X.nrows(), self.Y.ncols(), self.W1.nrows()
        self.v = self.W2
        self.W1 = beside(self.W1, arrays["b1"].transpose()) if self.hidden else self.W1
        self.W2 = beside(self.W2, arrays["b2"].transpose()) if self.biased else self.W2
        self.inputs = with_ones(self.X) if self.hidden else self.X
        self.fixed = self.rule in ("fa", "dfa") or (self.rule == "adafa" and self.kappa == 0)
        self.f = self.output()
        self.E = self.f - self.Y
        wide = self.inputs.ncols() > self.N
        self.gram = (self.inputs * self.inputs.transpose() if wide else self.inputs.transpose() * self.inputs) / self.N
        self.rank = int(self.gram.rank())
        self.floor = trace(self.Y.transpose() * self.Y - self.in_span(self.Y)) / (2 * self.N)
        self.excess = trace(self.in_span(self.E)) / (2 * self.N)
        self.c = [self._potential(i) - dot(w, w) / 2 for i, w in enumerate(self.W1.tolist())] if self.m == 1 else []

    @property
    def step_size(self) -> fmpq:
        """The step size eta."""
        return number(self.run["step_size"])

    def least_squares(self, X: fmpq_mat) -> fmpq_mat:
        """Return a best fit of the labels by linear maps of X."""
        return _least_squares(X, self.Y)

    def output(self) -> Any:
        """Return f(x) at the start."""
        rows = (self.inputs * self.W1.transpose()).tolist()
        h = fmpq_mat([[z if z > 0 else z * self.slope for z in row] for row in rows])
        return (with_ones(h) if self.biased else h) * self.W2.transpose()

    def _potential(self, i: int) -> Any:
        v = self.v[0, i]
        if self.rule in ("sign-fa", "backprop"):
            return abs(v) if self.rule == "sign-fa" else v * v / 2
        return self.B[i, 0] * v - (self.kappa * v * v / 2 if self.rule == "adafa" else 0)

    def in_span(self, E: fmpq_mat) -> Any:
        """Return E^T P E, P the projector on the column space of the inputs."""
        fit = _least_squares(self.inputs, E)
        return E.transpose() * self.inputs * fit

    def mean_loss(self, f: list[Any], labels: list[Any]) -> Any:
        """Enclose the mean loss of outputs, rational or balls."""
        if self.loss == "squared":
            return sum((arb(a - y) * arb(a - y) for a, y in zip(f, labels, strict=True)), arb(0)) / (
                2 * len(f) / self.m
            )
        opposed = [(-arb(a * y)).exp() for a, y in zip(f, labels, strict=True)]
        return sum((x if self.loss == "exponential" else x.log1p() for x in opposed), arb(0)) / len(f)


def dot(a: Any, b: Any) -> Any:
    """Return the inner product of two sequences."""
    return sum((x * y for x, y in zip(a, b, strict=True)), fmpq(0))


def beside(left: Any, right: Any) -> Any:
    """Return two matrices side by side."""
    return type(left)([[*a, *b] for a, b in zip(left.tolist(), right.tolist(), strict=True)])


def with_ones(matrix: Any) -> Any:
    """Return a matrix with a column of ones added."""
    return beside(matrix, type(matrix)(matrix.nrows(), 1, [1] * matrix.nrows()))


def _least_squares(X: fmpq_mat, Y: fmpq_mat) -> fmpq_mat:
    """Return a theta with X theta the projection of Y on the column space of X: normal equations, reduced exactly."""
    reduced, rank = beside(X.transpose() * X, X.transpose() * Y).rref()
    theta = fmpq_mat(X.ncols(), Y.ncols())
    for i in range(rank):
        pivot = next(j for j in range(reduced.ncols()) if reduced[i, j] != 0)
        for k in range(Y.ncols()):
            theta[pivot, k] = reduced[i, X.ncols() + k]
    return theta


def eigenvalue(matrix: fmpq_mat, index: int) -> arb:
    """Enclose the eigenvalue of that index, from the smallest, of a rational matrix whose eigenvalues are real."""
    found = [value.real for value in acb_mat(arb_mat(matrix)).eig(multiple=True, nonstop=True)]
    if not all(value.is_finite() for value in found):
        raise TooWideError
    ends = [
        sorted((getattr(v, end)() for v in found), key=lambda x: x.mid().fmpq())[index] for end in ("lower", "upper")
    ]
    return arb(ends[0]).union(ends[1])


def trace(matrix: fmpq_mat) -> fmpq:
    """Return the trace of a rational matrix."""
    return sum((matrix[i, i] for i in range(matrix.nrows())), fmpq(0))
