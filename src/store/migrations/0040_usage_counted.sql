-- Up to when that is counted which is told no longer. A restart reads from the journal again what was told in the last few
-- intervals, and knows by it what has been counted; what has been silent for longer is told by these rows, so that a
-- request which is sent again after hours is not counted twice. Times are those of samples, in ms since the epoch.
CREATE TABLE usage_counted (
  subject BIGINT NOT NULL,
  owner BIGINT NOT NULL,           -- 0: the subject's own
  compute_instance INTEGER NOT NULL,  -- of an owner; -1: all of the subject
  what INTEGER NOT NULL,           -- a field in the order of usage's columns, 7: whether it is there; of an owner 0: holds, 1: uses
  counted_until BIGINT NOT NULL,
  PRIMARY KEY (subject, owner, compute_instance, what)
);
