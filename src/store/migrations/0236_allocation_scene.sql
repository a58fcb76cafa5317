-- What the decision of an allocation was made on, so that it can be made again; in the words of whoever keeps it. What
-- was expected to come is the same for many, and is kept once.
CREATE TABLE allocation_scene (
  allocation TEXT NOT NULL PRIMARY KEY,
  scene TEXT NOT NULL,
  mix TEXT NOT NULL -- the name of one, or nothing
);
CREATE INDEX allocation_scene_mix ON allocation_scene (mix);
CREATE TABLE allocation_mix (
  name TEXT NOT NULL PRIMARY KEY,
  mix TEXT NOT NULL
);
