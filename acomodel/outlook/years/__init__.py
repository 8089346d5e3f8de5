"""Coming years by cause: what is uncertain, draws of it, contracts settled on the same futures."""
