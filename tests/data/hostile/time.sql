-- Attacks time: work that grows faster than any limit while memory stays small. Each has to end at the limit of steps or of seconds.
SELECT count(*) FROM t AS a, t AS b, t AS c, t AS d, t AS e, t AS f, t AS g
SELECT count(*) FROM t AS a, t AS b, t AS c, t AS d, t AS e, t AS f WHERE a.a + b.a + c.a + d.a + e.a + f.a = -1
SELECT sum(a.c * b.c * c.c * d.c) FROM t a CROSS JOIN t b CROSS JOIN t c CROSS JOIN t d CROSS JOIN t e
SELECT max(a.b || b.b || c.b || d.b || e.b) FROM t a, t b, t c, t d, t e
SELECT a.a FROM t a LEFT JOIN t b ON b.a <> a.a LEFT JOIN t c ON c.a <> b.a LEFT JOIN t d ON d.a <> c.a LEFT JOIN t e ON e.a <> d.a WHERE e.b = 'nothing'
SELECT a FROM t WHERE (SELECT count(*) FROM t b, t c, t d WHERE b.a + c.a + d.a > t.a) = (SELECT count(*) FROM t b, t c, t d, t e WHERE b.a < t.a)
SELECT (SELECT sum((SELECT sum((SELECT sum((SELECT count(*) FROM t e WHERE e.a > d.a)) FROM t d WHERE d.a > c.a)) FROM t c WHERE c.a > b.a)) FROM t b WHERE b.a > t.a) FROM t
SELECT count(*) FROM t WHERE EXISTS (SELECT 1 FROM t b, t c, t d, t e WHERE b.c + c.c + d.c + e.c = t.c + 0.123456789)
SELECT printf('%.*c', 40000, 'a') || 'b' LIKE '%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%c'
SELECT printf('%.*c', 5000000, 'a') LIKE '%' || printf('%.*c', 45000, 'a') || 'b'
SELECT printf('%.*c', 5000000, 'a') GLOB '*' || printf('%.*c', 45000, 'a') || 'b'
SELECT printf('%.*c', 5000000, 'a') LIKE '%' || printf('%.*c', 45000, '_') || 'b'
SELECT printf('%.*c', 1000000, 'a') GLOB '*' || replace(printf('%.*c', 9000, 'x'), 'x', '[a-c]') || 'b'
SELECT count(*) FROM t x, t y, t z WHERE printf('%.*c', 100000, x.b) LIKE '%' || printf('%.*c', 5000, '_') || y.b || z.b
SELECT printf('%.*c', 100000, 'a') LIKE replace(printf('%.*c', 30, 'x'), 'x', '%a') || '%b'
SELECT printf('%.*c', 100000, 'a') GLOB '*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b'
SELECT printf('%.*c', 50000, 'a') GLOB '*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[a-z]*[0-9]'
SELECT count(*) FROM t x, t y WHERE printf('%.*c', 5000, 'a') || x.a LIKE '%a%a%a%a%a%a%a%a%a%' || y.b || '%z%'
SELECT trim(printf('%.*c', 10000000, 'x'), printf('%.*c', 10000, 'y') || 'x')
SELECT rtrim(printf('%.*c', 5000000, 'a'), printf('%.*c', 5000, 'c') || 'a')
SELECT ltrim(printf('%.*c', 3000000, 'z'), printf('%.*c', 3000, 'q') || 'z')
SELECT instr(printf('%.*c', 10000000, 'a') || 'b', printf('%.*c', 100000, 'a') || 'b')
SELECT instr(zeroblob(50000000), zeroblob(1000000) || x'01')
SELECT replace(printf('%.*c', 10000000, 'a'), printf('%.*c', 100000, 'a') || 'b', '')
SELECT sum(length(replace(printf('%.*c', 1000000 + x.a, 'a'), 'a', 'b'))) FROM t x, t y
SELECT sum(length(hex(randomblob(1000000)))) FROM t x, t y, t z
SELECT count(*) FROM t x, t y WHERE soundex(printf('%.*c', 1000000 + x.a, ' ')) = y.b
SELECT sum(unicode(substr(printf('%.*c', 1000000, 'é'), x.a * 10000, 1))) FROM t x, t y, t z
SELECT length(printf('%.*c', 100000000, 'é'))
SELECT sum(instr(printf('%.*c', 100000, 'ab'), 'ba' || x.a)) FROM t x, t y, t z
SELECT count(*) FROM t x, t y, t z WHERE x.b || y.b || z.b COLLATE NOCASE IN (SELECT p.b || q.b || r.b FROM t p, t q, t r)
SELECT x.a, sum(y.a) OVER (ORDER BY x.a, y.a, z.a ROWS BETWEEN 100000 PRECEDING AND 100000 FOLLOWING) FROM t x, t y, t z
SELECT min(y.b) OVER (ORDER BY x.c RANGE BETWEEN 1e9 PRECEDING AND 1e9 FOLLOWING EXCLUDE TIES) FROM t x, t y, t z
SELECT nth_value(x.a, 100000) OVER (ORDER BY x.a + y.a + z.a ROWS UNBOUNDED PRECEDING) FROM t x, t y, t z
SELECT group_concat(x.b) OVER (ORDER BY y.a, z.a ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM t x, t y, t z
SELECT ntile(1000000) OVER (ORDER BY x.c * y.c), percent_rank() OVER (ORDER BY y.c), cume_dist() OVER (ORDER BY x.b || y.b) FROM t x, t y, t z
SELECT count(*) OVER (PARTITION BY x.a ORDER BY y.a GROUPS 1 PRECEDING EXCLUDE GROUP), count(*) OVER (ORDER BY z.a RANGE 9 PRECEDING EXCLUDE CURRENT ROW) FROM t x, t y, t z
SELECT x.a FROM t x, t y, t z, t w ORDER BY x.b || y.b || z.b || w.b DESC LIMIT 1
SELECT DISTINCT x.a + y.a + z.a + w.a FROM t x, t y, t z, t w, t v
SELECT count(*) FROM (SELECT x.a FROM t x, t y, t z, t w INTERSECT SELECT x.a + 1000 FROM t x, t y, t z, t w)
SELECT a FROM t GROUP BY a HAVING (SELECT count(*) FROM t x, t y, t z, t w, t v) > max(t.a)
SELECT CASE WHEN a = 1 THEN 1 ELSE (SELECT count(*) FROM t x, t y, t z, t w, t v) END FROM t LIMIT 1 OFFSET 1
SELECT 1 FROM t LIMIT (SELECT count(*) FROM t x, t y, t z, t w, t v, t u)
SELECT 1 FROM t x, t y, t z, t w, t v, t u LIMIT 1 OFFSET 9999999999
SELECT sum(json_extract('[' || replace(printf('%.*c', 500000, 'x'), 'x', '1,') || '1]', '$[499999]')) FROM t x, t y
SELECT count(*) FROM json_each('[' || replace(printf('%.*c', 1000000, 'x'), 'x', '1,') || '1]')
SELECT count(*) FROM t x, t y, json_each('[' || replace(printf('%.*c', 100000, 'x'), 'x', '1,') || '1]')
SELECT count(*) FROM json_tree(printf('%.*c', 900, '[') || printf('%.*c', 900, ']')), t x, t y, t z
SELECT sum(length(quote(zeroblob(1000000 + x.a * y.a)))) FROM t x, t y
SELECT count(*) FROM t x, t y, t z WHERE date('2024-01-01', '+' || x.a || ' days', '-' || y.a || ' months', 'start of year', 'weekday 0') = z.b
SELECT sum(CLEAN_NUMERIC(printf('%.*c', 1000000 + x.a, ' ') || y.a)) FROM t x, t y
SELECT median(x.a) FROM t x, t y, t z, t w
