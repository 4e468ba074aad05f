-- The schema of the deposit, in PostgreSQL's words. open.go swaps the few that SQLite
-- spells otherwise (bigint, smallint, bytea) and makes its tables STRICT.
-- Times are microseconds UTC, amounts minor units, states the words of docs/glossary.md.
-- +goose Up

-- installation is one row: which key seals this database, whether it is being recovered,
-- and a counter that every change of configuration moves (running servers watch it).
CREATE TABLE installation (
  id          smallint PRIMARY KEY CHECK (id = 1),
  key_check   text,
  revision    bigint NOT NULL DEFAULT 0,
  simulated   smallint NOT NULL DEFAULT 0 CHECK (simulated IN (0, 1)),
  recovery_at bigint,
  created_at  bigint NOT NULL
);

-- id_counter hands out blocks of ids outside the money transactions.
CREATE TABLE id_counter (
  kind    text PRIMARY KEY,
  next_id bigint NOT NULL CHECK (next_id > 0)
);
INSERT INTO id_counter (kind, next_id) VALUES
  ('merchant', 1), ('merchant_key', 1), ('receiving_account', 1), ('wallet', 1), ('source', 1),
  ('reference', 1), ('evidence', 1), ('transfer', 1), ('claim', 1), ('deposit', 1),
  ('ledger_account', 1), ('entry', 1), ('transition', 1), ('postback', 1);

CREATE TABLE merchant (
  id                      bigint PRIMARY KEY,
  slug                    text NOT NULL UNIQUE CHECK (length(slug) BETWEEN 1 AND 63),
  name                    text NOT NULL,
  sandbox                 smallint NOT NULL DEFAULT 0 CHECK (sandbox IN (0, 1)),
  currency                text NOT NULL CHECK (length(currency) = 3),
  time_zone               text NOT NULL,
  postback_url            text NOT NULL,
  withdrawal_postback_url text NOT NULL DEFAULT '',
  state                   text NOT NULL CHECK (state IN ('active', 'paused')),
  policy                  text NOT NULL DEFAULT '{}',
  created_at              bigint NOT NULL,
  UNIQUE (id, sandbox)
);

CREATE TABLE merchant_domain (
  host        text PRIMARY KEY,
  merchant_id bigint NOT NULL REFERENCES merchant (id)
);

-- merchant_key: what only needs checking is kept as a keyed hash, what must sign is sealed.
CREATE TABLE merchant_key (
  id          bigint PRIMARY KEY,
  merchant_id bigint NOT NULL REFERENCES merchant (id),
  kind        text NOT NULL CHECK (kind IN ('api_secret', 'postback', 'webhook', 'withdrawal', 'redirect')),
  public      text NOT NULL DEFAULT '',
  hash        bytea,
  sealed      bytea,
  allow_ip    text NOT NULL DEFAULT '',
  created_at  bigint NOT NULL,
  expires_at  bigint,
  CHECK ((hash IS NULL) <> (sealed IS NULL))
);
CREATE INDEX merchant_key_merchant ON merchant_key (merchant_id, kind);
CREATE UNIQUE INDEX merchant_key_hash ON merchant_key (hash) WHERE hash IS NOT NULL;

-- receiving_account is where money lands; wallets hang on it and sources watch it.
CREATE TABLE receiving_account (
  id         bigint PRIMARY KEY,
  sandbox    smallint NOT NULL DEFAULT 0 CHECK (sandbox IN (0, 1)),
  currency   text NOT NULL CHECK (length(currency) = 3),
  rail       smallint NOT NULL,
  holder     text NOT NULL,
  tails      text NOT NULL DEFAULT '[]',
  created_at bigint NOT NULL,
  UNIQUE (id, sandbox)
);

CREATE TABLE wallet (
  id                 bigint PRIMARY KEY,
  account_id         bigint NOT NULL,
  sandbox            smallint NOT NULL,
  method             text NOT NULL,
  identifier         text NOT NULL,
  account_type       text NOT NULL DEFAULT '',
  currency           text NOT NULL CHECK (length(currency) = 3),
  holder             text NOT NULL,
  state              text NOT NULL CHECK (state IN ('active', 'paused', 'retired')),
  daily_amount_limit bigint CHECK (daily_amount_limit > 0),
  daily_count_limit  bigint CHECK (daily_count_limit > 0),
  created_at         bigint NOT NULL,
  UNIQUE (id, sandbox),
  FOREIGN KEY (account_id, sandbox) REFERENCES receiving_account (id, sandbox)
);
CREATE UNIQUE INDEX wallet_identifier ON wallet (method, identifier) WHERE state <> 'retired';

-- wallet_merchant names the merchants that a wallet serves; no row for a wallet: it serves all.
CREATE TABLE wallet_merchant (
  wallet_id   bigint NOT NULL,
  merchant_id bigint NOT NULL,
  sandbox     smallint NOT NULL,
  PRIMARY KEY (wallet_id, merchant_id),
  FOREIGN KEY (wallet_id, sandbox) REFERENCES wallet (id, sandbox),
  FOREIGN KEY (merchant_id, sandbox) REFERENCES merchant (id, sandbox)
);

