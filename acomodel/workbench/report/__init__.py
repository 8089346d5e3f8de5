"""Reports: notebooks executed on a scenario, then pages, PDF and workbook in one folder."""
