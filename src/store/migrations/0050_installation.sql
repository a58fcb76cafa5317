-- Which fleet this database is of, where servers of several fleets share something beside it. One row, written once.
CREATE TABLE installation (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  name TEXT NOT NULL  -- random
);
