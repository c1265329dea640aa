-- Many right answers to few questions, with a wrong one among them now and then. The head of
-- revenue.sql explains the format.

-- schema: shop
-- reference, unordered requires cte clean_numeric
WITH paid AS (SELECT customer_id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE status = 'paid')
SELECT c.name, SUM(p.amount) AS revenue FROM customers AS c JOIN paid AS p ON p.customer_id = c.id GROUP BY c.id, c.name;
-- equivalent: no CTE
SELECT c.name, SUM(CLEAN_NUMERIC(o.total)) FROM customers c JOIN orders o ON o.customer_id = c.id
WHERE o.status = 'paid' GROUP BY c.id;
-- equivalent: the condition in the join
SELECT c.name, SUM(CLEAN_NUMERIC(o.total)) FROM orders o INNER JOIN customers c ON c.id = o.customer_id AND o.status = 'paid'
GROUP BY c.name, c.id;
-- equivalent: a subquery in FROM
SELECT name, SUM(amount) FROM (SELECT c.id, c.name, CLEAN_NUMERIC(o.total) AS amount FROM customers c, orders o
                               WHERE o.customer_id = c.id AND o.status = 'paid') GROUP BY id, name;
-- equivalent: summed, then joined
SELECT s.revenue, c.name FROM (SELECT customer_id, SUM(CLEAN_NUMERIC(total)) AS revenue FROM orders
                               WHERE status = 'paid' GROUP BY customer_id) AS s JOIN customers AS c ON s.customer_id = c.id;
-- equivalent: correlated, for those who have paid
SELECT name, (SELECT SUM(CLEAN_NUMERIC(total)) FROM orders WHERE customer_id = c.id AND status = 'paid') FROM customers AS c
WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = c.id AND status = 'paid');
-- equivalent: a window and one row of each
SELECT name, s FROM (
  SELECT c.name, SUM(CLEAN_NUMERIC(o.total)) OVER (PARTITION BY c.id) AS s, ROW_NUMBER() OVER (PARTITION BY c.id ORDER BY o.id) AS n
  FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.status = 'paid'
) WHERE n = 1;
-- equivalent: FILTER and HAVING
SELECT c.name, SUM(CLEAN_NUMERIC(o.total)) FILTER (WHERE o.status = 'paid') FROM customers c JOIN orders o ON o.customer_id = c.id
GROUP BY c.id HAVING COUNT(*) FILTER (WHERE o.status = 'paid') > 0;
-- equivalent: written by a machine
SELECT "c"."name" AS "customer name", SUM(CLEAN_NUMERIC("o"."total")) AS "total revenue"
FROM "customers" AS "c" INNER JOIN "orders" AS "o" ON ("c"."id" = "o"."customer_id") WHERE ("o"."status" = ('paid'))
GROUP BY "c"."id", "c"."name";
-- equivalent: shouted, on one line, with comments
SELECT C.NAME,/* who */SUM(CLEAN_NUMERIC(O.TOTAL))/* how much */FROM CUSTOMERS C JOIN ORDERS O ON O.CUSTOMER_ID=C.ID WHERE O.STATUS='paid'GROUP BY C.ID;
-- different: FILTER alone keeps those who never paid
SELECT c.name, SUM(CLEAN_NUMERIC(o.total)) FILTER (WHERE o.status = 'paid') FROM customers c JOIN orders o ON o.customer_id = c.id
GROUP BY c.id;
-- different: a group without a readable amount is dropped
SELECT c.name, SUM(CLEAN_NUMERIC(o.total)) FROM customers c JOIN orders o ON o.customer_id = c.id
WHERE o.status = 'paid' AND CLEAN_NUMERIC(o.total) IS NOT NULL GROUP BY c.id;

