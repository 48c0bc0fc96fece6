r"""short-path: what must pay for its speed by a fall of the loss does not move far.

y is the root of the loss. Neuron i moves with the speed |b_i| |g_i|; path_i is how far it has gone. The starts of
path_i and of y are those of any stretch of time.
"""

import sympy as sp

from fa_theory.proofs.notation import i, indexed, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

y = sp.Function("y", positive=True)
g, path, first_path = (indexed(name, nonnegative=True) for name in ("|g|", "path", "path^0"))
size_b, resisted = indexed("|b|", positive=True), indexed("resisted", positive=True)
R, high, first_y = sp.symbols("R lambda_max y_0", positive=True)
reach = indexed("reach"), indexed("reach'")
factors = sp.sqrt(2 * high) / R, 1 / sp.sqrt(resisted[i] * R)


def derive(proof: Derivation, power: int = 1) -> list[Fact]:
    falls = proof.given("speed", rate(y(t) ** 2), "<=", -R * y(t) ** 2)
    pays = proof.given("resistance", rate(y(t) ** 2), "<=", -resisted[i] * g[i] ** 2)
    steep = proof.given("steepness", g[i] ** 2, "<=", 2 * high * y(t) ** 2)
    moves = proof.given("path", rate(path[i]), "=", size_b[i] * g[i])
    fixed = [proof.given("fixed", rate(each), "=", 0) for each in (size_b[i], resisted[i])]

    most = sp.sqrt(2 * high) * y(t)
    slow = proof.at_most(
        "the gradient is bounded",
        g[i],
        most,
        because=[(1 / (2 * most), steep), (most - g[i]) ** 2 / (2 * most)],
        why="roots of ordered squares",
    )
    price = sp.sqrt(resisted[i] ** power * R)
    rough = proof.at_most(
        "the loss's rate pays",
        rate(path[i] + 2 * size_b[i] * factors[0] * y(t)),
        0,
        because=[(size_b[i] * factors[0] / y(t), falls), (size_b[i], slow)],
        using=[moves, *fixed],
        why="dy/dt <= -R y / 2 and |g| <= sqrt(2 lambda_max) y",
    )
    share = size_b[i] / (2 * price * y(t))
    fine = proof.at_most(
        "resistance pays",
        rate(path[i] + 2 * size_b[i] / price * y(t)),
        0,
        because=[
            (share, falls),
            (share, pays),
            share * (sp.sqrt(R) * y(t) - sp.sqrt(resisted[i]) * g[i]) ** 2,
        ],
        using=[moves, *fixed],
        why="the mean of the two bounds, by that of squares: 2 dy/dt <= -sqrt(resisted R) |g|",
    )
    conclusions = []
    for still, start, factor in ((rough, reach[0], factors[0]), (fine, reach[1], 1 / price)):
        below = proof.monotone("so it stays below its start", still, start[i])
        begun = proof.given("start", start[i], "=", first_path[i] + 2 * size_b[i] * factor * first_y)
        conclusions.append(
            proof.at_most(
                "the path",
                path[i] - first_path[i],
                2 * size_b[i] * factor * (first_y - y(t)),
                because=[below, begun],
                why="rearranged",
            )
        )
    return conclusions


PROOF = Proof(
    id="short-path",
    title="Movement that a fall of the loss pays for",
    statement=(
        r"Let $L > 0$, $\dot L \le -R L$, $\dot L \le -\rho_i |g_i|^2$ and $|g_i|^2 \le 2\lambda_{\max} L$. What moves "
        r"with the speed $|b_i| |g_i|$ moves by at most $2 |b_i| (\sqrt{L(0)} - \sqrt{L(t)})$ times each of "
        r"$\sqrt{2\lambda_{\max}} / R$ and $1 / \sqrt{\rho_i R}$."
    ),
    assumptions={
        "speed": r"$y = \sqrt L > 0$ and $\dot L \le -R L$, $R > 0$",
        "resistance": r"$\dot L \le -resisted_i |g_i|^2$, $resisted_i > 0$",
        "steepness": r"$|g_i|^2 \le 2\lambda_{\max} L$, $\lambda_{\max} > 0$",
        "path": r"the path of neuron $i$ lengthens with $|b_i| |g_i|$, $|b_i| > 0$",
        "fixed": r"$|b_i|$ and $resisted_i$ do not move",
        "start": r"$path^0_i$ and $y_0$ are the values at the start of $path_i$ and of $y$",
    },
    source="own",
    derive=derive,
    controls=(Control("resistance that counts twice", lambda proof: derive(proof, power=2)),),
)
