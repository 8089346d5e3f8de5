"""`import acomodel` beside `import pandas`: the ratio of whole-process times."""

import subprocess
import sys
from statistics import median
from time import perf_counter


def timed(code: str) -> float:
    begun = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return perf_counter() - begun


def main() -> None:
    pairs = [(timed("import acomodel"), timed("import pandas")) for _ in range(7)]
    ratio = median(ours / floor for ours, floor in pairs)
    print(f"import acomodel: {ratio:.2f} times import pandas")


if __name__ == "__main__":
    main()
