"""The independent checker of certificates: it derives every claim anew and imports nothing else of fa_theory.

What is rational is decided over the rationals; the rest is enclosed by python-flint at a precision of its own, raised
until every claim is confirmed or one is contradicted. Biases lie in the matrices: the inputs have a column of ones, W
the hidden biases as its last column, and an output bias is one more neuron, which sees the ones and has no feedback.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from flint import arb, arb_mat, arb_poly, ctx, fmpq, fmpq_mat

FORMAT, PRECISIONS = "fa_theory certificate 2", (192, 384, 768, 1536, 3072, 6144, 12288)
CONTENT = {"format", "version", "instance", "best_fit", "t", "observed", "bounds"}
BOUNDS = ("descent", "separable-decay", "exponential-decay", "multi-output-decay", "gd-decay")
LARGEST_FILE, LARGEST_MATRIX, LARGEST_PRODUCT, MOST_WORK = 1 << 26, 200, 10**9, 2 * 10**9


class RejectedError(Exception):
    """A claim is wrong, or cannot be confirmed."""


class UnreadableError(Exception):
    """The file is not a certificate."""


def check_certificate(path: str | Path) -> str:
    """Return in words what a certificate file proves; raise `RejectedError` or `UnreadableError` if it does not."""
    file, undecided = Path(path), ""
    try:
        instance = _Instance(content := _read(file), file.parent)
        for precision in PRECISIONS:
            try:
                with ctx.workprec(precision):
                    return _check(content, instance)
            except FloatingPointError as too_wide:
                undecided = str(too_wide)
    except RejectedError:
        raise
    except Exception as error:  # whatever a file makes fail, it proves nothing
        raise UnreadableError(f"{file} cannot be read as a certificate ({error!r:.300})") from error
    raise RejectedError(f"{undecided}: cannot be confirmed with {PRECISIONS[-1]} bits")


def _need(condition: object, why: str) -> None:
    if not condition:
        raise RejectedError("".join(x if x.isprintable() else "?" for x in why[:200]))  # it may quote the file


def _bytes(file: Path) -> bytes:
    if not file.is_file() or file.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{file} must be a file of at most {LARGEST_FILE} bytes")
    return file.read_bytes()


def _read(file: Path) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key occurs twice")
        return dict(pairs)

    content = json.loads(_bytes(file).decode(), object_pairs_hook=unique, parse_float=_ball, parse_constant=_ball)
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.keys() != CONTENT:
        raise ValueError(f"it must hold {', '.join(sorted(CONTENT))}, format {FORMAT!r}")
    return content


def _ball(text: str, reach: int = 10**12) -> Any:
    """Return the number of a text such as -0x1.8p+3 as a ball without radius; 0.5 and NaN are refused."""
    found = re.fullmatch(r"(-?0x[0-9a-f]{1,17})(?:\.([0-9a-f]{1,16}))?p([+-]?[0-9]{1,12})", text)
    if found is None or abs(int(found[3])) > reach:
        raise ValueError(f"a number must be like -0x1.8p+3, got {text[:40]!r}")
    return arb((int(found[1] + (found[2] or ""), 16), int(found[3]) - 4 * len(found[2] or "")))


def _arrays(given: dict[str, Any], folder: Path) -> dict[str, list[list[fmpq]]]:
    if "arrays" in given:
        return {key: [[_ball(x, 1100).fmpq() for x in row] for row in rows] for key, rows in given["arrays"].items()}
    name, digest = given["state"]["file"], given["state"]["sha256"]
    stored = _bytes(folder / Path(name).name)
    _need(name == Path(name).name and sha256(stored).hexdigest() == digest, f"{name} is not the state that was hashed")
    _need(sum(each.file_size for each in ZipFile(BytesIO(stored)).infolist()) <= LARGEST_FILE, f"{name} holds too much")
    with np.load(BytesIO(stored), allow_pickle=False) as archive:
        arrays = {key: np.atleast_2d(archive[key].astype(float)).tolist() for key in archive.files}
    return {key: [[fmpq(*x.as_integer_ratio()) for x in row] for row in rows] for key, rows in arrays.items()}


class _Instance:
    def __init__(self, content: dict[str, Any], folder: Path) -> None:
        given = content["instance"]
        plain = json.dumps({key: given[key] for key in given if key != "sha256"}, sort_keys=True)
        _need(sha256(plain.encode()).hexdigest() == given["sha256"], "the instance is not the one that was hashed")
        self.rule, self.loss, self.method = (given[key] for key in ("rule", "loss", "method"))
        self.slope, kappa, self.eta = (_ball(given[key], 1100).fmpq() for key in ("slope", "kappa", "step_size"))
        _need(self.rule in ("fa", "dfa", "sign-fa", "adafa", "backprop") and kappa >= 0, "the rule is unknown")
        _need(self.loss in ("squared", "logistic", "exponential"), "the loss is unknown")
        _need(self.method in ("flow", "gd", "sgd") and 0 <= self.slope <= 1, "the method or the slope is unknown")
        self.linear, self.batches = self.slope == 1, given["batches"] if self.method == "sgd" else []
        self.linear_fa = self.linear and (self.rule in ("fa", "dfa") or (self.rule == "adafa" and kappa == 0))
        arrays = _arrays(given, folder)
        X, W, v, self.biased = arrays["X"], arrays["W1"], arrays["W2"], "b2" in arrays
        size = max(len(X) * len(X[0]) * len(W), max(len(X), len(X[0])) * len(str(content["best_fit"])))
        _need(size <= LARGEST_PRODUCT, "the instance is too large")
        B = columns = [list(x) for x in zip(*v, strict=True)]  # backprop is adaFA with B = v and kappa = 1
        if self.rule != "backprop":
            B = [[fmpq(1 if x >= 0 else -1) for x in row] for row in B] if self.rule == "sign-fa" else arrays["B2"]
        if "b1" in arrays or self.biased:
            X = [[*row, fmpq(1)] for row in X]
            W = [[*row, x] for row, x in zip(W, arrays["b1"][0], strict=True)]
        rows, kappa = zip(W, B, columns, strict=True), fmpq(1) if self.rule == "backprop" else kappa
        self.c = [b[0] * x[0] - kappa * x[0] ** 2 / 2 - sum(y * y for y in w) / 2 for w, b, x in rows]
        if self.biased:
            W, B = [*W, [*[fmpq(0)] * (len(X[0]) - 1), fmpq(1)]], [*B, [fmpq(0)] * len(v)]
            v = [[*row, x] for row, x in zip(v, arrays["b2"][0], strict=True)]
        self.X, self.Y, self.W, self.v, self.B = (fmpq_mat(rows) for rows in (X, arrays["Y"], W, v, B))
        self.N, self.m, self.s = len(X), len(v), sum(self.c, fmpq(0))
        seen: Any = ((self.W * fmpq_mat([[x] for x in row])).entries() for row in X)
        hidden = ([max(z, z * self.slope) for z in row] for row in seen)
        self.f = fmpq_mat([(self.v * fmpq_mat([[h] for h in row])).entries() for row in hidden])
        if self.loss == "squared":
            _need(max(self.m, min(self.N, len(X[0]))) <= LARGEST_MATRIX, f"matrices of over {LARGEST_MATRIX} rows")
            best = [[fmpq(*(int(x, 16) for x in each.split("/"))) for each in row] for row in content["best_fit"]]
            self.best, back = fmpq_mat(best), self.X.transpose()
            rest, self.gap = self.X * self.best - self.Y, self.f - self.X * self.best
            _need(not any((back * rest).entries()), "best_fit is not a best linear fit")
            self.floor, self.excess = (_dot(E, E) / (2 * self.N) for E in (rest, self.gap))
            gram = back * self.X if back.nrows() < self.N else self.X * back
            self.rank, self.polynomial = int(gram.rank()), (gram / self.N).charpoly()


def _dot(a: Any, b: Any) -> Any:
    return sum((x * y for x, y in zip(a.entries(), b.entries(), strict=True)), fmpq(0))


def _real_roots(polynomial: Any) -> list[Any]:
    return sorted((x.real for x, n in polynomial.complex_roots() for _ in range(n)), key=lambda x: x.mid().fmpq())


def _primitive(sigma: arb) -> arb:
    return sigma + (-(-sigma).expm1()).log() + 1 / (-sigma).expm1()


def _derive(i: _Instance, name: str, witness: Any) -> tuple[dict[str, arb], Callable[[fmpq], arb]]:
    """Return the constants of a bound and its curve; that of the logistic loss is mapped by `_primitive`."""
    _need(name in BOUNDS and i.method == ("gd" if name == "gd-decay" else "flow"), f"{name} is no bound on this run")
    _need(i.B.ncols() == i.m == 1 or name == "multi-output-decay", f"{name}: a scalar output is assumed")
    aligned, rho, s = (i.s if i.linear else min(i.c)) >= 0, fmpq(0), arb(i.s)
    if name in BOUNDS[:2]:
        opposed = [(-arb(f * y)).exp() for f, y in zip(i.f.entries(), i.Y.entries(), strict=True)]
        start = sum((x if i.loss == "exponential" else x.log1p() for x in opposed), arb(0)) / i.N
        if name == "descent":
            _need(i.rule in ("sign-fa", "backprop") or aligned, "the start is not aligned")
            start = arb(_dot(i.f - i.Y, i.f - i.Y) / (2 * i.N)) if i.loss == "squared" else start
            told = [c / b**2 for c, b in zip(i.c, i.B.entries(), strict=False) if b != 0 and min(i.c) >= 0]
            told = [fmpq(1)] if i.rule == "backprop" else [] if i.rule == "adafa" else told
            known = {"start": start} | ({"dominance": arb(min(told))} if told else {})
        else:
            _need(i.loss != "squared" and i.slope > 0 and i.s > 0 and aligned, "the loss, slope or start is another")
            u = fmpq_mat([[_ball(x, 1100).fmpq()] for x in witness["direction"]])
            least = min(y * h for y, h in zip(i.Y.entries(), (i.X * u).entries(), strict=True))
            _need(least > 0 and all(y * y == 1 for y in i.Y.entries()), "the direction does not separate the data")
            rho = i.slope**2 * i.s * least**2 / _dot(u, u)
            known = {"gamma": arb(least**2 / _dot(u, u)).sqrt(), "s": s, "rho": arb(rho), "start": start}
        if i.loss == "logistic":
            return known, lambda t: _primitive(i.N * start) - arb(rho * t / i.N)
        return known, lambda t: start / (1 + arb(rho * t) * start)
    _need(i.loss == "squared" and i.slope > 0 and i.rank > 0, f"{name}: the loss or slope is another, or X is zero")
    values, H, start = _real_roots(i.polynomial), i.B.transpose() * i.B, arb(i.excess)
    low, high = values[-i.rank], values[-1]
    if name == "exponential-decay":
        _need(i.linear or i.rank == i.N, "the samples are not independent")
        minus = fmpq(0) if i.linear else -sum((c for c in i.c if c < 0), fmpq(0))
        rate = arb(2 * i.slope**2 * (i.s + minus)) * low - arb(2 * minus) * high
        known = {"s": s, "lambda": low, "rate": rate, "start": start} | ({"lambda_max": high} if minus else {})
        return known, lambda t: start * (-rate * arb(t)).exp()
    _need(i.linear_fa, f"{name}: linear FA is assumed")
    if name == "multi-output-decay":
        _need(H.rank() == i.m, "B has not full column rank")
        BW, HvB, V = i.B.transpose() * i.W, H * i.v * i.B, arb(_dot(i.gap * H, i.gap) / (2 * i.N))
        a0 = _real_roots(H.solve(HvB + HvB.transpose() - BW * BW.transpose()).charpoly())[0] / 2
        smallest, rate = _real_roots(H.charpoly())[0], 2 * a0 * low
        known = {"a0": a0, "lambda": low, "lambda_min_H": smallest, "V": V, "rate": rate, "start": V / smallest}
        return known, lambda t: V / smallest * (-rate * arb(t)).exp()
    (theta, mu), b2 = (_ball(witness[key], 1100).fmpq() for key in ("theta", "mu")), H[0, 0]
    _need(i.s > 0 and i.eta > 0 and 0 < theta < 1 and 0 < mu < 2, "theta, mu, eta or -C(0) is out of range")
    _need(i.eta * b2 * i.excess <= (2 - mu) * (1 - theta) * theta * i.s**2, "the step size is too large")
    b, eta, slope = arb(b2).sqrt(), arb(i.eta), arb((2 - mu) * theta * i.s)
    r, factor = arb(_dot(i.W, i.W) - i.biased).sqrt() + 2 * b * (2 * start / low).sqrt() / slope, 1 - eta * slope * low
    room = arb(mu) - eta * (high * (3 * r * r / 2 + s + eta * b * r * (2 * high * start).sqrt()) + i.biased)
    known = {"c": s, "lambda": low, "lambda_max": high, "room": room, "factor": factor, "start": start}
    return known, lambda steps: start * factor ** int(steps.p)


def _confirm(what: str, places: Iterable[Any], claimed: Any, values: Iterable[arb]) -> None:
    for at, (low, high), value in zip(places, claimed, values, strict=True):
        if not low <= value <= high:
            _need(not (value < low or value > high), f"{what} at {at}: the claim is wrong")
            raise FloatingPointError(f"{what} at {at}")


def _check(content: dict[str, Any], i: _Instance) -> str:
    t, bounds, excess, said = content["t"], content["bounds"], [], []
    places = [fmpq(x) if type(x) is int else _ball(x, 1100).fmpq() for x in t]
    _need(places == sorted(set(places)) and places[0] >= 0, "times must increase from 0")
    _need(i.method == "flow" or all(x.q == 1 for x in places), "steps must be whole numbers")
    observed = {name: [list(map(_ball, ends)) for ends in values] for name, values in content["observed"].items()}
    if observed:
        _need(i.linear_fa and i.B.ncols() == i.m == 1 and i.loss == "squared", "this run cannot be enclosed")
        gaps = (arb_mat(i.X) * each for each in (_flow if i.method == "flow" else _steps)(i, places))
        excess = [_dot(gap, gap) / (2 * i.N) for gap in gaps]
    for name, values in observed.items():
        _need(name in ("loss", "excess_loss") and len(values) == len(t), f"{name} is unknown or incomplete")
        _confirm(name, t, values, [x + arb(i.floor) if name == "loss" else x for x in excess])
    _need(len({bound["id"] for bound in bounds}) == len(bounds), "a bound occurs twice")
    for bound in bounds:
        name, quantity, values = bound["id"], bound["quantity"], [list(map(_ball, ends)) for ends in bound["value"]]
        known, curve = _derive(i, name, bound["witness"])
        _need(quantity == ("excess_loss" if name in BOUNDS[2:] and i.floor else "loss"), f"{name}: another quantity")
        _need(bound["constants"].keys() == known.keys() and len(values) == len(t), f"{name}: constants or values lack")
        constants = {key: list(map(_ball, bound["constants"][key])) for key in known}
        _confirm(name, known, constants.values(), known.values())
        _need(all(constants[key][0] > 0 for key in known if key in ("rate", "room")), f"{name}: it does not decay")
        mapped = [[_primitive(i.N * x) for x in ends] for ends in values] if i.loss == "logistic" else values
        _confirm(name, t, mapped, map(curve, places))
        pairs = [(*a, *b) for x, a, b in zip(places, observed.get(quantity, []), values, strict=False) if x > 0]
        above = any(loss > most for loss, _, _, most in pairs)
        below = len(pairs) > 0 and all(loss <= least for _, loss, least, _ in pairs)
        follows = {"holds": below, "refuted": above, "not compared": True}.get(bound["verdict"])
        _need(follows, f"{name}: {bound['verdict']} does not follow")
        said.append(f"{name}: {bound['verdict']}")
    return "; ".join([*(f"{name} at {len(t)} times" for name in observed), *said])


def _steps(i: _Instance, places: list[fmpq]) -> Iterator[arb_mat]:
    """Yield the distance to the best linear map after these numbers of steps of gradient descent or SGD."""
    last, wanted, batches, samples = int(places[-1]), set(places), i.batches, range(i.N)
    _need(last * (len(i.W.entries()) + len(i.X.entries())) * ctx.prec <= MOST_WORK, "the run is too long")
    W, v, B, best, X, Y = map(arb_mat, (i.W, i.v.transpose(), i.B, i.best, i.X, i.Y))
    for step in range(last + 1):
        theta = W.transpose() * v
        if step in wanted:
            yield theta - best
        if i.method == "sgd" and step < last:
            _need(0 < len(batches[step]) <= i.N and all(j in samples for j in batches[step]), "no such samples")
            X, Y = (arb_mat([M.tolist()[j] for j in batches[step]]) for M in (i.X, i.Y))
        g = X.transpose() * (X * theta - Y) / X.nrows()
        W, v = W - B * g.transpose() * arb(i.eta), v - W * g * arb(i.eta)


def _flow(i: _Instance, places: list[fmpq]) -> Iterator[arb_mat]:
    """Yield the distance to the best linear map at these times: W = W(0) + b u^T, u = S w, dw/dt = best - theta(u).

    As D theta = W^T W + (b.v) I, two solutions w part in the norm of S at most at the rate tr(S) max(-b.v, 0): a path
    of polynomials with a small defect is close to the solution (lemma reduced-contraction). Always b.v >= -C(0), and it
    is at least what it is in a tube around the path, as long as the solution does not leave the tube.
    """
    d, order = i.X.ncols(), ctx.prec // 5
    _need(d <= LARGEST_MATRIX, f"the flow is enclosed for at most {LARGEST_MATRIX} inputs")
    S, A = (arb_mat(M).tolist() for M in (i.X.transpose() * i.X / i.N, i.W.transpose() * i.W))
    drift, p = (arb_mat(M).entries() for M in (i.best - i.W.transpose() * i.v.transpose(), i.W.transpose() * i.B))
    beta, b2, size = arb((i.v * i.B)[0, 0]), arb(_dot(i.B, i.B)), arb(_dot(i.X, i.X) / i.N)
    root, tube, w, error, now, step, done = size.sqrt(), arb((1, -40)), [arb(0)] * d, arb(0), fmpq(0), places[-1], 0

    def move(w: list[Any], reach: arb) -> tuple[list[Any], Any]:
        """Return dw/dt and b.v, for balls, or polynomials, and any u within `reach` of S w."""
        u = [arb(0, reach) + sum(a * x for a, x in zip(row, w, strict=True)) for row in S]
        square = sum(x * x for x in u)
        along = beta + sum(x * y for x, y in zip(p, u, strict=True)) + b2 / 2 * square
        rest = [y - sum(a * x for a, x in zip(row, u, strict=True)) for y, row in zip(drift, A, strict=True)]
        return [y - x * along - q / 2 * square for y, x, q in zip(rest, u, p, strict=True)], along

    for _ in range(MOST_WORK // (6 * order**3 * d)):
        terms, step = [[x] for x in w], min(4 * step, places[-1] - now)
        for k in range(order):
            rates, _ = move([arb_poly(x) for x in terms], arb(0))
            terms = [[*x, (rate[k] / (k + 1)).mid()] for x, rate in zip(terms, rates, strict=True)]
        path, sizes = [arb_poly(x) for x in terms], [sum(map(abs, column)) for column in zip(*terms, strict=True)]
        while not (sizes[-2] + sizes[-1] * step) * arb(step) ** (order - 2) <= sizes[1] * arb((1, -2 * ctx.prec // 3)):
            step /= 2
        h, during = arb(step), arb(0).union(arb(step))
        defect = sum(abs((x.derivative() - y)(during)) for x, y in zip(path, move(path, arb(0))[0], strict=True))
        lowest = max(arb(i.s).lower(), move([x(during) for x in path], tube)[1].lower())  # not a number is not > s
        error = ((-size * h * min(lowest, arb(0))).exp() * (error + root * h * defect)).upper()
        if not error * root < tube:
            raise FloatingPointError("the loss of the flow")
        while done < len(places) and places[done] <= now + step:
            yield arb_mat(d, 1, move([x(arb(places[done] - now)) for x in path], error * root)[0])
            done += 1
        if done == len(places):
            return
        now, w, error = now + step, [x(h).mid() for x in path], (error + root * sum(x(h).rad() for x in path)).upper()
    raise RejectedError("the flow takes too many pieces to be enclosed")
