-- Verdicts that the grader has to reach; this head explains the format of the folder.
--
-- NAME.schema.sql holds the tables of a schema with some sample rows. Every other file holds
-- cases. A line that begins with one of these is a heading, and holds for the statement that
-- follows it, up to the next heading:
--   -- schema: NAME              the schema of what follows, until another one is named
--   -- reference, unordered      a reference; `unordered` or `ordered`, and after it perhaps
--                                `requires` with words: cte window clean_numeric
--   -- equivalent: WHY           an answer to the reference above that is right
--   -- different: WHY            an answer to the reference above that is wrong
-- Every statement ends with a semicolon at the end of a line. Other line comments belong to
-- the statement in which they stand.
--
-- `equivalent` means: on every database of the schema the same multiset of rows, up to one
-- permutation of the columns that is the same everywhere. Names of columns don't matter,
-- numbers are equal within a relative 1e-6, text never equals a number, NULL only equals NULL.
-- The order of rows matters only if the reference is `ordered`, and then only up to ties in its
-- ORDER BY keys (which are columns of its result). What is not NOT NULL may be NULL, what
-- refers to another table may dangle, any table may be empty, dates are valid ISO dates.
-- `different` means that plausible rows tell the two apart. scripts/goldens/verdicts.py
-- checks both by brute force.
--
-- This file: revenue and finance.

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT SUM(CLEAN_NUMERIC(total)) AS revenue FROM orders WHERE status = 'paid';
-- equivalent: CASE instead of WHERE
SELECT SUM(CASE WHEN status = 'paid' THEN CLEAN_NUMERIC(total) END) FROM orders;
-- equivalent: FILTER instead of WHERE
SELECT SUM(CLEAN_NUMERIC(o.total)) FILTER (WHERE o.status = 'paid') AS x FROM orders AS o;
-- equivalent: lower case, quoted names, a comment
select sum(clean_numeric("total")) /* all of it */ from "orders" where "status" = 'paid' -- only paid
;
-- equivalent: a CTE that cleans first
WITH cleaned AS (SELECT status, CLEAN_NUMERIC(total) AS amount FROM orders)
SELECT SUM(amount) FROM cleaned WHERE status = 'paid' AND amount IS NOT NULL;
-- different: CAST for CLEAN_NUMERIC
SELECT SUM(CAST(total AS REAL)) FROM orders WHERE status = 'paid';
-- different: plain SUM of text
SELECT SUM(total) FROM orders WHERE status = 'paid';
-- different: zero instead of NULL where nothing is paid
SELECT TOTAL(CLEAN_NUMERIC(total)) FROM orders WHERE status = 'paid';
-- different: LIKE ignores case
SELECT SUM(CLEAN_NUMERIC(total)) FROM orders WHERE status LIKE 'paid';
-- different: no filter
SELECT SUM(CLEAN_NUMERIC(total)) FROM orders;
-- different: the sample's sum as a constant
SELECT 1274.5 AS revenue;
-- different: only the dollar sign and the commas are taken out
SELECT SUM(CAST(REPLACE(REPLACE(total, '$', ''), ',', '') AS REAL)) FROM orders WHERE status = 'paid';

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT c.city, SUM(CLEAN_NUMERIC(o.total)) AS revenue
FROM orders AS o JOIN customers AS c ON c.id = o.customer_id
GROUP BY c.city;
-- equivalent: the join the other way round, columns in another order
SELECT SUM(CLEAN_NUMERIC(o.total)) AS revenue, c.city
FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
GROUP BY 2;
-- equivalent: comma join
SELECT city, SUM(CLEAN_NUMERIC(total)) FROM orders, customers WHERE customers.id = customer_id GROUP BY city;
-- equivalent: summed by customer before it is summed by city
WITH by_customer AS (
  SELECT customer_id, SUM(CLEAN_NUMERIC(total)) AS amount FROM orders GROUP BY customer_id
)
SELECT c.city, SUM(b.amount) FROM by_customer AS b JOIN customers AS c ON c.id = b.customer_id GROUP BY c.city;
-- equivalent: LEFT JOIN whose missing side is thrown away
SELECT c.city, SUM(CLEAN_NUMERIC(o.total)) FROM orders AS o LEFT JOIN customers AS c ON c.id = o.customer_id
WHERE c.id IS NOT NULL GROUP BY c.city;
-- different: LEFT JOIN keeps orders without a customer
SELECT c.city, SUM(CLEAN_NUMERIC(o.total)) FROM orders AS o LEFT JOIN customers AS c ON c.id = o.customer_id
GROUP BY c.city;
-- different: customers without orders come in
SELECT c.city, SUM(CLEAN_NUMERIC(o.total)) FROM customers AS c LEFT JOIN orders AS o ON c.id = o.customer_id
GROUP BY c.city;
-- different: cities without a name are dropped
SELECT c.city, SUM(CLEAN_NUMERIC(o.total)) FROM orders AS o JOIN customers AS c ON c.id = o.customer_id
WHERE c.city IS NOT NULL GROUP BY c.city;
-- different: grouped by customer
SELECT c.city, SUM(CLEAN_NUMERIC(o.total)) FROM orders AS o JOIN customers AS c ON c.id = o.customer_id
GROUP BY c.id;
-- different: wrong column of the join
SELECT c.city, SUM(CLEAN_NUMERIC(o.total)) FROM orders AS o JOIN customers AS c ON c.id = o.id GROUP BY c.city;
-- different: average instead of sum
SELECT c.city, AVG(CLEAN_NUMERIC(o.total)) FROM orders AS o JOIN customers AS c ON c.id = o.customer_id
GROUP BY c.city;
-- different: a column too many
SELECT c.city, SUM(CLEAN_NUMERIC(o.total)), COUNT(*) FROM orders AS o JOIN customers AS c ON c.id = o.customer_id
GROUP BY c.city;
-- different: the city is missing
SELECT SUM(CLEAN_NUMERIC(o.total)) FROM orders AS o JOIN customers AS c ON c.id = o.customer_id
GROUP BY c.city;

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT AVG(CLEAN_NUMERIC(total)) FROM orders;
-- equivalent: sum by count of what could be read
SELECT SUM(CLEAN_NUMERIC(total)) / COUNT(CLEAN_NUMERIC(total)) FROM orders;
-- equivalent: what can't be read is dropped first
SELECT AVG(amount) FROM (SELECT CLEAN_NUMERIC(total) AS amount FROM orders) WHERE amount IS NOT NULL;
-- different: what can't be read counts as zero
SELECT AVG(COALESCE(CLEAN_NUMERIC(total), 0)) FROM orders;
-- different: divided by all rows
SELECT SUM(CLEAN_NUMERIC(total)) / COUNT(*) FROM orders;
-- different: divided by all rows with a text
SELECT SUM(CLEAN_NUMERIC(total)) / COUNT(total) FROM orders;
-- different: rounded
SELECT ROUND(AVG(CLEAN_NUMERIC(total)), 1) FROM orders;
-- different: each amount once
SELECT AVG(DISTINCT CLEAN_NUMERIC(total)) FROM orders;

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT p.category, SUM(i.quantity * CLEAN_NUMERIC(i.unit_price)) AS revenue
FROM order_items AS i JOIN products AS p ON p.id = i.product_id
GROUP BY p.category;
-- equivalent: factors swapped, USING-like join through a CTE
WITH lines AS (SELECT product_id AS id, CLEAN_NUMERIC(unit_price) * quantity AS amount FROM order_items)
SELECT category, SUM(amount) FROM lines JOIN products USING (id) GROUP BY category;
-- equivalent: a subquery for each line instead of a join
SELECT category, SUM(amount) FROM (
  SELECT (SELECT category FROM products WHERE products.id = order_items.product_id) AS category,
         quantity * CLEAN_NUMERIC(unit_price) AS amount
  FROM order_items
) WHERE category IS NOT NULL GROUP BY category;
-- different: sum of quantities times sum of prices
SELECT p.category, SUM(i.quantity) * SUM(CLEAN_NUMERIC(i.unit_price))
FROM order_items AS i JOIN products AS p ON p.id = i.product_id GROUP BY p.category;
-- different: today's price instead of the price of the order
SELECT p.category, SUM(i.quantity * CLEAN_NUMERIC(p.price))
FROM order_items AS i JOIN products AS p ON p.id = i.product_id GROUP BY p.category;
-- different: the quantity is forgotten
SELECT p.category, SUM(CLEAN_NUMERIC(i.unit_price))
FROM order_items AS i JOIN products AS p ON p.id = i.product_id GROUP BY p.category;
-- different: only lines whose order exists
SELECT p.category, SUM(i.quantity * CLEAN_NUMERIC(i.unit_price))
FROM order_items AS i JOIN products AS p ON p.id = i.product_id JOIN orders AS o ON o.id = i.order_id
GROUP BY p.category;
-- different: grouped by title
SELECT p.category, SUM(i.quantity * CLEAN_NUMERIC(i.unit_price))
FROM order_items AS i JOIN products AS p ON p.id = i.product_id GROUP BY p.title;

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT id, CLEAN_NUMERIC(total) * (1 - COALESCE(discount, 0)) AS net FROM orders
WHERE CLEAN_NUMERIC(total) IS NOT NULL;
-- equivalent: the discount is taken off, by IFNULL
SELECT id, CLEAN_NUMERIC(total) - CLEAN_NUMERIC(total) * IFNULL(discount, 0.0) FROM orders
WHERE NOT CLEAN_NUMERIC(total) IS NULL;
-- equivalent: CASE for COALESCE
SELECT id, CASE WHEN discount IS NULL THEN amount ELSE amount * (1 - discount) END
FROM (SELECT id, discount, CLEAN_NUMERIC(total) AS amount FROM orders) WHERE amount IS NOT NULL;
-- equivalent: UNION ALL of both cases
SELECT id, CLEAN_NUMERIC(total) AS net FROM orders WHERE discount IS NULL AND CLEAN_NUMERIC(total) IS NOT NULL
UNION ALL
SELECT id, CLEAN_NUMERIC(total) * (1.0 - discount) FROM orders
WHERE discount IS NOT NULL AND CLEAN_NUMERIC(total) IS NOT NULL;
-- different: no discount gives NULL
SELECT id, CLEAN_NUMERIC(total) * (1 - discount) FROM orders WHERE CLEAN_NUMERIC(total) IS NOT NULL;
-- different: the discount itself
SELECT id, CLEAN_NUMERIC(total) * COALESCE(discount, 0) FROM orders WHERE CLEAN_NUMERIC(total) IS NOT NULL;
-- different: text that can't be read stays
SELECT id, CLEAN_NUMERIC(total) * (1 - COALESCE(discount, 0)) FROM orders WHERE total IS NOT NULL;
-- different: percents instead of parts
SELECT id, CLEAN_NUMERIC(total) * (1 - COALESCE(discount, 0) / 100) FROM orders
WHERE CLEAN_NUMERIC(total) IS NOT NULL;

