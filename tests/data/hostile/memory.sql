-- Attacks memory: values, results and sorters that grow without end. Each has to end at the limits of memory, value size, rows or bytes, or give its small result.
SELECT zeroblob(1000000000)
SELECT zeroblob(2147483647)
SELECT length(zeroblob(999999999))
SELECT zeroblob(9223372036854775807)
SELECT zeroblob(-9223372036854775808)
SELECT randomblob(1000000000)
SELECT hex(zeroblob(500000000))
SELECT hex(randomblob(100000000))
SELECT quote(zeroblob(400000000))
SELECT hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex(hex('antiks'))))))))))))))))
SELECT quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(quote(''''))))))))))))))))))))
SELECT printf('%1000000000d', 1)
SELECT printf('%.*c', 1000000000, 'x')
SELECT printf('%*s', 2147483647, 'x')
SELECT printf('%-2147483648s', 'x')
SELECT printf('%.2147483647f', 1.0)
SELECT printf('%.999999999e', 1e308)
SELECT format('%s%s%s%s', printf('%.*c', 200000000, 'a'), printf('%.*c', 200000000, 'b'), printf('%.*c', 200000000, 'c'), printf('%.*c', 200000000, 'd'))
SELECT printf('%w', printf('%.*c', 400000000, '"'))
SELECT replace(printf('%.*c', 1000000, 'x'), 'x', printf('%.*c', 1000000, 'y'))
SELECT replace(replace(replace(replace(replace(replace('aaaaaaaaaa', 'a', 'bbbbbbbbbb'), 'b', 'cccccccccc'), 'c', 'dddddddddd'), 'd', 'eeeeeeeeee'), 'e', 'ffffffffff'), 'f', 'gggggggggggggggggggg')
SELECT replace(hex(zeroblob(5000000)), '0', hex(zeroblob(5000)))
WITH RECURSIVE g(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM g) SELECT length(s) FROM g
WITH RECURSIVE g(s) AS (SELECT 'x' UNION ALL SELECT replace(s, 'x', 'xx') FROM g LIMIT 40) SELECT max(length(s)) FROM g
WITH RECURSIVE g(s) AS (SELECT zeroblob(1) UNION ALL SELECT CAST(s || s AS BLOB) FROM g LIMIT 64) SELECT s FROM g
WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g LIMIT 100000000) SELECT group_concat(n) FROM g
WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g LIMIT 1000000) SELECT group_concat(printf('%.*c', 10000, 'x'), printf('%.*c', 10000, '-')) FROM g
SELECT group_concat(x.b || y.b || z.b || w.b) FROM t AS x, t AS y, t AS z, t AS w
SELECT group_concat(DISTINCT x.b || y.a || z.a || w.a || v.a) FROM t AS x, t AS y, t AS z, t AS w, t AS v
SELECT group_concat(b, zeroblob(100000000)) FROM t
SELECT count(DISTINCT x.a * 1000000 + y.a * 10000 + z.a * 100 + w.a || v.a) FROM t AS x, t AS y, t AS z, t AS w, t AS v
SELECT DISTINCT randomblob(100000) FROM t AS x, t AS y, t AS z
SELECT randomblob(1000000) FROM t AS x, t AS y, t AS z ORDER BY 1
SELECT x.*, y.*, z.*, zeroblob(1000000) FROM t AS x, t AS y, t AS z ORDER BY x.b || y.b || z.b
SELECT x.a || y.a || z.a || w.a AS k, count(*) FROM t AS x, t AS y, t AS z, t AS w GROUP BY k
SELECT randomblob(100000) AS k FROM t AS x, t AS y, t AS z UNION SELECT randomblob(100000) FROM t AS x, t AS y, t AS z
SELECT json_group_array(x.b || y.b || z.b) FROM t AS x, t AS y, t AS z, t AS w
SELECT json_group_object(x.b || y.a || z.a || w.a, y.b || x.b) FROM t AS x, t AS y, t AS z, t AS w
SELECT json_group_array(printf('%.*c', 1000000, '"')) FROM t AS x, t AS y
SELECT json_quote(printf('%.*c', 300000000, char(1)))
SELECT x.b FROM t AS x, t AS y, t AS z, t AS w, t AS v, t AS u
SELECT printf('%.*c', 100000, 'x') FROM t AS x, t AS y, t AS z
SELECT b, zeroblob(100000000) FROM t
SELECT zeroblob(100000000), zeroblob(100000000), zeroblob(100000000), zeroblob(100000000), zeroblob(100000000)
SELECT 1 FROM t WHERE a IN (SELECT randomblob(10000) FROM t AS x, t AS y, t AS z)
SELECT sum(x.a) OVER (ORDER BY randomblob(100000)) FROM t AS x JOIN t AS y JOIN t AS z
SELECT max(zeroblob(500000000)), min(zeroblob(500000000)), max(zeroblob(500000001))
WITH big AS MATERIALIZED (SELECT zeroblob(1000000) AS z FROM t AS x, t AS y) SELECT count(*) FROM big AS p, big AS q
SELECT char(65, 66, 67) || zeroblob(999999990) || 'overflow'
SELECT substr(zeroblob(900000000), -1), substr(printf('%.*c', 900000000, 'x'), 1, 1)
SELECT upper(printf('%.*c', 400000000, 'x')), lower(printf('%.*c', 400000000, 'X'))
SELECT trim(printf('%.*c', 400000000, ' '))
SELECT unhex(hex(zeroblob(300000000)))
SELECT string_agg(zeroblob(100000000), ',') FROM t
SELECT concat_ws(zeroblob(100000000), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
