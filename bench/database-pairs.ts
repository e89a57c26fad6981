/**
 * Exports of two databases of an account while one transaction after the other changes both: how often they
 * disagree, and how long writers had to wait.
 */

import { createConnection } from 'mysql2/promise';
import { openDatabaseEngine } from '../src/core/databases/index.ts';
import { type MariadbServer, mariadb } from '../test/support/mariadb.ts';

const trials = 50;
const longestHoldMs = 100;
const lastRow = /^\((\d+)\)[,;]$/gm;

/** Prints what it found. False where a pair disagreed or writers waited too long. */
export async function benchPairs(server: MariadbServer): Promise<boolean> {
  await mariadb(
    server,
    `CREATE DATABASE pair_a; CREATE TABLE pair_a.t (id INT PRIMARY KEY);
     CREATE DATABASE pair_b; CREATE TABLE pair_b.t (id INT PRIMARY KEY);`,
  );
  const engine = await openDatabaseEngine(server.config, { now: () => performance.now() });
  const writer = await startWriter(server);
  const held: number[] = [];
  let inconsistent = 0;
  try {
    for (let trial = 0; trial < trials; trial += 1) {
      const set = await engine.exports({
        databases: ['pair_a', 'pair_b'],
        selector: { family: 'mysql', prefix: 'pair_', admin: null, names: [] },
        signal: AbortSignal.timeout(60_000),
      });
      const last = await Promise.all(set.exports.map(({ body }) => highestId(body)));
      if (set.consistency !== 'barrier' || last.length !== 2 || last[0] !== last[1]) inconsistent += 1;
      held.push(set.lockHeldMs);
    }
  } finally {
    await writer.stop();
    await engine.close();
  }
  const [median, longest] = [held.sort((a, b) => a - b)[trials / 2] ?? 0, Math.max(...held)];
  const good = inconsistent === 0 && longest < longestHoldMs;
  console.log(
    `${trials} pairs of MariaDB databases under a writer\n  ${inconsistent} inconsistent (at most 0), writers held ${median.toFixed(0)} ms, at most ${longest.toFixed(0)} (below ${longestHoldMs}): ${good ? 'pass' : 'MISS'}`,
  );
  return good;
}

async function startWriter({ config }: MariadbServer): Promise<{ stop(): Promise<void> }> {
  const connection = await createConnection({ socketPath: config.socket, user: 'root' });
  let writing = true;
  const done = (async () => {
    for (let id = 1; writing; id += 1) {
      await connection.query('BEGIN');
      await connection.query('INSERT INTO pair_a.t VALUES (?)', [id]);
      await connection.query('INSERT INTO pair_b.t VALUES (?)', [id]);
      await connection.query('COMMIT');
    }
  })();
  return {
    async stop() {
      writing = false;
      await done;
      await connection.end();
    },
  };
}

async function highestId(body: AsyncIterable<Uint8Array>): Promise<number> {
  let text = '';
  for await (const piece of body) text += Buffer.from(piece).toString('latin1');
  return Math.max(0, ...[...text.matchAll(lastRow)].map(([, id]) => Number(id)));
}
