"""Speed and memory as ratios against a floor and a peer, in one run: `python -m benchmarks reconcile`, `read`, `xlsx`."""
