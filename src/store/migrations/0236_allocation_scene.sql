-- What the decision of an allocation was made on, so that it can be made again; in the words of whoever keeps it.
CREATE TABLE allocation_scene (
  allocation TEXT NOT NULL PRIMARY KEY,
  scene TEXT NOT NULL
);
