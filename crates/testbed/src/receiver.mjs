// A receiver of Security Event Tokens that verifies with npm's `jose`, for tests only.
// Arguments: port, our issuer, its own audience, our public keys (JWKS), a bearer token.
// POST /events as RFC 8935 says; GET /events what was taken; GET /jwks and POST /sign the other way.
import http from 'node:http';
import * as jose from 'jose';

const [port, issuer, audience, keys, token] = process.argv.slice(2);
const theirs = jose.createLocalJWKSet(JSON.parse(keys));
const own = new Map();
for (const alg of ['ES256', 'EdDSA', 'RS256']) {
  own.set(alg, await jose.generateKeyPair(alg, { extractable: true }));
}
const taken = [];
const seen = new Set();

async function take(request, text) {
  const refuse = (err, description) => [400, { err, description }];
  if (request.headers.authorization !== `Bearer ${token}`) {
    return refuse('authentication_failed', 'who are you?');
  }
  if (request.headers['content-type'] !== 'application/secevent+jwt') {
    return refuse('invalid_request', 'no event');
  }
  try {
    const { payload, protectedHeader } =
      await jose.jwtVerify(text, theirs, { typ: 'secevent+jwt', issuer, audience });
    if (!seen.has(payload.jti)) taken.push({ ...payload, alg: protectedHeader.alg });
    seen.add(payload.jti);
    return [202, null];
  } catch (error) {
    if (error.claim === 'iss') return refuse('invalid_issuer', error.message);
    if (error.claim === 'aud') return refuse('invalid_audience', error.message);
    const key = ['ERR_JWKS_NO_MATCHING_KEY', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'];
    return refuse(key.includes(error.code) ? 'invalid_key' : 'invalid_request', error.message);
  }
}

async function answer(request, text) {
  if (request.url === '/events' && request.method === 'POST') return take(request, text);
  if (request.url === '/events') return [200, taken];
  if (request.url === '/jwks') {
    const keys = [];
    for (const [alg, pair] of own) {
      keys.push({ ...await jose.exportJWK(pair.publicKey), kid: alg, use: 'sig', alg });
    }
    return [200, { keys }];
  }
  const { alg, claims } = JSON.parse(text);
  const header = { alg, kid: alg, typ: 'secevent+jwt' };
  const signed = new jose.SignJWT(claims).setProtectedHeader(header);
  return [200, { token: await signed.sign(own.get(alg).privateKey) }];
}

http.createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const [status, body] = await answer(request, text);
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === null ? '' : JSON.stringify(body));
}).listen(Number(port), '127.0.0.1');
