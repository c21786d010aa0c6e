// oauth4webapi: every answer goes through its strict checks of the protocol.
import * as oauth from 'oauth4webapi';
import { expect, id, issuer, secret } from './client.mjs';

const insecure = { [oauth.allowInsecureRequests]: true };
const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
const server = await oauth.processDiscoveryResponse(issuer, found);
const client = { client_id: id };
const methods = { basic: oauth.ClientSecretBasic, post: oauth.ClientSecretPost };

async function ask(by, parameters) {
  const answer = await oauth.clientCredentialsGrantRequest(server, client, by, parameters, insecure);
  return oauth.processClientCredentialsResponse(server, client, answer);
}

for (const [name, method] of Object.entries(methods)) {
  const by = method(secret);
  const granted = await ask(by, { scope: 'orders:read' });
  expect(granted.token_type === 'bearer' && granted.scope === 'orders:read', 'a narrowed bearer token');

  const introspect = async () => {
    const answer = await oauth.introspectionRequest(server, client, by, granted.access_token, insecure);
    return oauth.processIntrospectionResponse(server, client, answer);
  };
  // The resource server's side: signature by the published keys, issuer, audience, `at+jwt`.
  const audience = (await introspect()).aud;
  const request = new Request('https://api.example.com/', {
    headers: { authorization: `Bearer ${granted.access_token}` },
  });
  const claims = await oauth.validateJwtAccessToken(server, request, audience, insecure);
  expect(claims.client_id === id && claims.scope === 'orders:read', 'claims of RFC 9068');

  expect((await introspect()).active === true, 'an active token');
  // The same as a JWT (RFC 9701), for this client and signed by the published keys.
  const asked = { requestJwtResponse: true, ...insecure };
  const signed = await oauth.introspectionRequest(server, client, by, granted.access_token, asked);
  const said = await oauth.processIntrospectionResponse(server, client, signed);
  await oauth.validateApplicationLevelSignature(server, signed, insecure);
  expect(said.active === true && said.client_id === id, 'a signed introspection');
  const revoked = await oauth.revocationRequest(server, client, by, granted.access_token, insecure);
  expect((await oauth.processRevocationResponse(revoked)) === undefined, 'a revocation');
  expect((await introspect()).active === false, 'a revoked token');

  const refused = await ask(by, { scope: 'orders:write' }).catch((e) => e);
  expect(refused.error === 'invalid_scope', 'a refused scope');
  const stranger = await ask(method(`${secret}x`), {}).catch((e) => e);
  expect(stranger.status === 401, 'a refused secret');
  console.log(`${name}: done`);
}
