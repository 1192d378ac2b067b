-- Ends the present epoch, unless another process has done so.
UPDATE change_gate SET epoch = epoch + 1 WHERE id = 1 AND epoch = {epoch}
