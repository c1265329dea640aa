-- Customer analytics. The head of revenue.sql explains the format.

-- schema: shop
-- reference, unordered
SELECT name FROM customers WHERE id NOT IN (SELECT customer_id FROM orders);
-- equivalent: NOT EXISTS
SELECT name FROM customers AS c WHERE NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.customer_id = c.id);
-- equivalent: LEFT JOIN and IS NULL
SELECT c.name FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE o.id IS NULL;
-- equivalent: EXCEPT on the key
SELECT name FROM customers WHERE id IN (SELECT id FROM customers EXCEPT SELECT customer_id FROM orders);
-- equivalent: a count of zero
SELECT name FROM customers WHERE (SELECT COUNT(*) FROM orders WHERE customer_id = customers.id) = 0;
-- different: IN
SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders);
-- different: the orders' own ids
SELECT name FROM customers WHERE id NOT IN (SELECT id FROM orders);
-- different: EXCEPT on names makes one of equal names
SELECT name FROM customers EXCEPT
SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.id;
-- different: DISTINCT names
SELECT DISTINCT name FROM customers WHERE id NOT IN (SELECT customer_id FROM orders);
-- different: the id instead of the name
SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders);
-- different: a condition that also holds for an order without a status
SELECT c.name FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE o.status IS NULL;

-- schema: shop
-- reference, unordered
SELECT c.name FROM customers AS c WHERE NOT EXISTS (SELECT 1 FROM customers AS f WHERE f.referrer_id = c.id);
-- equivalent: NOT IN without the NULLs
SELECT name FROM customers WHERE id NOT IN (SELECT referrer_id FROM customers WHERE referrer_id IS NOT NULL);
-- equivalent: anti-join
SELECT c.name FROM customers c LEFT JOIN customers f ON f.referrer_id = c.id WHERE f.id IS NULL;
-- different: NOT IN with NULLs
SELECT name FROM customers WHERE id NOT IN (SELECT referrer_id FROM customers);
-- different: those without a referrer
SELECT name FROM customers WHERE referrer_id IS NULL;
-- different: those whose referrer is not known
SELECT c.name FROM customers c LEFT JOIN customers f ON f.id = c.referrer_id WHERE f.id IS NULL;

-- schema: shop
-- reference, unordered
SELECT DISTINCT c.name FROM customers AS c JOIN orders AS o ON o.customer_id = c.id WHERE o.status = 'paid';
-- equivalent: GROUP BY for DISTINCT
SELECT c.name FROM orders o JOIN customers c ON c.id = o.customer_id AND o.status = 'paid' GROUP BY c.name;
-- equivalent: IN, and still DISTINCT for equal names
SELECT DISTINCT name FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE status = 'paid');
-- equivalent: UNION of it with itself
SELECT name FROM customers JOIN orders ON customer_id = customers.id WHERE status = 'paid'
UNION
SELECT name FROM customers JOIN orders ON customer_id = customers.id WHERE status IN ('paid');
-- different: missing DISTINCT
SELECT c.name FROM customers AS c JOIN orders AS o ON o.customer_id = c.id WHERE o.status = 'paid';
-- different: distinct by customer, not by name
SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE status = 'paid');
-- different: another status
SELECT DISTINCT c.name FROM customers AS c JOIN orders AS o ON o.customer_id = c.id WHERE o.status = 'open';
-- different: all that is not cancelled
SELECT DISTINCT c.name FROM customers AS c JOIN orders AS o ON o.customer_id = c.id WHERE o.status <> 'cancelled';

-- schema: shop
-- reference, unordered
SELECT c.id, c.name, COUNT(o.id) AS orders FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.id, c.name;
-- equivalent: a subquery that counts
SELECT id, name, (SELECT COUNT(*) FROM orders WHERE orders.customer_id = customers.id) FROM customers;
-- equivalent: counted first, then joined
SELECT c.name, COALESCE(n.n, 0), c.id FROM customers AS c
LEFT JOIN (SELECT customer_id, COUNT(*) AS n FROM orders GROUP BY customer_id) AS n ON n.customer_id = c.id;
-- equivalent: with and without orders, apart
SELECT c.id, c.name, COUNT(*) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id
UNION ALL
SELECT id, name, 0 FROM customers WHERE id NOT IN (SELECT customer_id FROM orders);
-- different: COUNT(*) counts the missing order
SELECT c.id, c.name, COUNT(*) AS orders FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.id, c.name;
-- different: INNER JOIN
SELECT c.id, c.name, COUNT(o.id) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id, c.name;
-- different: COUNT of a column with NULLs
SELECT c.id, c.name, COUNT(o.status) FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.id, c.name;
-- different: NULL for none
SELECT c.id, c.name, n FROM customers AS c
LEFT JOIN (SELECT customer_id, COUNT(*) AS n FROM orders GROUP BY customer_id) ON customer_id = c.id;
-- different: counted as text
SELECT c.id, c.name, CAST(COUNT(o.id) AS TEXT) FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.id, c.name;
-- different: the lines of the orders are counted
SELECT c.id, c.name, COUNT(o.id) FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
LEFT JOIN order_items AS i ON i.order_id = o.id GROUP BY c.id, c.name;

