-- Attacks nothing: strange, but one plain SELECT over the table that reads no clock and no chance. Each is expected to run and to give its rows.
SELECT a, b, c FROM t
select A, B, C from T
SELECT * FROM t ORDER BY a LIMIT 5
SELECT count(*) FROM t;
  SELECT 1  ;  
/* before */ SELECT 1 /* behind */
SELECT 1 -- behind
SELECT'x'AS"y"FROM t
SELECT 1 AS "select", 2 AS [from], 3 AS `where`
SELECT 'it''s', "a", [b], `c` FROM t
SELECT (((((((((((((((((((1)))))))))))))))))))
SELECT - - - - - 1, + + 1, ~ ~ 1, NOT NOT NOT 1
SELECT 1 = 1 = 1, 1 < 2 < 3, 3 > 2 > 1, NULL IS NULL IS NOT NULL
SELECT 1 IN (), NULL IN (), a IN (1, 2, NULL) FROM t
SELECT CASE a WHEN 1 THEN 'one' WHEN NULL THEN 'never' ELSE 'more' END FROM t
SELECT a FROM t WHERE b LIKE '%' ESCAPE '!' AND b NOT LIKE '' AND b GLOB '*'
SELECT t.a, main.t.a, "main"."t"."a" FROM main.t
SELECT rowid, a FROM t WHERE rowid <= 3
SELECT a FROM t GROUP BY a HAVING count(*) >= 1 ORDER BY count(*) DESC, a LIMIT 3 OFFSET 1
SELECT DISTINCT typeof(a), typeof(b), typeof(c) FROM t
SELECT a AS x FROM t UNION SELECT a + 1 FROM t EXCEPT SELECT 3 INTERSECT SELECT a FROM t ORDER BY x DESC
WITH x AS (SELECT 1 AS n), y AS (SELECT n + 1 AS n FROM x), z(n) AS (SELECT n + 1 FROM y) SELECT * FROM x, y, z
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 100) SELECT sum(n) FROM r
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 10) SELECT n FROM r
WITH x AS MATERIALIZED (SELECT a FROM t), y AS NOT MATERIALIZED (SELECT a FROM t) SELECT count(*) FROM x JOIN y USING (a)
SELECT a, sum(c) OVER (ORDER BY a ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM t
SELECT a, row_number() OVER w, lag(b, 1, 'none') OVER w, ntile(4) OVER w FROM t WINDOW w AS (ORDER BY c, a)
SELECT x.a, y.a FROM t AS x LEFT JOIN t AS y ON y.a = x.a + 1 WHERE y.a IS NULL
SELECT x.a FROM t AS x FULL OUTER JOIN t AS y ON x.a = y.a + 45 ORDER BY x.a NULLS LAST
SELECT * FROM t NATURAL JOIN t AS s LIMIT 1
SELECT (SELECT max(s.a) FROM t AS s WHERE s.a < t.a) FROM t
SELECT a FROM t WHERE (a, b) IN (SELECT a, b FROM t) AND EXISTS (SELECT NULL)
SELECT count(*) FILTER (WHERE a > 10), sum(DISTINCT a), group_concat(DISTINCT typeof(a)) FROM t
SELECT sum(a), total(a), avg(a), min(b), max(c) FROM t WHERE 0
SELECT CLEAN_NUMERIC('$1,234.50'), CLEAN_NUMERIC('(5)'), CLEAN_NUMERIC('1.234,50 €'), CLEAN_NUMERIC('n/a')
SELECT b, CLEAN_NUMERIC(b) FROM t ORDER BY CLEAN_NUMERIC(b) DESC NULLS LAST, b
SELECT date('2024-02-29', '+1 year', 'start of month', '-1 day'), strftime('%Y-%m', '2024-02-29'), julianday('2024-03-01') - julianday('2024-02-28')
SELECT json_extract('{"a":[1,2,{"b":3}]}', '$.a[2].b'), json_array(1, 'x', NULL), json_object('k', json('[]'))
SELECT value FROM json_each('[1,2,3]')
SELECT printf('%05.2f|%-5s|%+d|%x', 3.14159, 'ab', 7, 255)
SELECT 9223372036854775807, -9223372036854775808, 1e308, -1e-308, 0x7fffffffffffffff, x'00ff', 1_000
SELECT 5 / 2, 5 / 2.0, -5 / 2, 5 % -3, 5 || 2, 1 | 6, 7 & 2, 1 << 4, 5 IS 5.0, '5' = 5
SELECT round(2.5), round(-2.5), round(1.005, 2), abs(-1), sign(-3.5), max(1, 2, 'x'), min(1, NULL)
SELECT coalesce(NULL, NULL, 'x'), ifnull(NULL, 1), nullif(1, 1), iif(1 > 2, 'a', 'b'), typeof(NULL)
SELECT upper('straße'), lower('ÄÖ'), length('naïve'), substr('añb', 2, 1), instr('añb', 'b'), trim('  x '), replace('aXbX', 'X', '-'), unicode('€'), char(8364), hex('€')
SELECT b COLLATE NOCASE FROM t GROUP BY b COLLATE NOCASE ORDER BY 1
SELECT 'a' < 'B', 'a' < 'B' COLLATE NOCASE, 'a ' = 'a' COLLATE RTRIM
SELECT likely(a > 1), unlikely(a > 1), likelihood(a > 1, 0.5) FROM t LIMIT 1
VALUES (1, 'x'), (2, 'y')
SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS v
SELECT * FROM t WHERE 0
SELECT NULL
SELECT ''
SELECT x''
SELECT 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
SELECT a, a, a AS a, t.a FROM t
SELECT a FROM t WHERE a = 'x' OR a IS 'x' OR a IS NOT DISTINCT FROM NULL
SELECT a FROM t WHERE b BETWEEN 'a' AND 'z' AND NOT a NOT BETWEEN 1 AND 10
SELECT x.a + y.a FROM t AS x, t AS y ORDER BY 1 DESC LIMIT 3