-- assignment remembers for ever which wallet a payer was shown, and why that one.
CREATE TABLE assignment (
  merchant_id    bigint NOT NULL REFERENCES merchant (id),
  payer          text NOT NULL,
  method         text NOT NULL,
  currency       text NOT NULL,
  wallet_id      bigint NOT NULL REFERENCES wallet (id),
  account_id     bigint NOT NULL REFERENCES receiving_account (id),
  first_shown_at bigint NOT NULL,
  assigned_at    bigint NOT NULL,
  reason         text NOT NULL,
  PRIMARY KEY (merchant_id, payer, method, currency, wallet_id)
);
CREATE INDEX assignment_wallet ON assignment (wallet_id);

CREATE TABLE source (
  id           bigint PRIMARY KEY,
  wallet_id    bigint NOT NULL REFERENCES wallet (id),
  account_id   bigint NOT NULL REFERENCES receiving_account (id),
  kind         text NOT NULL CHECK (kind IN ('transfers', 'sms', 'android_income_sms_gateway', 'smsgate', 'smsforwarder', 'statement', 'sandbox')),
  token_hash   bytea UNIQUE,
  token_sealed bytea,
  state        text NOT NULL CHECK (state IN ('active', 'paused', 'retired')),
  otp_refused  bigint NOT NULL DEFAULT 0,
  created_at   bigint NOT NULL
);

-- sender_header extends the built-in list of bank SMS headers.
CREATE TABLE sender_header (
  header     text PRIMARY KEY,
  bank       text NOT NULL,
  created_at bigint NOT NULL
);

-- conversion_rate feeds converted_amount of postbacks in currencies other than INR.
CREATE TABLE conversion_rate (
  base       text NOT NULL,
  quote      text NOT NULL,
  rate       text NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (base, quote)
);

-- reference is the lock: whoever judges a number first takes its row.
CREATE TABLE reference (
  id          bigint PRIMARY KEY,
  rail        smallint NOT NULL,
  number      text NOT NULL CHECK (length(number) BETWEEN 1 AND 64),
  reversed_at bigint,
  touched_at  bigint NOT NULL,
  UNIQUE (rail, number)
) WITH (fillfactor = 60);

-- evidence is kept as it came. outcome is what was answered; transfer_id the transfer it tells of.
CREATE TABLE evidence (
  id           bigint PRIMARY KEY,
  source_id    bigint NOT NULL,
  fingerprint  bytea NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
  raw          bytea NOT NULL,
  sender       text NOT NULL DEFAULT '',
  received_at  bigint NOT NULL,
  outcome      text NOT NULL CHECK (outcome IN ('created', 'duplicate', 'unparsed', 'refused')),
  reason       text NOT NULL DEFAULT '',
  reading      text NOT NULL DEFAULT '',
  reference_id bigint,
  transfer_id  bigint
);
CREATE INDEX evidence_reference ON evidence (reference_id) WHERE reference_id IS NOT NULL;
CREATE INDEX evidence_unparsed ON evidence (id) WHERE outcome = 'unparsed';

-- transfer is money seen on a receiving account: one per reference, whoever reports it. No index may name state: each
-- transfer changes it once, and PostgreSQL rewrites every index of a row when a column of any of them changes.
-- marks (bits): 1 amount conflict, 2 account conflict, 4 reversed, 8 internal; released: the marks a person overruled.
CREATE TABLE transfer (
  id           bigint PRIMARY KEY,
  reference_id bigint NOT NULL UNIQUE,
  account_id   bigint NOT NULL,
  amount       bigint NOT NULL CHECK (amount > 0),
  currency     text NOT NULL CHECK (length(currency) = 3),
  occurred_at  bigint NOT NULL,
  accuracy     smallint NOT NULL,
  strength     smallint NOT NULL,
  payer        text NOT NULL DEFAULT '',
  marks        smallint NOT NULL DEFAULT 0,
  released     smallint NOT NULL DEFAULT 0,
  state        text NOT NULL CHECK (state IN ('observed', 'credited', 'quarantined', 'internal', 'reversed', 'rejected', 'disputed')),
  observed_at  bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX transfer_account ON transfer (account_id, occurred_at);

-- disputed_transfer lists the transfers in state disputed: nothing on their accounts is credited by itself.
CREATE TABLE disputed_transfer (
  transfer_id bigint PRIMARY KEY,
  account_id  bigint NOT NULL
);

-- claim: one payer says that one number is theirs. The current claim of an order has superseded_by 0;
-- a replaced one keeps the id of its successor, so that the unique key allows one current claim per order.
CREATE TABLE claim (
  id             bigint PRIMARY KEY,
  merchant_id    bigint NOT NULL,
  order_id       text NOT NULL CHECK (length(order_id) BETWEEN 1 AND 190),
  superseded_by  bigint NOT NULL DEFAULT 0,
  payer          text NOT NULL CHECK (length(payer) BETWEEN 1 AND 190),
  method         text NOT NULL,
  reference_id   bigint,
  given          text NOT NULL CHECK (length(given) BETWEEN 1 AND 190),
  amount         bigint NOT NULL CHECK (amount > 0),
  currency       text NOT NULL CHECK (length(currency) = 3),
  state          text NOT NULL CHECK (state IN ('waiting', 'held', 'accepted', 'refused', 'expired', 'withdrawn')),
  reason         text NOT NULL,
  until_evidence smallint NOT NULL DEFAULT 0 CHECK (until_evidence IN (0, 1)),
  corrections    smallint NOT NULL DEFAULT 0 CHECK (corrections BETWEEN 0 AND 5),
  told           smallint NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),
  created_at     bigint NOT NULL,
  decided_at     bigint NOT NULL,
  expires_at     bigint NOT NULL,
  CONSTRAINT claim_order UNIQUE (merchant_id, order_id, superseded_by),
  CHECK (state <> 'accepted' OR superseded_by = 0)
);
CREATE INDEX claim_reference ON claim (reference_id);
CREATE INDEX claim_waiting ON claim (merchant_id, payer) WHERE state = 'waiting';
CREATE INDEX claim_expiry ON claim (expires_at) WHERE state = 'waiting';
CREATE INDEX claim_held ON claim (id) WHERE state = 'held';

