"""Workloads S, E and M: gradient descent of small networks, of ensembles, and minibatches, beside other libraries.

`make bench` runs them. All tests of a group do the same work from the same numbers, on the same cores; each asserts
that its losses are those of fa_theory. `test_matrix_products` does nothing but the matrix products of the workload, by
NumPy into buffers, and so tells the least time that a program of NumPy calls can take.
"""

import os
from contextlib import contextmanager

import numpy as np
import peers
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import fa_theory as ft
from fa_theory.dynamics import ensembles, minibatches
from fa_theory.dynamics.engine import Engine
from fa_theory.dynamics.stack import Stack
from fa_theory.model import Network, Problem

ROUNDS = 5
D, HIDDEN, SAMPLES, ETA = 20, 50, 100, 0.01
MEMBERS, TORCH_MEMBERS = 256, 4
CORES = sorted(os.sched_getaffinity(0))


@contextmanager
def cores(count):
    """Hold every thread of this process to so many cores, and every library to so many threads."""

    def pin(to):
        for task in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(task), to)

    pin(CORES[:count])
    try:
        for name in ("torch", "numba"):
            try:
                library = __import__(name)
            except ImportError:
                continue
            library.set_num_threads(count)
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        pin(CORES)


@pytest.fixture
def one_core():
    with cores(1):
        yield


@pytest.fixture(params=[1, 2])
def n_cores(request):
    if request.param > len(CORES):
        pytest.skip(f"only {len(CORES)} core")
    with cores(request.param):
        yield request.param


@pytest.fixture
def two_cores():
    with cores(2):
        yield


def measure(benchmark, call, *, rounds=ROUNDS, **facts):
    kernels = {each["architecture"] for each in threadpool_info() if each["user_api"] == "blas"}
    benchmark.extra_info.update(facts, kernel=", ".join(sorted(str(kernel) for kernel in kernels)))
    return benchmark.pedantic(call, rounds=rounds, warmup_rounds=1, iterations=1)


def accurate(benchmark, losses, expected, bound):
    """Note and assert the largest relative difference of the losses."""
    found = float(np.max(abs(np.asarray(losses) - expected) / expected))
    benchmark.extra_info["difference"] = found
    assert found <= bound


def traffic(engine):
    """The bytes that the operations of a step read and write."""
    operations = [*engine._plan.forward, *engine._plan.descend]
    return sum(
        each.nbytes
        for operation in operations
        for each in [*operation.args, *operation.keywords.values(), getattr(operation.func, "__self__", None)]
        if isinstance(each, np.ndarray)
    )


# --- S: one network ---------------------------------------------------------------------------------------------------


def small(members=1):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((SAMPLES, D))
    W = rng.standard_normal((members, HIDDEN, D)) / np.sqrt(D)
    v = rng.standard_normal((members, HIDDEN)) / np.sqrt(HIDDEN)
    return X, np.sin(X[:, 0]), W, v, rng.standard_normal((members, HIDDEN))


def networks_of(W, v, b):
    return [Network([w, u[None, :]], "leaky_relu:0.1", [c[:, None]]) for w, u, c in zip(W, v, b, strict=True)]


S_STEPS = 10_000


def s_arguments():
    X, y, W, v, b = small()
    return X, y, W[0], v[0], b[0], ETA, S_STEPS


@pytest.fixture(scope="module")
def s_losses():
    return peers.numpy_loop(*s_arguments())


