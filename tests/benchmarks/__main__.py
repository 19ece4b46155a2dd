"""``make bench``: every benchmark, one after the other."""

from __future__ import annotations

from tests.benchmarks import latency, scale

if __name__ == "__main__":
    latency.main(225)
    scale.main()