-- deposit is one credit. Its two unique keys are the last guard of C-1.
CREATE TABLE deposit (
  id          bigint PRIMARY KEY,
  claim_id    bigint NOT NULL UNIQUE,
  transfer_id bigint NOT NULL UNIQUE,
  merchant_id bigint NOT NULL,
  amount      bigint NOT NULL CHECK (amount > 0),
  fee         bigint NOT NULL DEFAULT 0,
  currency    text NOT NULL CHECK (length(currency) = 3),
  created_at  bigint NOT NULL,
  CHECK (fee >= 0 AND fee <= amount)
);

CREATE TABLE ledger_account (
  id       bigint PRIMARY KEY,
  kind     text NOT NULL CHECK (kind IN ('receiving', 'unclaimed', 'merchant', 'fees')),
  owner_id bigint NOT NULL,
  currency text NOT NULL CHECK (length(currency) = 3),
  balance  bigint NOT NULL DEFAULT 0,
  UNIQUE (kind, owner_id, currency)
);

-- posting moves a positive amount from one ledger account to another, so an entry
-- (the postings that share entry_id) sums to zero by construction. Insert-only.
CREATE TABLE posting (
  entry_id       bigint NOT NULL,
  line           smallint NOT NULL,
  kind           text NOT NULL CHECK (kind IN ('transfer', 'transfer_revised', 'deposit', 'deposit_fee')),
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

-- balance_delta: a batch adds one row per ledger account it touched; the roll-up folds them into balance.
CREATE TABLE balance_delta (
  account_id bigint NOT NULL,
  entry_id   bigint NOT NULL,
  amount     bigint NOT NULL,
  PRIMARY KEY (account_id, entry_id)
);

-- transition logs every state move of a claim or a transfer; a claim's row carries its verdict.
CREATE TABLE transition (
  id         bigint NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('claim', 'transfer')),
  subject_id bigint NOT NULL,
  from_state text NOT NULL,
  to_state   text NOT NULL,
  at         bigint NOT NULL,
  actor      text NOT NULL,
  reason     text NOT NULL,
  facts      text NOT NULL DEFAULT '',
  PRIMARY KEY (kind, subject_id, id)
);

-- postback keeps the exact bytes that every attempt sends. next_at is when somebody may take it: at its next try or,
-- while lease isn't 0, at the end of that lease. Whoever records an attempt must name the lease.
CREATE TABLE postback (
  id           bigint PRIMARY KEY,
  merchant_id  bigint NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('deposit', 'withdrawal')),
  subject_id   bigint NOT NULL,
  webhook_id   text NOT NULL,
  body         text NOT NULL,
  state        text NOT NULL CHECK (state IN ('pending', 'delivered', 'exhausted')),
  attempts     smallint NOT NULL DEFAULT 0,
  next_at      bigint NOT NULL,
  lease        bigint NOT NULL DEFAULT 0,
  created_at   bigint NOT NULL,
  ended_at     bigint,
  UNIQUE (kind, subject_id),
  CHECK ((state = 'pending') = (ended_at IS NULL)),
  CHECK (state = 'pending' OR lease = 0)
);
CREATE INDEX postback_due ON postback (merchant_id, kind, next_at) WHERE state = 'pending';
CREATE INDEX postback_exhausted ON postback (id) WHERE state = 'exhausted';

-- postback_attempt: status is 0 without an HTTP answer, failure then the kind of error; answer is its first 4 KiB;
-- duration is in microseconds; lease is the one it was made under; next_at is the try that followed from it.
CREATE TABLE postback_attempt (
  postback_id bigint NOT NULL,
  number      smallint NOT NULL,
  lease       bigint NOT NULL,
  started_at  bigint NOT NULL,
  duration    bigint NOT NULL,
  address     text NOT NULL,
  tls         text NOT NULL,
  status      smallint NOT NULL,
  failure     text NOT NULL,
  error       text NOT NULL,
  answer      bytea NOT NULL,
  next_at     bigint,
  PRIMARY KEY (postback_id, number)
);

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
