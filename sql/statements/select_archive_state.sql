-- What was promised, and how far the archive is.
SELECT promised_days, position FROM archive_state WHERE id = 1