-- schema: shop
-- reference, ordered requires clean_numeric
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders
WHERE CLEAN_NUMERIC(total) >= 100
ORDER BY amount DESC;
-- equivalent: ties may stand in any order
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE CLEAN_NUMERIC(total) >= 100
ORDER BY amount DESC, id DESC;
-- equivalent: the negative ascending
SELECT id, CLEAN_NUMERIC(total) FROM orders WHERE NOT CLEAN_NUMERIC(total) < 100
ORDER BY -CLEAN_NUMERIC(total);
-- equivalent: by the place of the column
SELECT CLEAN_NUMERIC(total), id FROM orders WHERE 100 <= CLEAN_NUMERIC(total) ORDER BY 1 DESC, 2;
-- different: ascending
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE CLEAN_NUMERIC(total) >= 100 ORDER BY amount;
-- different: by id
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE CLEAN_NUMERIC(total) >= 100 ORDER BY id;
-- different: exactly 100 is left out
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE CLEAN_NUMERIC(total) > 100 ORDER BY amount DESC;
-- different: sorted as text
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE CLEAN_NUMERIC(total) >= 100 ORDER BY total DESC;
-- different: compared as text
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE total >= '100' ORDER BY amount DESC;
-- different: the text instead of the number
SELECT id, total FROM orders WHERE CLEAN_NUMERIC(total) >= 100 ORDER BY CLEAN_NUMERIC(total) DESC;

