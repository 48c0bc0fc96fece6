r"""separable-decay-two-sided: separable-decay with weights that turn and keep their length, and the time that it takes.

The setting is that of lemma separable-drive: FA from an aligned start on separable data, the clock tau with the mean S
of the sizes of the loss's derivative, and dL/dt <= -Q S^2 with any Q(tau) below a^2 gamma^2 (s + sum of low_i^2 / 2),
for instance a step function. I is the integral of Q over tau and J that of exp(I): along the run dI/dt = Q S and
dJ/dt = exp(I) S.

Exponential loss, S = L: falling = L exp(I) does not grow. So L <= L(0) exp(-I); and as falling was greater before,
dJ/dt = falling has made J at least t L exp(I). Logistic loss: falling = expm1(N L) exp(I) does not grow; and where S is
small, tau takes long, but N S is at least 1 - exp(-N L), so (t - N tau) falling is at most N J.

How large tau is at the time t is not known, but whatever it is, both bounds hold: so does the largest over tau of the
smaller of both. U is (at least) this, said without division: for some lambda_1, lambda_2 >= 0 with lambda_1 +
lambda_2 t = 1, namely for (1, 0) or (0, 1/t), lambda_1 L(0) exp(-I) + lambda_2 J exp(-I) is at most U.
"""

import sympy as sp

from fa_theory.proofs.lemmas import logistic_mean
from fa_theory.proofs.lemmas.gated_mean import sigma, y
from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as decay_rate
from fa_theory.proofs.lemmas.gronwall import y as followed
from fa_theory.proofs.lemmas.logistic_mean import losses
from fa_theory.proofs.lemmas.margin_lengths import S, kept, tau, turned
from fa_theory.proofs.lemmas.separable_drive import PROOF as DRIVE
from fa_theory.proofs.lemmas.separable_drive import C, Q
from fa_theory.proofs.lemmas.two_layers import f, loss, over_samples
from fa_theory.proofs.notation import N, indexed, j, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

integral, J = sp.Function("I", real=True), sp.Function("J", real=True)
largest = sp.Function("U", real=True)
first, second = sp.Function("lambda_1", nonnegative=True), sp.Function("lambda_2", nonnegative=True)
late, begun = sp.Function("late", nonnegative=True), sp.Function("chi", nonnegative=True)


def exponential_loss(proof: Derivation) -> tuple[Fact, Fact]:
    """Return how the loss moves, and that its derivative is the loss itself."""
    each = proof.given("exponential loss", sigma[j], "=", sp.exp(-y[j] * f[j]))
    mean = proof.given("exponential loss", loss(t), "=", over_samples(sigma[j]))
    fixed = proof.given("labels", rate(y[j]), "=", 0)
    moves = [proof.differentiated("along the flow", one) for one in (each, mean)]
    drawn = proof.equal(
        "exponential: the loss moves",
        rate(loss(t)),
        over_samples(-y[j] * sigma[j] * rate(f[j])),
        because=[moves[1]],
        using=[moves[0], fixed, each],
        why="the derivative of exp(-y f)",
    )
    clock = proof.given("means", S(t), "=", over_samples(sigma[j]))
    itself = proof.equal("exponential: S is L", S(t), loss(t), because=[clock, (-1, mean)], why="both are the mean")
    return drawn, itself


