"""CMS-HCC risk scores of whole populations: tables, members, diagnoses, scores, payment, explanation."""
