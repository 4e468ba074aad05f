-- The database itself keeps invented money and real money apart: a source is of the same world as its wallet and account.
-- +goose Up

-- source: who reports money on an account. What galla sandbox pay invents lands on sandbox accounts only; what phones, banks
-- and statements report doesn't land there, but in a simulated database, where all of it is invented.
CREATE TABLE source_next (
  id           bigint PRIMARY KEY,
  wallet_id    bigint NOT NULL,
  account_id   bigint NOT NULL,
  sandbox      smallint NOT NULL,
  simulated    smallint NOT NULL DEFAULT 0 CHECK (simulated IN (0, 1)),
  kind         text NOT NULL CHECK (kind IN ('transfers', 'sms', 'android_income_sms_gateway', 'smsgate', 'smsforwarder', 'statement', 'sandbox')),
  token_hash   bytea UNIQUE,
  token_sealed bytea,
  state        text NOT NULL CHECK (state IN ('active', 'paused', 'retired')),
  otp_refused  bigint NOT NULL DEFAULT 0,
  created_at   bigint NOT NULL,
  FOREIGN KEY (wallet_id, sandbox) REFERENCES wallet (id, sandbox),
  FOREIGN KEY (account_id, sandbox) REFERENCES receiving_account (id, sandbox),
  CHECK ((kind = 'sandbox') = (sandbox = 1) OR simulated = 1 AND kind <> 'sandbox')
);
INSERT INTO source_next (id, wallet_id, account_id, sandbox, simulated, kind, token_hash, token_sealed, state, otp_refused, created_at)
SELECT s.id, s.wallet_id, s.account_id, w.sandbox, COALESCE((SELECT i.simulated FROM installation i), 0), s.kind, s.token_hash, s.token_sealed,
  s.state, s.otp_refused, s.created_at
FROM source s JOIN wallet w ON w.id = s.wallet_id;
DROP TABLE source;
ALTER TABLE source_next RENAME TO source;

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
