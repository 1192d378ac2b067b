-- Notes how far the archive is.
UPDATE archive_state SET position = {position} WHERE id = 1
