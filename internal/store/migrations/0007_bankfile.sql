-- Payouts by files that a bank takes, and a newer table of bank branches than the release's.
-- +goose Up

CREATE TABLE rail_next (
  id         bigint PRIMARY KEY,
  name       text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 63 AND name NOT IN ('manual', 'sandbox')),
  kind       text NOT NULL CHECK (kind IN ('razorpayx', 'cashfree', 'bankfile')),
  sealed     bytea NOT NULL,
  state      text NOT NULL CHECK (state IN ('active', 'paused')),
  created_at bigint NOT NULL
);
INSERT INTO rail_next (id, name, kind, sealed, state, created_at) SELECT id, name, kind, sealed, state, created_at FROM rail;
DROP TABLE rail;
ALTER TABLE rail_next RENAME TO rail;

-- payout_batch: a file of payouts that was made for a bank. Its bytes are kept: who needs it again gets the same ones.
CREATE TABLE payout_batch (
  id       bigint PRIMARY KEY,
  rail     text NOT NULL,
  kind     text NOT NULL CHECK (kind IN ('csv', 'xlsx')),
  payments bigint NOT NULL CHECK (payments > 0),
  total    bigint NOT NULL CHECK (total > 0),
  currency text NOT NULL CHECK (length(currency) = 3),
  file     bytea NOT NULL CHECK (length(file) > 0),
  sha256   bytea NOT NULL CHECK (length(sha256) = 32),
  made_by  bigint NOT NULL REFERENCES operator (id),
  made_at  bigint NOT NULL
);

-- payout_batch_item: which payouts are in it. The key is what keeps a withdrawal from ever being in two files.
CREATE TABLE payout_batch_item (
  withdrawal_id bigint PRIMARY KEY REFERENCES withdrawal (id),
  batch_id      bigint NOT NULL REFERENCES payout_batch (id),
  place         bigint NOT NULL CHECK (place > 0),
  UNIQUE (batch_id, place)
);

-- payout_report: a file in which a bank said what became of payouts. The same bytes are the same word, however often they are read.
CREATE TABLE payout_report (
  id       bigint PRIMARY KEY,
  rail     text NOT NULL,
  sha256   bytea NOT NULL CHECK (length(sha256) = 32),
  name     text NOT NULL,
  read_by  bigint NOT NULL REFERENCES operator (id),
  read_at  bigint NOT NULL,
  UNIQUE (rail, sha256)
);

-- ifsc_table: branches that a person brought in, one row at most. They go over those of the release.
CREATE TABLE ifsc_table (
  id         smallint PRIMARY KEY CHECK (id = 1),
  file       bytea NOT NULL CHECK (length(file) > 0),
  source     text NOT NULL,
  branches   bigint NOT NULL,
  updated_by bigint NOT NULL REFERENCES operator (id),
  updated_at bigint NOT NULL
);

INSERT INTO id_counter (kind, next_id) VALUES ('payout_batch', 1), ('payout_report', 1);

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
