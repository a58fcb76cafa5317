-- Tracks of alerts, each by itself, so that a round writes what has changed in it. What a server of the version before has kept is in
-- alert_state (tracks) until the next one has gone on with it.
CREATE TABLE alert_track (
  rule TEXT NOT NULL,
  subject TEXT NOT NULL,
  looked BIGINT NOT NULL,          -- the round in which it was written, in milliseconds since the epoch
  track TEXT NOT NULL,             -- see fleet/alerts/track_text.h
  PRIMARY KEY (rule, subject)
);
