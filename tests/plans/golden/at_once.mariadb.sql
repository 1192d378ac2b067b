CALL take_one('o-7','mug',1,1099511627779);
COMMIT
