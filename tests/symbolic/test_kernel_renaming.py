"""The kernel: quantities with several indices are renamed as those with one are."""

import pytest
import sympy as sp

from fa_theory.proofs.notation import i, indexed, j, k, v, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.substitution import substitute


def test_another_name_keeps_all_indices_in_order():
    q = indexed("q")
    assert substitute(w[i, k] * v[j], {w: q}) == q[i, k] * v[j]
    assert substitute(sp.Sum(w[k, i], (k, 1, 3)), {w: q}).doit() == q[1, i] + q[2, i] + q[3, i]
    assert substitute(v[i], {v: q}) == q[i]
    assert substitute(w[i, k], {w: lambda one, other: q[other, one]}) == q[k, i]


def test_a_start_value_with_two_indices_gets_a_new_name():
    proof = Derivation({"a": "any"})
    told = proof.given("a", w[i, k], "<=", x[k, i], schematic=[w, x])
    assert told.at({w: indexed("q")}).claim.lhs == indexed("q")[i, k]
    with pytest.raises(ValueError, match="signs that are declared"):
        proof.given("a", indexed("p", positive=True)[i, k], "<=", 1, schematic=[indexed("p", positive=True)]).at(
            {indexed("p", positive=True): indexed("q")}
        )
