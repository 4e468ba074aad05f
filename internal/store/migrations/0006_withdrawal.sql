-- Money that leaves: withdrawals, the people who approve them, and the log of what people did.
-- +goose Up

-- operator: a person who acts by command. What a person knows to prove it is kept as a keyed hash.
CREATE TABLE operator (
  id         bigint PRIMARY KEY,
  name       text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 63),
  key_hash   bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
  state      text NOT NULL CHECK (state IN ('active', 'retired')),
  created_at bigint NOT NULL
);

-- audit_log: what people did, in the order in which it was committed. hash covers the row and the hash of the row before it.
-- audit_head is one row, the lock of who appends.
CREATE TABLE audit_log (
  seq     bigint PRIMARY KEY CHECK (seq > 0),
  at      bigint NOT NULL,
  actor   text NOT NULL,
  act     text NOT NULL,
  subject text NOT NULL,
  detail  text NOT NULL,
  hash    bytea NOT NULL UNIQUE CHECK (length(hash) = 32)
);
CREATE TABLE audit_head (
  id   smallint PRIMARY KEY CHECK (id = 1),
  seq  bigint NOT NULL,
  hash bytea NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, decode('0000000000000000000000000000000000000000000000000000000000000000', 'hex'));

-- rail: a provider's account that withdrawals are paid from. sealed is its settings, keys included.
CREATE TABLE rail (
  id         bigint PRIMARY KEY,
  name       text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 63 AND name NOT IN ('manual', 'sandbox')),
  kind       text NOT NULL CHECK (kind IN ('razorpayx', 'cashfree')),
  sealed     bytea NOT NULL,
  state      text NOT NULL CHECK (state IN ('active', 'paused')),
  created_at bigint NOT NULL
);

