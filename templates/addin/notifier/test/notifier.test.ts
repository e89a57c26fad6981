import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { notifierChecks } from 'holdfast/conformance';
import definition from '../src/index.ts';

const received: string[] = [];
const server = createServer(async (request, response) => {
  received.push(await text(request));
  response.end();
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
const { port } = server.address() as AddressInfo;
const { signal } = new AbortController();

const secret = 'top-secret-path';
const open = (at: number) => definition.open({ use: '{{name}}', url: `http://127.0.0.1:${at}/${secret}` });
const notifier = await open(port);

after(async () => {
  await notifier.close?.();
  server.close();
  server.closeAllConnections();
});

describe('the notifier {{name}} keeps the notifier contract: it', () => {
  for (const check of notifierChecks) {
    it(check.name, () =>
      check.run(notifier, {
        signal,
        received: async () => received.length,
        // Port 9 takes no connections.
        openUnreachable: () => open(9),
        secrets: [secret],
      }),
    );
  }
});
