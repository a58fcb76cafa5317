-- How much was waited for in each hour: what forecasts of demand stand on. Hours are seconds since the epoch. Both tables only ever grow:
-- each look of the leader adds the time since the one before.
CREATE TABLE queue_seen (
  hour BIGINT PRIMARY KEY,
  observed_ms BIGINT NOT NULL  -- of the hour, in which somebody looked: with less than all of it the hour is not known
);
CREATE TABLE queue_hour (
  hour BIGINT NOT NULL,
  team TEXT NOT NULL,          -- '': none was named
  model TEXT NOT NULL,         -- '': any, or one of several
  gpu_ms BIGINT NOT NULL,      -- whole devices, times how long they were waited for
  PRIMARY KEY (hour, team, model)
)/*sqlite: WITHOUT ROWID*/;
