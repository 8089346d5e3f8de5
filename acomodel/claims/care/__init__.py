"""Care as reports on the year and on physicians see it: specialties, cases, episodes, panels, referrals, measures."""
