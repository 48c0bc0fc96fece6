"""The proofs: one file for each statement, named by its id with underscores; the lemmas they share are in `lemmas`.

Every file can be read by itself, from the statement to the negative controls, and is checked by `check_proofs`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from multiprocessing import get_context
from typing import TYPE_CHECKING

from fa_theory.choices import not_among
from fa_theory.statements import STATEMENTS

if TYPE_CHECKING:
    from fa_theory.symbolic.proof import Checked, Proof


def statement_ids() -> tuple[str, ...]:
    """Return the ids of the statements that have a proof file, in the order of `fa_theory.statements.STATEMENTS`."""
    written = set(_stems("fa_theory.proofs"))
    return tuple(each for each in STATEMENTS if each.replace("-", "_") in written)


def lemma_ids() -> tuple[str, ...]:
    """Return the ids of the lemmas, in alphabetic order."""
    return tuple(sorted(stem.replace("_", "-") for stem in _stems("fa_theory.proofs.lemmas")))


def proof(proof_id: str) -> Proof:
    """Return the proof of a statement or lemma.

    Raises
    ------
    ValueError
        If there is no proof of that id.

    Examples
    --------
    >>> proof("neuron-identity").title
    'Neuron identity'
    """
    _require_known(proof_id)
    package = "fa_theory.proofs" if proof_id in statement_ids() else "fa_theory.proofs.lemmas"
    found: Proof = import_module(f"{package}.{proof_id.replace('-', '_')}").PROOF
    return found


def check_proofs(
    proof_ids: Sequence[str] | None = None,
    *,
    jobs: int | None = None,
    progress: Callable[[Checked], None] | None = None,
) -> tuple[Checked, ...]:
    """Check proofs, several at once, and return what came out in the order asked for.

    Parameters
    ----------
    proof_ids : sequence of str, optional
        Which; by default every lemma and every statement.
    jobs : int, optional
        How many processes; by default one for each processor. With 1 all is done in this process.
    progress : callable, optional
        Called with each result as it comes in.

    Raises
    ------
    ValueError
        If there is no proof of an id, or `jobs` is not positive.
    """
    wanted = tuple(dict.fromkeys(proof_ids if proof_ids is not None else lemma_ids() + statement_ids()))
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    for each in wanted:
        _require_known(each)
    jobs = min(jobs or os.cpu_count() or 1, max(len(wanted), 1))
    done: dict[str, Checked] = {}
    with _results(wanted, jobs) as results:
        for result in results:
            done[result.id] = result
            if progress is not None:
                progress(result)
    return tuple(done[each] for each in wanted)


@contextmanager
def _results(wanted: Sequence[str], jobs: int) -> Iterator[Iterator[Checked]]:
    if jobs == 1:
        yield map(_check, wanted)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_check, each) for each in wanted]
        try:
            yield (future.result() for future in as_completed(futures))
        finally:
            for future in futures:
                future.cancel()


def _require_known(proof_id: str) -> None:
    known = statement_ids() + lemma_ids()
    if proof_id not in known:
        raise not_among("proof", proof_id, known)


def _check(proof_id: str) -> Checked:
    from fa_theory.symbolic.proof import check

    return check(proof(proof_id))


def _stems(package: str) -> list[str]:
    names = [each.name for each in files(package).iterdir()]
    return [name.removesuffix(".py") for name in names if name.endswith(".py") and name not in _NO_PROOFS]


_NO_PROOFS = ("__init__.py", "__main__.py", "notation.py")
