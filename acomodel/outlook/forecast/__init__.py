"""Where the year will end, month by month."""
