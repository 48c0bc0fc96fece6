"""The same runs in other libraries, as well as these can be used; for benchmarks only.

Every function takes the arrays of `workloads`, so that all start from the same numbers, and returns losses.
Feedback alignment in two layers: f = W2 phi(W1 x), F_2 = E[e h^T], F_1 = E[(B e * phi'(z)) x^T].
"""

import contextlib
import os

# before JAX starts: two devices on the host, for the ensemble over both
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")

import numpy as np
import pytest

# before a benchmark holds the process to one core, by which these would size their pools of threads
for name in ("jax", "numba", "torch"):
    with contextlib.suppress(ImportError):
        __import__(name)

A = 0.1  # the slope of the leaky ReLU


def numpy_loop(X, y, W, v, b, eta, steps):
    """One network with one output, as one would write it down."""
    N, losses = len(X), np.empty(steps + 1)
    for k in range(steps + 1):
        Z = X @ W.T
        H = np.maximum(Z, A * Z)
        e = H @ v - y
        losses[k] = np.mean(e * e) / 2
        D = np.outer(e, b) * np.where(Z > 0, 1.0, A)
        W, v = W - eta / N * (D.T @ X), v - eta / N * (H.T @ e)
    return losses


def jax_scan(X, y, W, v, b, eta, steps, *, many=False, devices=1):
    """One network, or many with a leading axis: jit, scan, vmap, and the networks shared out to devices."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    N = len(X)

    def run(W, v, b):
        def step(state, _):
            W, v = state
            Z = X @ W.T
            H = jnp.maximum(Z, A * Z)
            e = H @ v - y
            D = (e[:, None] * b[None, :]) * jnp.where(Z > 0, 1.0, A)
            return (W - eta / N * (D.T @ X), v - eta / N * (H.T @ e)), jnp.mean(e * e) / 2

        return jax.lax.scan(step, (W, v), None, length=steps + 1)[1]

    if devices > 1:
        W, v, b = (each.reshape(devices, -1, *each.shape[1:]) for each in (W, v, b))
        compiled = jax.pmap(jax.vmap(run))
    else:
        compiled = jax.jit(jax.vmap(run) if many else run)

    def call():
        losses = np.asarray(compiled(W, v, b))
        return losses.reshape(-1, losses.shape[-1]) if devices > 1 else losses

    return call


def numba_loop():
    """Return the function of many networks (W, v, b with a leading axis) that numba compiles, one core a network."""
    numba = pytest.importorskip("numba")

    @numba.njit(parallel=True, fastmath=True)
    def run(X, XT, y, W_all, v_all, b_all, eta, steps, losses):
        M, n, d = W_all.shape
        N = len(X)
        for member in numba.prange(M):
            W, v, b = W_all[member].copy(), v_all[member].copy(), b_all[member]
            Z, S, F = np.empty((n, N)), np.empty((n, N)), np.empty((n, d))
            eX, e = np.empty((N, d)), np.empty(N)
            for k in range(steps + 1):
                np.dot(W, XT, Z)
                e[:] = -y
                for i in range(n):
                    for j in range(N):
                        z = Z[i, j]
                        S[i, j] = 1.0 if z > 0 else A
                        Z[i, j] = S[i, j] * z
                        e[j] += v[i] * Z[i, j]
                total = 0.0
                for j in range(N):
                    total += e[j] * e[j]
                    for q in range(d):
                        eX[j, q] = -eta / N * e[j] * X[j, q]
                losses[member, k] = total / (2 * N)
                np.dot(S, eX, F)
                for i in range(n):
                    h = 0.0
                    for j in range(N):
                        h += Z[i, j] * e[j]
                    v[i] -= eta / N * h
                    for q in range(d):
                        W[i, q] += b[i] * F[i, q]

    def call(X, y, W, v, b, eta, steps):
        losses = np.empty((len(W), steps + 1))
        run(X, np.ascontiguousarray(X.T), y, W, v, b, eta, steps, losses)
        return losses

    return call


def torch_autograd(X, y, W, v, b, eta, steps, *, compiled=False):
    """Autograd with a layer that sends b back in place of v; its step compiled, if asked for."""
    torch = pytest.importorskip("torch")

    class Feedback(torch.autograd.Function):
        @staticmethod
        def forward(ctx, h, v, b):
            ctx.save_for_backward(h, b)
            return h @ v

        @staticmethod
        def backward(ctx, e):
            h, b = ctx.saved_tensors
            return e[:, None] * b[None, :], h.T @ e, None

    X, y, b = (torch.from_numpy(each) for each in (X, y, b))
    start = [torch.from_numpy(each) for each in (W, v)]
    # two plain numbers in torch.where would give float32
    one, slope = (torch.tensor(value, dtype=X.dtype) for value in (1.0, A))

    def loss_of(W, v):
        h = torch.nn.functional.leaky_relu(X @ W.T, A)
        return 0.5 * torch.mean((Feedback.apply(h, v, b) - y) ** 2)

    def by_hand(W, v):
        Z = X @ W.T
        H = torch.where(Z > 0, Z, A * Z)
        e = H @ v - y
        D = (e[:, None] * b[None, :]) * torch.where(Z > 0, one, slope)
        return W - eta / len(X) * (D.T @ X), v - eta / len(X) * (H.T @ e), 0.5 * torch.mean(e * e)

    step = torch.compile(by_hand) if compiled else None

    def call():
        W, v = (each.clone() for each in start)
        losses = []
        for _ in range(steps + 1):
            if step is not None:
                W, v, loss = step(W, v)
            else:
                W.requires_grad_(True)
                v.requires_grad_(True)
                loss = loss_of(W, v)
                dW, dv = torch.autograd.grad(loss, (W, v))
                with torch.no_grad():
                    W, v = W - eta * dW, v - eta * dv
            losses.append(loss.detach())
        return torch.stack(losses).numpy()

    return call


# --- minibatches, m outputs, cross-entropy, float32: returns the loss over all samples at the start and at the end ---


def jax_minibatches(X, Y, W, V, B, eta, batches):
    """Jit and scan over the index arrays of the minibatches."""
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    def outputs(W, V, x):
        Z = x @ W.T
        H = jnp.maximum(Z, np.float32(A) * Z)
        return Z, H, H @ V.T

    def mean_loss(W, V):
        return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(outputs(W, V, X)[2]), axis=1))

    @jax.jit
    def run(W, V, X, Y, batches):
        def step(state, rows):
            W, V = state
            x, y = X[rows], Y[rows]
            Z, H, f = outputs(W, V, x)
            E = (jax.nn.softmax(f) - y) * np.float32(-eta / len(rows))
            D = (E @ B.T) * jnp.where(Z > 0, np.float32(1), np.float32(A))
            return (W + D.T @ x, V + E.T @ H), None

        first = mean_loss(W, V)
        (W, V), _ = jax.lax.scan(step, (W, V), batches)
        return jnp.stack([first, mean_loss(W, V)])

    given = [jnp.asarray(each) for each in (W, V, X, Y, batches)]
    return lambda: np.asarray(run(*given))


def torch_minibatches(X, Y, W, V, B, eta, batches):
    """The formulas by hand, without autograd, in place."""
    torch = pytest.importorskip("torch")
    X, Y, B = (torch.from_numpy(each) for each in (X, Y, B))
    batches = [torch.from_numpy(rows) for rows in batches]

    def mean_loss(W, V):
        f = torch.nn.functional.leaky_relu(X @ W.T, A) @ V.T
        return -torch.mean(torch.sum(Y * torch.log_softmax(f, 1), 1))

    def call():
        with torch.no_grad():
            w, u = torch.from_numpy(W).clone(), torch.from_numpy(V).clone()
            losses = [mean_loss(w, u)]
            for rows in batches:
                x, y = X[rows], Y[rows]
                Z = x @ w.T
                H = torch.nn.functional.leaky_relu(Z, A)
                E = (torch.softmax(H @ u.T, 1) - y).mul_(-eta / len(rows))
                D = torch.where(Z > 0, 1.0, A).mul_(E @ B.T)
                u += E.T @ H
                w += D.T @ x
            losses.append(mean_loss(w, u))
            return torch.stack(losses).numpy()

    return call
