/**
 * An HTTP proxy between an S3 client and a real service that plays scripted faults and counts requests.
 *
 * It knows S3 just well enough to name operations (path style). What no rule matches passes unchanged,
 * `Host` included, so that signatures stay valid.
 */

import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Answer,
  collect,
  errorInSuccess,
  type Fault,
  head,
  type Rule,
  refusal,
  withLength,
} from './faults.ts';
import { keyOf, type Operation, operationOf, writes } from './s3-operation.ts';

export interface Seen {
  readonly method: string;
  readonly operation: Operation;
  readonly key: string;
  readonly headers: IncomingHttpHeaders;
  /** What the client was told; 0 where it was told nothing. */
  status: number;
}

export interface FaultProxy {
  readonly endpoint: string;
  readonly seen: readonly Seen[];
  /** Milliseconds added to every request. */
  latencyMs: number;
  /** Most requests that were under way at once since this was last set to 0. */
  mostAtOnce: number;
  play(...rules: Rule[]): void;
  /** Forgets rules and requests. */
  clear(): void;
  count(operation: Operation): number;
  /** Requests that can change something. */
  writeCount(): number;
  stop(): Promise<void>;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const upstream = new URL(target);
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
  const sockets = new Set<Socket>();
  const firstAnswers = new Map<string, Answer>();
  const seen: Seen[] = [];
  /** Faults that were played, by method and path. */
  const spoilt = new Map<string, number>();
  let underWay = 0;
  let rules: { readonly rule: Rule; passed: number; played: number }[] = [];

  const server = createServer((incoming, outgoing) => {
    underWay += 1;
    proxy.mostAtOnce = Math.max(proxy.mostAtOnce, underWay);
    outgoing.once('close', () => {
      underWay -= 1;
    });
    serve(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const proxy: FaultProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    latencyMs: 0,
    mostAtOnce: 0,
    play: (...more) => void rules.push(...more.map((rule) => ({ rule, passed: 0, played: 0 }))),
    clear: () => {
      rules = [];
      seen.length = 0;
      firstAnswers.clear();
      spoilt.clear();
    },
    count: (operation) => seen.filter((entry) => entry.operation === operation).length,
    writeCount: () => seen.filter((entry) => writes(entry.operation)).length,
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      agent.destroy();
    },
  };
  return proxy;

  function faultFor(entry: Seen, path: string): Fault | undefined {
    const name = `${entry.method} ${path}`;
    const hits = spoilt.get(name) ?? 0;
    for (const state of rules) {
      const { on, key, after = 0, times = 1, spares = Number.POSITIVE_INFINITY } = state.rule;
      if (on !== undefined && !(typeof on === 'string' ? [on] : on).includes(entry.operation)) continue;
      if (key !== undefined && !key.test(entry.key)) continue;
      if (state.passed < after) {
        state.passed += 1;
        continue;
      }
      if (state.played >= times || hits >= spares) continue;
      state.played += 1;
      spoilt.set(name, hits + 1);
      return state.rule.fault;
    }
    return undefined;
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const method = incoming.method ?? '';
    const path = incoming.url ?? '/';
    const operation = operationOf(method, path, incoming.headers);
    const { headers } = incoming;
    const entry: Seen = { method, operation, key: keyOf(path), headers, status: 0 };
    seen.push(entry);
    const fault = faultFor(entry, path);
    if (proxy.latencyMs > 0) await sleep(proxy.latencyMs);
    const { socket } = incoming;
    if (fault?.kind === 'drop' && fault.when === 'before') return void socket.destroy();
    if (fault?.kind === 'stall') return void incoming.resume();
    if (fault?.kind === 'answer' || (fault?.kind === 'error-in-success' && fault.forward !== true)) {
      incoming.resume();
      await once(incoming, 'end');
      return tell(fault.kind === 'answer' ? refusal(fault) : errorInSuccess);
    }
    if (fault === undefined && operation !== 'ListObjectsV2') return pass(incoming, outgoing, entry);

    const body = await collect(incoming);
    if (fault?.kind === 'corrupt' && body.length > 0) body[body.length >> 1]! ^= 1;
    const answer = await ask(incoming, body);
    if (!firstAnswers.has(path)) firstAnswers.set(path, answer);
    switch (fault?.kind) {
      case 'drop':
        return void socket.destroy();
      case 'cut':
        entry.status = answer.status;
        socket.write(
          Buffer.concat([head(answer, answer.body.length), answer.body.subarray(0, fault.bytes)]),
          () => {
            if (fault.end !== 'silence') socket.destroy();
          },
        );
        return;
      case 'length':
        entry.status = answer.status;
        socket.end(Buffer.concat([head(answer, answer.body.length + fault.difference), answer.body]));
        return;
      case 'shorten':
        return tell({ ...answer, body: answer.body.subarray(0, fault.bytes) });
      case 'error-in-success':
        return tell(errorInSuccess);
      case 'stale':
        return tell(firstAnswers.get(path) ?? answer);
      default:
        return tell(answer);
    }

    function tell(answer: Answer): void {
      entry.status = answer.status;
      outgoing.writeHead(answer.status, withLength(answer.headers, answer.body.length, method));
      outgoing.end(method === 'HEAD' ? undefined : answer.body);
    }
  }

  function forward(incoming: IncomingMessage) {
    return httpRequest({
      agent,
      host: upstream.hostname,
      port: upstream.port,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.rawHeaders,
    });
  }

  function pass(incoming: IncomingMessage, outgoing: ServerResponse, entry: Seen): void {
    const request = forward(incoming);
    request.on('error', () => incoming.socket.destroy());
    outgoing.on('close', () => request.destroy());
    request.on('response', (response) => {
      entry.status = response.statusCode ?? 0;
      outgoing.writeHead(entry.status, response.rawHeaders);
      response.on('error', () => incoming.socket.destroy());
      // A refusal may come before the body is read; what is left of it must not block the connection.
      response.on('end', () => incoming.unpipe(request).resume());
      response.pipe(outgoing);
    });
    incoming.pipe(request);
  }

  async function ask(incoming: IncomingMessage, body: Buffer): Promise<Answer> {
    const request = forward(incoming);
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return {
      status: response.statusCode ?? 0,
      headers: response.rawHeaders,
      body: await collect(response),
    };
  }
}
