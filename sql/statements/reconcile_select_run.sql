-- Whether there is such a run.
SELECT state FROM reconcile_run WHERE id = {run}
