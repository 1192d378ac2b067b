-- Notes up to which place changes are forgotten, before they are.
UPDATE archive_state SET feed_cut = GREATEST(feed_cut, {place}) WHERE id = 1
