-- The same for a flush of one SKU. LAST_INSERT_ID(…) hands what is left to the answer, and to the
-- statement after this one.
UPDATE stock
SET
    available = LAST_INSERT_ID(available + {delta}),
    held = held + {held},
    held_changes = held_changes + {held},
    version = version + 1
WHERE sku = {sku} AND available >= {need} AND available <= {room} AND held >= {held_need}
    AND (
        NOT {on_terms}
        OR purchase_limit IS NULL
        AND (sale_starts_at IS NULL OR sale_starts_at <= NOW(6))
        AND (sale_ends_at IS NULL OR sale_ends_at > NOW(6))
    )
    AND ({until} IS NULL OR {until} > TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6)))
