-- Removes what processes that are gone have left. Reads the whole table, which is small; once a start.
DELETE FROM merge_count WHERE updated_at < CURRENT_TIMESTAMP(6) - INTERVAL {hours} HOUR
