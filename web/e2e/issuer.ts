// A small OpenID Connect issuer: it knows one person, and lets her in at once.
import { createHash, createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

export class Issuer {
  /** Seconds from now to the end of a token. */
  lifetime = 600;
  /** What the authorization endpoint says instead of giving a code. */
  error: string | null = null;
  /** What it sends back as the state; null: as it came. */
  state: string | null = null;
  url = '';
  private readonly keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  private readonly codes = new Map<string, URLSearchParams>();
  private server: Server | undefined;

  async start(): Promise<void> {
    this.server = createServer((request, response) => void this.answer(request, response));
    await new Promise<void>((resolve) => this.server!.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
  async end(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve) ?? resolve(undefined));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url);
    const json = (value: object, status = 200) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return void json({ issuer: this.url, jwks_uri: `${this.url}/keys`, authorization_endpoint: `${this.url}/authorize`, token_endpoint: `${this.url}/token` });
      case '/keys':
        return void json({ keys: [{ ...this.keys.publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig', alg: 'RS256' }] });
      case '/authorize':
        return void response.writeHead(302, { Location: this.authorize(url.searchParams) }).end();
      case '/token': {
        let body = '';
        for await (const piece of request) body += String(piece);
        const token = this.exchange(new URLSearchParams(body));
        return void (token ? json({ access_token: 'opaque', token_type: 'Bearer', id_token: token }) : json({ error: 'invalid_grant' }, 400));
      }
      default:
        response.writeHead(404).end();
    }
  }

  private authorize(asked: URLSearchParams): string {
    const back = new URL(asked.get('redirect_uri')!);
    back.searchParams.set('state', this.state ?? asked.get('state')!);
    if (this.error) back.searchParams.set('error', this.error);
    else {
      const code = randomUUID();
      this.codes.set(code, asked);
      back.searchParams.set('code', code);
    }
    return String(back);
  }

  /** The ID token, once for each code; null where the code or its verifier is none. */
  private exchange(form: URLSearchParams): string | null {
    const asked = this.codes.get(form.get('code') ?? '');
    this.codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
    if (!asked || asked.get('code_challenge_method') !== 'S256' || asked.get('code_challenge') !== challenge) return null;
    if (form.get('redirect_uri') !== asked.get('redirect_uri') || form.get('client_id') !== asked.get('client_id')) return null;
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: this.url, sub: 'u-1', aud: asked.get('client_id'), nonce: asked.get('nonce'), iat: now, exp: now + this.lifetime,
      groups: ['gpu-admins'], preferred_username: 'ada',
    };
    const text = `${encode({ alg: 'RS256', kid: 'k' })}.${encode(claims)}`;
    return `${text}.${createSign('sha256').update(text).sign(this.keys.privateKey, 'base64url')}`;
  }
}
