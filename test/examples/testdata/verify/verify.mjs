// Reads a message per line and prints for each what the example's verifier makes of it: null, or what would be booked.
import { createInterface } from 'node:readline';
import { postbackKeys, verifyPostback } from '../../../../docs/examples/node/verify.mjs';

const keys = postbackKeys(process.env);
const answers = [];
for await (const line of createInterface({ input: process.stdin })) {
  const m = JSON.parse(line);
  const headers = {};
  for (const [name, value] of [['webhook-id', m.id], ['webhook-timestamp', m.time], ['webhook-signature', m.signatures]]) {
    if (value !== undefined) {
      headers[name] = value;
    }
  }
  const postback = verifyPostback(keys, Buffer.from(m.body ?? '', 'base64'), headers, m.now);
  const credit = postback?.additional_data[0];
  answers.push(JSON.stringify(postback === null ? null : {
    id: String(credit.stockpiling_id), label: postback.label, order: credit.plugin_custom_order_id ?? '',
    amount: credit.amount, direction: postback.direction,
  }));
}
process.stdout.write(answers.join('\n') + '\n');
