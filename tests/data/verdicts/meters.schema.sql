-- Electricity meters: numbers are numbers here; days are ISO text without a time.
CREATE TABLE sites (
  code TEXT NOT NULL PRIMARY KEY,
  region TEXT,
  opened_on TEXT
);
CREATE TABLE readings (
  site TEXT NOT NULL REFERENCES sites (code),
  day TEXT NOT NULL,
  kwh REAL,
  peak INTEGER,
  PRIMARY KEY (site, day)
);
CREATE TABLE incidents (
  id INTEGER PRIMARY KEY,
  site TEXT REFERENCES sites (code),
  started_on TEXT NOT NULL,
  kind TEXT NOT NULL,
  severity INTEGER
);
INSERT INTO sites VALUES
  ('A1', 'north', '2021-05-31'),
  ('B2', 'south', '2022-01-01'),
  ('C3', 'north', NULL),
  ('D4', NULL, '2023-12-31');
INSERT INTO readings VALUES
  ('A1', '2023-12-31', 10.5, 3),
  ('A1', '2024-01-01', 12.0, 4),
  ('A1', '2024-01-02', NULL, NULL),
  ('A1', '2024-02-01', 9.25, 4),
  ('B2', '2024-01-01', 12.0, 7),
  ('B2', '2024-01-31', 0.0, 0),
  ('C3', '2024-02-29', 30.0, 10),
  ('C3', '2024-03-01', 30.0, NULL);
INSERT INTO incidents VALUES
  (1, 'A1', '2024-01-01', 'outage', 3),
  (2, 'A1', '2024-01-02', 'surge', 1),
  (3, 'B2', '2024-01-31', 'outage', NULL),
  (4, NULL, '2024-02-29', 'noise', 2),
  (5, 'C3', '2024-02-29', 'outage', 3);
