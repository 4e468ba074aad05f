// Asks for a payment to a bank account. Node 18, no packages.
//   node withdraw.mjs ID PAYEE AMOUNT ACCOUNT NAME IFSC
import { createHash } from 'node:crypto';

const { API_URL, MERCHANT, WITHDRAWAL_KEY } = process.env;
const hex = (algorithm, text) => createHash(algorithm).update(text).digest('hex');

// The values without their names, sorted by name at every level: true is "1", false and null are "".
function signedText(value) {
  if (value === true) return '1';
  if (value === false || value === null) return '';
  if (typeof value !== 'object') return String(value);
  return Object.keys(value).sort().map((name) => signedText(value[name])).join(':');
}

// Asks once. id is your id of the withdrawal, stored before you ask: sent again with the same id it is a retry and never a
// second payment. When it throws, nobody knows yet: keep the money set aside, and send the same again later.
async function withdraw(id, payee, amount, account, name, ifsc) {
  const request = {
    withdrawal_id: id, payment_system: 'imps_ib', amount: Number(amount), currency_code: 'INR', is_test: false,
    label: payee, account_number: account, account_name: name, bank_details: { branch_code: ifsc },
  };
  request.signature = hex('sha1', WITHDRAWAL_KEY + hex('md5', signedText(request)));
  const response = await fetch(`${API_URL}/v2/withdrawal/create?merchant=${encodeURIComponent(MERCHANT)}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(request),
    redirect: 'error',
    signal: AbortSignal.timeout(20_000),
  });
  const answer = await response.json();
  // Only an answer with code 200 decides: a refused signature says nothing of what was sent before.
  if (response.status !== 200 || !['ok', 'fail'].includes(answer.status)) {
    throw new Error(`not decided: ${JSON.stringify(answer)}`);
  }
  return answer;
}

const { status, message } = await withdraw(...process.argv.slice(2));
if (status === 'ok') {
  console.log('ok'); // taken on. How it ends the postback tells
} else if (typeof message === 'object') { // a member is at fault: its name, and texts about it
  const [field] = Object.keys(message);
  console.log(`fail ${field}: ${message[field].join(' ')}`);
} else {
  console.log('fail', message);
}
