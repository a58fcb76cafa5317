-- Alerts: what a restart goes on with, what has happened, and who wants to hear of it. Times are milliseconds since the epoch.
CREATE TABLE alert_state (
  name TEXT PRIMARY KEY,           -- tracks, baselines: see fleet/alerts/track_text.h and baseline.h
  state TEXT NOT NULL
);

-- An alert that began to fire or was resolved. Ids grow and are given once.
CREATE TABLE alert_event (
  id BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  phase TEXT NOT NULL,             -- firing, resolved
  why TEXT NOT NULL,
  alert TEXT NOT NULL,
  subject TEXT NOT NULL,
  severity TEXT NOT NULL,
  labels TEXT NOT NULL,
  summary TEXT NOT NULL,
  fired BIGINT NOT NULL,
  sample DOUBLE PRECISION NOT NULL, -- the value
  told INTEGER NOT NULL            -- 0: somebody did not want to hear of it, or another alert explains it
);
CREATE INDEX alert_event_by_time ON alert_event (at);

CREATE TABLE alert_silence (
  id TEXT PRIMARY KEY,
  matchers TEXT NOT NULL,
  starts BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  repeats TEXT NOT NULL,
  note TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created BIGINT NOT NULL
);

-- Up to and with which event a receiver has taken what was for it.
CREATE TABLE alert_delivery (
  receiver TEXT PRIMARY KEY,
  event BIGINT NOT NULL
);
