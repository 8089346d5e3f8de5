"""Variants of a scenario: every combination of values of some settings, and their figures as one table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from acomodel.inputs import InputError
from acomodel.workbench.figures import figures_of, headline_value
from acomodel.workbench.scenario import Scenario, change
from acomodel.workbench.tables import Tables, read_tables, table_files


def variants(
    scenario: Scenario, values: Mapping[str, Sequence[Any]]
) -> Iterator[tuple[dict[str, Any], Scenario | InputError]]:
    """
    Every combination of values of some settings, the last key moving fastest.

    Parameters
    ----------
    scenario : Scenario
        Base of all variants.
    values : mapping of str to sequence
        Dotted keys to the values to try.

    Yields
    ------
    tuple
        The settings of a variant, and the variant, or why its settings are refused.
    """
    for combination in itertools.product(*values.values()):
        setting = dict(zip(values, combination, strict=True))
        try:
            yield setting, change(scenario, setting)
        except InputError as error:
            yield setting, error


def sweep(scenario: Scenario, values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """
    Run every combination of values of some settings.

    Parameters
    ----------
    scenario : Scenario
        Base of all variants.
    values : mapping of str to sequence
        Dotted keys to the values to try; all combinations are run, the last key moving fastest.

    Returns
    -------
    pandas.DataFrame
        One row per variant: the settings, then `benchmark_pmpm` where one is made, `benchmark`,
        `actual`, `savings_rate`, `msr`, `earned` and `payment` of the headline year.

    Raises
    ------
    InputError
        A key that does not exist or a value that its setting refuses.

    Examples
    --------
    >>> from acomodel import load_scenario
    >>> base = load_scenario("scenarios/hackensack-2014.toml")
    >>> sweep(base, {"years.1.quality_score": [0.8, 1.0]})["payment"].round().tolist()
    [2534239.0, 3167799.0]
    """
    tables: dict[tuple[str, str], Tables] = {}
    rows = []
    for setting, variant in variants(scenario, values):
        if isinstance(variant, InputError):
            raise variant
        sources = (repr(table_files(variant)), repr(variant.claims))
        if sources not in tables:
            tables[sources] = read_tables(variant)
        figures = figures_of(variant, tables[sources])
        made = ["benchmark_pmpm"] if figures.made is not None else []
        lines = [*made, "benchmark", "actual", "savings_rate", "msr", "earned", "payment"]
        rows.append(setting | {line: headline_value(variant, figures, line) for line in lines})
    return pd.DataFrame(rows)