-- schema: shop
-- reference, unordered
SELECT id FROM orders WHERE status = 'paid' OR status = 'open';
-- equivalent: IN
SELECT id FROM orders WHERE status IN ('open', 'paid');
-- equivalent: IN of a list of rows
SELECT id FROM orders WHERE status IN (VALUES ('paid'), ('open'));
-- equivalent: UNION of keys
SELECT id FROM orders WHERE status = 'paid' UNION SELECT id FROM orders WHERE status = 'open';
-- equivalent: UNION ALL, since no order has both
SELECT id FROM orders WHERE status = 'paid' UNION ALL SELECT id FROM orders WHERE status = 'open';
-- equivalent: CASE as a condition
SELECT id FROM orders WHERE CASE status WHEN 'paid' THEN 1 WHEN 'open' THEN 1 ELSE 0 END = 1;
-- equivalent: a join with the words
SELECT o.id FROM orders o JOIN (SELECT 'paid' AS s UNION SELECT 'open') AS w ON w.s = o.status;
-- equivalent: De Morgan
SELECT id FROM orders WHERE NOT (status <> 'paid' AND status <> 'open');
-- equivalent: EXCEPT of all others
SELECT id FROM orders EXCEPT SELECT id FROM orders WHERE status NOT IN ('paid', 'open') OR status IS NULL;
-- equivalent: sorted and with an alias
SELECT o.id AS order_number FROM orders AS o WHERE o.status IS 'paid' OR o.status IS 'open' ORDER BY o.id DESC;
-- different: a join with the words written twice
SELECT o.id FROM orders o JOIN (SELECT 'paid' AS s UNION ALL SELECT 'open' UNION ALL SELECT 'open') AS w ON w.s = o.status;
-- different: all but the cancelled
SELECT id FROM orders WHERE status IS NOT 'cancelled';

-- schema: shop
-- reference, unordered
SELECT DISTINCT category FROM products WHERE stock > 0;
-- equivalent: GROUP BY
SELECT category FROM products WHERE stock > 0 GROUP BY category;
-- equivalent: HAVING the largest
SELECT category FROM products GROUP BY category HAVING MAX(stock) > 0;
-- equivalent: HAVING a count
SELECT category FROM products GROUP BY category HAVING SUM(stock > 0) >= 1;
-- equivalent: UNION with nothing
SELECT category FROM products WHERE stock > 0 UNION SELECT category FROM products WHERE 0;
-- equivalent: INTERSECT
SELECT category FROM products INTERSECT SELECT category FROM products WHERE stock > 0;
-- equivalent: the first of each
SELECT category FROM (SELECT category, ROW_NUMBER() OVER (PARTITION BY category) AS n FROM products WHERE stock > 0) WHERE n = 1;
-- equivalent: EXISTS over the distinct
SELECT c FROM (SELECT DISTINCT category AS c FROM products) WHERE EXISTS (SELECT 1 FROM products WHERE category = c AND stock > 0);
-- equivalent: no smaller id with the same category
SELECT category FROM products p WHERE stock > 0
AND NOT EXISTS (SELECT 1 FROM products q WHERE q.category = p.category AND q.stock > 0 AND q.id < p.id);
-- different: HAVING the smallest
SELECT category FROM products GROUP BY category HAVING MIN(stock) > 0;
-- different: HAVING a stock that is known
SELECT category FROM products GROUP BY category HAVING COUNT(stock) > 0;

-- schema: meters
-- reference, unordered
SELECT site, MAX(kwh) AS highest FROM readings WHERE day BETWEEN '2024-01-01' AND '2024-01-31' GROUP BY site;
-- equivalent: two comparisons
SELECT site, MAX(kwh) FROM readings WHERE day >= '2024-01-01' AND day <= '2024-01-31' GROUP BY site;
-- equivalent: before the next month
SELECT site, MAX(kwh) FROM readings WHERE day >= '2024-01-01' AND day < '2024-02-01' GROUP BY site;
-- equivalent: LIKE
SELECT site, MAX(kwh) FROM readings WHERE day LIKE '2024-01-__' GROUP BY site;
-- equivalent: substr
SELECT site, MAX(kwh) FROM readings WHERE substr(day, 1, 7) = '2024-01' GROUP BY site;
-- equivalent: strftime, year and month apart
SELECT site, MAX(kwh) FROM readings WHERE strftime('%Y', day) = '2024' AND strftime('%m', day) = '01' GROUP BY site;
-- equivalent: julianday
SELECT site, MAX(kwh) FROM readings WHERE julianday(day) - julianday('2024-01-01') BETWEEN 0 AND 30 GROUP BY site;
-- equivalent: the end computed
SELECT site, MAX(kwh) FROM readings WHERE day BETWEEN '2024-01-01' AND date('2024-01-01', 'start of month', '+1 month', '-1 day') GROUP BY site;
-- equivalent: minus the smallest negative
SELECT site, -MIN(-kwh) FROM readings WHERE NOT (day < '2024-01-01' OR day > '2024-01-31') GROUP BY site;
-- equivalent: the first in descending order
SELECT s.site, (SELECT kwh FROM readings WHERE site = s.site AND substr(day, 1, 7) = '2024-01' ORDER BY kwh DESC LIMIT 1)
FROM (SELECT DISTINCT site FROM readings WHERE substr(day, 1, 7) = '2024-01') AS s;
-- equivalent: FIRST_VALUE
SELECT DISTINCT site, FIRST_VALUE(kwh) OVER (PARTITION BY site ORDER BY kwh DESC) FROM readings WHERE day GLOB '2024-01-[0-3][0-9]';
-- different: a condition in the aggregate keeps all sites
SELECT site, MAX(kwh) FILTER (WHERE day BETWEEN '2024-01-01' AND '2024-01-31') FROM readings GROUP BY site;
-- different: January of any year
SELECT site, MAX(kwh) FROM readings WHERE strftime('%m', day) = '01' GROUP BY site;

