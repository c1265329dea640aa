-- A shop. Money is text as exports write it; dates are ISO text without a time. Some words
-- differ by case or blanks only.
CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  city TEXT,
  segment TEXT,
  signup_date TEXT NOT NULL,
  referrer_id INTEGER REFERENCES customers (id)
);
CREATE TABLE products (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL,
  category TEXT NOT NULL,
  price TEXT,
  stock INTEGER
);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  ordered_on TEXT NOT NULL,
  status TEXT,
  total TEXT,
  discount REAL
);
CREATE TABLE order_items (
  order_id INTEGER NOT NULL REFERENCES orders (id),
  product_id INTEGER NOT NULL REFERENCES products (id),
  quantity INTEGER NOT NULL,
  unit_price TEXT NOT NULL,
  PRIMARY KEY (order_id, product_id)
);
INSERT INTO customers VALUES
  (1, 'Ada Berg', 'Oslo', 'retail', '2023-01-01', NULL),
  (2, 'Bo Chen', 'Lima', 'wholesale', '2023-02-28', 1),
  (3, 'Cleo Diaz', NULL, 'retail', '2023-12-31', 1),
  (4, 'Dan Eke', 'Oslo', NULL, '2024-01-01', 2),
  (5, 'Eva Fox', 'Kyiv', 'online', '2024-02-29', NULL),
  (6, 'Eva Fox', 'oslo', 'Retail', '2024-06-30', 3),
  (7, 'Gil Hui', '', ' ', '2024-12-31', 4);
INSERT INTO products VALUES
  (1, 'Lamp', 'home', '$20.00', 10),
  (2, 'Desk', 'office', '$1,234.50', 0),
  (3, 'Pen', 'office', '1,50 €', NULL),
  (4, 'Rug', 'home', 'n/a', 3),
  (5, 'lamp ', 'home', '$1.234', 1);
INSERT INTO orders VALUES
  (1, 1, '2023-03-31', 'paid', '$40.00', 0.1),
  (2, 1, '2023-04-01', 'open', '(5)', NULL),
  (3, 2, '2023-12-31', 'paid', '1.234,50 €', 0.0),
  (4, 3, '2024-01-01', 'cancelled', '', 0.25),
  (5, 2, '2024-02-29', NULL, '$1,234.50', NULL),
  (6, 5, '2024-03-15', 'paid', NULL, 0.1),
  (7, 6, '2024-12-31', 'Paid', '$100.00', 0.1),
  (8, 7, '2025-01-01', '', '100', NULL);
INSERT INTO order_items VALUES
  (1, 1, 2, '$20.00'),
  (2, 3, 1, '(5)'),
  (3, 2, 1, '$1,234.50'),
  (3, 3, 10, '1,50 €'),
  (4, 4, 1, 'n/a'),
  (5, 2, 1, '$1,234.50');
