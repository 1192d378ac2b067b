-- What a mending SQL looks at before it changes anything, so that a difference is mended once. `held` alone does not
-- tell whether it was changed by hand since, because orders change it too: what they change is added up beside it. A
-- process of an earlier build that still runs does not; then a difference of that SKU is reported anew instead.
ALTER TABLE stock
    ADD COLUMN held_changes BIGINT NOT NULL DEFAULT 0
        COMMENT 'sum of what hotrow has changed in held since there is this column; a change of held by hand is not in it';

-- So that a SKU's differences of other runs are found.
ALTER TABLE reconcile_drift
    ADD KEY of_sku (sku, class, mended_at);

-- What was recorded to mend looks at none of this. What is still so is found again by the next run.
UPDATE reconcile_drift SET mend = NULL WHERE mended_at IS NULL;
