-- Attacks functions: odd arguments, wrong numbers of them, CLEAN_NUMERIC's edges, JSON, dates, formats. No argument may bring the worker down.
SELECT CLEAN_NUMERIC()
SELECT CLEAN_NUMERIC(1, 2)
SELECT CLEAN_NUMERIC(*)
SELECT CLEAN_NUMERIC(DISTINCT b) FROM t
SELECT CLEAN_NUMERIC(a) FILTER (WHERE a > 1) FROM t
SELECT CLEAN_NUMERIC(a) OVER () FROM t
SELECT CLEAN_NUMERIC(NULL), CLEAN_NUMERIC(''), CLEAN_NUMERIC(x''), CLEAN_NUMERIC(x'ff')
SELECT CLEAN_NUMERIC(9e999), CLEAN_NUMERIC(-9e999), CLEAN_NUMERIC(9e999 - 9e999)
SELECT CLEAN_NUMERIC(-0.0), typeof(CLEAN_NUMERIC('-0')), 1 / CLEAN_NUMERIC('-0')
SELECT CLEAN_NUMERIC(9223372036854775807), CLEAN_NUMERIC(-9223372036854775808)
SELECT CLEAN_NUMERIC(zeroblob(100000000))
SELECT CLEAN_NUMERIC(printf('%.*c', 100000000, '9'))
SELECT CLEAN_NUMERIC(printf('%.*c', 100000000, ' '))
SELECT CLEAN_NUMERIC(printf('%.*c', 1000000, '('))
SELECT CLEAN_NUMERIC(printf('%.*c', 60, '-') || '5')
SELECT CLEAN_NUMERIC(CAST(x'ff35' AS TEXT))
SELECT CLEAN_NUMERIC(CAST(x'c0b5' AS TEXT))
SELECT CLEAN_NUMERIC(CAST(x'eda080' AS TEXT))
SELECT CLEAN_NUMERIC('5' || char(0)), CLEAN_NUMERIC(char(0) || '5'), CLEAN_NUMERIC('5' || char(0) || '6')
SELECT CLEAN_NUMERIC(char(65279) || '5'), CLEAN_NUMERIC('5' || char(8203)), CLEAN_NUMERIC(char(8238) || '5')
SELECT CLEAN_NUMERIC('1e308'), CLEAN_NUMERIC('1e309'), CLEAN_NUMERIC('1e-324'), CLEAN_NUMERIC('1e-999'), CLEAN_NUMERIC('1e99999999999999999999')
SELECT CLEAN_NUMERIC('2.2250738585072011e-308'), CLEAN_NUMERIC('4.9406564584124654e-324')
SELECT CLEAN_NUMERIC(CLEAN_NUMERIC(CLEAN_NUMERIC(CLEAN_NUMERIC(CLEAN_NUMERIC('$1,234.50')))))
SELECT clean_numeric(b), "CLEAN_NUMERIC"(b), [clean_numeric](b) FROM t
SELECT a FROM t WHERE CLEAN_NUMERIC(b) IS CLEAN_NUMERIC(c) ORDER BY CLEAN_NUMERIC(b) COLLATE NOCASE
SELECT abs(-9223372036854775808)
SELECT -9223372036854775808 / -1, -9223372036854775808 % -1, 9223372036854775807 + 1, -9223372036854775808 - 1
SELECT 9223372036854775807 * 9223372036854775807, 9223372036854775807 << 63, 1 << 64, 1 >> -64, -1 >> 63
SELECT sum(9223372036854775807) FROM t
SELECT total(9223372036854775807), avg(9223372036854775807) FROM t
SELECT sum(1e308) FROM t AS x, t AS y
SELECT 1 / 0, 1.0 / 0, 1 % 0, 0.0 / 0, 9e999 - 9e999, 9e999 * 0
SELECT round(1.5, 2147483647), round(1e308, 30), round(-0.4), round(2.5, -5), round('x', NULL)
SELECT CAST(9e999 AS INTEGER), CAST('9e999' AS INTEGER), CAST(-9e999 AS INTEGER), CAST(x'ffff' AS REAL)
SELECT substr('abc', -9223372036854775808, 9223372036854775807), substr('abc', 9223372036854775807, -9223372036854775808)
SELECT substr(x'', 0, 0), substr(NULL, 1), substr('é', 1, 1), substr('abc', 0), substr('abc', 1, -1)
SELECT char()
SELECT char(0)
SELECT char(-1)
SELECT char(1114112)
SELECT char(55296)
SELECT char(9223372036854775807)
SELECT unicode(''), unicode(char(0)), unicode(x'ff'), unicode(CAST(x'f4908080' AS TEXT))
SELECT instr('', ''), instr(NULL, 'x'), instr(x'00', ''), instr('abc', x'62')
SELECT printf('%n', 1), printf('%'), printf('%%%'), printf('%z'), printf('%lld%lld%lld'), printf(NULL), printf()
SELECT printf('%*.*f', 10, -5, 1.5), printf('%!.26f', 0.1), printf('%.500f', 1e308), printf('%,d', 9223372036854775807)
SELECT printf('%s %d %f %x %c %q %Q %w', x'ff', 'x', 'y', 'z', '', NULL, NULL, NULL)
SELECT likelihood(1, NULL)
SELECT likelihood(1, 'x')
SELECT likely()
SELECT unlikely(1, 2)
SELECT coalesce(1)
SELECT coalesce()
SELECT ifnull(1)
SELECT iif(1)
SELECT nullif(1)
SELECT min()
SELECT max()
SELECT min(1)
SELECT max(*)
SELECT count(1, 2)
SELECT sum(*)
SELECT avg(DISTINCT)
SELECT group_concat(DISTINCT b, ';') FROM t
SELECT group_concat(b, NULL) FROM t
SELECT group_concat(NULL) FROM t
SELECT group_concat(b, x'00ff') FROM t
SELECT nth_value(a, 0) OVER () FROM t
SELECT ntile(0) OVER () FROM t
SELECT ntile(-1) OVER () FROM t
SELECT lag(a, -9223372036854775808) OVER () FROM t
SELECT lead(a, 9223372036854775807) OVER () FROM t
SELECT sum(a) OVER (ORDER BY a ROWS -1 PRECEDING) FROM t
SELECT sum(a) OVER (ORDER BY a ROWS BETWEEN 1e400 PRECEDING AND 'x' FOLLOWING) FROM t
SELECT sum(a) OVER (ORDER BY a, b RANGE 1 PRECEDING) FROM t
SELECT sum(a) OVER (ROWS BETWEEN UNBOUNDED FOLLOWING AND UNBOUNDED PRECEDING) FROM t
SELECT json('{')
SELECT json('[1,]')
SELECT json('')
SELECT json(NULL)
SELECT json(x'ff')
SELECT json('nul')
SELECT json('{"a":1,"a":2}')
SELECT json_extract('{}', '')
SELECT json_extract('{}', '$[')
SELECT json_extract('[]', '$[#-1]')
SELECT json_extract('{}', '$.' || printf('%.*c', 100000, 'a'))
SELECT json_extract('[1]', '$[99999999999999999999]')
SELECT json_extract('[1]', '$[-1]')
SELECT json_extract('[1]', '$[#-99999999999]')
SELECT json_set('{}', '$.a', json('[1]'), '$.b')
SELECT json_insert('[]', '$[#]', 1, '$[#]', 2)
SELECT json_remove('[1]', '$')
SELECT json_patch('{}', '[]')
SELECT json_patch(printf('%.*c', 500, '['), '{}')
SELECT json_valid(printf('%.*c', 5000, '['))
SELECT jsonb('[1,2')
SELECT jsonb(x'ffffffffffffffff')
SELECT json(x'cbffffffff')
SELECT json_valid(x'0b', 8)
SELECT json_each(x'0c')
SELECT json_group_array(DISTINCT b) FROM t
SELECT json_group_object(NULL, NULL) FROM t
SELECT json_group_object(b, json(b)) FROM t
SELECT '{"a":1}' -> '$.a'
SELECT '{"a":1}' ->> 'a'
SELECT '[1,2]' -> -1
SELECT NULL -> NULL
SELECT '{' ->> 'a'
SELECT date('9999-12-31', '+1 day'), date('-4713-11-24', '-1 day'), date(1e300), date(-1e300), julianday('0000-00-00')
SELECT datetime(9223372036854775807, 'unixepoch'), datetime(-9223372036854775808, 'auto'), time('25:61:61')
SELECT date('2024-01-31', '+1 month'), date('2024-02-30'), date('2024-13-01'), date('2024-1-1'), date('2024-01-01', '+99999999999 days')
SELECT strftime('%' || printf('%.*c', 100000, 'Y'), '2024-01-01'), strftime(printf('%.*c', 10000, '%') , '2024-01-01')
SELECT strftime(replace(printf('%.*c', 100000, 'x'), 'x', '%Y'), '2024-01-01')
SELECT strftime('%f %J %s %G %V %u %e %k %I %l %p %P %R %T %U %F', '2024-02-29 12:34:56.789')
SELECT timediff('2024-01-01', '0000-01-01')
SELECT timediff('x', NULL)
SELECT unixepoch('x')
SELECT julianday('2024-01-01', 'subsec')
SELECT hex(NULL)
SELECT hex('')
SELECT hex(1.5)
SELECT unhex('0g')
SELECT unhex('00', 'x')
SELECT quote(x'')
SELECT quote(9e999)
SELECT quote(NULL)
SELECT soundex(NULL), soundex(''), soundex('é'), soundex(x'ff')
SELECT glob('[', 'x'), glob('[^', 'x'), glob('[]]', ']'), glob('[a-', 'a'), glob('[z-a]', 'b'), glob('*', NULL)
SELECT 'x' LIKE 'x' ESCAPE ''
SELECT 'x' LIKE 'x' ESCAPE 'ab'
SELECT 'x' LIKE '%' ESCAPE '%'
SELECT 'x' LIKE 'xx' ESCAPE 'x'
SELECT 'é' LIKE 'É'
SELECT like(1)
SELECT like(1, 2, 3)
SELECT like('%', x'ff', '')
SELECT glob(1)
SELECT 'x' REGEXP 'x'
SELECT 'x' MATCH 'x'
SELECT regexp('(a+)+$', printf('%.*c', 40, 'a') || 'b')
SELECT b COLLATE no_such_collation FROM t
SELECT b FROM t ORDER BY b COLLATE "BINARY" COLLATE RTRIM COLLATE NOCASE
SELECT typeof(zeroblob(0)), typeof(x''), typeof(1e5), typeof('1'), typeof(json('1')), typeof(json_extract('[1.0]', '$[0]'))
SELECT subtype(json('1')), json_array(json('[1]'), '[1]'), json_array(subtype(b)) FROM t
SELECT percentile(a, 50) FROM t
SELECT percentile_cont(a, 2.0) FROM t
SELECT median(b) FROM t
SELECT acos(2)
SELECT log(-1)
SELECT log(0, 0)
SELECT sqrt(-1)
SELECT pow(0, -1)
SELECT exp(99999)
SELECT mod(1, 0)
SELECT ceil('x')
SELECT pi(1)
SELECT trunc(9e999), floor(-9e999), degrees(1e308), sinh(1000), atan2(0, 0)
SELECT decimal_mul('1e999999', '9')
SELECT decimal('x')
SELECT ieee754(2, 99999)
SELECT sha3('x')
SELECT uuid()
SELECT base64(zeroblob(1000))
SELECT base85(x'')
SELECT base64('!!!!')
SELECT sqlite_offset(a) FROM t
SELECT sqlite_compileoption_get(-1)
SELECT sqlite_compileoption_get(9999999)
SELECT sqlite_compileoption_used('')
SELECT sqlite_log(1, 'x'), sqlite_log(28, printf('%.*c', 10000, '%n'))
SELECT zeroblob('x'), zeroblob(NULL), zeroblob(1.9), randomblob(-1), randomblob(NULL)
SELECT concat()
SELECT concat(NULL)
SELECT concat_ws(NULL, 1)
SELECT string_agg(b)
SELECT octet_length(NULL)
SELECT if(1)
SELECT unistr('\u')
SELECT unistr('\+FFFFFF')
