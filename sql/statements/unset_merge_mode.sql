-- Removes a merge mode: the SKU goes by the whole server's, the whole server merges.
DELETE FROM merge_mode WHERE sku = {sku}
