/**
 * Writes and reads the objects of a store of files past the socket: through the descriptor that its process has.
 *
 * What a process offers is not believed: only a regular file that belongs to its own user is opened, so that it
 * can make us write nowhere, and read nothing, that it could not itself. Null wherever this way is not to be had.
 */

import { constants, type FileHandle, open } from 'node:fs/promises';
import type { GetRequest, PutRequest, PutResult } from '../contracts/store.ts';
import type { AddinHost } from './addin-host.ts';
import type { AddinProcess } from './addin-process.ts';
import { readAnswer } from './answers.ts';
import { brokenBy } from './peer.ts';
import { startOf } from './start-of-body.ts';
import type { FileBodies, FileTicket } from './store-of-files.ts';

/** Below it a message more costs as much as the bytes. */
const fewestBytes = 256 * 1024;
const fewestRangeBytes = 1024 * 1024;
/** Opens nothing: a name for an inode. Not among the constants of Node. */
const O_PATH = 0x20_0000;
const forReading = constants.O_RDONLY | constants.O_NONBLOCK;

/** What is cleaned up is cleaned up also where the work was interrupted. */
const never = new AbortController().signal;

/** Does work, and once more where it was refused what could be mended. */
type Mended = <T>(work: () => Promise<T>) => Promise<T>;

export class FileWay {
  readonly #host: AddinHost;
  readonly #load: () => Promise<FileBodies>;
  readonly #mended: Mended;
  /** It was found that the host gives no such way. */
  #closed = false;

  constructor(host: AddinHost, load: () => Promise<FileBodies>, mended: Mended) {
    this.#host = host;
    this.#load = load;
    this.#mended = mended;
  }

  /**
   * @param upload the other way, for bodies that are too small for this one or where there is none; `again`: the
   *   body can be read once more
   */
  async put(
    request: PutRequest,
    upload: (request: PutRequest, again: boolean) => Promise<PutResult>,
  ): Promise<PutResult> {
    const start = await startOf(request, fewestBytes);
    const whole = { ...request, body: start };
    try {
      const written = this.#closed || start.whole ? null : await this.#put(whole);
      return written ?? (await upload(whole, start.whole));
    } finally {
      await start.abandon();
    }
  }

  /** Null: let it come over the socket. */
  async get(request: GetRequest): Promise<AsyncGenerator<Uint8Array, void, undefined> | null> {
    const { key, range, signal, ...rest } = request;
    const large = range === undefined ? key.startsWith('data/') : range.length >= fewestRangeBytes;
    if (this.#closed || !large) return null;
    const call = { method: 'openFile', what: `get of ${key}`, params: { key, ...rest }, signal };
    const child = await this.#host.process(call);
    const { ticket, fd } = this.#ticket(await child.peer.call(call));
    const handle = await this.#open(child, fd, forReading);
    await child.peer.call({ method: 'closeFile', what: call.what, params: { ticket }, signal: never });
    return handle === null ? null : (await this.#load()).read(handle, request);
  }

  async #put(request: PutRequest): Promise<PutResult | null> {
    const { body: _body, signal, ...params } = request;
    const what = `put of ${params.key}`;
    const child = await this.#host.process({ what });
    const begin = async () =>
      this.#ticket(await child.peer.call({ method: 'beginFile', what, params, signal }));
    const { ticket, fd } = await this.#mended(begin);
    const end = (method: string): Promise<unknown> =>
      child.peer.call({ method, what, params: { ticket }, signal: never });
    const handle = await this.#open(child, fd, constants.O_WRONLY);
    let written: number;
    try {
      if (handle === null) {
        await end('discardFile');
        return null;
      }
      written = await (await this.#load()).write(handle, request);
    } catch (error) {
      await end('discardFile').catch(() => {});
      throw error;
    } finally {
      await handle?.close();
    }
    const { name } = this.#host.recipe;
    const result = readAnswer<PutResult>(await end('publishFile'), 'put', name);
    if (result.sizeBytes === written) return result;
    throw brokenBy(name, `it says that ${params.key} has another size than was written`);
  }

  async #open(child: AddinProcess, fd: number, flags: number): Promise<FileHandle | null> {
    try {
      const held = await open(`/proc/${child.pid}/fd/${fd}`, O_PATH);
      try {
        const stat = await held.stat();
        const ours = stat.isFile() && stat.uid === child.uid;
        return ours ? await open(`/proc/self/fd/${held.fd}`, flags) : null;
      } finally {
        await held.close();
      }
    } catch {
      // No right to look into other processes, as in some containers.
      this.#closed = true;
      return null;
    }
  }

  #ticket(answer: unknown): FileTicket {
    const { ticket, fd } = (answer ?? {}) as Partial<FileTicket>;
    if (Number.isSafeInteger(ticket) && Number.isSafeInteger(fd)) return { ticket: ticket!, fd: fd! };
    throw brokenBy(this.#host.recipe.name, 'it offers a file without a number');
  }
}
