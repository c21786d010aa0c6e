// jose: verifies tokens offline, by the key set that was fetched once. Reads lines `ALG TOKEN`.
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { readFileSync } from 'node:fs';
import { expect, issuer } from './client.mjs';

const keys = createLocalJWKSet(JSON.parse(process.env.JWKS));
const wanted = {
  issuer: issuer.href.replace(/\/$/, ''),
  audience: process.env.AUDIENCE,
  typ: 'at+jwt',
  requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id', 'scope'],
};
for (const line of readFileSync(0, 'utf8').trim().split('\n')) {
  const [algorithm, token] = line.split(' ');
  expect(decodeProtectedHeader(token).alg === algorithm, `a token of ${algorithm}`);
  const { payload } = await jwtVerify(token, keys, { ...wanted, algorithms: [algorithm] });
  expect(payload.exp - payload.iat === 900, 'fifteen minutes');
  const parts = token.split('.');
  const altered = [parts[0], parts[1], parts[2].replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))].join('.');
  const refused = await jwtVerify(altered, keys, wanted).catch((e) => e);
  expect(refused.code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED', 'a refused signature');
  console.log(`${algorithm}: done`);
}
