"""Make the illustrative monthly experience of the commercial example, from a seed and stated trends."""

from pathlib import Path

import numpy as np
import pandas as pd

# service category: allowed PMPM in January 2021, services per 1,000, trend of price, trend of use
CATEGORIES = {
    "Hospital Inpatient": (96.0, 215.0, 0.045, 0.000),
    "Hospital Outpatient": (104.0, 1_450.0, 0.055, 0.015),
    "Primary Care": (34.0, 2_900.0, 0.025, 0.010),
    "Specialty Care": (71.0, 4_300.0, 0.030, 0.015),
    "Pharmacy": (88.0, 10_400.0, 0.060, 0.020),
    "Lab and Imaging": (31.0, 3_700.0, 0.020, 0.020),
    "Other": (22.0, 1_900.0, 0.030, 0.005),
}
NOISE = {"Hospital Inpatient": 0.035, "Other": 0.03}
UNREPORTED = {"2023-12": 0.88, "2023-11": 0.96, "2023-10": 0.985}  # completion factors of the last months


def main() -> None:
    """Write monthly.csv beside this file."""
    rng = np.random.default_rng(20250101)
    months = pd.period_range("2021-01", "2023-12", freq="M")
    members = np.round(19_400 + 25 * np.arange(36) + rng.normal(0, 20, 36))
    rows = []
    for name, (pmpm, use, price_trend, use_trend) in CATEGORIES.items():
        years = np.arange(36) / 12
        season = 1 + 0.035 * np.cos(2 * np.pi * (months.month.to_numpy() - 2) / 12)
        sd = NOISE.get(name, 0.015)
        services = members * use / 12_000 * season * (1 + use_trend) ** years * np.exp(rng.normal(0, sd, 36))
        price = pmpm / (use / 12_000) * (1 + price_trend) ** years * np.exp(rng.normal(0, sd / 2, 36))
        for i, month in enumerate(months):
            complete = UNREPORTED.get(str(month), 1.0)
            count = round(services[i] * complete)
            allowed = count * price[i]
            share = round(0.14 * allowed, 2)
            rows.append((month, name, int(members[i]), round(allowed - share, 2), share, complete, count))
    columns = ["month", "service_category", "member_months", "incurred_claims", "member_cost_share"]
    frame = pd.DataFrame(rows, columns=[*columns, "completion_factor", "services"])
    frame.to_csv(Path(__file__).with_name("monthly.csv"), index=False)


if __name__ == "__main__":
    main()
