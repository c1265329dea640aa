-- What the comparison itself must get right: tolerance, types, multiplicity, pairing of columns, ties,
-- no row against a row of NULL. The head of revenue.sql explains the format.

-- schema: meters
-- reference, unordered
SELECT site, kwh FROM readings;
-- equivalent: within the tolerance
SELECT site, kwh * 1.0000001 FROM readings;
-- equivalent: twice negated, the columns moved
SELECT -(-kwh), site FROM readings;
-- equivalent: an order that nobody asked for
SELECT site, kwh FROM readings ORDER BY kwh DESC, day;
-- equivalent: by way of integers of a hundredth
SELECT site, ROUND(kwh * 100.0) / 100 FROM readings;
-- equivalent: all rows in a UNION ALL of two halves
SELECT site, kwh FROM readings WHERE kwh > 10 UNION ALL SELECT site, kwh FROM readings WHERE (kwh > 10) IS NOT TRUE;
-- different: beyond the tolerance
SELECT site, kwh * 1.0001 FROM readings;
-- different: rounded to whole numbers
SELECT site, ROUND(kwh) FROM readings;
-- different: cut to whole numbers
SELECT site, CAST(kwh AS INTEGER) FROM readings;
-- different: as text
SELECT site, kwh || '' FROM readings;
-- different: as formatted text
SELECT site, printf('%.2f', kwh) FROM readings;
-- different: each row once
SELECT DISTINCT site, kwh FROM readings;
-- different: each row twice
SELECT site, kwh FROM readings UNION ALL SELECT site, kwh FROM readings;
-- different: the first five
SELECT site, kwh FROM readings LIMIT 5;
-- different: both columns right, but paired by their own order
SELECT a.site, b.kwh FROM (SELECT site, ROW_NUMBER() OVER (ORDER BY site) AS n FROM readings) AS a
JOIN (SELECT kwh, ROW_NUMBER() OVER (ORDER BY kwh) AS n FROM readings) AS b USING (n);
-- different: the site twice
SELECT site, site FROM readings;
-- different: NULL as zero
SELECT site, TOTAL(kwh) FROM readings GROUP BY site, day;
-- different: one column with both in it
SELECT site || ' ' || COALESCE(kwh, '') FROM readings;
-- different: every column
SELECT * FROM readings;
-- different: in small letters
SELECT LOWER(site), kwh FROM readings;

-- schema: meters
-- reference, unordered
SELECT id, severity FROM incidents WHERE severity IS NOT NULL;
-- equivalent: as reals
SELECT CAST(id AS REAL), severity * 1.0 FROM incidents WHERE severity IS NOT NULL;
-- equivalent: names exchanged, and names don't count
SELECT id AS severity, severity AS id FROM incidents WHERE severity NOTNULL;
-- different: the larger one first in each row
SELECT MAX(id, severity), MIN(id, severity) FROM incidents WHERE severity IS NOT NULL;
-- different: as text
SELECT CAST(id AS TEXT), CAST(severity AS TEXT) FROM incidents WHERE severity IS NOT NULL;
-- different: the severity of the row before
SELECT id, COALESCE(LAG(severity) OVER (ORDER BY id), severity) FROM incidents WHERE severity IS NOT NULL;
-- different: columns exchanged in every other row
SELECT CASE WHEN id % 2 THEN id ELSE severity END, CASE WHEN id % 2 THEN severity ELSE id END
FROM incidents WHERE severity IS NOT NULL;
-- different: one column less
SELECT id FROM incidents WHERE severity IS NOT NULL;
-- different: a constant beside
SELECT id, severity, 1 FROM incidents WHERE severity IS NOT NULL;

-- schema: meters
-- reference, unordered
SELECT kind FROM incidents;
-- equivalent: through the ids
SELECT (SELECT i.kind FROM incidents AS i WHERE i.id = o.id) FROM incidents AS o;
-- equivalent: weighed by a join of equal ids
SELECT a.kind FROM incidents AS a JOIN incidents AS b ON a.id = b.id;
-- different: as many rows of the same words, counted otherwise
SELECT COALESCE(LAG(kind) OVER (ORDER BY id), MAX(kind) OVER ()) FROM incidents;
-- different: a join by the word
SELECT a.kind FROM incidents AS a JOIN incidents AS b ON a.kind = b.kind;
-- different: each word once
SELECT kind FROM incidents UNION SELECT kind FROM incidents;
-- different: sites in place of kinds
SELECT site FROM incidents;
-- different: a blank behind
SELECT kind || ' ' FROM incidents;

-- schema: clinic
-- reference, unordered
SELECT SUM(minutes) FROM visits;
-- equivalent: NULL where nothing is known
SELECT CASE WHEN COUNT(minutes) > 0 THEN TOTAL(minutes) END FROM visits;
-- equivalent: doctor by doctor
SELECT SUM(s) FROM (SELECT SUM(minutes) AS s FROM visits GROUP BY doctor_id);
-- equivalent: average times count
SELECT AVG(minutes) * COUNT(minutes) FROM visits;
-- different: no row for an empty table
SELECT SUM(minutes) FROM visits GROUP BY NULL;
-- different: no row where nothing is known
SELECT SUM(minutes) FROM visits HAVING SUM(minutes) IS NOT NULL;
-- different: zero where nothing is known
SELECT COALESCE(SUM(minutes), 0) FROM visits;
-- different: the sum in every row
SELECT SUM(minutes) OVER () FROM visits;
-- different: each length once
SELECT SUM(DISTINCT minutes) FROM visits;
-- different: one doctor after another
SELECT SUM(minutes) FROM visits GROUP BY doctor_id;