-- schema: shop
-- reference, ordered requires clean_numeric
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders
WHERE CLEAN_NUMERIC(total) IS NOT NULL
ORDER BY amount DESC, id
LIMIT 3;
-- equivalent: ROW_NUMBER for LIMIT
SELECT id, amount FROM (
  SELECT id, CLEAN_NUMERIC(total) AS amount,
         ROW_NUMBER() OVER (ORDER BY CLEAN_NUMERIC(total) DESC, id) AS place
  FROM orders WHERE CLEAN_NUMERIC(total) IS NOT NULL
) WHERE place <= 3 ORDER BY place;
-- equivalent: LIMIT with OFFSET 0, NULLs named last and then dropped
WITH ranked AS (
  SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders ORDER BY 2 DESC NULLS LAST, 1 LIMIT 3 OFFSET 0
)
SELECT id, amount FROM ranked WHERE amount IS NOT NULL ORDER BY amount DESC, id ASC;
-- different: one row too many
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE CLEAN_NUMERIC(total) IS NOT NULL
ORDER BY amount DESC, id LIMIT 4;
-- different: RANK keeps ties
SELECT id, amount FROM (
  SELECT id, CLEAN_NUMERIC(total) AS amount, RANK() OVER (ORDER BY CLEAN_NUMERIC(total) DESC) AS place
  FROM orders WHERE CLEAN_NUMERIC(total) IS NOT NULL
) WHERE place <= 3 ORDER BY amount DESC, id;
-- different: the tie-breaker the other way
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE CLEAN_NUMERIC(total) IS NOT NULL
ORDER BY amount DESC, id DESC LIMIT 3;
-- different: the first one is skipped
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE CLEAN_NUMERIC(total) IS NOT NULL
ORDER BY amount DESC, id LIMIT 3 OFFSET 1;
-- different: cut before it is sorted
SELECT * FROM (SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders
               WHERE CLEAN_NUMERIC(total) IS NOT NULL ORDER BY id LIMIT 3)
