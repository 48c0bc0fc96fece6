"""separable-decay-path and its lemma: wrong variants must fail, and the lemma holds at losses worked out."""

import mpmath
import pytest
from mutants import assert_mutants_fail

from fa_theory.proofs.lemmas.spread_losses import PROOF as SPREAD
from fa_theory.proofs.lemmas.spread_losses import L, N, cap, gamma, h, highest, lowest
from fa_theory.proofs.separable_decay_path import PROOF


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "separable-decay-path",
        [
            ("errors of the other size", '"=", -y[j] * sigma[j])\n', '"=", -2 * y[j] * sigma[j])\n'),
            ("a form without its N", "form(-y[j] * sigma[j], counted) / N**2)", "form(-y[j] * sigma[j], counted) / N)"),
            ("the sum is the mean", '"exponential loss", N * loss(t), "=",', '"exponential loss", loss(t), "=",'),
            ("stages that end too late", '"stage", lowest, "<=", loss(t))', '"stage", loss(t), "<=", lowest)'),
            ("not the logistic loss", '"=", 1 - sp.exp(-losses[j]))', '"=", 1 - sp.exp(-2 * losses[j]))'),
            ("no largest loss", 'losses[j], "<=", top)', 'top, "<=", losses[j])'),
            ("a rate without its chord", "psi(lowest) * psi(highest) / highest)", "psi(lowest) * psi(highest))"),
            ("an assumption removed", '        "margin": r"', '        "margins": r"'),
        ],
    )


def test_wrong_lemmas_fail():
    assert_mutants_fail(
        "lemmas/spread-losses",
        [
            ("the mean in place of the sum", "N * gamma / cap * L * cap *", "gamma / cap * L * cap *"),
            ("losses of any sign", '"losses", 0, "<=", losses[j])', '"losses", losses[j], "<=", 0)'),
            ("signals without gamma", "gamma * sp.Sum(1 - sp.exp(-losses[j])", "sp.Sum(1 - sp.exp(-losses[j])"),
            ("a stage above the loss", '"stage", lowest, "<=", L)', '"stage", L, "<=", lowest)'),
            ("the chord without its length", "L * psi(highest) / highest,", "L * psi(highest),"),
        ],
    )


def drive(each, together, alone):
    """The least h that the assumptions of spread-losses leave for these losses."""
    signals = [1 - mpmath.exp(-loss) for loss in each]
    return max(together * sum(signals), alone * max(signals))


@pytest.mark.parametrize("each", [[2.0, 2.0, 2.0], [0.0, 0.0, 6.0], [0.1, 0.5, 3.0], [1e-3, 2e-3, 1e-3]])
@pytest.mark.parametrize("alone", [1.0, 1.7, 3.0])
def test_spread_losses_at_instances(each, alone):
    mean = sum(each) / 3
    at = {N: 3, L: mean, gamma: 1.0, cap: alone, lowest: 0.9 * mean, highest: 1.2 * mean}
    at[h] = float(drive(each, 1.0, alone))
    for fact in SPREAD.theorem().conclusions:
        claim = fact.claim
        assert float(claim.lhs.subs(at)) <= float(claim.rhs.subs(at)) * (1 + 1e-12)


def test_spread_losses_is_attained():
    # l_max = N L gamma / gamma' in two of three samples, nothing in the third: the chord and the cap are both equations
    driven = SPREAD.theorem().conclusions[0].claim
    each, at = [1.5, 1.5, 0.0], {N: 3, L: 1.0, gamma: 1.0, cap: 2.0}
    value = float(drive(each, 1.0, 2.0))
    assert abs(float(driven.lhs.subs(at)) - value) < 1e-12
    # negative control: gamma' of the sample that carries the loss alone, were it three times as large
    assert float(driven.lhs.subs(at | {cap: 6.0})) > value


def test_conclusions_cover_both_rules_and_losses():
    claims = [fact.claim for fact in PROOF.theorem().conclusions]
    assert len(claims) == 9
    assert claims[0] == claims[2] == claims[4] == claims[6] == claims[-1]
    assert {claims[k].relation for k in (1, 3, 5, 7)} == {"<"}
