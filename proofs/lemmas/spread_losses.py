r"""spread-losses: what the logistic loss says of a signal that no sample can carry alone.

The losses l_j >= 0 have the mean L and the largest value top; sigma_j = 1 - exp(-l_j) is the signal of sample j. The
drive h is at least gamma times the sum of the signals, and at least gamma' times the largest of them. Many small losses
make the sum large, a single large one is limited by gamma': whichever it is, h >= psi(L).
"""

import sympy as sp

from fa_theory.proofs.lemmas.exp_order import PROOF as EXP_ORDER
from fa_theory.proofs.lemmas.exp_order import x, y
from fa_theory.proofs.lemmas.logistic_mean import losses
from fa_theory.proofs.notation import N, j
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

CHORD = "a concave function lies above its chords: y (1 - exp(-x)) >= x (1 - exp(-y)) for 0 <= x <= y"
EITHER = (
    "1 - exp(-x) <= max(1, x / y) (1 - exp(-y)) for x >= 0, y > 0: it grows, and lies above its chords; so it is at "
    "most c if (1 - exp(-y)) <= c and x (1 - exp(-y)) <= y c"
)

L, h = sp.Symbol("L", real=True), sp.Symbol("h", nonnegative=True)
gamma, cap, top, lowest, highest = sp.symbols("gamma gamma' l_max L_- L_+", positive=True)


def psi(loss: sp.Expr) -> sp.Expr:
    """Return psi(L), a lower bound on the drive."""
    return cap * (1 - sp.exp(-N * gamma / cap * loss))


def derive(proof: Derivation, count: sp.Expr = N) -> list[Fact]:
    mean = proof.given("mean", count * L, "=", sp.Sum(losses[j], (j, 1, N)))
    nonnegative = proof.given("losses", 0, "<=", losses[j])
    largest = proof.given("losses", losses[j], "<=", top)
    chord = proof.cite(
        "a sample's signal",
        losses[j] * (1 - sp.exp(-top)),
        "<=",
        top * (1 - sp.exp(-losses[j])),
        theorem=CHORD,
        using=[nonnegative, largest],
    )
    together = proof.given("drive", gamma * sp.Sum(1 - sp.exp(-losses[j]), (j, 1, N)), "<=", h)
    alone = proof.given("drive", cap * (1 - sp.exp(-top)), "<=", h)
    many = proof.at_most(
        "losses that are spread add up",
        N * gamma / cap * L * cap * (1 - sp.exp(-top)),
        top * h,
        because=[
            (gamma, proof.sum_over("all signals", chord, (j, 1, N))),
            (top, together),
            (gamma * (1 - sp.exp(-top)), mean),
        ],
        why="each signal is at least its share of the largest one",
    )
    driven = proof.cite("whichever it is", psi(L), "<=", h, theorem=EITHER, using=[many, alone])

    # in a stage of the loss
    above = proof.given("stage", lowest, "<=", L)
    below = proof.given("stage", L, "<=", highest)
    pace = N * gamma / cap

    def ordered(name: str, low: sp.Expr, high: sp.Expr, *because: Fact) -> Fact:
        signs = proof.at_most(
            f"{name}: exponents", -pace * high, -pace * low, because=[(pace, each) for each in because]
        )
        return proof.apply(EXP_ORDER, at={x: -pace * high, y: -pace * low}, given={"ordered": signs}, name=name)

    every = proof.sum_over("no loss is negative", nonnegative, (j, 1, N))
    sign = proof.at_most("nor is their mean", 0, L, because=[(1 / N, every), (-1 / N, mean)])
    known = proof.at_most("the least loss is not negative", 0, lowest, because=[lowest])
    growing = ordered("psi grows", lowest, L, above)
    positive = ordered("psi is not negative", sp.S.Zero, L, sign)
    first = ordered("nor is that of the least loss", sp.S.Zero, lowest, known)
    along = proof.cite(
        "psi lies above its chord",
        L * psi(highest),
        "<=",
        highest * psi(L),
        theorem=CHORD,
        using=[below, driven],
    )
    least, now = psi(lowest), psi(L)
    positive = proof.at_most("psi >= 0", 0, now, because=[(cap, positive)])
    first = proof.at_most("its least value", 0, least, because=[(cap, first)])
    growing = proof.at_most("psi in the stage", least, now, because=[(cap, growing)])
    along = proof.at_most("its chord", L * psi(highest) / highest, now, because=[(1 / highest, along)])
    return [
        driven,
        proof.at_most(
            "the square of the drive",
            least * psi(highest) / highest * L,
            h**2,
            because=[(h, driven), (driven, positive), (growing, positive), (first, along)],
            why="h >= psi(L), which is at least its least value, and at least its chord",
        ),
    ]


def counterexample_alone() -> sp.Basic:
    # one sample of loss 2, another of loss 0, gamma = 1, gamma' = 2: the sum alone gives h = 1 - exp(-2) < psi
    signal, top_loss, number = 1 - sp.exp(-2), sp.Integer(2), sp.Integer(2)
    return sp.Le(2 * (1 - sp.exp(-number * sp.Rational(1, 2) * top_loss / number)), signal)


PROOF = Proof(
    id="spread-losses",
    title="Losses that are spread",
    statement=(
        r"Let $\ell_j \ge 0$ have the mean $L$ and the largest value $\ell_{\max}$. If $h \ge \gamma \sum_j (1 - "
        r"e^{-\ell_j})$ and $h \ge \gamma' (1 - e^{-\ell_{\max}})$, then $h \ge \psi(L) = \gamma' (1 - e^{-N L "
        r"\gamma / \gamma'})$, and $h^2 \ge L\, \psi(L_-) \psi(L_+) / L_+$ for $L_- \le L \le L_+$."
    ),
    assumptions={
        "mean": r"$N L = \sum_j \ell_j$",
        "losses": r"$0 \le \ell_j \le \ell_{\max}$ for every sample",
        "drive": r"$\gamma \sum_j (1 - e^{-\ell_j}) \le h$ and $\gamma' (1 - e^{-\ell_{\max}}) \le h$",
        "stage": r"$L_- \le L \le L_+$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("the mean in place of the sum", lambda proof: derive(proof, count=sp.S.One)),
        Control("the sum of the signals alone", counterexample_alone, counterexample=True),
    ),
)
