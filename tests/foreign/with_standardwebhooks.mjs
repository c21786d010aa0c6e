// standardwebhooks: the library of the specification verifies what a receiver was sent. Reads lines of JSON,
// `{ headers, body }`.
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';

const expect = (truth, what) => {
  if (!truth) throw new Error(`expected ${what}`);
};
const refused = (webhook, body, headers) => {
  try {
    webhook.verify(body, headers);
    return false;
  } catch {
    return true;
  }
};

const secrets = process.env.SECRETS.split(' ');
for (const line of readFileSync(0, 'utf8').trim().split('\n')) {
  const { headers, body } = JSON.parse(line);
  for (const secret of secrets) {
    const webhook = new Webhook(secret);
    const payload = webhook.verify(body, headers);
    expect(Object.keys(payload).sort().join() === 'data,timestamp,type', 'type, timestamp and data');
    expect(refused(webhook, body.replace('key.', 'kez.'), headers), 'an altered body to be refused');
    const later = String(Number(headers['webhook-timestamp']) + 1);
    expect(refused(webhook, body, { ...headers, 'webhook-timestamp': later }), 'another time to be refused');
    expect(refused(webhook, body, { ...headers, 'webhook-id': 'msg_x' }), 'another id to be refused');
  }
  expect(refused(new Webhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'), body, headers), 'a strange secret');
  console.log('a message: done');
}
