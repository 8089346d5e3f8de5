"""What the ESRD models of CMS-HCC are made of: segments, groups of categories, interactions."""

from __future__ import annotations

from typing import Literal, get_args

EsrdModel = Literal["ESRD V21", "ESRD V24"]
ESRD_MODELS: tuple[EsrdModel, ...] = get_args(EsrdModel)

TRANSPLANTS = tuple(f"TRANSPLANT_KIDNEY_ONLY_{month}M" for month in (1, 2, 3))
"""Segments of the month of a kidney transplant and the two after it, each a single factor."""

SEGMENTS: dict[str, tuple[str, ...]] = {
    "ESRD V21": ("DI", "DNE", "GC", "GI", "GNE", *TRANSPLANTS),
    "ESRD V24": ("DI", "DNE", "GNPA", "GNPN", "GFA", "GFN", "GI", "GNE", *TRANSPLANTS),
}
"""Segments: dialysis and its new enrollees; functioning graft in the community (V24: non-dual or partial dual and full
dual, each aged and non-aged), in institutions, and its new enrollees; transplants."""


def _span(first: int, last: int) -> tuple[str, ...]:
    return tuple(str(n) for n in range(first, last + 1))


_SHARED: dict[str, tuple[str, ...]] = {
    "CANCER": _span(8, 12),
    "DIABETES": _span(17, 19),
    "RESPIRATORY_FAILURE": _span(82, 84),
}
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "ESRD V21": {
        **_SHARED,
        "LUNG": _span(110, 111),
        "RENAL": _span(134, 141),
        "ULCER": _span(157, 160),
    },
    "ESRD V24": {
        **_SHARED,
        "LUNG": _span(110, 112),
        "RENAL": _span(134, 138),
        "SUBSTANCE": _span(54, 56),
        "PSYCHIATRIC": _span(57, 60),
        "ULCER": _span(157, 159),
    },
}
"""Groups of categories that interact."""

_NONAGED = {f"NONAGED_HCC{n}": f"DISABLED {n}" for n in (6, 34, 39, 46, 77, 85, 110, 161, 176)}
_SEPSIS = {
    "DIABETES_CHF": "DIABETES 85",
    "SEPSIS_ARTIF_OPENINGS": "2 188",
    "SEPSIS_ASP_SPEC_BACT_PNEUM": "2 114",
    "SCHIZOPHRENIA_CHF": "57 85",
    "SCHIZOPHRENIA_SEIZURES": "57 79",
}
INTERACTIONS: dict[str, dict[str, str]] = {
    "ESRD V21": {
        **_SEPSIS,
        **_NONAGED,
        "NONAGED_HCC54": "DISABLED 54",
        "NONAGED_HCC55": "DISABLED 55",
        "NONAGED_PRESSURE_ULCER": "DISABLED ULCER",
        "SEPSIS_CARD_RESP_FAIL": "2 RESPIRATORY_FAILURE",
        "CANCER_IMMUNE": "CANCER 47",
        "CHF_COPD": "85 LUNG",
        "CHF_RENAL": "85 RENAL",
        "COPD_CARD_RESP_FAIL": "LUNG RESPIRATORY_FAILURE",
        "SEPSIS_PRESSURE_ULCER": "2 ULCER",
        "ART_OPENINGS_PRESSURE_ULCER": "188 ULCER",
        "COPD_ASP_SPEC_BACT_PNEUM": "LUNG 114",
        "ASP_SPEC_BACT_PNEUM_PRES_ULC": "114 ULCER",
        "SCHIZOPHRENIA_COPD": "57 LUNG",
    },
    "ESRD V24": {
        **_SEPSIS,
        **_NONAGED,
        "NONAGED_gSubUseDs_gPsych": "DISABLED SUBSTANCE PSYCHIATRIC",
        "NONAGED_PRESSURE_ULCER_V24": "DISABLED ULCER",
        "HCC47_gCancer": "47 CANCER",
        "CHF_gCopdCF": "85 LUNG",
        "HCC85_gRenal_V24": "85 RENAL",
        "gCopdCF_CARD_RESP_FAIL": "LUNG RESPIRATORY_FAILURE",
        "HCC85_HCC96": "85 96",
        "gSubUseDs_gPsych_V24": "SUBSTANCE PSYCHIATRIC",
        "SEPSIS_PRESSURE_ULCER_V24": "2 ULCER",
        "ART_OPENINGS_PRESS_ULCER_V24": "188 ULCER",
        "gCopdCF_ASP_SPEC_B_PNEUM": "LUNG 114",
        "ASP_SPEC_B_PNEUM_PRES_ULC_V24": "114 ULCER",
        "SCHIZOPHRENIA_gCopdCF": "57 LUNG",
    },
}
"""Interactions as products; DISABLED stands for non-aged: V24 takes everybody under 65, V21 the disabled alone."""

IMPLIED: dict[str, tuple[str, ...]] = {"ESRD V21": ("134",), "ESRD V24": _span(134, 137)}
"""Kidney categories that every member of the model has, dropped before the hierarchies; none has a weight."""


def places(coefficient: str, model: str) -> tuple[tuple[str, ...], str]:
    """
    Segments that use a coefficient, and the variable it is of.

    Parameters
    ----------
    coefficient : str
        Name as the tables of CMS have it, such as "DI_HCC85". Those that stand without a segment are the months since
        the transplant, the actuarial adjustment of new enrollees, and institutions within the graft model.
    model : {"ESRD V21", "ESRD V24"}
        Version of the model.

    Returns
    -------
    tuple of str, str
        Segments and variable.

    Examples
    --------
    >>> places("DI_HCC85", "ESRD V24")
    (('DI',), 'HCC85')
    >>> places("FGC_GE65_DUR4_9_FBD", "ESRD V24")
    (('GNPA', 'GNPN', 'GFA', 'GFN', 'GNE'), 'FGC_GE65_DUR4_9_FBD')
    """
    prefix, _, variable = coefficient.partition("_")
    if prefix in SEGMENTS[model]:
        return (prefix,), variable
    community = tuple(s for s in SEGMENTS[model] if s[0] == "G" and s not in ("GI", "GNE"))
    used: dict[str, tuple[str, ...]] = {
        "FGC": community if variable.startswith("PBD") else (*community, "GNE"),
        "FGI": ("GI",),
        "LTI": ("GI",),
        "GE65": (*community, "GI", "GNE"),
        "LT65": (*community, "GI", "GNE"),
        "ActAdj": ("GNE",),
        "TRANSPLANT": (coefficient,),
    }
    return used[prefix], coefficient