-- schema: shop
-- reference, unordered
SELECT segment, COUNT(*) AS customers FROM customers GROUP BY segment;
-- equivalent: the key is counted
SELECT COUNT(id) AS n, segment AS s FROM customers GROUP BY s;
-- equivalent: a window
SELECT DISTINCT segment, COUNT(*) OVER (PARTITION BY segment) FROM customers;
-- equivalent: the missing segment apart
SELECT segment, COUNT(segment) FROM customers WHERE segment IS NOT NULL GROUP BY segment
UNION ALL
SELECT NULL, COUNT(*) FROM customers WHERE segment IS NULL HAVING COUNT(*) > 0;
-- different: no segment counts zero
SELECT segment, COUNT(segment) FROM customers GROUP BY segment;
-- different: no segment is dropped
SELECT segment, COUNT(*) FROM customers WHERE segment IS NOT NULL GROUP BY segment;
-- different: no segment gets a name
SELECT COALESCE(segment, 'none'), COUNT(*) FROM customers GROUP BY segment;
-- different: different cities
SELECT segment, COUNT(DISTINCT city) FROM customers GROUP BY segment;
-- different: case is folded
SELECT LOWER(segment), COUNT(*) FROM customers GROUP BY LOWER(segment);
-- different: grouped by city
SELECT segment, COUNT(*) FROM customers GROUP BY city;
-- different: one row too many for the total
SELECT segment, COUNT(*) FROM customers GROUP BY segment UNION ALL SELECT 'all', COUNT(*) FROM customers;

-- schema: shop
-- reference, unordered
SELECT id FROM customers WHERE city <> 'Oslo' OR city IS NULL;
-- equivalent: IS NOT
SELECT id FROM customers WHERE city IS NOT 'Oslo';
-- equivalent: COALESCE with what can't be Oslo
SELECT id FROM customers WHERE COALESCE(city, '') <> 'Oslo';
-- equivalent: EXCEPT
SELECT id FROM customers EXCEPT SELECT id FROM customers WHERE city = 'Oslo';
-- equivalent: UNION ALL of two parts that can't overlap
SELECT id FROM customers WHERE city IS NULL UNION ALL SELECT id FROM customers WHERE NOT city = 'Oslo';
-- different: no city is lost
SELECT id FROM customers WHERE city <> 'Oslo';
-- different: NOT IN loses no city as well
SELECT id FROM customers WHERE city NOT IN ('Oslo');
-- different: comparing with NULL by =
SELECT id FROM customers WHERE city <> 'Oslo' OR city = NULL;
-- different: LIKE ignores case
SELECT id FROM customers WHERE city NOT LIKE 'oslo' OR city IS NULL;

-- schema: shop
-- reference, unordered
SELECT c.name AS customer, r.name AS referrer FROM customers AS c LEFT JOIN customers AS r ON r.id = c.referrer_id;
-- equivalent: a subquery for the referrer
SELECT name, (SELECT r.name FROM customers AS r WHERE r.id = customers.referrer_id) FROM customers;
-- equivalent: columns swapped everywhere
SELECT r.name, c.name FROM customers AS c LEFT JOIN customers AS r ON c.referrer_id = r.id;
-- equivalent: RIGHT JOIN
SELECT c.name, r.name FROM customers AS r RIGHT JOIN customers AS c ON r.id = c.referrer_id;
-- different: INNER JOIN
SELECT c.name, r.name FROM customers AS c JOIN customers AS r ON r.id = c.referrer_id;
-- different: the tree upside down
SELECT c.name, r.name FROM customers AS c LEFT JOIN customers AS r ON r.referrer_id = c.id;
-- different: the referrer's id
SELECT name, referrer_id FROM customers;
-- different: the customer twice
SELECT c.name, c.name FROM customers AS c LEFT JOIN customers AS r ON r.id = c.referrer_id;