@pytest.mark.benchmark(group="S")
@pytest.mark.usefixtures("one_core")
class TestS:
    def test_fa_theory(self, benchmark, s_losses):
        """With the loss of every step, and 101 states from which C_i follow."""
        X, y, W, v, b = small()
        (network,), problem = networks_of(W, v, b), Problem(X, y)
        options = {"method": "gd", "steps": S_STEPS, "step_size": ETA, "points": 101, "loss_every": 1}
        step = traffic(Engine(Stack([network], [ETA], ()), [problem], shared=True))
        run = measure(benchmark, lambda: ft.simulate(network, problem, **options), bytes=step * S_STEPS)
        accurate(benchmark, run.losses, s_losses, 1e-9)
        assert len(run.states) == 101

    def test_numpy(self, benchmark, s_losses):
        accurate(benchmark, measure(benchmark, lambda: peers.numpy_loop(*s_arguments())), s_losses, 1e-9)

    def test_jax(self, benchmark, s_losses):
        accurate(benchmark, measure(benchmark, peers.jax_scan(*s_arguments())), s_losses, 1e-9)

    def test_numba(self, benchmark, s_losses):
        run, (X, y, W, v, b) = peers.numba_loop(), small()
        accurate(benchmark, measure(benchmark, lambda: run(X, y, W, v, b, ETA, S_STEPS)[0]), s_losses, 1e-9)

    @pytest.mark.parametrize("compiled", [False, True], ids=["autograd", "compile"])
    def test_torch(self, benchmark, s_losses, compiled):
        call = peers.torch_autograd(*s_arguments(), compiled=compiled)
        try:
            call()
        except Exception as error:
            if not compiled:
                raise
            pytest.skip(f"torch.compile does not work here: {type(error).__name__}")
        accurate(benchmark, measure(benchmark, call), s_losses, 1e-9)

    def test_matrix_products(self, benchmark):
        X, _, (W,), _, _ = small()
        XT, z, F = np.ascontiguousarray(X.T), np.empty((HIDDEN, SAMPLES)), np.empty((HIDDEN, D))

        def products():
            for _ in range(S_STEPS):
                W.dot(XT, z)
                z.dot(X, F)

        measure(benchmark, products)


# --- E: an ensemble ---------------------------------------------------------------------------------------------------

E_STEPS = 1000


@pytest.fixture(scope="module")
def e_losses():
    X, y, W, v, b = small(MEMBERS)
    return [peers.numpy_loop(X, y, W[k], v[k], b[k], ETA, E_STEPS) for k in (0, 100, 255)]


@pytest.mark.benchmark(group="E")
@pytest.mark.usefixtures("two_cores")
class TestE:
    def test_fa_theory(self, benchmark, e_losses):
        self.run(benchmark, e_losses)

    @pytest.mark.benchmark(group="E: networks in a block")
    @pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32, 64])
    def test_block(self, benchmark, e_losses, monkeypatch, size):
        monkeypatch.setattr(ensembles, "block_size", lambda *_: size)
        self.run(benchmark, e_losses, rounds=3)

    def run(self, benchmark, e_losses, rounds=ROUNDS):
        X, y, W, v, b = small(MEMBERS)
        networks, problem = networks_of(W, v, b), Problem(X, y)
        options = {"method": "gd", "steps": E_STEPS, "step_size": ETA, "points": 11, "loss_every": 1, "threads": 2}
        step = traffic(Engine(Stack(networks[:8], [ETA] * 8, ()), [problem], shared=True)) // 8
        runs = measure(
            benchmark,
            lambda: ft.ensemble(networks, problem, **options),
            rounds=rounds,
            bytes=step * E_STEPS * MEMBERS,
            block=ensembles.block_size(networks[0], problem, MEMBERS, 2),
        )
        accurate(benchmark, [runs[k].losses for k in (0, 100, 255)], e_losses, 1e-9)

    @pytest.mark.parametrize("devices", [1, 2])
    def test_jax(self, benchmark, e_losses, devices):
        X, y, W, v, b = small(MEMBERS)
        call = peers.jax_scan(X, y, W, v, b, ETA, E_STEPS, many=True, devices=devices)
        accurate(benchmark, measure(benchmark, call)[[0, 100, 255]], e_losses, 1e-9)

    def test_numba(self, benchmark, e_losses):
        run, (X, y, W, v, b) = peers.numba_loop(), small(MEMBERS)
        with threadpool_limits(1, user_api="blas"):
            losses = measure(benchmark, lambda: run(X, y, W, v, b, ETA, E_STEPS))
        accurate(benchmark, losses[[0, 100, 255]], e_losses, 1e-9)

    def test_torch_autograd(self, benchmark):
        """A few of the networks, one after the other; the table multiplies the time."""
        X, y, W, v, b = small(MEMBERS)
        calls = [peers.torch_autograd(X, y, W[k], v[k], b[k], ETA, E_STEPS) for k in range(TORCH_MEMBERS)]
        with threadpool_limits(1, user_api="blas"):
            measure(benchmark, lambda: [call() for call in calls], times=MEMBERS / TORCH_MEMBERS)

    def test_matrix_products(self, benchmark):
        X, _, W, _, _ = small(MEMBERS)
        XT = np.ascontiguousarray(X.T)

        def products(start):
            stack, z, F = W[start : start + 8], np.empty((8, HIDDEN, SAMPLES)), np.empty((8, HIDDEN, D))
            for _ in range(E_STEPS):
                np.matmul(stack, XT, z)
                np.matmul(z, X, F)

        def all_products():
            from concurrent.futures import ThreadPoolExecutor

            with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as pool:
                list(pool.map(products, range(0, MEMBERS, 8)))

        measure(benchmark, all_products)


