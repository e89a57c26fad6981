/**
 * One file on its way into a directory: under a name of its own until all is there and on the disk.
 *
 * Works through the directory's descriptor, so that whoever may rename things above cannot lead us
 * elsewhere, and never follows a link. Where an owner is given, the bytes are written by a process with that
 * owner's rights and nothing else, so that quotas and limits count as for the owner's own files.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fsync, write } from 'node:fs';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { HoldfastError } from '../../errors.ts';
import {
  chownFd,
  closeFd,
  errnoName,
  O,
  openAt,
  renameAt,
  Stat,
  statAt,
  statFd,
  unlinkAt,
  zName,
} from '../../filesystem/native.ts';
import { printable, quoted } from '../../printable.ts';
import { systemCode } from '../../system-code.ts';

const syncFile = promisify(fsync);
const writeFile = promisify(write);

export interface NewFile {
  readonly directory: number;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  /** 32 random hex digits. */
  readonly id: string;
}

export class FileWriter {
  readonly #options: NewFile;
  readonly #temporary: Buffer;
  readonly #fd: number;
  readonly #child: ChildProcess | null;
  /** The child is gone, and what it had to say has been heard. */
  readonly #ended: Promise<unknown>;
  #said = '';
  bytes = 0;

  /** Opens an empty private file. @throws TARGET_UNWRITABLE */
  constructor(options: NewFile) {
    this.#options = options;
    this.#temporary = zName(`.${options.id}.partial`);
    this.#fd = openAt(options.directory, this.#temporary, O.CREAT | O.EXCL | O.WRONLY | O.NOFOLLOW, 0o600);
    if (this.#fd < 0) throw unwritable('cannot create a file', errnoName(this.#fd));
    const { owner } = options;
    const rc = owner === null ? 0 : chownFd(this.#fd, owner.uid, owner.gid);
    if (rc < 0) {
      this.#remove();
      throw unwritable('cannot give a new file to its owner', errnoName(rc));
    }
    this.#child = owner === null ? null : startWriter(this.#fd, owner);
    this.#ended = new Promise((resolve) => this.#child?.once('close', resolve));
    this.#child?.stderr?.on('data', (bytes: Buffer) => {
      this.#said = (this.#said + bytes.toString('utf8')).slice(-500);
    });
  }

  /** @throws TARGET_UNWRITABLE no room, or the quota is used up */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      const stdin = this.#child?.stdin ?? null;
      if (stdin !== null) await writeAll(stdin, bytes);
      else
        for (let done = 0; done < bytes.length; )
          done += (await writeFile(this.#fd, bytes, done)).bytesWritten;
      this.bytes += bytes.length;
    } catch (error) {
      throw await this.#failure(error);
    }
  }

  /** All bytes are on the disk once this resolves; only then may the file get its name. */
  async complete(): Promise<void> {
    try {
      await this.#endChild();
      await syncFile(this.#fd);
    } catch (error) {
      throw await this.#failure(error);
    }
    const [own, there] = [new Stat(), new Stat()];
    statFd(this.#fd, own);
    // Another may own the directory: what is named now must be what was written.
    const same = statAt(this.#options.directory, this.#temporary, there) === 0 && own.sameInode(there);
    if (!same || own.size !== this.bytes) throw unwritable('a new file was changed', 'by somebody else');
  }

  /** In place of whatever has the name; never of a directory. Durable once the directory is synced. */
  name(name: string): void {
    const { directory } = this.#options;
    const rc = renameAt(directory, this.#temporary, directory, zName(name));
    if (rc < 0) throw unwritable(`cannot name ${quoted(name)}`, errnoName(rc));
    closeFd(this.#fd);
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    this.#child?.kill('SIGKILL');
    this.#remove();
  }

  #remove(): void {
    unlinkAt(this.#options.directory, this.#temporary);
    closeFd(this.#fd);
  }

  async #endChild(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    child.stdin?.end();
    await this.#ended;
    if (child.exitCode !== 0) throw new Error('the writer failed');
  }

  /** What the writing process says is the cause; a broken pipe is only how we hear of it. */
  async #failure(error: unknown): Promise<HoldfastError> {
    if (this.#child === null) {
      return unwritable('cannot write', systemCode(error) ?? 'unknown');
    }
    this.#child.stdin?.destroy();
    await this.#ended;
    const reason = this.#said.trim() === '' ? 'the writer ended' : this.#said;
    return unwritable('cannot write as the account', printable(reason.trim().replace(/^.*: /s, ''), 200));
  }
}

/** Makes the names of files last. @throws TARGET_UNWRITABLE */
export async function syncDirectory(directory: number): Promise<void> {
  await syncFile(directory).catch((error: unknown) => {
    throw unwritable('cannot sync the directory', systemCode(error) ?? 'unknown');
  });
}

function startWriter(fd: number, { uid, gid }: { readonly uid: number; readonly gid: number }): ChildProcess {
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
  const child = spawn('cat', [], { uid, gid, env, cwd: '/', stdio: ['pipe', fd, 'pipe'] });
  child.stdin?.on('error', () => {});
  child.on('error', () => {});
  return child;
}

async function writeAll(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (stream.destroyed) throw new Error('the writer is gone');
  if (stream.write(bytes)) return;
  const over = new AbortController();
  const { signal } = over;
  try {
    await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]);
  } finally {
    over.abort();
  }
  if (stream.destroyed) throw new Error('the writer is gone');
}

function unwritable(what: string, why: string): HoldfastError {
  const full = why === 'ENOSPC' || why === 'EDQUOT' || /space|quota|too large/i.test(why);
  return new HoldfastError('TARGET_UNWRITABLE', `${what}: ${why}`, {
    hint: full ? 'Make room, or raise the quota.' : 'Check that the directory exists and can be written.',
  });
}
