"""From slider to figures, and to the picture, in the kernel: medians over the sliders of each scenario.

The value of every slider's widget is set a few steps from where it stands, as a browser does it. Timed is how long it
takes until the table of figures has changed, and until the picture has. Beside it stands one plain run of the changed
setting in the same process. No browser and no network are in it.

    python benchmarks/explorer.py [SCENARIO ...]
"""

import sys
from statistics import median
from time import perf_counter
from typing import Any

from acomodel import change, run
from acomodel.workbench.explorer import Explorer

SCENARIOS = ("toolkit-2010", "commercial-two-sided", "mssp-historical", "claims-demo")
LIMITS = {"figures": 150, "picture": 400}
"""What is asked for. [ms]"""


def timed(explorer: Explorer, row: Any, place: float) -> dict[str, float]:
    """Milliseconds from setting a slider until figures and picture have their new value."""
    view, seen = explorer.view, {}

    def note(name: str) -> Any:
        return lambda _: seen.setdefault(name, 1000 * (perf_counter() - begun))

    noted = {"figures": note("figures"), "picture": note("picture")}
    for name, told in noted.items():
        getattr(view, name).observe(told, "value")
    begun = perf_counter()
    row.slider.value = place
    seen["whole"] = 1000 * (perf_counter() - begun)
    for name, told in noted.items():
        getattr(view, name).unobserve(told, "value")
    return {**seen, "picture": seen["whole"]}


def measure(name: str) -> None:
    begun = perf_counter()
    explorer = Explorer(f"scenarios/{name}.toml")
    opened = perf_counter() - begun
    explorer.view.rows[0].slider.value += explorer.view.rows[0].slider.step
    explorer.reset()
    figures, pictures = [], []
    each: dict[str, float] = {}
    for picture in explorer.view.shown_picture.options:
        explorer.view.shown_picture.value = picture
        for row in explorer.view.rows:
            if row.slider.disabled or row.control.choices:
                continue
            times = []
            for step in (2, 4, -2):
                place = row.slider.value + step * row.slider.step
                found = timed(explorer, row, min(max(place, row.slider.min), row.slider.max))
                if "figures" in found:
                    times.append(found)
            explorer.reset()
            figures += [t["figures"] for t in times]
            pictures += [t["picture"] for t in times]
            each[row.control.label] = max([each.get(row.control.label, 0.0), *(t["figures"] for t in times)])
    scenario, tables = explorer.scenario, explorer.run.tables
    key = f"years.{scenario.headline()}.actual_adjustment"
    plain = []
    for step in range(1, 8):
        begun = perf_counter()
        run(change(scenario, {key: step / 1000}), tables)
        plain.append(1000 * (perf_counter() - begun))
    base = median(plain)
    print(f"{name}: {len(figures)} movements; opened in {opened:.1f} s; a plain run {base:.1f} ms")
    for what, times in (("figures", figures), ("picture", pictures)):
        said = "within" if median(times) < LIMITS[what] else "BEYOND"
        print(
            f"  slider to {what}: median {median(times):6.1f} ms, slowest {max(times):6.1f} ms, "
            f"{median(times) / base:4.1f} plain runs; {said} {LIMITS[what]} ms"
        )
    slowest = sorted(each.items(), key=lambda pair: -pair[1])[:3]
    print("  slowest to figures: " + ", ".join(f"{label} {ms:.0f} ms" for label, ms in slowest))


if __name__ == "__main__":
    for wanted in sys.argv[1:] or SCENARIOS:
        measure(wanted)