-- schema: clinic
-- reference, ordered
SELECT minutes, id FROM visits ORDER BY minutes;
-- equivalent: ties by id
SELECT minutes, id FROM visits ORDER BY minutes, id;
-- equivalent: ties against the id
SELECT id, minutes FROM visits ORDER BY minutes ASC, id DESC;
-- equivalent: ties by another column
SELECT minutes, id FROM visits ORDER BY 1 NULLS FIRST, fee, visited_on DESC;
-- equivalent: as a real, which sorts the same
SELECT minutes, id FROM visits ORDER BY minutes * 1.0, doctor_id;
-- different: NULL last
SELECT minutes, id FROM visits ORDER BY minutes NULLS LAST;
-- different: descending
SELECT minutes, id FROM visits ORDER BY minutes DESC;
-- different: in the order of the table
SELECT minutes, id FROM visits ORDER BY id;
-- different: sorted as text
SELECT minutes, id FROM visits ORDER BY CAST(minutes AS TEXT);
-- different: by the day
SELECT minutes, id FROM visits ORDER BY visited_on;
-- different: without NULLs
SELECT minutes, id FROM visits WHERE minutes IS NOT NULL ORDER BY minutes;
-- different: an order inside of a subquery, then another outside
SELECT * FROM (SELECT minutes, id FROM visits ORDER BY minutes) ORDER BY id DESC;

-- schema: clinic
-- reference, ordered
SELECT name, hired_on FROM doctors ORDER BY hired_on DESC, name;
-- equivalent: by the day's number
SELECT name, hired_on FROM doctors ORDER BY julianday(hired_on) DESC, name ASC;
-- equivalent: ordered by a window's number
SELECT name, hired_on FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY hired_on DESC, name) AS n FROM doctors) ORDER BY n;
-- equivalent: columns moved
SELECT hired_on, name FROM doctors ORDER BY 1 DESC, 2, id;
-- different: both descending
SELECT name, hired_on FROM doctors ORDER BY hired_on DESC, name DESC;
-- different: DESC belongs to one key only
SELECT name, hired_on FROM doctors ORDER BY hired_on, name DESC;
-- different: keys exchanged
SELECT name, hired_on FROM doctors ORDER BY name, hired_on DESC;
-- different: by the year
SELECT name, hired_on FROM doctors ORDER BY substr(hired_on, 1, 4) DESC, name;
-- different: ties by id instead of name
SELECT name, hired_on FROM doctors ORDER BY hired_on DESC, id;

-- schema: clinic
-- reference, unordered
SELECT id, minutes >= 30 AS long FROM visits;
-- equivalent: CASE with three values
SELECT id, CASE WHEN minutes >= 30 THEN 1 WHEN minutes < 30 THEN 0 END FROM visits;
-- equivalent: the opposite of the opposite
SELECT id, NOT minutes < 30 FROM visits;
-- equivalent: one minus
SELECT id, 1.0 - (minutes < 30) FROM visits;
-- different: NULL as false
SELECT id, IIF(minutes >= 30, 1, 0) FROM visits;
-- different: IS TRUE
SELECT id, (minutes >= 30) IS TRUE FROM visits;
-- different: words
SELECT id, CASE WHEN minutes >= 30 THEN 'true' WHEN minutes < 30 THEN 'false' END FROM visits;
-- different: longer than
SELECT id, minutes > 30 FROM visits;
-- different: NULL as true
SELECT id, (minutes < 30) IS NOT TRUE FROM visits;

-- schema: shop
-- reference, unordered
SELECT name FROM customers WHERE city = 'Oslo' AND signup_date >= '2024-01-01';
-- equivalent: conditions exchanged
SELECT name FROM customers WHERE '2024-01-01' <= signup_date AND 'Oslo' = city;
-- equivalent: INTERSECT of the keys
SELECT name FROM customers WHERE id IN (SELECT id FROM customers WHERE city = 'Oslo'
                                        INTERSECT SELECT id FROM customers WHERE signup_date >= '2024-01-01');
-- equivalent: the conditions in a CTE and outside of it
WITH oslo AS (SELECT * FROM customers WHERE city = 'Oslo') SELECT name FROM oslo WHERE signup_date > '2023-12-31';
-- different: an empty result
SELECT name FROM customers WHERE city = 'Oslo' AND signup_date >= '2024-01-01' AND 0;
-- different: a row of NULL for nobody
SELECT MAX(name) FROM customers WHERE city = 'Oslo' AND signup_date >= '2024-01-01';
-- different: OR
SELECT name FROM customers WHERE city = 'Oslo' OR signup_date >= '2024-01-01';
-- different: another town's case
SELECT name FROM customers WHERE LOWER(city) = 'oslo' AND signup_date >= '2024-01-01';
-- different: the sample's name
SELECT name FROM customers WHERE name = 'Dan Eke';
-- different: a literal
SELECT 'Dan Eke';
-- different: all in one row
SELECT group_concat(name) FROM customers WHERE city = 'Oslo' AND signup_date >= '2024-01-01';
