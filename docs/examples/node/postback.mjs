// Receives postbacks. Node 18, no packages.
//   node postback.mjs 127.0.0.1 9000
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const { ACCESS_KEY, POSTBACK_PRIVATE_KEY, WEBHOOK_SECRET, CREDITS } = process.env;
const MAX_BODY = 65536;
const hex = (algorithm, text) => createHash(algorithm).update(text).digest('hex');
const equal = (a, b) => timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());

// Returns the members of a postback, or null when it isn't genuine. body is a Buffer: the bytes as they came.
function verifyPostback(body, headers) {
  // The headers: HMAC-SHA256 over id, time and the whole body. Several signatures while a secret is rotated.
  const { 'webhook-id': id = '', 'webhook-timestamp': time = '', 'webhook-signature': signatures = '' } = headers;
  const key = Buffer.from(WEBHOOK_SECRET.slice('whsec_'.length), 'base64');
  const want = 'v1,' + createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest('base64');
  const fresh = Math.abs(Date.now() / 1000 - Number(time)) <= 300;
  if (!fresh || !signatures.split(' ').some((signature) => equal(signature, want))) {
    return null;
  }
  // The signature in the body, over additional_data. Beside the headers it adds nothing; without them, it is all.
  const postback = JSON.parse(body.toString());
  const data = JSON.stringify(postback.additional_data);
  return equal(postback.signature, hex('sha1', ACCESS_KEY + POSTBACK_PRIVATE_KEY + hex('md5', data))) ? postback : null;
}

// Books a credit once, however often its postback comes.
async function book(postback) {
  const [credit] = postback.additional_data;
  // A file stands for your database: a row with a UNIQUE stockpiling_id, written with the user's new balance in one
  // transaction. plugin_custom_order_id is your order, label your user, amount what was paid as exact decimal text.
  const line = `${postback.label} ${credit.plugin_custom_order_id} ${credit.amount} ${credit.currency_code}\n`;
  try {
    await writeFile(`${CREDITS}/${credit.stockpiling_id}`, line, { flag: 'wx' });
  } catch (error) {
    if (error.code !== 'EEXIST') {
      throw error; // answered 500: the postback comes again
    }
  }
}

async function receive(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= MAX_BODY) { // what is longer is no postback, and fails below
      chunks.push(chunk);
    }
  }
  const postback = verifyPostback(Buffer.concat(chunks), request.headers);
  if (postback === null) {
    return [403, '{"status":"fail"}'];
  }
  if (postback.direction === 'ingoing') {
    await book(postback);
  }
  return [200, '{"status":"ok"}'];
}

createServer((request, response) => {
  receive(request)
    .catch((error) => [500, JSON.stringify({ status: 'error', message: error.message })])
    .then(([code, answer]) => response.writeHead(code, { 'Content-Type': 'application/json' }).end(answer));
}).listen(Number(process.argv[3]), process.argv[2]);
