-- Records for how long an order id is known at least.
UPDATE archive_state SET promised_days = GREATEST(promised_days, {days}) WHERE id = 1
