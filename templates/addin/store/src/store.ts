/**
 * A store in one SQLite file, complete and small: replace what it does by what your place needs.
 *
 * Chunks are written while the body arrives and belong to no key; one statement at the end gives them their key.
 * So a reader sees all of an object or nothing, and what a crash leaves is cleared at the next opening.
 */

import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import {
  assertKey,
  type GetRequest,
  HoldfastError,
  interruptible,
  type ListRequest,
  type ObjectInfo,
  type PutRequest,
  type Store,
  type StoreCapabilities,
  throwIfInterrupted,
} from 'holdfast';

export interface StoreSettings {
  readonly path: string;
}

interface Row {
  readonly key: string;
  readonly body: string;
  readonly size: number;
  readonly modified: number;
}

// Say only what holds here; what is not claimed is neither used nor checked.
const capabilities: StoreCapabilities = {
  conditionalCreate: true,
  versions: false,
  objectLock: false,
  storageClasses: [],
  serverSideCopy: false,
  putOnly: false,
};

const flushBytes = 1024 * 1024;
const staleMs = 7 * 24 * 60 * 60 * 1000;

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, body TEXT, size INTEGER, modified INTEGER);
  CREATE TABLE IF NOT EXISTS chunks (body TEXT, number INTEGER, bytes BLOB, written INTEGER, PRIMARY KEY (body, number));`;

const byKey = 'SELECT * FROM objects WHERE key = ?';

/** Opening writes nothing yet: the file is made by the first call that needs it. */
export function openStore({ path }: StoreSettings): Store {
  let opened: DatabaseSync | undefined;
  const database = (): DatabaseSync => {
    if (opened !== undefined) return opened;
    opened = inWords(`open ${path}`, () => new DatabaseSync(path, { timeout: 10_000 }));
    opened.exec(schema);
    // Younger ones may belong to a put that is under way in another process.
    opened
      .prepare('DELETE FROM chunks WHERE written < ? AND body NOT IN (SELECT body FROM objects)')
      .run(Date.now() - staleMs);
    return opened;
  };
  const find = (key: string): Row | undefined => database().prepare(byKey).get(key) as Row | undefined;

  return {
    name: '{{name}}',
    capabilities,

    async put(request: PutRequest) {
      const { key, signal, sizeBytes, createOnly = false } = request;
      assertKey(key);
      const body = randomUUID();
      const insert = database().prepare('INSERT INTO chunks VALUES (?, ?, ?, ?)');
      let [size, number, held] = [0, 0, 0];
      let parts: Uint8Array[] = [];
      const flush = (): void => {
        inWords(`write to ${path}`, () => insert.run(body, number, Buffer.concat(parts), Date.now()));
        number += 1;
        [parts, held] = [[], 0];
      };
      try {
        // Stops a body that stalls. Its own errors pass as they are.
        for await (const chunk of interruptible(request.body, signal, `put of ${key}`)) {
          // The chunk is the producer's again when the next one is asked for.
          parts.push(new Uint8Array(chunk));
          size += chunk.length;
          held += chunk.length;
          if (held >= flushBytes) flush();
        }
        if (sizeBytes !== undefined && sizeBytes !== size) {
          throw new HoldfastError('INTERNAL', `${key} has ${size} bytes, not the declared ${sizeBytes}`);
        }
        const storedAtMs = Date.now();
        inTransaction(database(), () => {
          if (createOnly && find(key) !== undefined) {
            throw new HoldfastError('OBJECT_EXISTS', `${key} exists`);
          }
          forget(database(), key);
          if (held > 0) flush();
          database().prepare('INSERT INTO objects VALUES (?, ?, ?, ?)').run(key, body, size, storedAtMs);
        });
        return { sizeBytes: size, version: null, storedAtMs };
      } catch (error) {
        database().prepare('DELETE FROM chunks WHERE body = ?').run(body);
        throw error;
      }
    },

    async *get({ key, range, signal }: GetRequest) {
      throwIfInterrupted(signal, `get of ${key}`);
      database();
      // A connection of its own keeps seeing what it saw first, whatever is replaced or removed meanwhile.
      const reader = inWords(
        `open ${path}`,
        () => new DatabaseSync(path, { readOnly: true, timeout: 10_000 }),
      );
      try {
        reader.exec('BEGIN');
        const row = reader.prepare(byKey).get(key) as Row | undefined;
        if (row === undefined) throw new HoldfastError('OBJECT_MISSING', `there is no object ${key}`);
        const { offset, length } = range ?? { offset: 0, length: row.size };
        if (offset + length > row.size) {
          throw new HoldfastError('OBJECT_DAMAGED', `${key} has ${row.size} bytes, fewer than are wanted`);
        }
        const chunks = reader.prepare('SELECT bytes FROM chunks WHERE body = ? ORDER BY number');
        let [at, left] = [0, length];
        for (const { bytes } of chunks.iterate(row.body) as Iterable<{ readonly bytes: Uint8Array }>) {
          const part = bytes.subarray(Math.max(0, offset - at)).subarray(0, left);
          at += bytes.length;
          left -= part.length;
          if (part.length > 0) yield part;
          throwIfInterrupted(signal, `get of ${key}`);
          if (left === 0) break;
        }
        // Never short in silence.
        if (left > 0) throw new HoldfastError('OBJECT_DAMAGED', `${key} lacks ${left} bytes`);
      } finally {
        reader.close();
      }
    },

    async head({ key, signal }) {
      throwIfInterrupted(signal, `head of ${key}`);
      const row = find(key);
      return row === undefined ? null : infoOf(row);
    },

    async list({ prefix, after = '', limit = 1000, signal }: ListRequest) {
      throwIfInterrupted(signal, `list of ${prefix}`);
      // Keys are ASCII, and SQLite compares text by its bytes.
      const rows = database()
        .prepare('SELECT * FROM objects WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?')
        .all(prefix, `${prefix}\u{7f}`, after, limit + 1) as unknown as Row[];
      const objects = rows.slice(0, limit).map(infoOf);
      return { objects, next: rows.length > limit ? objects.at(-1)!.key : null };
    },

    async remove({ key, signal }) {
      throwIfInterrupted(signal, `remove of ${key}`);
      inTransaction(database(), () => forget(database(), key));
    },

    async close() {
      opened?.close();
      opened = undefined;
    },
  };
}

const infoOf = ({ key, size, modified }: Row): ObjectInfo => ({
  key,
  sizeBytes: size,
  modifiedAtMs: modified,
  version: null,
  storageClass: null,
  readable: true,
});

function forget(database: DatabaseSync, key: string): void {
  database.prepare('DELETE FROM chunks WHERE body = (SELECT body FROM objects WHERE key = ?)').run(key);
  database.prepare('DELETE FROM objects WHERE key = ?').run(key);
}

function inTransaction(database: DatabaseSync, work: () => void): void {
  inWords('begin a change', () => database.exec('BEGIN IMMEDIATE'));
  try {
    work();
    inWords('write', () => database.exec('COMMIT'));
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

/** Errors of SQLite as Holdfast's, with a code that says whether another try can help. */
function inWords<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const full = cause instanceof Error && cause.message.includes('full');
    throw new HoldfastError(full ? 'STORE_FULL' : 'STORE_UNAVAILABLE', `cannot ${what}`, {
      cause,
      hint: full ? 'Make room on its file system.' : 'Look at the file and its directory.',
    });
  }
}
