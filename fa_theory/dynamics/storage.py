"""Runs in steps on disk: longer than memory, and going on after they were stopped.

A store is a folder of

- ``run.json``: the format, this package's version, the run's options, and a digest of start and data;
- ``part-00000.npz``, ``part-00001.npz``, ...: recorded points in order, with arrays ``step`` (k,), ``loss`` and
  ``error`` (k,), ``losses`` (those of `loss_every` up to the part's last point), and the state ``W1`` (k, n_1, d), ...,
  ``b1`` (k, n_1), ... and, for adaFA under weight decay, ``share1`` (k, 1), ...;
- ``end.json``: how the run ended; there is none while it goes on.

Every file is written whole or not at all. A part that cannot be read ends the run before it: what comes after is
computed anew, and bit for bit as it would have been.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, overload

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.files import replacing
from fa_theory.model import Network, Parameters, Problem

Host = np.ndarray[Any, Any]

FORMAT = 1
PART_BYTES = 1 << 23
"""A part is written when its states take this much memory, or when it holds a twentieth of the recorded points."""
_LEAST_PARTS = 20

_PROBLEMS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class Store:
    """A folder that holds one run.

    Parameters
    ----------
    folder : path
        Made if it does not exist; its parent must.
    network, problem
        Start and data.
    options : dict
        What the run was asked for.

    Raises
    ------
    ValueError
        If the folder holds another run, or something else, or the run's numbers are no NumPy floats.
    OSError
        If it cannot be made or read.
    """

    def __init__(self, folder: Path, network: Network, problem: Problem, options: dict[str, Any]) -> None:
        if not isinstance(problem.X, np.ndarray) or problem.X.dtype.kind != "f":
            raise ValueError("store holds floats of NumPy: X must be such an array, got another kind")
        self._folder, self._like = folder, network.parameters
        asked = {
            "format": FORMAT,
            "version": version("fa_theory"),
            "options": options,
            "rule": network.rule_name,
            "activation": network.activation.name,
            "loss": problem.loss.name,
            "dtype": str(problem.X.dtype),
            "digest": _digest(network, problem),
        }
        folder.mkdir(exist_ok=True)
        description = folder / "run.json"
        if description.exists():
            _require_same(description, asked)
        elif any(not path.name.endswith(".tmp") for path in folder.iterdir()):  # a kill may leave such a file
            raise ValueError(f"store {folder} must be new, empty, or hold this run, got a folder of other files")
        else:
            _write_json(description, asked)
        self._points = max(1, options["points"] // _LEAST_PARTS)
        self.parts: list[dict[str, Host]] = []
        self._first: list[int] = []
        self._held: tuple[int, dict[str, Host]] | None = None
        for index in range(len(list(folder.glob("part-*.npz")))):
            part = self._read(index)
            if part is None:
                break
            self._take(part)

    def _path(self, index: int) -> Path:
        return self._folder / f"part-{index:05d}.npz"

    def _read(self, index: int) -> dict[str, Host] | None:
        """Return a part, None where it is missing or damaged (a zip file has check sums)."""
        try:
            # a file that NumPy opens itself stays open where it is damaged
            with self._path(index).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except _PROBLEMS:
            return None

    def _opened(self, place: int) -> dict[str, Host]:
        """Return a part; the last one opened is kept, as states are mostly read in order."""
        if self._held is None or self._held[0] != place:
            part = self._read(place)
            if part is None:
                raise OSError(f"{self._path(place)} cannot be read any more")
            self._held = place, part
        return self._held[1]

    def _take(self, part: dict[str, Host]) -> None:
        self._first.append(len(self))
        # states stay on disk
        self.parts.append({name: part[name] for name in ("step", "loss", "error", "losses")})

    def __len__(self) -> int:
        return sum(len(part["step"]) for part in self.parts)

    def is_due(self, states: Sequence[Parameters]) -> bool:
        """Tell whether these states make a part."""
        size = sum(array.nbytes for array in _arrays(states[0]).values())
        return len(states) >= self._points or len(states) * size >= PART_BYTES

    def append(self, part: dict[str, Host], states: Sequence[Parameters]) -> None:
        """Write the next part."""
        held = [_arrays(state) for state in states]
        stacked = {name: np.stack([arrays[name] for arrays in held]) for name in held[0]}
        with replacing(self._path(len(self.parts))) as stream:
            np.savez(stream, **part, **stacked)  # type: ignore[arg-type]
        self._take(part)

    def end(self, part: dict[str, Host], states: Sequence[Parameters], outcome: str, n_steps: int) -> tuple[str, int]:
        """Write the last part and how the run ended; return that, as it was said the first time."""
        if self.ended is None:
            if states:
                self.append(part, states)
            ending = {"outcome": outcome, "n_steps": n_steps, "points": len(self)}
            # a run that diverged may have losses after its last state
            ending["losses"] = [] if states else part["losses"].tolist()
            _write_json(self._folder / "end.json", ending)
        ended = self.ended
        assert ended is not None
        return ended["outcome"], ended["n_steps"]

    def whole(self) -> dict[str, Host]:
        """Return what is recorded beside the states, of all parts."""
        names = ("step", "loss", "error", "losses")
        joined = {name: np.concatenate([np.zeros(0), *(part[name] for part in self.parts)]) for name in names}
        left = [] if self.ended is None else self.ended["losses"]
        return joined | {"step": joined["step"].astype(np.int64), "losses": np.append(joined["losses"], left)}

    @property
    def ended(self) -> dict[str, Any] | None:
        """How the run ended; None while parts of it are missing."""
        try:
            found = json.loads((self._folder / "end.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return dict(found) if found.get("points") == len(self) else None

    def states(self) -> StoredStates:
        """Return the states of all parts, read from disk when they are asked for."""
        return StoredStates(self)

    def state(self, index: int) -> Parameters:
        """Return one state.

        Raises
        ------
        OSError
            If its part has been removed or damaged since it was opened.
        """
        place = int(np.searchsorted(self._first, index, side="right")) - 1
        part = self._opened(place)
        row = index - self._first[place]
        like = self._like
        return Parameters(
            tuple(part[f"W{k}"][row] for k in range(1, len(like.weights) + 1)),
            tuple(None if b is None else part[f"b{k}"][row] for k, b in enumerate(like.biases, start=1)),
            tuple(part[f"share{k}"][row] for k in range(1, len(like.shares) + 1)),
        )


class StoredStates(Sequence[Parameters]):
    """The states of a stored run as a sequence that reads them when they are asked for, and keeps none."""

    def __init__(self, store: Store, chosen: range | None = None) -> None:
        self._store = store
        self._chosen = range(len(store)) if chosen is None else chosen

    def __len__(self) -> int:
        return len(self._chosen)

    @overload
    def __getitem__(self, index: int) -> Parameters: ...
    @overload
    def __getitem__(self, index: slice) -> StoredStates: ...
    def __getitem__(self, index: int | slice) -> Parameters | StoredStates:
        if isinstance(index, slice):
            return StoredStates(self._store, self._chosen[index])
        return self._store.state(self._chosen[index])

    def __iter__(self) -> Iterator[Parameters]:
        return (self._store.state(index) for index in self._chosen)


def _arrays(state: Parameters) -> dict[str, Host]:
    """Return the arrays of a state by the names that they have in a part."""
    parts = {"W": state.weights, "b": state.biases, "share": state.shares}
    return {
        f"{name}{layer}": to_numpy(array)
        for name, arrays in parts.items()
        for layer, array in enumerate(arrays, start=1)
        if array is not None
    }


def _digest(network: Network, problem: Problem) -> str:
    """Return a digest of start, feedback and data."""
    hashed = hashlib.sha256()
    held = [problem.X, problem.Y, *network.weights, *(b for b in network.biases if b is not None)]
    held += [rule.matrix(W) for rule, W in zip(network.feedback, network.weights[1:], strict=True)]
    for array in held:
        host = np.ascontiguousarray(to_numpy(array))
        hashed.update(str((host.shape, host.dtype.str)).encode())
        hashed.update(host.tobytes())
    return hashed.hexdigest()


def _require_same(description: Path, asked: dict[str, Any]) -> None:
    try:
        found = json.loads(description.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(f"store {description.parent}: run.json is not the description of a run") from None
    # as JSON has it
    wanted = json.loads(json.dumps(asked))
    for name, value in wanted.items():
        if not isinstance(found, dict) or found.get(name) != value:
            got = found.get(name) if isinstance(found, dict) else found
            raise ValueError(f"store {description.parent} holds another run: its {name} is {got}, not {value}")


def _write_json(path: Path, values: dict[str, Any]) -> None:
    with replacing(path) as stream:
        stream.write(json.dumps(values, indent=1).encode())