-- schema: meters
-- reference, unordered requires window
SELECT site, day, kwh FROM (SELECT site, day, kwh, RANK() OVER (PARTITION BY site ORDER BY kwh DESC) AS place FROM readings WHERE kwh IS NOT NULL)
WHERE place = 1;
-- equivalent: DENSE_RANK has the same first ones
SELECT site, day, kwh FROM (SELECT *, DENSE_RANK() OVER (PARTITION BY site ORDER BY kwh DESC) AS p FROM readings WHERE kwh NOTNULL) WHERE p = 1;
-- equivalent: equal to the maximum
SELECT site, day, kwh FROM readings AS r WHERE kwh = (SELECT MAX(kwh) FROM readings WHERE site = r.site);
-- equivalent: no greater one
SELECT site, day, kwh FROM readings AS r WHERE kwh IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM readings AS g WHERE g.site = r.site AND g.kwh > r.kwh);
-- equivalent: joined with the maxima
SELECT r.site, r.day, r.kwh FROM readings r JOIN (SELECT site, MAX(kwh) AS m FROM readings GROUP BY site) AS x ON x.site = r.site AND x.m = r.kwh;
-- equivalent: a row value
SELECT site, day, kwh FROM readings WHERE (site, kwh) IN (SELECT site, MAX(kwh) FROM readings GROUP BY site);
-- equivalent: a window's maximum
SELECT site, day, kwh FROM (SELECT *, MAX(kwh) OVER (PARTITION BY site) AS m FROM readings) WHERE kwh >= m;
-- equivalent: anti-join
SELECT r.site, r.day, r.kwh FROM readings r LEFT JOIN readings g ON g.site = r.site AND g.kwh > r.kwh
WHERE g.site IS NULL AND r.kwh IS NOT NULL;
-- equivalent: none greater, counted
SELECT site, day, kwh FROM readings r WHERE kwh NOTNULL AND (SELECT COUNT(*) FROM readings g WHERE g.site = r.site AND g.kwh > r.kwh) < 1;
-- different: one of the ties
SELECT site, day, MAX(kwh) FROM readings WHERE kwh IS NOT NULL GROUP BY site;
-- different: ROW_NUMBER takes one
SELECT site, day, kwh FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY site ORDER BY kwh DESC, day) AS p FROM readings WHERE kwh NOTNULL) WHERE p = 1;
-- different: no greater one, and NULL is not greater either
SELECT site, day, kwh FROM readings AS r WHERE NOT EXISTS (SELECT 1 FROM readings AS g WHERE g.site = r.site AND g.kwh > r.kwh);

-- schema: clinic
-- reference, unordered
SELECT d.name, p.name AS patient FROM visits AS v JOIN doctors AS d ON d.id = v.doctor_id JOIN patients AS p ON p.id = v.patient_id
WHERE v.outcome = 'cured';
-- equivalent: the tables in another order
SELECT d.name, p.name FROM patients p JOIN visits v ON v.patient_id = p.id JOIN doctors d ON v.doctor_id = d.id AND v.outcome = 'cured';
-- equivalent: commas
SELECT p.name, d.name FROM doctors d, patients p, visits v WHERE v.doctor_id = d.id AND v.patient_id = p.id AND v.outcome = 'cured';
-- equivalent: a derived table
SELECT dn, pn FROM (SELECT d.name AS dn, v.patient_id AS k, v.outcome AS o FROM visits v JOIN doctors d ON d.id = v.doctor_id)
JOIN (SELECT id AS k, name AS pn FROM patients) USING (k) WHERE o = 'cured';
-- equivalent: scalar subqueries, then without the missing
SELECT d, p FROM (SELECT (SELECT name FROM doctors WHERE id = v.doctor_id) AS d, (SELECT name FROM patients WHERE id = v.patient_id) AS p
                  FROM visits v WHERE v.outcome = 'cured') WHERE d IS NOT NULL AND p IS NOT NULL;