-- schema: shop
-- reference, unordered
SELECT c.name, MAX(o.ordered_on) AS last_order FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.id, c.name;
-- equivalent: ROW_NUMBER
SELECT name, ordered_on FROM (
  SELECT c.name, o.ordered_on, ROW_NUMBER() OVER (PARTITION BY c.id ORDER BY o.ordered_on DESC) AS n
  FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
) WHERE n = 1;
-- equivalent: joined with the maxima
SELECT c.name, m.day FROM (SELECT customer_id, MAX(ordered_on) AS day FROM orders GROUP BY 1) AS m
JOIN customers AS c ON c.id = m.customer_id;
-- different: the first order
SELECT c.name, MIN(o.ordered_on) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id, c.name;
-- different: the last by id
SELECT c.name, o.ordered_on FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
WHERE o.id = (SELECT MAX(id) FROM orders WHERE customer_id = c.id);
-- different: RANK keeps two orders of the last day
SELECT name, ordered_on FROM (
  SELECT c.name, o.ordered_on, RANK() OVER (PARTITION BY c.id ORDER BY o.ordered_on DESC) AS n
  FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
) WHERE n = 1;
-- different: customers without an order come in
SELECT c.name, MAX(o.ordered_on) FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id, c.name;
-- different: one row for the whole table
SELECT c.name, MAX(o.ordered_on) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id;
-- different: equal names become one
SELECT c.name, MAX(o.ordered_on) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.name;

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT c.id, CASE WHEN SUM(CLEAN_NUMERIC(o.total)) >= 1000 THEN 'gold'
                  WHEN SUM(CLEAN_NUMERIC(o.total)) >= 100 THEN 'silver'
                  ELSE 'basic' END AS tier
FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.id;
-- equivalent: IIF over a CTE
WITH spent AS (
  SELECT c.id, TOTAL(CLEAN_NUMERIC(o.total)) AS s FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id
)
SELECT id, IIF(s >= 1000, 'gold', IIF(s >= 100, 'silver', 'basic')) FROM spent;
-- equivalent: branches from the bottom up
SELECT id, CASE WHEN s IS NULL OR s < 100 THEN 'basic' WHEN s < 1000 THEN 'silver' ELSE 'gold' END
FROM (SELECT id, (SELECT SUM(CLEAN_NUMERIC(total)) FROM orders WHERE customer_id = customers.id) AS s FROM customers);
-- different: the branches overlap in the wrong order
SELECT c.id, CASE WHEN SUM(CLEAN_NUMERIC(o.total)) >= 100 THEN 'silver'
                  WHEN SUM(CLEAN_NUMERIC(o.total)) >= 1000 THEN 'gold' ELSE 'basic' END
FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id;
-- different: exactly 100 is basic
SELECT c.id, CASE WHEN SUM(CLEAN_NUMERIC(o.total)) >= 1000 THEN 'gold'
                  WHEN SUM(CLEAN_NUMERIC(o.total)) > 100 THEN 'silver' ELSE 'basic' END
FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id;
-- different: who bought nothing has no tier
SELECT c.id, CASE WHEN SUM(CLEAN_NUMERIC(o.total)) >= 1000 THEN 'gold'
                  WHEN SUM(CLEAN_NUMERIC(o.total)) >= 100 THEN 'silver'
                  WHEN SUM(CLEAN_NUMERIC(o.total)) < 100 THEN 'basic' END
FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id;
-- different: the words are written otherwise
SELECT c.id, CASE WHEN SUM(CLEAN_NUMERIC(o.total)) >= 1000 THEN 'Gold'
                  WHEN SUM(CLEAN_NUMERIC(o.total)) >= 100 THEN 'Silver' ELSE 'Basic' END
FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id;
-- different: by the largest order
SELECT c.id, CASE WHEN MAX(CLEAN_NUMERIC(o.total)) >= 1000 THEN 'gold'
                  WHEN MAX(CLEAN_NUMERIC(o.total)) >= 100 THEN 'silver' ELSE 'basic' END
FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id;

-- schema: shop
-- reference, unordered
SELECT COUNT(DISTINCT customer_id) FROM orders WHERE status IN ('paid', 'open');
-- equivalent: counted over DISTINCT
SELECT COUNT(*) FROM (SELECT DISTINCT customer_id FROM orders WHERE status = 'paid' OR status = 'open');
-- equivalent: UNION counts each once
SELECT COUNT(*) FROM (SELECT customer_id FROM orders WHERE status = 'open'
                      UNION SELECT customer_id FROM orders WHERE status = 'paid');