# --- M: minibatches ---------------------------------------------------------------------------------------------------

M_STEPS, M_SAMPLES, BATCH, M_D, M_HIDDEN, CLASSES, M_ETA = 300, 4096, 1024, 784, 512, 10, 0.1


def medium():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((M_SAMPLES, M_D)).astype("f4")
    Y = np.eye(CLASSES, dtype="f4")[np.argmax(X[:, :CLASSES], axis=1)]
    W = (rng.standard_normal((M_HIDDEN, M_D)) / np.sqrt(M_D)).astype("f4")
    V = (rng.standard_normal((CLASSES, M_HIDDEN)) / np.sqrt(M_HIDDEN)).astype("f4")
    B = (rng.standard_normal((M_HIDDEN, CLASSES)) / np.sqrt(M_HIDDEN)).astype("f4")
    drawn = minibatches(M_SAMPLES, BATCH, 0)
    return X, Y, W, V, B, M_ETA, np.asarray([next(drawn) for _ in range(M_STEPS)])


def m_run(dtype="f4", steps=M_STEPS):
    X, Y, W, V, B = (each.astype(dtype) for each in medium()[:5])
    network, problem = Network([W, V], "leaky_relu:0.1", [B]), Problem(X, Y, "cross_entropy")
    options = {"method": "sgd", "steps": steps, "step_size": M_ETA, "batch_size": BATCH, "points": 2}
    return lambda: ft.simulate(network, problem, **options)


@pytest.fixture(scope="module")
def m_losses():
    return m_run("f8")().loss


@pytest.mark.benchmark(group="M")
class TestM:
    def test_fa_theory(self, benchmark, m_losses, n_cores):
        X, Y, W, V, B, _, _ = medium()
        stack = Stack([Network([W, V], "leaky_relu:0.1", [B])], [M_ETA], ())
        step = traffic(Engine(stack, [Problem(X, Y, "cross_entropy")], BATCH, shared=True))
        run = measure(benchmark, m_run(), bytes=step * M_STEPS, cores=n_cores)
        accurate(benchmark, run.loss, m_losses, 1e-4)

    def test_jax(self, benchmark, m_losses, n_cores):
        accurate(benchmark, measure(benchmark, peers.jax_minibatches(*medium()), cores=n_cores), m_losses, 1e-4)

    def test_torch(self, benchmark, m_losses, n_cores):
        accurate(benchmark, measure(benchmark, peers.torch_minibatches(*medium()), cores=n_cores), m_losses, 1e-4)

    def test_matrix_products(self, benchmark, n_cores):
        X, Y, W, V, B, _, _ = medium()
        x, e = np.ascontiguousarray(X[:BATCH]), np.ascontiguousarray(Y[:BATCH].T)
        z, f, F1, F2 = (np.empty(shape, "f4") for shape in ((M_HIDDEN, BATCH), (CLASSES, BATCH), W.shape, V.shape))
        whole = np.empty((M_HIDDEN, M_SAMPLES), "f4")

        def products():
            for _ in range(2):
                V.dot(W.dot(X.T, whole))
            for _ in range(M_STEPS):
                W.dot(x.T, z)
                V.dot(z, f)
                e.dot(z.T, F2)
                B.dot(e, z)
                z.dot(x, F1)

        measure(benchmark, products, cores=n_cores)


# --- the machine ------------------------------------------------------------------------------------------------------


@pytest.mark.benchmark(group="memory bandwidth")
def test_triad(benchmark, n_cores):
    """A = B + C over arrays far larger than the caches, three transfers of 8 bytes for each entry."""
    b, c = np.ones(8_000_000), np.ones(8_000_000)
    a = np.empty_like(b)
    measure(benchmark, lambda: np.add(b, c, out=a), bytes=3 * a.nbytes, cores=n_cores)
