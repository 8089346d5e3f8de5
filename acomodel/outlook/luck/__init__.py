"""How much of a savings rate is luck: costs by member, exact chances, thresholds by size."""
