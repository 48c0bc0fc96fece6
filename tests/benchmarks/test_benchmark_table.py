"""The table of benchmarks says what the figures say."""

import json
import subprocess
import sys
from pathlib import Path

TABLE = Path(__file__).with_name("table.py")


def entry(group, name, seconds, **facts):
    return {"group": group, "name": name, "extra_info": facts, "stats": {"median": seconds, "rounds": 5}}


def test_ratios_shares_and_slopes(tmp_path):
    entries = [
        entry("S", "test_fa_theory", 0.3, bytes=3e9, kernel="Zen"),
        entry("S", "test_jax", 0.25),
        entry("S", "test_numba", 0.1),
        entry("S", "test_torch[autograd]", 3.0),
        entry("S", "test_matrix_products", 0.15),
        entry("E", "test_fa_theory", 1.0, bytes=4e9),
        entry("E", "test_torch_autograd", 0.5, times=64),
        entry("F", "test_fa_theory", 2.5, true_error=1e-9),
        entry("memory bandwidth", "test_triad[1]", 0.1, bytes=2e9, cores=1),
        *(entry("growth", f"test_growth[width-{n}]", 1e-3 * n, axis="width", size=n) for n in (10, 100, 1000)),
    ]
    source, out = tmp_path / "results.json", tmp_path / "BENCHMARKS.md"
    source.write_text(json.dumps({"benchmarks": entries, "machine_info": {"cpu": {"brand_raw": "X", "count": 2}}}))
    subprocess.run([sys.executable, TABLE, source, out], check=True, capture_output=True)
    page = out.read_text()
    assert "| S | fa_theory | jax, numba, torch[compile] | 3 | 1.5 | **not met** |" in page
    assert "| S | fa_theory | torch[autograd] | 0.1 | 0.125 | met |" in page
    assert "| E | fa_theory | torch_autograd | 0.0312 | 0.05 | met |" in page
    assert "| E | fa_theory | jax[1], jax[2], numba |  | 1.1 | not measured |" in page
    assert "| F | fa_theory | seconds | 2.5 | 2 | **not met** |" in page
    assert "| fa_theory | 2.5 | 1 |  | 5 | true error 1e-09 |" in page
    # half of the time is matrix products; 10 of 20 GB/s are reached
    assert "| S | 0.3 | 50% | 10 GB/s | 50% | Zen |" in page
    assert "| width | 10 to 1000 | 1.00 | 1 |" in page
    assert json.loads(out.with_suffix(".json").read_text())["groups"]["S"]["numba"]["seconds"] == 0.1
