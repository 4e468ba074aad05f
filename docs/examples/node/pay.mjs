// Asks for a wallet and reports payments. Node 18, no packages.
//   node pay.mjs create PAYER
//   node pay.mjs activate PAYER ORDER NUMBER AMOUNT
const { API_URL, API_SECRET } = process.env;

// Sends one request. When it throws, nothing is known to be decided: repeat it later with the same ids.
async function post(path, request) {
  const response = await fetch(API_URL + path, {
    method: 'POST',
    headers: { Authorization: `Bearer ${API_SECRET}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(request),
    redirect: 'error',
    signal: AbortSignal.timeout(20_000),
  });
  const answer = await response.json();
  if (answer.status === undefined || answer.status === 'error') {
    throw new Error(answer.message ?? 'no answer from the gateway');
  }
  return answer;
}

// Returns the wallet that the payer should pay to. payer is your id of the user.
async function create(payer) {
  const answer = await post('/api/v1/transaction/create/phone_pe', { currency: 'INR', label: payer });
  if (answer.status !== 'ok') {
    throw new Error(answer.message);
  }
  return answer.params.identifier;
}

// Reports the transaction number that the payer typed. order is your id of this payment, amount decimal text.
function activate(payer, order, number, amount) {
  return post('/api/v1/transaction/activate', {
    currency_code: 'INR', wallet_type: 'phone_pe', label: payer,
    key1: number, amount, custom_transaction_id: order,
  });
}

const [command, ...args] = process.argv.slice(2);
if (command === 'create') {
  console.log(await create(...args));
} else {
  const answer = await activate(...args);
  switch (answer.status) {
    case 'ok': // credited. The postback tells the same: book there, once
      console.log('ok', answer.deposit_amount);
      break;
    case 'pending':
    case 'possible_transaction_created': // show that; the postback tells when it is credited
      console.log(answer.status, 'is being checked');
      break;
    default: // fail: show it, let the payer correct the number or the amount
      console.log(answer.status, answer.message);
  }
}
