"""exponential-decay-path and its lemmas: wrong variants must fail, and conclusions hold at instances worked out."""

import pytest
import sympy as sp
from evaluation import evaluate, holds
from instances import rationals
from mutants import assert_mutants_fail
from two_layer_instance import INPUTS, NEURONS, SAMPLES, eigenvalues, network

from fa_theory.proofs.exponential_decay_path import PROOF
from fa_theory.proofs.lemmas.kept_start import PROOF as KEPT_START
from fa_theory.proofs.lemmas.kept_start import epsilon, high, loss, low, rest
from fa_theory.proofs.lemmas.short_path import PROOF as SHORT_PATH
from fa_theory.proofs.lemmas.short_path import R, first_y, t, y


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "exponential-decay-path",
        [
            ("the law without its half", 'q[i], "=", least[i] ** 2 / 2 -', 'q[i], "=", least[i] ** 2 -'),
            ("the rate without its half", "double * R / 2 * N *", "double * R * N / 4 *"),
            ("eigenvalue without N", "own_gram + N * low * steep", "own_gram + N**2 * low * steep"),
            ("stages that last too long", 'first_y - root(t), "<", fall)', 'fall, "<", first_y - root(t))'),
            ("a plan without its start", "begin[i] + 2 * size_b[i] * factor * fall", "2 * size_b[i] * factor * fall"),
            ("sign-FA of feedback 2", 'size_b[i], "=", 1)', 'size_b[i], "=", sp.Rational(1, 2))'),
            ("resistance of both", "known[i] * rho[i] + (1 - known[i]) * q[i])", "known[i] * rho[i] + q[i])"),
            ("an assumption removed", '        "resistance": (', '        "resistances": ('),
        ],
    )


@pytest.mark.parametrize(
    ("lemma", "mutations"),
    [
        (
            "kept-start",
            [
                ("weights that grow", "least[i] * (before[i] - far[i])", "least[i] * (before[i] + far[i])"),
                ("gates above 1", 'theta[i, j], "<=", 1)', 'theta[i, j], "<=", 2)'),
                ("slopes from above", 'theta[i, j] - kept[i, j]) ** 2]', 'theta[i, j] + kept[i, j]) ** 2]'),
                ("other slopes", "part[i] * start_slope[i, j])", "start_slope[i, j])"),
                ("the change without N", "        high * N * far[i] ** 2,\n", "        high * far[i] ** 2,\n"),
                ("Lagrange without its half", "/ (2 * N**2)", "/ N**2"),
                ("a share above 1", '"=", 1 - epsilon)', '"=", 1 + epsilon)'),
            ],
        ),
        (
            "short-path",
            [
                ("the loss rises", '"<=", -R * y(t) ** 2)', '"<=", R * y(t) ** 2)'),
                ("the gradient without its 2", '2 * high * y(t) ** 2)', '4 * high * y(t) ** 2)'),
                ("half of the path", '"=", size_b[i] * g[i])', '"=", 2 * size_b[i] * g[i])'),
                ("resistance without the rate", "sp.sqrt(resisted[i] ** power * R)", "sp.sqrt(resisted[i] ** power)"),
            ],
        ),
    ],
)  # fmt: skip
def test_wrong_lemmas_fail(lemma, mutations):
    assert_mutants_fail(f"lemmas/{lemma}", mutations)


def moved_network(seed, step):
    """A network, and what lemma kept-start calls its start: other weights, `step` away or so, exactly."""
    net = network(seed)
    shift, shift_bias = rationals(seed + 9, NEURONS, INPUTS), rationals(seed + 10, NEURONS)
    w0 = [[net.entries["w"](i + 1, k + 1) + step * shift[i][k] for k in range(INPUTS)] for i in range(NEURONS)]
    beta0 = [net.entries["beta"](i + 1) + step * shift_bias[i] for i in range(NEURONS)]
    x = net.entries["x"]

    def z0(i, j):
        return sum(w0[i - 1][k] * x(j, k + 1) for k in range(INPUTS)) + beta0[i - 1]

    def start_slope(i, j):
        return sp.S.One if z0(i, j) > 0 else net.slope

    def same(i):
        return all(start_slope(i, j) == net.entries["theta"](i, j) for j in range(1, SAMPLES + 1))

    def far(i):  # the length of the shift, from above
        return step * (sum(abs(each) for each in shift[i - 1]) + abs(shift_bias[i - 1]))

    below, above = eigenvalues(net)
    entries = net.entries | {
        "theta^0": start_slope,
        "h^0": lambda j, i: start_slope(i, j) * z0(i, j),
        "kept": lambda i, j: min(net.entries["theta"](i, j), start_slope(i, j)),
        "part": lambda i: int(same(i)),
        "far": far,
    }
    return net, entries, net.sizes | {low: below, high: above, loss(t): net.loss}, same


@pytest.mark.parametrize("seed", [3, 11])
@pytest.mark.parametrize("step", [sp.Rational(1, 200), sp.Rational(1, 2)])
def test_what_is_kept_of_the_start(seed, step):
    _, entries, plain, same = moved_network(seed, step)
    _, hidden, outgoing, steep, square = (fact.claim for fact in KEPT_START.theorem().conclusions)
    unchanged = [same(i) for i in range(1, NEURONS + 1)]
    assert any(unchanged) if step < sp.Rational(1, 100) else not all(unchanged)
    for i in range(1, NEURONS + 1):
        at = {symbol: i for symbol in hidden.lhs.free_symbols if str(symbol) == "i"}
        for claim in (hidden, steep, square):
            assert holds(claim, plain | at, entries)
        for share in (sp.Rational(1, 10), sp.Rational(1, 2), sp.S.One):
            assert holds(outgoing, plain | at | {epsilon: share, rest: 1 - share}, entries)


def test_what_is_kept_is_not_kept_for_nothing():
    outgoing = KEPT_START.theorem().conclusions[2].claim
    broken = 0
    for seed in (3, 11, 19):
        _, entries, plain, _ = moved_network(seed, sp.Rational(1, 2))
        for i in range(1, NEURONS + 1):
            at = {symbol: i for symbol in outgoing.lhs.free_symbols if str(symbol) == "i"}
            at |= {epsilon: sp.Rational(1, 50), rest: sp.Rational(49, 50)}
            broken += not holds(outgoing, plain | at, entries | {"far": lambda _: 0})
    assert broken > 0


def test_the_path_by_resistance_is_attained():
    # L = exp(-R t), |g|^2 = R L / resisted: both bounds of the speed are equations, and the path is as long as that
    rho, b, at = sp.Rational(3), sp.Rational(2), {R: sp.Rational(5)}
    root = sp.exp(-R * t / 2)
    really = sp.integrate(b * sp.sqrt(R / rho) * root, (t, 0, t)).subs(at).subs(t, 2)
    rough, fine = (fact.claim for fact in SHORT_PATH.theorem().conclusions)
    plain = at | {t: 2, first_y: 1, y(t): root.subs(at).subs(t, 2), high: sp.Rational(7)}
    plain |= {symbol: 1 for symbol in fine.rhs.free_symbols if str(symbol) == "i"}
    entries = {"|b|": lambda _: b, "resisted": lambda _: rho}
    assert sp.simplify(evaluate(fine.rhs, plain, entries) - really) == 0
    assert evaluate(rough.rhs, plain, entries) > really  # 2 lambda_max > R / resisted


def test_conclusions_cover_both_rules():
    claims = [fact.claim for fact in PROOF.theorem().conclusions]
    assert len(claims) == 7
    assert claims[0] == claims[3]
    assert claims[1].relation == claims[2].relation == "<"
