-- What was given up and went well since.
DELETE FROM reconcile_failure WHERE sku = {sku}
