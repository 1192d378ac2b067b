-- Removes what a process does not count any more.
DELETE FROM merge_count WHERE instance_id = {instance} AND sku NOT IN ({skus})
