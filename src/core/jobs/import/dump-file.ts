/**
 * A dump in a file: plain, gzip or zstd; SQL or an archive of pg_dump. What it is says its content, never
 * its name.
 */

import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { describeEnd } from '../../databases/client-dump.ts';
import { startClient } from '../../databases/client-process.ts';
import { findProgram } from '../../databases/find-client.ts';
import { HoldfastError } from '../../errors.ts';
import { printable, quoted } from '../../printable.ts';
import type { DumpSource } from './types.ts';

const headBytes = 64 * 1024;
const pieceBytes = 256 * 1024;

/** @throws PATH_NOT_FOUND it cannot be read; IMPORT_REFUSED it is no dump */
export async function dumpFile(path: string, signal: AbortSignal): Promise<DumpSource> {
  const packing = await packingOf(path);
  const label = printable(path, 4096);
  const head = await beginning(plainBytes(path, packing, signal));
  const totalBytes = packing === 'none' ? (await stat(path)).size : null;
  const text = head.toString('utf8');
  const trailer = trailers.find(({ begins }) => begins.test(text))?.ends ?? null;
  const open = (one: AbortSignal) => whole(plainBytes(path, packing, one), path, trailer);
  const shared = { label, totalBytes, open };
  if (head.subarray(0, 5).toString('latin1') === 'PGDMP') {
    return { ...shared, family: 'postgresql', format: 'pgdump', source: null };
  }
  if (text.includes('\0') || text.trim() === '') throw noDump(path);
  if (/^-- PostgreSQL database (cluster )?dump/m.test(text)) {
    return { ...shared, family: 'postgresql', format: 'sql', source: null };
  }
  if (!/^\s*(--|#|\/\*|[A-Za-z])/.test(text)) throw noDump(path);
  return { ...shared, family: 'mysql', format: 'sql', source: databaseIn(text) };
}

/** How dumps end that begin like this. One that was cut between two statements lacks it. */
const trailers: readonly { readonly begins: RegExp; readonly ends: RegExp }[] = [
  {
    begins: /^-- (MariaDB|MySQL) dump /m,
    ends: /(^|\n)-- Dump completed( on [0-9: -]+)?\s*$/,
  },
  {
    begins: /^-- PostgreSQL database dump$/m,
    ends: /-- PostgreSQL database dump complete\s+--\s*(\\unrestrict \w+\s*)?$/,
  },
];
const trailerBytes = 512;

/** @throws IMPORT_REFUSED it ends before its trailer */
async function* whole(
  bytes: AsyncIterable<Uint8Array>,
  path: string,
  trailer: RegExp | null,
): AsyncGenerator<Uint8Array, void> {
  let tail = Buffer.alloc(0);
  for await (const chunk of bytes) {
    const end = chunk.length >= trailerBytes ? chunk : Buffer.concat([tail, chunk]);
    tail = Buffer.from(end.subarray(-trailerBytes));
    yield chunk;
  }
  if (trailer === null || trailer.test(tail.toString('latin1'))) return;
  throw new HoldfastError('IMPORT_REFUSED', `${quoted(path, 4096)} is cut short: its last line is missing`, {
    hint: 'Import a dump that is whole.',
  });
}

/** As mariadb-dump and mysqldump write it into the head of a dump of one database. */
function databaseIn(text: string): string | null {
  const line = text
    .split('\n', 12)
    .map((one) => /^-- Host: .*\s{4}Database: (\S.*)$/.exec(one)?.[1]?.trim())
    .find((name) => name !== undefined);
  return line ?? null;
}

type Packing = 'none' | keyof typeof unpackers;

async function packingOf(path: string): Promise<Packing> {
  let bytes: Buffer;
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, 0);
      bytes = buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const code = String((cause as NodeJS.ErrnoException).code);
    throw new HoldfastError('PATH_NOT_FOUND', `cannot read ${quoted(path, 4096)}: ${code}`, {
      cause,
      hint: 'Name a file that holds a dump.',
    });
  }
  const magic = bytes.toString('hex');
  if (magic.startsWith('1f8b')) return 'gzip';
  if (magic.startsWith('28b52ffd') || /^5.2a4d18/.test(magic)) return 'zstd';
  if (magic.startsWith('504b0304') || magic.startsWith('425a68') || magic.startsWith('fd377a58')) {
    throw new HoldfastError(
      'IMPORT_REFUSED',
      `${quoted(path, 4096)} is packed in a way that is not read here`,
      {
        hint: 'Unpack it first, or pack it with gzip or zstd.',
      },
    );
  }
  return 'none';
}

function plainBytes(path: string, packing: Packing, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const stored = createReadStream(path, { highWaterMark: pieceBytes, signal });
  return packing === 'none' ? stored : unpacked(stored, { path, packing, signal });
}

const unpackers = {
  gzip: ['-dc'],
  zstd: ['-dcq', '--no-progress'],
} as const;

/**
 * By the programs. One file may hold any number of frames of any size; and where a member of a gzip file was lost to
 * zeros, Node takes them for its end.
 */
async function* unpacked(
  stored: Readable,
  {
    path,
    packing,
    signal,
  }: { readonly path: string; readonly packing: keyof typeof unpackers; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array, void> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const client = startClient({ path: findProgram(packing), args: unpackers[packing], env, input: true });
  const onAbort = (): void => client.kill();
  signal.addEventListener('abort', onAbort, { once: true });
  stored.once('error', () => client.kill());
  if (client.stdin !== null) stored.pipe(client.stdin);
  try {
    for await (const chunk of client.stdout ?? []) yield chunk as Buffer;
    const failure = describeEnd(await client.ended, packing, []);
    if (failure !== null) {
      throw new HoldfastError('OBJECT_DAMAGED', `${quoted(path, 4096)} cannot be unpacked: ${failure}`, {
        hint: 'Import another dump.',
      });
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stored.destroy();
    client.kill();
    await client.ended;
  }
}

async function beginning(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= headBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, headBytes);
}

const noDump = (path: string): HoldfastError =>
  new HoldfastError('IMPORT_REFUSED', `${quoted(path, 4096)} is no dump of a database`, {
    hint: 'Name a file that mariadb-dump, mysqldump or pg_dump wrote, plain or packed with gzip or zstd.',
  });