-- equivalent: a condition inside of the count
SELECT COUNT(DISTINCT CASE WHEN status IN ('open', 'paid') THEN customer_id END) FROM orders;
-- different: orders, not customers
SELECT COUNT(customer_id) FROM orders WHERE status IN ('paid', 'open');
-- different: UNION ALL counts some twice
SELECT COUNT(*) FROM (SELECT DISTINCT customer_id FROM orders WHERE status = 'open'
                      UNION ALL SELECT DISTINCT customer_id FROM orders WHERE status = 'paid');
-- different: both are needed
SELECT COUNT(*) FROM (SELECT customer_id FROM orders WHERE status = 'open'
                      INTERSECT SELECT customer_id FROM orders WHERE status = 'paid');
-- different: AND binds before OR
SELECT COUNT(DISTINCT customer_id) FROM orders WHERE status = 'paid' OR status = 'open' AND total IS NOT NULL;
-- different: customers that exist
SELECT COUNT(DISTINCT c.id) FROM orders JOIN customers c ON c.id = customer_id WHERE status IN ('paid', 'open');
-- different: one row for each
SELECT COUNT(DISTINCT customer_id) FROM orders WHERE status IN ('paid', 'open') GROUP BY status;

-- schema: clinic
-- reference, unordered
SELECT p.name, p.city FROM patients AS p WHERE p.id IN (SELECT patient_id FROM visits);
-- equivalent: EXISTS, where NULLs don't matter
SELECT p.city, p.name FROM patients p WHERE EXISTS (SELECT * FROM visits v WHERE v.patient_id = p.id);
-- equivalent: a join by the key, grouped by it
SELECT p.name, p.city FROM patients p JOIN visits v ON v.patient_id = p.id GROUP BY p.id;
-- equivalent: joined with the different keys
SELECT name, city FROM patients JOIN (SELECT DISTINCT patient_id AS id FROM visits) USING (id);
-- different: a row for each visit
SELECT p.name, p.city FROM patients p JOIN visits v ON v.patient_id = p.id;
-- different: twins with name and city become one
SELECT DISTINCT p.name, p.city FROM patients p JOIN visits v ON v.patient_id = p.id;
-- different: at least two visits
SELECT p.name, p.city FROM patients p JOIN visits v ON v.patient_id = p.id GROUP BY p.id HAVING COUNT(*) > 1;
-- different: an EXISTS that does not refer to the patient
SELECT p.name, p.city FROM patients AS p WHERE EXISTS (SELECT patient_id FROM visits);
-- different: all patients
SELECT p.name, p.city FROM patients AS p;

-- schema: clinic
-- reference, unordered
SELECT city, COUNT(*) FROM patients WHERE birth_date < '2006-01-01' GROUP BY city HAVING COUNT(*) >= 2;
-- equivalent: the condition in a subquery
SELECT city, n FROM (SELECT city, COUNT(birth_date) AS n FROM patients WHERE '2006-01-01' > birth_date GROUP BY city)
WHERE n > 1;
-- equivalent: a filtered count
SELECT city, COUNT(*) FILTER (WHERE birth_date < '2006-01-01') AS n FROM patients GROUP BY city HAVING n >= 2;
-- equivalent: the last day before
SELECT city, COUNT(*) FROM patients WHERE birth_date <= '2005-12-31' GROUP BY city HAVING COUNT(*) >= 2;
-- different: HAVING counts also who is younger
SELECT city, COUNT(*) FILTER (WHERE birth_date < '2006-01-01') FROM patients GROUP BY city HAVING COUNT(*) >= 2;
-- different: born that day counts
SELECT city, COUNT(*) FROM patients WHERE birth_date <= '2006-01-01' GROUP BY city HAVING COUNT(*) >= 2;
-- different: no birth date counts as older
SELECT city, COUNT(*) FROM patients WHERE NOT COALESCE(birth_date, '') >= '2006-01-01' GROUP BY city
HAVING COUNT(*) >= 2;
-- different: by the year as a number, one year late
SELECT city, COUNT(*) FROM patients WHERE CAST(strftime('%Y', birth_date) AS INTEGER) < 2007 GROUP BY city
HAVING COUNT(*) >= 2;
-- different: the year compared with a number is text, and text is larger
SELECT city, COUNT(*) FROM patients WHERE strftime('%Y', birth_date) < 2006 GROUP BY city HAVING COUNT(*) >= 2;
