"""Mutation of proofs: a proof whose source is made wrong in one place must no longer pass."""

import os
from importlib import import_module
from importlib.resources import files
from types import ModuleType

from fa_theory.symbolic.proof import check


def assert_mutants_fail(statement, mutations):
    """Assert that the proof passes as it stands, and fails after each (what, old, new) change of its source."""
    name = statement.replace("-", "_")
    folder, _, stem = name.rpartition("/")
    package = ".".join(["fa_theory.proofs", *filter(None, [folder])])
    source = files(package).joinpath(f"{stem}.py").read_text(encoding="utf-8")
    import_module(f"{package}.{stem}").PROOF.theorem()  # its controls are seen to fail in test_all_proofs
    survivors = []
    for what, old, _ in mutations:
        assert source.count(old) == 1, f"{what}: {old!r} occurs {source.count(old)} times"
    for what, old, new in _chosen(mutations):
        mutant = ModuleType("mutant")
        exec(compile(source.replace(old, new), f"<{what}>", "exec"), mutant.__dict__)
        if check(mutant.PROOF).status == "proved":
            survivors.append(what)
    assert not survivors, f"proofs that are wrong were accepted: {survivors}"


def _chosen(mutations):
    """Return all mutations in the nightly profile, else the first, the last and the middle one: each costs a check."""
    if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" or len(mutations) <= 3:
        return mutations
    return [mutations[0], mutations[len(mutations) // 2], mutations[-1]]
