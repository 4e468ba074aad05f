// Tells genuine postbacks from forged ones. Node 18, no packages. Copy it as it is.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

const TOLERANCE = 300; // seconds that webhook-timestamp may be away from our clock
const DATA = ',"additional_data":';
const SIGNATURE = { start: '{"signature":"'.length, end: '{"signature":"'.length + 40 };

const hash = (algorithm, data, encoding) => createHash(algorithm).update(data).digest(encoding);
const equal = (a, b) => timingSafeEqual(hash('sha256', a), hash('sha256', b)); // it wants equal lengths

// The keys in the environment. WEBHOOK_SECRET holds one, or while it is rotated several with a space between.
export function postbackKeys({ ACCESS_KEY: access, POSTBACK_PRIVATE_KEY: own, WEBHOOK_SECRET: secrets = '' }) {
  // Nothing may be checked against a key that is empty: everybody has that one.
  if (!access || !own || !secrets.split(' ').every((secret) => /^whsec_[A-Za-z0-9+/]{2,}={0,2}$/.test(secret))) {
    throw new Error('ACCESS_KEY, POSTBACK_PRIVATE_KEY and WEBHOOK_SECRET (whsec_…) are needed');
  }
  return { legacy: access + own, webhook: secrets.split(' ').map((secret) => Buffer.from(secret.slice('whsec_'.length), 'base64')) };
}

// Returns the members of a postback, or null when it isn't genuine. body is a Buffer: the bytes as they came. now is in
// seconds.
export function verifyPostback(keys, body, headers, now) {
  // The headers: HMAC-SHA256 over id, time and the whole body. While a secret is rotated there are several of it and
  // several signatures: one that fits is enough.
  const { 'webhook-id': id = '', 'webhook-timestamp': time = '', 'webhook-signature': signatures = '' } = headers;
  const fits = keys.webhook.some((key) => {
    const want = 'v1,' + createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest('base64');
    return signatures.split(' ').some((signature) => equal(signature, want));
  });
  if (!fits || id === '' || !/^\d{1,12}$/.test(time) || Math.abs(now - Number(time)) > TOLERANCE) {
    return null;
  }
  // The signature in the body, over the bytes of its last member. Decoders take the last of members with one name, so
  // what is checked here is what is read below.
  const at = body.indexOf(DATA);
  const data = body.subarray(at + DATA.length, -1);
  if (at < 0 || !equal(body.subarray(SIGNATURE.start, SIGNATURE.end), hash('sha1', keys.legacy + hash('md5', data, 'hex'), 'hex'))) {
    return null;
  }
  let postback;
  try {
    postback = JSON.parse(body.toString());
  } catch {
    return null;
  }
  // A JavaScript number may have too few digits for the id of a deposit: keep it as text.
  postback.additional_data[0].stockpiling_id = /"stockpiling_id":(\d+)/.exec(data.toString())[1];
  return postback;
}