-- withdrawal. signed_digest is of the text that the merchant signed: of one such text there is one payout at most (W-7).
-- reference is the bank's for ever (W-2); instruction_hash is of all that a bank is told. approvals is how many different
-- people must say yes, failed_at since when its bank has said without a break that it failed, not_before when the cool-off of a new beneficiary ends. next_at is when a rail is asked next, lease
-- who asks. A test withdrawal moves no money.
CREATE TABLE withdrawal (
  id               bigint PRIMARY KEY,
  merchant_id      bigint NOT NULL REFERENCES merchant (id),
  withdrawal_id    text NOT NULL CHECK (length(withdrawal_id) BETWEEN 1 AND 36),
  signed_digest    bytea NOT NULL CHECK (length(signed_digest) = 32),
  test             smallint NOT NULL CHECK (test IN (0, 1)),
  payee            text NOT NULL,
  method           text NOT NULL,
  amount           bigint NOT NULL CHECK (amount > 0),
  currency         text NOT NULL CHECK (length(currency) = 3),
  account_number   text NOT NULL CHECK (length(account_number) BETWEEN 9 AND 18),
  account_name     text NOT NULL CHECK (length(account_name) BETWEEN 1 AND 30),
  bank_code        text NOT NULL,
  branch_code      text NOT NULL,
  comment          text NOT NULL,
  warning          text NOT NULL,
  rail             text NOT NULL,
  reference        text NOT NULL UNIQUE CHECK (length(reference) BETWEEN 1 AND 40),
  instruction_hash text NOT NULL CHECK (length(instruction_hash) = 64),
  approvals        smallint NOT NULL CHECK (approvals BETWEEN 0 AND 2),
  created_by       bigint NOT NULL DEFAULT 0,
  state            text NOT NULL CHECK (state IN ('created', 'approved', 'refused', 'cancelled', 'submitted', 'unknown', 'paid', 'failed', 'refunded')),
  reason           text NOT NULL DEFAULT '',
  utr              text NOT NULL DEFAULT '',
  rail_id          text NOT NULL DEFAULT '',
  claimed_by       bigint NOT NULL DEFAULT 0,
  not_before       bigint NOT NULL,
  created_at       bigint NOT NULL,
  submitted_at     bigint,
  decided_at       bigint NOT NULL,
  failed_at        bigint,
  next_at          bigint,
  asked            smallint NOT NULL DEFAULT 0,
  lease            bigint NOT NULL DEFAULT 0,
  CONSTRAINT withdrawal_once UNIQUE (merchant_id, withdrawal_id),
  CONSTRAINT withdrawal_signed_once UNIQUE (merchant_id, signed_digest),
  UNIQUE (id, instruction_hash, created_by),
  CHECK (state NOT IN ('submitted', 'unknown', 'paid', 'failed', 'refunded') OR submitted_at IS NOT NULL),
  CHECK (state NOT IN ('created', 'approved', 'refused', 'cancelled') OR submitted_at IS NULL)
) WITH (fillfactor = 70);
CREATE INDEX withdrawal_open ON withdrawal (state, id) WHERE state IN ('created', 'approved', 'submitted', 'unknown', 'failed');
CREATE INDEX withdrawal_next ON withdrawal (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX withdrawal_merchant ON withdrawal (merchant_id, created_at);
CREATE INDEX withdrawal_account ON withdrawal (merchant_id, account_number, created_at);
-- One transfer of the bank is the proof of one withdrawal.
CREATE UNIQUE INDEX withdrawal_utr ON withdrawal (rail, utr) WHERE utr <> '';

-- withdrawal_refusal: what was signed and refused stays so. Its merchant was told "fail", and may have given the money to
-- the user another way: the same body must not be paid on another day.
CREATE TABLE withdrawal_refusal (
  merchant_id   bigint NOT NULL REFERENCES merchant (id),
  signed_digest bytea NOT NULL CHECK (length(signed_digest) = 32),
  field         text NOT NULL,
  message       text NOT NULL,
  at            bigint NOT NULL,
  PRIMARY KEY (merchant_id, signed_digest)
);

-- withdrawal_approval: one person's yes to exactly this instruction, by somebody else than who asked for it.
CREATE TABLE withdrawal_approval (
  withdrawal_id    bigint NOT NULL,
  operator_id      bigint NOT NULL REFERENCES operator (id),
  instruction_hash text NOT NULL,
  created_by       bigint NOT NULL,
  at               bigint NOT NULL,
  PRIMARY KEY (withdrawal_id, operator_id),
  FOREIGN KEY (withdrawal_id, instruction_hash, created_by) REFERENCES withdrawal (id, instruction_hash, created_by),
  CHECK (operator_id <> created_by)
);

-- withdrawal_answer: what a rail or a person said became of a withdrawal, as it came; times is how often in a row, at the last.
CREATE TABLE withdrawal_answer (
  withdrawal_id bigint NOT NULL REFERENCES withdrawal (id),
  number        bigint NOT NULL,
  times         bigint NOT NULL DEFAULT 1,
  at            bigint NOT NULL,
  source        text NOT NULL,
  outcome       text NOT NULL CHECK (outcome IN ('sent', 'paid', 'failed', 'unknown', 'absent')),
  rail_id       text NOT NULL,
  utr           text NOT NULL,
  code          text NOT NULL,
  reason        text NOT NULL,
  raw           bytea NOT NULL,
  PRIMARY KEY (withdrawal_id, number)
);

-- withdrawal_resolution: the end of a withdrawal by two people. The second confirms what the first said.
CREATE TABLE withdrawal_resolution (
  withdrawal_id bigint PRIMARY KEY REFERENCES withdrawal (id),
  outcome       text NOT NULL CHECK (outcome IN ('paid', 'failed')),
  utr           text NOT NULL,
  proof         text NOT NULL CHECK (length(proof) > 0),
  proposed_by   bigint NOT NULL REFERENCES operator (id),
  proposed_at   bigint NOT NULL,
  confirmed_by  bigint REFERENCES operator (id),
  confirmed_at  bigint,
  CHECK (confirmed_by IS NULL OR confirmed_by <> proposed_by),
  CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL))
);

