-- What most rows say need not be said: an order's only line that is deducted at once. A column that a statement
-- leaves out costs the server less.
ALTER TABLE movement
    ALTER COLUMN step SET DEFAULT 'take',
    ALTER COLUMN line SET DEFAULT 1,
    ALTER COLUMN kind SET DEFAULT 'deduct';
