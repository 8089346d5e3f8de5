"""`import acomodel` beside `import pandas`, and `acomodel --help` beside both: whole processes by turns."""

import subprocess
import sys
from statistics import median
from time import perf_counter


def timed(*arguments: str) -> float:
    """Wall time of a process of this Python. [s]"""
    begun = perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - begun


def main() -> None:
    ours, floor, help_page = [], [], []
    for _ in range(9):
        ours.append(timed("-c", "import acomodel"))
        floor.append(timed("-c", "import pandas"))
        help_page.append(timed("-m", "acomodel.cli", "--help"))
    print(f"import acomodel: {median(a / b for a, b in zip(ours, floor, strict=True)):.2f} times import pandas")
    beyond = median(a - b for a, b in zip(help_page, ours, strict=True))
    print(f"acomodel --help: {median(help_page):.2f} s, {beyond:.2f} s beyond import acomodel ({median(ours):.2f} s)")


if __name__ == "__main__":
    main()
