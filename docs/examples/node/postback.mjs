// Receives postbacks. Node 18, no packages.
//   node postback.mjs 127.0.0.1 9000
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { postbackKeys, verifyPostback } from './verify.mjs';

const MAX_BODY = 65536;
const keys = postbackKeys(process.env);

// Books a credit once, however often its postback comes.
async function book(postback) {
  const [credit] = postback.additional_data;
  // A file stands for your database: a row with a UNIQUE stockpiling_id, written with the user's new balance in one
  // transaction. plugin_custom_order_id is your order, label your user, amount what was paid as exact decimal text.
  const line = `${postback.label} ${credit.plugin_custom_order_id} ${credit.amount} ${credit.currency_code}\n`;
  try {
    await writeFile(`${process.env.CREDITS}/${credit.stockpiling_id}`, line, { flag: 'wx' });
  } catch (error) {
    if (error.code !== 'EEXIST') {
      throw error;
    }
  }
}

async function receive(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= MAX_BODY) { // what is longer is no postback, and isn't genuine when cut
      chunks.push(chunk);
    }
  }
  const postback = verifyPostback(keys, Buffer.concat(chunks), request.headers, Date.now() / 1000);
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
    .catch((error) => {
      console.error(error);
      return [500, '{"status":"error"}']; // the postback comes again
    })
    .then(([code, answer]) => response.writeHead(code, { 'Content-Type': 'application/json' }).end(answer));
}).listen(Number(process.argv[3]), process.argv[2]);
