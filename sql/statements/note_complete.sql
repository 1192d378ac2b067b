-- Notes what is complete.
UPDATE change_gate SET complete = GREATEST(complete, COALESCE(@newest, 0)) WHERE id = 1