ORDER BY amount DESC, id;
-- different: the smallest
SELECT id, CLEAN_NUMERIC(total) AS amount FROM orders WHERE CLEAN_NUMERIC(total) IS NOT NULL
ORDER BY amount, id LIMIT 3;

-- schema: shop
-- reference, unordered
SELECT customer_id, COUNT(*) AS orders FROM orders GROUP BY customer_id HAVING COUNT(*) >= 2;
-- equivalent: more than one
SELECT customer_id, COUNT(id) FROM orders GROUP BY customer_id HAVING COUNT(id) > 1;
-- equivalent: a subquery for HAVING
SELECT * FROM (SELECT customer_id, COUNT(ordered_on) AS n FROM orders GROUP BY 1) WHERE NOT n < 2;
-- equivalent: a window and DISTINCT
SELECT DISTINCT customer_id, n FROM (
  SELECT customer_id, COUNT(*) OVER (PARTITION BY customer_id) AS n FROM orders
) WHERE n >= 2;
-- different: COUNT of a column with NULLs
SELECT customer_id, COUNT(total) FROM orders GROUP BY customer_id HAVING COUNT(*) >= 2;
-- different: more than two
SELECT customer_id, COUNT(*) FROM orders GROUP BY customer_id HAVING COUNT(*) > 2;
-- different: the condition on another column
SELECT customer_id, COUNT(*) FROM orders GROUP BY customer_id HAVING COUNT(status) >= 2;
-- different: different days instead of orders
SELECT customer_id, COUNT(DISTINCT ordered_on) FROM orders GROUP BY customer_id HAVING COUNT(*) >= 2;
-- different: customers that exist only
SELECT c.id, COUNT(*) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id
HAVING COUNT(*) >= 2;
-- different: no condition
SELECT customer_id, COUNT(*) FROM orders GROUP BY customer_id;

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT status, SUM(CLEAN_NUMERIC(total)) * 100.0 / (SELECT SUM(CLEAN_NUMERIC(total)) FROM orders) AS share
FROM orders GROUP BY status;
-- equivalent: a window over the groups
SELECT status, 100.0 * SUM(CLEAN_NUMERIC(total)) / SUM(SUM(CLEAN_NUMERIC(total))) OVER () FROM orders
GROUP BY status;
-- equivalent: the whole in a CTE
WITH whole AS (SELECT SUM(CLEAN_NUMERIC(total)) AS w FROM orders)
SELECT o.status, SUM(CLEAN_NUMERIC(o.total)) / MAX(w) * 100 FROM orders AS o CROSS JOIN whole GROUP BY o.status;
-- different: the share of the count
SELECT status, COUNT(*) * 100.0 / (SELECT COUNT(*) FROM orders) FROM orders GROUP BY status;
-- different: parts instead of percents
SELECT status, SUM(CLEAN_NUMERIC(total)) / (SELECT SUM(CLEAN_NUMERIC(total)) FROM orders) FROM orders
GROUP BY status;
-- different: no status is left out of the whole
SELECT status, SUM(CLEAN_NUMERIC(total)) * 100.0
  / (SELECT SUM(CLEAN_NUMERIC(total)) FROM orders WHERE status IS NOT NULL)
