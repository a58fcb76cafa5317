-- By whose clocks a silence comes again.
ALTER TABLE alert_silence ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