-- equivalent: LEFT JOINs whose missing sides are dropped
SELECT d.name, p.name FROM visits v LEFT JOIN doctors d ON d.id = v.doctor_id LEFT JOIN patients p ON p.id = v.patient_id
WHERE v.outcome = 'cured' AND d.id IS NOT NULL AND p.id IS NOT NULL;
-- equivalent: CTEs for each table
WITH v AS (SELECT doctor_id AS d, patient_id AS p FROM visits WHERE outcome = 'cured'), doc AS (SELECT id AS d, name AS dn FROM doctors),
     pat AS (SELECT id AS p, name AS pn FROM patients)
SELECT dn, pn FROM v NATURAL JOIN doc NATURAL JOIN pat;
-- equivalent: nested join in parentheses
SELECT d.name, p.name FROM doctors d JOIN (visits v JOIN patients p ON p.id = v.patient_id) ON d.id = v.doctor_id WHERE v.outcome = 'cured';
-- different: patients without a name in the table stay
SELECT d.name, p.name FROM visits v JOIN doctors d ON d.id = v.doctor_id LEFT JOIN patients p ON p.id = v.patient_id WHERE v.outcome = 'cured';
-- different: pairs once only
SELECT DISTINCT d.name, p.name FROM visits AS v JOIN doctors AS d ON d.id = v.doctor_id JOIN patients AS p ON p.id = v.patient_id
WHERE v.outcome = 'cured';
-- different: NATURAL JOIN also compares ids and names
SELECT d.name, p.name FROM visits v JOIN doctors d ON d.id = v.doctor_id JOIN patients p ON p.id = v.id WHERE v.outcome = 'cured';

-- schema: clinic
-- reference, unordered
SELECT doctor_id, COUNT(*) AS visits, COUNT(patient_id) AS known, AVG(minutes) AS length FROM visits GROUP BY doctor_id;
-- equivalent: columns backwards
SELECT AVG(minutes), COUNT(patient_id), COUNT(*), doctor_id FROM visits GROUP BY doctor_id;
-- equivalent: sum by count, as reals
SELECT doctor_id, COUNT(id), COUNT(*) - SUM(patient_id IS NULL), SUM(minutes) * 1.0 / COUNT(minutes) FROM visits GROUP BY 1;
-- equivalent: FILTER
SELECT doctor_id, COUNT(*), COUNT(*) FILTER (WHERE patient_id IS NOT NULL), AVG(minutes) FILTER (WHERE minutes IS NOT NULL)
FROM visits GROUP BY doctor_id;
-- equivalent: windows and DISTINCT
SELECT DISTINCT doctor_id, COUNT(*) OVER w, COUNT(patient_id) OVER w, AVG(minutes) OVER w FROM visits WINDOW w AS (PARTITION BY doctor_id);
-- equivalent: correlated subqueries
SELECT d, (SELECT COUNT(*) FROM visits WHERE doctor_id = d), (SELECT COUNT(patient_id) FROM visits WHERE doctor_id = d),
       (SELECT AVG(minutes) FROM visits WHERE doctor_id = d) FROM (SELECT doctor_id AS d FROM visits GROUP BY doctor_id);
-- equivalent: CAST instead of a factor
SELECT doctor_id, COUNT(visited_on), SUM(CASE WHEN patient_id IS NULL THEN 0 ELSE 1 END), CAST(SUM(minutes) AS REAL) / COUNT(minutes)
FROM visits GROUP BY doctor_id;
-- different: integer division
SELECT doctor_id, COUNT(*), COUNT(patient_id), SUM(minutes) / COUNT(minutes) FROM visits GROUP BY doctor_id;
-- different: different patients
SELECT doctor_id, COUNT(*), COUNT(DISTINCT patient_id), AVG(minutes) FROM visits GROUP BY doctor_id;
-- different: NULL minutes as zero
SELECT doctor_id, COUNT(*), COUNT(patient_id), TOTAL(minutes) / COUNT(*) FROM visits GROUP BY doctor_id;
