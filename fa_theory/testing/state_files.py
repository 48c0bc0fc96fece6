"""State files, and files that are none, for programs that read or write them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from fa_theory.model import Network, Problem, save_state
from fa_theory.testing.instances import instances

Host = np.ndarray[Any, Any]


class StateFile(NamedTuple):
    """The bytes of a state file and what they hold.

    Attributes
    ----------
    content : bytes
        An .npz archive: write it where it is wanted, with ``path.write_bytes(content)``.
    network, problem
        What was saved.
    broken : str or None
        What was done to the file so that it is none; None for a good one.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from fa_theory.testing import StateFile, state_files
    >>> @settings(max_examples=5, deadline=None)
    ... @given(state_files(depth=2))
    ... def test_my_reader(file: StateFile):
    ...     assert file.content.startswith(b"PK")  # read it here, and compare with file.network and file.problem
    ...     assert file.network.depth == 2 and file.broken is None
    >>> test_my_reader()
    """

    content: bytes
    network: Network
    problem: Problem
    broken: str | None = None


def state_files(*, valid: bool = True, **fixed: Any) -> st.SearchStrategy[StateFile]:
    """Draw state files: .npz archives with X, Y, W1, W2, ..., b1, ... and B2, ....

    Parameters
    ----------
    valid : bool
        Otherwise one thing is wrong with each: an array is missing, unknown, not finite, of another shape or
        pickled, or the archive is cut short. `fa_theory.model.load_state` refuses such files with ValueError.
    **fixed
        What is fixed of the instance, as for `instances`; floats only.

    Examples
    --------
    >>> from io import BytesIO
    >>> import numpy as np
    >>> from hypothesis import given, settings
    >>> from fa_theory.testing import state_files
    >>> @settings(max_examples=5, deadline=None)
    ... @given(state_files(depth=2, rule="fa", biases=False), state_files(valid=False))
    ... def test_files(good, bad):
    ...     assert sorted(np.load(BytesIO(good.content))) == ["B2", "W1", "W2", "X", "Y"]
    ...     assert bad.broken is not None  # such as "W1 is missing"
    >>> test_files()
    """
    return _state_files(instances(**fixed), valid)


@st.composite
def _state_files(draw: st.DrawFn, drawn: st.SearchStrategy[tuple[Network, Problem]], valid: bool) -> StateFile:
    network, problem = draw(drawn)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.npz"
        save_state(path, network, problem)
        content = path.read_bytes()
    if valid:
        return StateFile(content, network, problem)
    with np.load(BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    name = draw(st.sampled_from(["W1", "W2", "X", "Y"]))
    faults = [
        "is missing",
        "has a name that is unknown",
        "holds NaN",
        "has a row too many",
        "is pickled",
        "is cut short",
    ]
    fault = draw(st.sampled_from(faults))
    match fault:
        case "is missing":
            del arrays[name]
        case "has a name that is unknown":
            arrays[name.lower() + "_"] = arrays.pop(name)
        case "holds NaN":
            arrays[name] = np.full_like(arrays[name], np.nan)
        case "has a row too many":
            arrays[name] = np.concatenate([arrays[name], arrays[name][:1]])
        case "is pickled":
            arrays[name] = arrays[name].astype(object)
    stream = BytesIO()
    np.savez(stream, **arrays)
    spoiled = stream.getvalue()
    if fault == "is cut short":
        return StateFile(spoiled[: len(spoiled) // 2], network, problem, "the archive is cut short")
    return StateFile(spoiled, network, problem, f"{name} {fault}")
