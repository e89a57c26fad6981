/**
 * One dump that the panel has written into an account's directory, as plain SQL.
 *
 * The account may write there as well, so the file is opened through descriptors and never by a link, and
 * what it holds counts as the account's own word: it must end as a dump ends, and no more than that is known.
 */

import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { fileType } from '../../archive/entry.ts';
import { startClient } from '../../databases/client-process.ts';
import { TrailerCheck } from '../../databases/mysql/dump.ts';
import { HoldfastError } from '../../errors.ts';
import { closeFd, errnoName, O, openAt, Stat, statAt, statFd, zName } from '../../filesystem/native.ts';
import { printable, quoted } from '../../printable.ts';
import { isDumpOf } from '../export-databases/panel-target.ts';
import { names } from '../export-databases/places.ts';

export interface PanelDump {
  readonly database: string;
  readonly name: string;
  readonly modifiedAtMs: number;
  /** Open for reading; `sqlOf` closes it. */
  readonly fd: number;
}

/** The newest dump of the database, where it was written after the exporter began. @throws EXPORT_FAILED */
export function openNewDump(directory: number, database: string, sinceMs: number): PanelDump {
  const stat = new Stat();
  const found = names(directory)
    .filter((name) => isDumpOf(name, database))
    .filter(
      (name) => statAt(directory, zName(name), stat) === 0 && isPlain(stat) && modifiedMs(stat) >= sinceMs,
    )
    .sort()
    .at(-1);
  if (found === undefined) throw failed(database, 'the exporter of the panel has written no new dump of it');
  const fd = openAt(directory, zName(found), O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  if (fd < 0) throw failed(database, `${printable(found)} cannot be opened: ${errnoName(fd)}`);
  statFd(fd, stat);
  // Another name may stand there by now; and a file with a second name may be somebody else's.
  if (!isPlain(stat) || stat.nlink !== 1) {
    closeFd(fd);
    throw failed(database, `${printable(found)} is no ordinary file`);
  }
  return { database, name: found, modifiedAtMs: modifiedMs(stat), fd };
}

const isPlain = ({ mode }: Stat): boolean => (mode & fileType.mask) === fileType.regular;

const modifiedMs = (stat: Stat): number => stat.mtimeSeconds * 1000 + stat.mtimeNanoseconds / 1e6;

/** Ends normally only where the dump is whole. @throws EXPORT_FAILED */
export async function* sqlOf(dump: PanelDump): AsyncGenerator<Uint8Array> {
  const check = new TrailerCheck();
  try {
    for await (const chunk of unpacked(dump)) {
      check.chunk(chunk);
      yield chunk;
    }
  } catch (error) {
    throw failed(dump.database, `${printable(dump.name)}: ${printable((error as Error).message)}`, error);
  }
  const wrong = await check.end();
  if (wrong !== null) throw failed(dump.database, wrong);
}

async function* unpacked({ name, fd }: PanelDump): AsyncGenerator<Buffer> {
  const file = createReadStream('', { fd, autoClose: true });
  if (name.endsWith('.sql')) yield* file as AsyncIterable<Buffer>;
  else if (name.endsWith('.gz') && !name.endsWith('.tar.gz')) {
    const gunzip = createGunzip();
    file.on('error', (error) => gunzip.destroy(error));
    yield* file.pipe(gunzip) as AsyncIterable<Buffer>;
  } else yield* fromArchive(file);
}

/** The only member of a zip or tar, read by bsdtar from a pipe: it writes nothing and follows no name. */
async function* fromArchive(file: Readable): AsyncGenerator<Buffer> {
  const client = startClient({
    path: 'bsdtar',
    args: ['-xOf', '-'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    input: true,
  });
  try {
    if (client.stdin !== null) file.pipe(client.stdin);
    yield* (client.stdout ?? []) as AsyncIterable<Buffer>;
    const { status, complaint } = await client.ended;
    if (status !== 0) throw new Error(complaint === '' ? 'bsdtar cannot read it' : complaint);
  } finally {
    client.kill();
    file.destroy();
  }
}

function failed(database: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('EXPORT_FAILED', `export of ${quoted(database)} failed: ${why}`, {
    cause,
    hint: 'Look at what the exporter of the panel says, or set "export" to "direct".',
  });
}
