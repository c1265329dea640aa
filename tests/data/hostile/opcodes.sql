-- Attacks the machine: EXPLAIN, forced plans, coroutines and automatic indexes, statements that compile to very many opcodes. They may run small, be refused, or end at a limit.
EXPLAIN SELECT * FROM t
EXPLAIN QUERY PLAN SELECT * FROM t
EXPLAIN DELETE FROM t
EXPLAIN ATTACH '/tmp/antiks-hostile.db' AS x
EXPLAIN EXPLAIN SELECT 1
EXPLAIN QUERY PLAN WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r
explain query plan select * from t a, t b, t c, t d, t e, t f, t g, t h, t i, t j
SELECT * FROM t INDEXED BY no_such_index
SELECT * FROM t NOT INDEXED WHERE a = 1
SELECT rowid, oid, _rowid_ FROM t
SELECT count(*) FROM t a JOIN t b ON a.b = b.b JOIN t c ON b.c = c.c JOIN t d ON c.b = d.b
SELECT 1 FROM t a1, t a2, t a3, t a4, t a5, t a6, t a7, t a8, t a9, t a10, t a11, t a12, t a13, t a14, t a15, t a16, t a17, t a18, t a19, t a20, t a21, t a22, t a23, t a24, t a25, t a26, t a27, t a28, t a29, t a30 WHERE 0
SELECT 1 FROM t a1 NATURAL JOIN t a2 NATURAL JOIN t a3 NATURAL JOIN t a4 NATURAL JOIN t a5 NATURAL JOIN t a6 NATURAL JOIN t a7 NATURAL JOIN t a8 NATURAL JOIN t a9 NATURAL JOIN t a10 NATURAL JOIN t a11 NATURAL JOIN t a12
SELECT * FROM t a FULL JOIN t b ON a.a < b.a FULL JOIN t c ON b.a < c.a FULL JOIN t d ON c.a < d.a
SELECT a FROM t WHERE a = 1 OR b = 'x' OR c = 2 OR (a = 3 AND (b = 'y' OR c = 4)) OR a IN (SELECT a FROM t WHERE b = 'z' OR c = 5)
SELECT a FROM t WHERE (a, b, c) IN (SELECT a, b, c FROM t) AND (a, b) < (SELECT a, b FROM t ORDER BY a DESC LIMIT 1)
SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM t ORDER BY a LIMIT 49) ORDER BY b LIMIT 48) ORDER BY c LIMIT 47) ORDER BY a DESC LIMIT 46) ORDER BY b DESC LIMIT 45) ORDER BY c DESC LIMIT 44) ORDER BY 1
SELECT a, b, c, count(*) OVER w1, count(*) OVER w2, count(*) OVER w3, count(*) OVER w4 FROM t WINDOW w1 AS (ORDER BY a), w2 AS (ORDER BY b), w3 AS (ORDER BY c), w4 AS (w1 ROWS 5 PRECEDING)
SELECT sum(a) OVER (ORDER BY sum(a) OVER ()) FROM t
SELECT sum(sum(a)) FROM t
SELECT a FROM t GROUP BY 1, 2, 3
SELECT a FROM t ORDER BY 99
SELECT a FROM t ORDER BY (SELECT b FROM t AS s WHERE s.a = t.a ORDER BY (SELECT c FROM t AS r WHERE r.a = s.a))
SELECT likelihood(a = 1, 0.0000001), likely(a), unlikely(b) FROM t
SELECT a FROM t WHERE likelihood(a > 0, 2.0)
SELECT CASE WHEN 1 THEN (SELECT 1 WHERE 0) WHEN (SELECT a FROM t) THEN (SELECT b FROM t) ELSE (SELECT c FROM t) END
SELECT (SELECT a, b FROM t)
SELECT (1, 2) = (1, 2), (1, 2) < (1, NULL), (1, 2) IS (1, 2)
SELECT * FROM t WHERE a = ?1
SELECT ?, ?999, :name, @at, $dollar::x(y)
SELECT ?32767
SELECT ?250001
VALUES (1), (2), (3)
VALUES (1, 2), (3)
TABLE t
SELECT * FROM t LIMIT -1 OFFSET -1
SELECT * FROM t LIMIT 'x'
SELECT * FROM t LIMIT 1.5
SELECT * FROM t LIMIT a
SELECT * FROM no_such_table
SELECT no_such_column FROM t
SELECT no_such_function(1)
SELECT t.* FROM t AS s
SELECT * FROM (t)
SELECT * FROM t, t
SELECT * FROM main.t JOIN temp.t
SELECT
SELECT FROM t
SELEC 1
SELECT 1 1
SELECT * FROM t WHERE
SELECT 'unclosed
SELECT "unclosed
SELECT [unclosed
SELECT 1 /* unclosed
SELECT 1 */
SELECT (1
SELECT 1)
