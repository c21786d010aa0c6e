// openid-client: discovery, then for each way to authenticate: token, introspection, revocation.
import * as client from 'openid-client';
import { expect, id, issuer, secret } from './client.mjs';

const methods = { basic: client.ClientSecretBasic, post: client.ClientSecretPost };
const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] };

for (const [name, method] of Object.entries(methods)) {
  const config = await client.discovery(issuer, id, undefined, method(secret), options);
  expect(config.serverMetadata().issuer === issuer.href.replace(/\/$/, ''), 'the issuer of the metadata');

  const granted = await client.clientCredentialsGrant(config, { scope: 'orders:read' });
  expect(granted.token_type === 'bearer' && granted.scope === 'orders:read', 'a narrowed bearer token');
  expect(granted.expiresIn() > 890 && granted.expiresIn() <= 900, 'fifteen minutes');

  const before = await client.tokenIntrospection(config, granted.access_token);
  expect(before.active === true && before.client_id === id, 'an active token of this key');
  await client.tokenRevocation(config, granted.access_token);
  const after = await client.tokenIntrospection(config, granted.access_token);
  expect(after.active === false, 'a revoked token');

  const refused = await client.clientCredentialsGrant(config, { scope: 'orders:write' }).catch((e) => e);
  expect(refused.error === 'invalid_scope' && refused.status === 400, 'a refused scope');
  const wrong = await client.discovery(issuer, id, undefined, method(`${secret}x`), options);
  const stranger = await client.clientCredentialsGrant(wrong).catch((e) => e);
  const said = stranger.error ?? stranger.cause?.[0]?.parameters?.error;
  expect(stranger.status === 401 && [undefined, 'invalid_client'].includes(said), 'a refused secret');
  console.log(`${name}: done`);
}
