// An OpenID provider with a small administration API, for tests only.
// Arguments: port, administrator's token, reader's token.
// Everything is kept in one map, so that a test can compare records before and after.
import http from 'node:http';
import { Provider } from 'oidc-provider';

const [port, administrator, reader] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const people = ['ann', 'bob', 'carol'].map((login, at) => [
  `u${at + 1}`,
  { id: `u${at + 1}`, login, mail: `${login}@north.example`, enabled: true, notBefore: 0 },
]);
const users = new Map(people);
const disabledClients = new Set();
const records = new Map();
const signed = new Map(); // signed access tokens, which the provider itself does not keep
const now = () => Math.floor(Date.now() / 1000);

const redirects = { redirect_uris: [`${issuer}/callback`], response_types: ['code'] };
const clients = new Map([
  ['shop', { client_id: 'shop', client_secret: 'shop-secret', scope: 'openid offline_access',
    grant_types: ['authorization_code', 'refresh_token'], ...redirects }],
  ['cordon', { client_id: 'cordon', client_secret: 'cordon-secret', grant_types: [],
    redirect_uris: [], response_types: [] }],
]);

class Records {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}:${id}`; }
  async upsert(id, payload, seconds) {
    records.set(this.key(id), { ...payload, exp: payload.exp ?? now() + seconds });
  }
  async find(id) {
    if (this.name === 'Client') return disabledClients.has(id) ? undefined : clients.get(id);
    return records.get(this.key(id));
  }
  async findByUid(uid) {
    return [...records].find(([key, v]) => key.startsWith('Session:') && v.uid === uid)?.[1];
  }
  async findByUserCode() { return undefined; }
  async consume(id) { records.get(this.key(id)).consumed = now(); }
  async destroy(id) { records.delete(this.key(id)); }
  async revokeByGrantId(grant) {
    for (const [key, v] of [...records]) if (v.grantId === grant) records.delete(key);
  }
}

const provider = new Provider(issuer, {
  adapter: Records,
  cookies: { keys: ['only for tests'] },
  pkce: { required: () => false },
  scopes: ['openid', 'offline_access'],
  ttl: { AccessToken: 600, Session: 3600, RefreshToken: 86400, Grant: 86400 },
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (ctx, client) => client.clientId === 'cordon' },
    revocation: { enabled: true, allowedPolicy: (ctx, client) => client.clientId === 'cordon' },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: '', audience: 'https://api.north.example', 
        accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } },
      }),
      useGrantedResource: () => false,
    },
  },
  async findAccount(ctx, id) {
    const user = users.get(id); // people type their id into the sign-in form
    if (!user || !user.enabled) return undefined;
    return { accountId: user.id, claims: async () => ({ sub: user.id }) };
  },
});
provider.on('server_error', (ctx, error) => console.error(error));
provider.on('access_token.issued', (token) => {
  signed.set(token.jti, { accountId: token.accountId, exp: now() + token.expiration });
});

const KEPT = /^(Session|Grant|AccessToken|RefreshToken|AuthorizationCode):/;
const own = (user) => [...records].filter(([k, v]) => KEPT.test(k) && v.accountId === user.id);

function open(user) {
  const kept = own(user).map(([key, v]) => (
    { id: key, kind: key.split(':')[0], expires: v.exp, revocable: true }));
  const free = [...signed].filter(([, v]) => v.accountId === user.id && v.exp > now());
  const loose = free.map(([id, v]) => (
    { id, kind: 'SignedAccessToken', expires: v.exp, revocable: false }));
  return [...kept, ...loose];
}

function administer(method, url, body) {
  const [, , what, id, part] = url.pathname.split('/').map(decodeURIComponent);
  if (what === 'records') return [200, [...records]];
  if (what === 'users' && !id) {
    const login = url.searchParams.get('login')?.toLowerCase();
    return [200, [...users.values()].filter((u) => u.login === login || u.mail === login)];
  }
  if (method === 'DELETE' && part !== 'sessions') return [405, { message: 'nobody deletes' }];
  const client = { id, enabled: !disabledClients.has(id) };
  const thing = what === 'users' ? users.get(id) : clients.has(id) && client;
  if (!thing) return [404, { message: 'no such thing' }];
  if (part === 'sessions' && method === 'GET') return [200, open(thing)];
  if (part === 'sessions' && method === 'DELETE') {
    for (const [key] of own(thing)) records.delete(key);
    thing.notBefore = now();
    return [204, null];
  }
  if (method === 'PATCH' && typeof body.enabled === 'boolean') {
    thing.enabled = body.enabled;
    if (what === 'clients') disabledClients[body.enabled ? 'delete' : 'add'](id);
  } else if (method !== 'GET') return [405, { message: 'not like this' }];
  return [200, thing];
}

async function answer(request, response, url) {
  let text = '';
  for await (const chunk of request) text += chunk;
  const bearer = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  let result;
  if (![administrator, reader].includes(bearer)) result = [401, { message: 'who are you?' }];
  else if (bearer === reader && request.method !== 'GET') result = [403, { message: 'read only' }];
  else result = administer(request.method, url, text ? JSON.parse(text) : {});
  response.writeHead(result[0], { 'content-type': 'application/json' });
  response.end(result[1] === null ? '' : JSON.stringify(result[1]));
}

const callback = provider.callback();
http.createServer((request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname.startsWith('/admin/')) return answer(request, response, url);
  return callback(request, response);
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));
