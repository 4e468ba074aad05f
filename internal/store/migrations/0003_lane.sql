-- How postbacks travel. A lane is an endpoint: whoever leases it alone sends what is due there. Until now each postback
-- was leased for itself; that column goes.
-- +goose Up

-- endpoint is one address that postbacks go to: a merchant's for deposits, or for withdrawals. Its row is made when it is
-- first leased or set; no row means closed, and the defaults. lease and lease_until say
-- who sends (0: nobody); whoever records an attempt must name the lease.
-- The breaker: closed, all that is due is sent · open, only probes are sent, the next at probe_at, with postback probe_id
-- (0: the one that is due longest) · paused, nothing is sent until a person resumes it. failures counts the probes in a row
-- that failed, changed_at is when the state began, probed_at when the last request ended in it, reason why it isn't closed.
-- Set by the operator: concurrency (requests open at once) and rate (a second), 0 for the default; ca (PEM) and pin.
CREATE TABLE endpoint (
  merchant_id bigint NOT NULL REFERENCES merchant (id),
  kind        text NOT NULL CHECK (kind IN ('deposit', 'withdrawal')),
  state       text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'paused')),
  reason      text NOT NULL DEFAULT '',
  failures    smallint NOT NULL DEFAULT 0 CHECK (failures >= 0),
  changed_at  bigint NOT NULL DEFAULT 0,
  probe_id    bigint NOT NULL DEFAULT 0,
  probe_at    bigint NOT NULL DEFAULT 0,
  probed_at   bigint NOT NULL DEFAULT 0,
  lease       bigint NOT NULL DEFAULT 0,
  lease_until bigint NOT NULL DEFAULT 0,
  concurrency smallint NOT NULL DEFAULT 0 CHECK (concurrency >= 0),
  rate        bigint NOT NULL DEFAULT 0 CHECK (rate >= 0),
  ca          text NOT NULL DEFAULT '',
  pin         text NOT NULL DEFAULT '',
  PRIMARY KEY (merchant_id, kind),
  CHECK ((lease = 0) = (lease_until = 0)),
  CHECK (state <> 'closed' OR failures = 0)
) WITH (fillfactor = 50);

-- postback keeps the exact bytes that every attempt sends. next_at is when it is tried next. Its schedule begins at
-- schedule_at with attempt schedule_tries + 1; a replay begins it anew, and attempts are counted on.
CREATE TABLE postback_next (
  id             bigint PRIMARY KEY,
  merchant_id    bigint NOT NULL,
  kind           text NOT NULL CHECK (kind IN ('deposit', 'withdrawal')),
  subject_id     bigint NOT NULL,
  webhook_id     text NOT NULL,
  body           text NOT NULL,
  state          text NOT NULL CHECK (state IN ('pending', 'delivered', 'exhausted')),
  attempts       smallint NOT NULL DEFAULT 0,
  next_at        bigint NOT NULL,
  schedule_at    bigint NOT NULL,
  schedule_tries smallint NOT NULL DEFAULT 0,
  created_at     bigint NOT NULL,
  ended_at       bigint,
  UNIQUE (kind, subject_id),
  CHECK ((state = 'pending') = (ended_at IS NULL)),
  CHECK (schedule_tries BETWEEN 0 AND attempts)
);
INSERT INTO postback_next (id, merchant_id, kind, subject_id, webhook_id, body, state, attempts, next_at, schedule_at, created_at, ended_at)
SELECT id, merchant_id, kind, subject_id, webhook_id, body, state, attempts, next_at, created_at, created_at, ended_at FROM postback;
DROP TABLE postback;
ALTER TABLE postback_next RENAME TO postback;
CREATE INDEX postback_due ON postback (merchant_id, kind, next_at, id) WHERE state = 'pending';
CREATE INDEX postback_exhausted ON postback (id) WHERE state = 'exhausted';

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
