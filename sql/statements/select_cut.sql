-- Up to which place changes may have been forgotten.
SELECT feed_cut FROM archive_state WHERE id = 1
