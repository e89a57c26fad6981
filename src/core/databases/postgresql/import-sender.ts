/** How a statement of an import goes to the server: one in each message, and as the bytes that the dump has. */

import type { Writable } from 'node:stream';
import type { Client, Connection, Submittable } from 'pg';
import type { Said } from './import-encoding.ts';

export interface Sender {
  /** @throws the driver's error */
  send(client: Client, statement: Said): Promise<void>;
  /** Takes the rows of a COPY … FROM stdin. */
  copyInto(client: Client, statement: Said): Writable;
}

export async function loadSender(): Promise<Sender> {
  const { default: pg } = await import('pg');
  const { from } = await import('pg-copy-streams');
  return {
    send(client, { text, bytes }) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const query = new pg.Query(alone(text), (error) => (error ? reject(error) : resolve()));
      client.query(inBytes(query, bytes));
      return promise;
    },
    copyInto: (client, { text, bytes }) => client.query(inBytes(from(text), bytes)) as unknown as Writable,
  };
}

/** In messages in which the server takes one statement and no more, wherever it sees its end. The driver's types lack this. */
const alone = (text: string): { readonly text: string } => {
  const config = { text, queryMode: 'extended' };
  return config;
};

/** The driver writes text as UTF-8; where there are `bytes`, the server gets those in its place. */
function inBytes<T extends Submittable>(query: T, bytes: Buffer | null): T {
  if (bytes === null) return query;
  const submit = query.submit.bind(query);
  query.submit = (connection) => {
    const write = (message: Buffer): void => void connection.stream.write(message);
    const end = Buffer.alloc(1);
    const noTypes = Buffer.alloc(2);
    const send = {
      query: { value: () => write(messageOf('Q', [bytes, end])) },
      parse: { value: () => write(messageOf('P', [end, bytes, end, noTypes])) },
    };
    submit(Object.create(connection, send) as Connection);
  };
  return query;
}

function messageOf(type: string, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