def logistic_loss(proof: Derivation) -> tuple[Fact, Fact]:
    """Return how the loss moves, and that N S >= 1 - exp(-N L)."""
    each = proof.given("logistic loss", losses[j], "=", sp.log(1 + sp.exp(-y[j] * f[j])))
    slope = proof.given("logistic loss", sigma[j], "=", 1 - sp.exp(-losses[j]))
    mean = proof.given("logistic loss", loss(t), "=", over_samples(losses[j]))
    fixed = proof.given("labels", rate(y[j]), "=", 0)
    moves = [proof.differentiated("along the flow", one) for one in (each, mean)]
    sample = proof.equal(
        "logistic: the loss of a sample moves",
        rate(losses[j]),
        -y[j] * sigma[j] * rate(f[j]),
        because=[moves[0]],
        using=[slope, each, fixed],
        why="the derivative of log(1 + exp(-m)) is -(1 - exp(-l))",
    )
    drawn = proof.equal(
        "logistic: the loss moves",
        rate(loss(t)),
        over_samples(-y[j] * sigma[j] * rate(f[j])),
        because=[moves[1], (1 / N, proof.sum_over("all samples", sample, (j, 1, N)))],
        why="the mean over the samples",
    )
    clock = proof.given("means", S(t), "=", over_samples(sigma[j]))
    size = proof.equal(
        "logistic: S by the losses",
        S(t),
        over_samples(1 - sp.exp(-losses[j])),
        because=[clock, (1 / N, proof.sum_over("all samples", slope, (j, 1, N)))],
        why="the mean over the samples",
    )
    nonnegative = proof.at_most(
        "losses are not negative", 0, losses[j], because=[sp.log(1 + sp.exp(-y[j] * f[j]))], using=[each]
    )
    below = proof.apply(
        logistic_mean.PROOF,
        {logistic_mean.L: loss(t), logistic_mean.S: S(t)},
        {"means": [mean, size], "losses": nonnegative},
        conclusion=1,
        name="logistic: N S is at least 1 - exp(-N L)",
    )
    return drawn, below


def integrals(proof: Derivation) -> tuple[Fact, Fact]:
    """Return how I and J grow along the run."""
    return (
        proof.given("integrals", integral(t).diff(t), "=", Q(t) * S(t)),
        proof.given("integrals", J(t).diff(t), "=", sp.exp(integral(t)) * S(t)),
    )


def stays_below(proof: Derivation, name: str, quantity: sp.Lambda, falls: Fact) -> Fact:
    return proof.apply(GRONWALL, {followed: quantity, decay_rate: 0}, {"decay": falls}, name=name)


def exponential(proof: Derivation, case: str, falls: Fact, itself: Fact, starts: list[Fact], head: int) -> Fact:
    """Conclude L <= U from dL/dt <= -Q S^2 and S = L."""
    name = f"exponential, {case}"
    grows, gathers = integrals(proof)
    falling = sp.Lambda(t, loss(t) * sp.exp(integral(t)))
    shrinks = proof.at_most(
        f"{name}: L exp(I) does not grow",
        sp.Derivative(falling(t), t),
        0,
        because=[(sp.exp(integral(t)), falls), (-sp.exp(integral(t)) * Q(t) * S(t), itself)],
        using=[grows],
        why="dL/dt <= -Q S L",
    )
    slow = proof.at_most(
        f"{name}: t L exp(I) grows at most as J does",
        sp.Derivative(head * t * falling(t) - J(t), t),
        0,
        because=[(head * t, shrinks), (-sp.exp(integral(t)), itself)],
        using=[gathers],
        why="product rule, dJ/dt = L exp(I)",
    )
    one = stays_below(proof, f"{name}: so it stays below its start", falling, shrinks)
    other = stays_below(proof, f"{name}: so it stays below J", sp.Lambda(t, t * falling(t) - J(t)), slow)
    either = proof.given(
        "exponential: U",
        first(t) * loss(0) * sp.exp(-integral(t)) + second(t) * J(t) * sp.exp(-integral(t)),
        "<=",
        largest(t),
    )
    shares = proof.given("exponential: U", first(t) + second(t) * t, "=", 1)
    return proof.at_most(
        f"{name}: the bound",
        loss(t),
        largest(t),
        because=[
            either,
            (first(t) * sp.exp(-integral(t)), one),
            (second(t) * sp.exp(-integral(t)), other),
            (first(t) * sp.exp(-integral(t)) * loss(0), starts[0]),
            (-second(t) * sp.exp(-integral(t)), starts[1]),
            (-loss(t), shares),
        ],
        why="L = lambda_1 L + lambda_2 t L, and it is below both",
    )


