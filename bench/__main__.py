"""`python -m bench [NAME …]`: run every benchmark, or those named; each prints its own method."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import time

import bench


def main(names: list[str]) -> int:
    """Run the benchmarks, each in a process of its own so that memory peaks are its own."""
    known = sorted(i.name for i in pkgutil.iter_modules(bench.__path__) if i.name[0] != "_")
    known = [name for name in known if name != "support"]
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"no benchmark named {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    failed = []
    for name in names or known:
        print(f"\n=== bench/{name}.py " + "=" * max(0, 70 - len(name)), flush=True)
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False)
        print(f"--- {time.perf_counter() - begun:.1f} s", flush=True)
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
