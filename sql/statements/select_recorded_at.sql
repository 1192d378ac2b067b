-- The time that the database gave to the movements of this flush, in microseconds since 1970.
SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at)
FROM movement
WHERE order_id = {order_id} AND step = {step} AND line = 1