def logistic(proof: Derivation, case: str, falls: Fact, below: Fact, starts: list[Fact], delay: sp.Expr) -> Fact:
    """Conclude expm1(N L) <= U from dL/dt <= -Q S^2 and N S >= 1 - exp(-N L)."""
    name, growth = f"logistic, {case}", sp.exp(integral(t))
    grows, gathers = integrals(proof)
    positive = proof.given("Q >= 0", 0, "<=", Q(t))
    falling = sp.Lambda(t, (sp.exp(N * loss(t)) - 1) * sp.exp(integral(t)))
    shrinks = proof.at_most(
        f"{name}: expm1(N L) exp(I) does not grow",
        sp.Derivative(falling(t), t),
        0,
        because=[
            (N * sp.exp(N * loss(t)) * growth, falls),
            (positive, proof.times(f"{name}: S and L, weighed", S(t) * sp.exp(N * loss(t)) * growth, below)),
        ],
        using=[grows],
        why="d/dt log expm1(N L) <= -Q S",
    )
    at_most_one = proof.given("lateness", begun(t), "<=", 1)
    in_time = proof.given("lateness", late(0), "=", 0)
    runs = proof.given("clock", tau(t).diff(t), "=", S(t))
    later = proof.given("lateness", late(t).diff(t), "=", begun(t) * rate(t - delay * tau(t)))
    slow = proof.at_most(
        f"{name}: what is late grows at most as N J does",
        sp.Derivative(late(t) * falling(t) - N * J(t), t),
        0,
        because=[
            (late(t), shrinks),
            (begun(t) * growth * sp.exp(N * loss(t)), below),
            (N * S(t) * growth, at_most_one),
        ],
        using=[gathers, later, runs],
        why="d(t - N tau)/dt = 1 - N S, at most exp(-N L)",
    )
    one = stays_below(proof, f"{name}: so it stays below its start", falling, shrinks)
    other = stays_below(proof, f"{name}: so it stays below N J", sp.Lambda(t, late(t) * falling(t) - N * J(t)), slow)
    either = proof.given(
        "logistic: U",
        first(t) * (sp.exp(N * loss(0)) - 1) * sp.exp(-integral(t)) + second(t) * N * J(t) * sp.exp(-integral(t)),
        "<=",
        largest(t),
    )
    shares = proof.given("logistic: U", first(t) + second(t) * late(t), "=", 1)
    return proof.at_most(
        f"{name}: the bound",
        sp.exp(N * loss(t)) - 1,
        largest(t),
        because=[
            either,
            (first(t) * sp.exp(-integral(t)), one),
            (second(t) * sp.exp(-integral(t)), other),
            (first(t) * sp.exp(-integral(t)) * (sp.exp(N * loss(0)) - 1), starts[0]),
            (second(t) * sp.exp(-integral(t)) * (sp.exp(N * loss(0)) - 1) * sp.exp(integral(0)), in_time),
            (-N * second(t) * sp.exp(-integral(t)), starts[1]),
            (-(sp.exp(N * loss(t)) - 1), shares),
        ],
        why="it is lambda_1 of itself and lambda_2 (t - N tau)_+ of itself, and below both",
    )


def derive(proof: Derivation, delay: sp.Expr = N, head: int = 1) -> list[Fact]:
    I_starts, J_starts = (proof.given("integrals", each(0), "=", 0) for each in (integral, J))
    starts = [proof.equal("exp(I) starts at 1", sp.exp(integral(0)), 1, using=[I_starts]), J_starts]
    drawn, itself = exponential_loss(proof)
    drawn_logistic, below = logistic_loss(proof)
    conclusions = []
    for which, case in enumerate(("aligned", "linear")):
        for kind, draws in (("exponential", drawn), ("logistic", drawn_logistic)):
            at_start = {each: indexed(f"{each.name}_{{{case}, {kind}}}") for each in (C, turned, kept)}
            title = f"{kind}, {case}: the loss falls"
            falls = proof.apply(DRIVE, at_start, {"loss": draws}, conclusion=which, name=title)
            if kind == "exponential":
                conclusions.append(exponential(proof, case, falls, itself, starts, head))
            else:
                conclusions.append(logistic(proof, case, falls, below, starts, delay))
    return conclusions


