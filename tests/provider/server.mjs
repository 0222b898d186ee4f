// A certified OpenID Provider (npm oidc-provider) with one person and one client, all in memory.
//
// It takes a free port on 127.0.0.1 and prints one line of JSON when it is ready: {"issuer": "…"}.
// Settings come as JSON in the environment variable SETTINGS:
//   client: id, secret, redirectUris, postLogoutRedirectUris, alg; groupsInIdToken: boolean
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

const { client, groupsInIdToken } = JSON.parse(process.env.SETTINGS);
const people = {
  ann: { password: 'ann-pw', claims: { name: 'Ann Admin', email: 'ann@example.com', groups: ['whm-admins', 'Staff'] } },
};

function signingKey(kid, alg, pair) {
  return { ...pair.privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

function configuration() {
  return {
    clients: [{
      client_id: client.id,
      client_secret: client.secret,
      redirect_uris: client.redirectUris,
      post_logout_redirect_uris: client.postLogoutRedirectUris,
      id_token_signed_response_alg: client.alg,
      response_types: ['code'],
      grant_types: ['authorization_code'],
    }],
    jwks: {
      keys: [
        signingKey('rsa', 'RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })),
        signingKey('pss', 'PS256', generateKeyPairSync('rsa', { modulusLength: 2048 })),
        signingKey('ec', 'ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
        signingKey('ed', 'EdDSA', generateKeyPairSync('ed25519')),
      ],
    },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    cookies: { keys: ['only for tests'] },
    scopes: ['openid', 'profile', 'email', 'groups'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'], groups: ['groups'] },
    // What the scopes ask for goes into the ID token too, as most companies' providers do it.
    conformIdTokenClaims: !groupsInIdToken,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    async findAccount(_, id) {
      const person = people[id];
      return person && { accountId: id, claims: async () => ({ sub: id, ...person.claims }) };
    },
    // Everybody has agreed to everything already.
    async loadExistingGrant(context) {
      const grant = new context.oidc.provider.Grant({
        clientId: context.oidc.client.clientId,
        accountId: context.oidc.session.accountId,
      });
      grant.addOIDCScope('openid profile email groups');
      await grant.save();
      return grant;
    },
  };
}

async function formOf(request) {
  let body = '';
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
}

async function interaction(provider, request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.method === 'POST') {
    const form = await formOf(request);
    if (people[form.get('login')]?.password !== form.get('password')) {
      response.writeHead(403).end('wrong name or password');
      return;
    }
    await provider.interactionFinished(request, response, { login: { accountId: form.get('login') } });
    return;
  }
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end(`<!doctype html><title>Sign in</title><form method="post" action="/interaction/${details.uid}">
    <input name="login"><input name="password" type="password"><button>Sign in</button></form>`);
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://idp.localhost:${server.address().port}`;
  const provider = new Provider(issuer, configuration());
  const callback = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith('/interaction/')) {
      callback(request, response);
      return;
    }
    interaction(provider, request, response).catch((error) => {
      response.writeHead(500).end(error.message);
    });
  });
  console.log(JSON.stringify({ issuer }));
});