FROM orders GROUP BY status;
-- different: rows without a status are dropped
SELECT status, SUM(CLEAN_NUMERIC(total)) * 100.0 / (SELECT SUM(CLEAN_NUMERIC(total)) FROM orders) AS share
FROM orders WHERE status IS NOT NULL GROUP BY status;

-- schema: clinic
-- reference, unordered requires clean_numeric
SELECT d.name, COALESCE(SUM(CLEAN_NUMERIC(v.fee)), 0) AS income
FROM doctors AS d LEFT JOIN visits AS v ON v.doctor_id = d.id
GROUP BY d.id, d.name;
-- equivalent: a subquery for each doctor
SELECT name, COALESCE((SELECT SUM(CLEAN_NUMERIC(fee)) FROM visits WHERE doctor_id = doctors.id), 0.0)
FROM doctors;
-- equivalent: TOTAL for COALESCE of SUM
SELECT d.name, TOTAL(CLEAN_NUMERIC(v.fee)) FROM doctors d LEFT OUTER JOIN visits v ON d.id = v.doctor_id
GROUP BY d.id;
-- equivalent: RIGHT JOIN
SELECT d.name, IFNULL(SUM(CLEAN_NUMERIC(v.fee)), 0) FROM visits v RIGHT JOIN doctors d ON d.id = v.doctor_id
GROUP BY d.id;
-- equivalent: the sums in a CTE
WITH income AS (SELECT doctor_id, SUM(CLEAN_NUMERIC(fee)) AS s FROM visits GROUP BY doctor_id)
SELECT d.name, CASE WHEN s IS NULL THEN 0 ELSE s END FROM doctors d LEFT JOIN income ON doctor_id = d.id;
-- different: INNER where LEFT is needed
SELECT d.name, COALESCE(SUM(CLEAN_NUMERIC(v.fee)), 0) FROM doctors AS d JOIN visits AS v ON v.doctor_id = d.id
GROUP BY d.id, d.name;
-- different: doctors of the same name become one
SELECT d.name, COALESCE(SUM(CLEAN_NUMERIC(v.fee)), 0) FROM doctors AS d LEFT JOIN visits AS v ON v.doctor_id = d.id
GROUP BY d.name;
-- different: NULL where there is no income
SELECT d.name, SUM(CLEAN_NUMERIC(v.fee)) FROM doctors AS d LEFT JOIN visits AS v ON v.doctor_id = d.id
GROUP BY d.id, d.name;
-- different: a condition on the right side undoes the LEFT JOIN
SELECT d.name, COALESCE(SUM(CLEAN_NUMERIC(v.fee)), 0) FROM doctors AS d LEFT JOIN visits AS v ON v.doctor_id = d.id
WHERE v.fee IS NOT NULL GROUP BY d.id, d.name;
-- different: FULL JOIN brings visits without a doctor
SELECT d.name, COALESCE(SUM(CLEAN_NUMERIC(v.fee)), 0) FROM doctors AS d FULL JOIN visits AS v ON v.doctor_id = d.id
GROUP BY d.id, d.name;
-- different: joined on the visit's own id
SELECT d.name, COALESCE(SUM(CLEAN_NUMERIC(v.fee)), 0) FROM doctors AS d LEFT JOIN visits AS v ON v.id = d.id
GROUP BY d.id, d.name;