def counterexample_no_delay() -> sp.Basic:
    # t expm1(N L) <= N J exp(-I) fails from the start on: with one sample and L = log 2 its left side grows with
    # exp(L) - 1 = 1 and its right side with S = 1 - exp(-L) = 1/2
    odds = sp.Integer(2) - 1
    return sp.Le(odds, 1 - sp.Rational(1, 2))


def counterexample_misaligned() -> sp.Basic:
    # w = 0, v = -1, b = 1, x = y = 1, linear, exponential loss: s = v b = -1, and the loss grows: dL/dt = -v b L^2
    v, b, loss = -1, 1, sp.Integer(1)
    return sp.Le(-v * b * loss**2, 0)


PROOF = Proof(
    id="separable-decay-two-sided",
    title="Decay on separable data, with the weights' growth",
    statement=(
        r"FA with exponential or logistic loss on separable data, leaky ReLU, $c_i = -C_i \ge 0$ for all $i$ (linear: "
        r"$\sum_i c_i \ge 0$), $s = \sum_i c_i$. Let $Q(\tau) \ge 0$ be at most "
        r"$a^2\gamma^2 (s + \frac12 \sum_i \max(r_i + |b_i| a\gamma\tau, |w_i(0)| - |b_i| R\tau, 0)^2)$, "
        r"$I = \int_0^\tau Q$ and $J = \int_0^\tau e^I$. Exponential loss: "
        r"$L(t) \le \sup_\tau \min(L(0) e^{-I}, J e^{-I} / t)$. Logistic loss: $e^{N L(t)} - 1 \le "
        r"\sup_\tau \min((e^{N L(0)} - 1) e^{-I}, N J e^{-I} / (t - N\tau)_+)$."
    ),
    assumptions={
        **{key: text for key, text in DRIVE.assumptions.items() if key != "loss"},
        "labels": r"the labels do not move",
        "exponential loss": r"$\sigma_j = e^{-y_j f_j}$ and $L = E[\sigma]$",
        "logistic loss": r"$\ell_j = \log(1 + e^{-y_j f_j})$, $L = E[\ell]$ and $\sigma_j = 1 - e^{-\ell_j}$",
        "integrals": r"$I = \int Q\, d\tau$ and $J = \int e^I\, d\tau$: $\dot I = Q S$ and $\dot J = e^I S$",
        "Q >= 0": r"$Q \ge 0$",
        "lateness": (
            r"$late = (t - N\tau)_+$ starts at $0$, as $\tau$ does; with $\chi = 1$ where $t > N\tau$ and else $0$, "
            r"its derivative is $\chi$ times that of $t - N\tau$ almost everywhere, for that is $0$ almost everywhere on "
            r"$\{t = N\tau\}$"
        ),
        "exponential: U": (
            r"$\lambda_1 L(0) e^{-I} + \lambda_2 J e^{-I} \le U$ for some $\lambda_1, \lambda_2 \ge 0$ with "
            r"$\lambda_1 + \lambda_2 t = 1$: for $(1, 0)$ or $(0, 1/t)$, if $U$ is at least the smaller of both bounds"
        ),
        "logistic: U": (
            r"$\lambda_1 (e^{N L(0)} - 1) e^{-I} + \lambda_2 N J e^{-I} \le U$ for some $\lambda_1, \lambda_2 \ge 0$ "
            r"with $\lambda_1 + \lambda_2 (t - N\tau)_+ = 1$, likewise"
        ),
    },
    source="own",
    derive=derive,
    controls=(
        Control("a delay without N", lambda proof: derive(proof, delay=sp.S.One)),
        Control("J grows twice as fast as tau", lambda proof: derive(proof, head=2)),
        Control("logistic loss without the delay", counterexample_no_delay, counterexample=True),
        Control("a start that is not aligned", counterexample_misaligned, counterexample=True),
    ),
)
