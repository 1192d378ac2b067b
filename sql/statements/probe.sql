-- Whether this account can write here now: refused by a server that is read-only for it. No SKU has an
-- empty name, so no row is touched.
UPDATE stock SET version = version WHERE sku = ''