-- schema: clinic
-- reference, unordered requires clean_numeric
SELECT MIN(CLEAN_NUMERIC(fee)) AS lowest, MAX(CLEAN_NUMERIC(fee)) AS highest FROM visits;
-- equivalent: columns the other way with the names exchanged, and names don't count
SELECT MAX(CLEAN_NUMERIC(fee)) AS lowest, MIN(CLEAN_NUMERIC(fee)) AS highest FROM visits;
-- equivalent: two subqueries
SELECT (SELECT CLEAN_NUMERIC(fee) AS f FROM visits WHERE CLEAN_NUMERIC(fee) IS NOT NULL ORDER BY f LIMIT 1),
       (SELECT CLEAN_NUMERIC(fee) AS f FROM visits ORDER BY f DESC LIMIT 1);
-- different: the largest twice
SELECT MAX(CLEAN_NUMERIC(fee)), MAX(CLEAN_NUMERIC(fee)) FROM visits;
-- different: the text's order
SELECT CLEAN_NUMERIC(MIN(fee)), CLEAN_NUMERIC(MAX(fee)) FROM visits;
-- different: the difference of both
SELECT MAX(CLEAN_NUMERIC(fee)) - MIN(CLEAN_NUMERIC(fee)) FROM visits;
-- different: two rows instead of two columns
SELECT MIN(CLEAN_NUMERIC(fee)) FROM visits UNION ALL SELECT MAX(CLEAN_NUMERIC(fee)) FROM visits;
-- different: the NULL that sorts first
SELECT (SELECT CLEAN_NUMERIC(fee) AS f FROM visits ORDER BY f LIMIT 1),
       (SELECT CLEAN_NUMERIC(fee) AS f FROM visits ORDER BY f DESC LIMIT 1);

-- schema: clinic
-- reference, unordered requires clean_numeric
SELECT COUNT(*) FROM visits WHERE CLEAN_NUMERIC(fee) BETWEEN 50 AND 100;
-- equivalent: two comparisons
SELECT COUNT(id) FROM visits WHERE CLEAN_NUMERIC(fee) >= 50 AND CLEAN_NUMERIC(fee) <= 100;
-- equivalent: De Morgan
SELECT COUNT(*) FROM visits WHERE NOT (CLEAN_NUMERIC(fee) < 50 OR CLEAN_NUMERIC(fee) > 100);
-- equivalent: a sum of truths, with zero for an empty table
SELECT COALESCE(SUM(CLEAN_NUMERIC(fee) BETWEEN 50.0 AND 100.0), 0) FROM visits;
-- different: the upper end is left out
SELECT COUNT(*) FROM visits WHERE CLEAN_NUMERIC(fee) >= 50 AND CLEAN_NUMERIC(fee) < 100;
-- different: the lower end is left out
SELECT COUNT(*) FROM visits WHERE CLEAN_NUMERIC(fee) > 50 AND CLEAN_NUMERIC(fee) <= 100;
-- different: OR for AND
SELECT COUNT(*) FROM visits WHERE CLEAN_NUMERIC(fee) >= 50 OR CLEAN_NUMERIC(fee) <= 100;
-- different: NULL for none
SELECT SUM(CLEAN_NUMERIC(fee) BETWEEN 50 AND 100) FROM visits WHERE CLEAN_NUMERIC(fee) BETWEEN 50 AND 100;
-- different: text is larger than any number
SELECT COUNT(*) FROM visits WHERE fee BETWEEN 50 AND 100;
-- different: different patients
SELECT COUNT(DISTINCT patient_id) FROM visits WHERE CLEAN_NUMERIC(fee) BETWEEN 50 AND 100;