-- adjustment: money that a merchant brought in, or was paid out, beside deposits and withdrawals: proposed by one person and
-- booked by another.
CREATE TABLE adjustment (
  id          bigint PRIMARY KEY,
  merchant_id bigint NOT NULL REFERENCES merchant (id),
  kind        text NOT NULL CHECK (kind IN ('topup', 'settlement')),
  amount      bigint NOT NULL CHECK (amount > 0),
  currency    text NOT NULL CHECK (length(currency) = 3),
  reason      text NOT NULL CHECK (length(reason) > 0),
  state       text NOT NULL CHECK (state IN ('proposed', 'booked', 'refused')),
  made_by     bigint NOT NULL REFERENCES operator (id),
  checked_by  bigint REFERENCES operator (id),
  created_at  bigint NOT NULL,
  decided_at  bigint,
  CHECK (checked_by IS NULL OR state = 'refused' OR checked_by <> made_by),
  CHECK ((state = 'proposed') = (checked_by IS NULL)),
  CHECK ((state = 'proposed') = (decided_at IS NULL))
);
CREATE INDEX adjustment_open ON adjustment (id) WHERE state = 'proposed';

INSERT INTO id_counter (kind, next_id) VALUES ('operator', 1), ('rail', 1), ('withdrawal', 1), ('adjustment', 1);

-- The books know new accounts and events, the log of states a new subject.
CREATE TABLE ledger_account_next (
  id       bigint PRIMARY KEY,
  kind     text NOT NULL CHECK (kind IN ('receiving', 'unclaimed', 'merchant', 'fees', 'reserved', 'paid_out', 'treasury')),
  owner_id bigint NOT NULL,
  currency text NOT NULL CHECK (length(currency) = 3),
  balance  bigint NOT NULL DEFAULT 0,
  UNIQUE (kind, owner_id, currency)
);
INSERT INTO ledger_account_next (id, kind, owner_id, currency, balance) SELECT id, kind, owner_id, currency, balance FROM ledger_account;
DROP TABLE ledger_account;
ALTER TABLE ledger_account_next RENAME TO ledger_account;

CREATE TABLE posting_next (
  entry_id       bigint NOT NULL,
  line           smallint NOT NULL,
  kind           text NOT NULL CHECK (kind IN ('transfer', 'transfer_revised', 'deposit', 'deposit_fee', 'withdrawal', 'withdrawal_end', 'adjustment')),
  event_id       bigint NOT NULL,
  source_id      bigint NOT NULL,
  destination_id bigint NOT NULL,
  amount         bigint NOT NULL CHECK (amount > 0),
  currency       text NOT NULL CHECK (length(currency) = 3),
  at             bigint NOT NULL,
  PRIMARY KEY (entry_id, line),
  UNIQUE (kind, event_id, line),
  CHECK (source_id <> destination_id)
);
INSERT INTO posting_next (entry_id, line, kind, event_id, source_id, destination_id, amount, currency, at)
SELECT entry_id, line, kind, event_id, source_id, destination_id, amount, currency, at FROM posting;
DROP TABLE posting;
ALTER TABLE posting_next RENAME TO posting;

CREATE TABLE transition_next (
  id         bigint NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('claim', 'transfer', 'withdrawal')),
  subject_id bigint NOT NULL,
  from_state text NOT NULL,
  to_state   text NOT NULL,
  at         bigint NOT NULL,
  actor      text NOT NULL,
  reason     text NOT NULL,
  facts      text NOT NULL DEFAULT '',
  PRIMARY KEY (kind, subject_id, id)
);
INSERT INTO transition_next (id, kind, subject_id, from_state, to_state, at, actor, reason, facts)
SELECT id, kind, subject_id, from_state, to_state, at, actor, reason, facts FROM transition;
DROP TABLE transition;
ALTER TABLE transition_next RENAME TO transition;

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
