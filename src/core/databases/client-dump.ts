/**
 * One dump in flight: a client's output on its way to the reader, and the proof that it is whole.
 *
 * A body ends normally only if the client ended with status 0, printed something, and the engine's
 * own check agrees. Bytes are passed on as they come, never spooled: a slow reader slows the client.
 * Whoever stops reading, aborts, or closes the engine ends the client as well.
 */

import type { ExportResult } from '../contracts/database.ts';
import { HoldfastError } from '../errors.ts';
import { printable, quoted } from '../printable.ts';
import type { ClientEnd, ClientProcess } from './client-process.ts';
import { ReadAhead, type ReadAheadOptions } from './read-ahead.ts';

/** What an engine knows about complete dumps. */
export interface DumpCheck {
  /** Sees every chunk, in order, before the reader does. */
  chunk(bytes: Buffer): void | Promise<void>;
  /** After the client ended with status 0: null, or what is wrong, as the end of a sentence. */
  end(): Promise<string | null>;
  /** Releases what the check holds; waits until it is gone. */
  stop(): Promise<void>;
}

export interface ClientDumpOptions {
  readonly databases: readonly [string, ...string[]];
  readonly client: ClientProcess;
  readonly check: DumpCheck;
  /** Asked for once the body is complete. */
  readonly result: () => ExportResult;
  /** Nothing came from the client for so long while somebody read: it is given up. In milliseconds. */
  readonly stallMs: number;
  readonly signal: AbortSignal;
  /** Where the server would give up on a client that stalls. */
  readonly readAhead?: ReadAheadOptions;
  /** What becomes of the client's output before anything sees it. */
  readonly rewrite?: (chunks: AsyncIterator<Buffer>) => AsyncIterator<Buffer>;
  /** Texts that must not show in an error. */
  readonly secrets: readonly string[];
}

/** Bytes that may come before a dump says that it has begun. More is no dump. */
const longestHead = 1024 * 1024;

export class ClientDump {
  readonly #options: ClientDumpOptions;
  readonly #chunks: ReadAhead;
  readonly #outcome = Promise.withResolvers<ExportResult>();
  #stopped: HoldfastError | null = null;
  #read = false;

  constructor(options: ClientDumpOptions) {
    this.#options = options;
    const output = chunksOf(options.client);
    this.#chunks = new ReadAhead(options.rewrite?.(output) ?? output, options.readAhead ?? null);
    const onAbort = () => void this.stop(interrupted(this.#what, options.signal.reason));
    options.signal.addEventListener('abort', onAbort, { once: true });
    // Not until the client ends but until the outcome is known: a short dump waits whole in a pipe.
    const forget = () => options.signal.removeEventListener('abort', onAbort);
    this.#outcome.promise.then(forget, forget);
    if (options.signal.aborted) onAbort();
  }

  get #what(): string {
    return `export of ${this.#options.databases.map((name) => quoted(name)).join(', ')}`;
  }

  /**
   * Waits until `begun` says that the bytes so far prove an open snapshot, or the output ends. Reads
   * no further than that. Never rejects: what went wrong shows when the body is read.
   */
  async begin(begun: (head: Buffer) => boolean): Promise<void> {
    let foreign = false;
    await this.#chunks.fill((head) => {
      foreign = head.length > longestHead;
      return foreign || begun(head);
    });
    if (foreign) await this.stop(this.#failed('what it prints is no dump'));
  }

  /** Read once. */
  get body(): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => this.#bytes() };
  }

  result(): Promise<ExportResult> {
    return this.#outcome.promise;
  }

  /** Kills the client; resolves when nothing of it is left. The body and the result reject with `reason`. */
  async stop(reason?: HoldfastError): Promise<void> {
    this.#stopped ??= reason ?? this.#failed('it was stopped before its end');
    this.#outcome.reject(this.#stopped);
    this.#options.client.kill();
    this.#chunks.stop();
    await this.#options.check.stop();
    await this.#options.client.ended;
  }

  async *#bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#read) throw new TypeError(`${this.#what} is read a second time`);
    this.#read = true;
    let complete = false;
    try {
      let empty = true;
      let last: Buffer | null = null;
      for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) {
        empty = false;
        const checking = this.#options.check.chunk(chunk);
        if (checking !== undefined) await checking;
        // Not before: a check may have gone on looking at the end of it.
        if (last !== null) this.#options.client.stdout?.release(last);
        last = chunk;
        yield chunk;
      }
      const said = await this.#prove(empty);
      complete = true;
      const result = this.#options.result();
      this.#outcome.resolve(said === '' ? result : { ...result, said });
    } catch (error) {
      throw this.#stopped ?? this.#settle(error);
    } finally {
      if (!complete) await this.stop();
    }
  }

  async #next(): Promise<Buffer | null> {
    if (this.#stopped !== null) throw this.#stopped;
    const { stallMs } = this.#options;
    const stalled = setTimeout(() => void this.stop(this.#stalled(stallMs)), stallMs);
    try {
      return await this.#chunks.next();
    } finally {
      clearTimeout(stalled);
    }
  }

  #stalled(ms: number): HoldfastError {
    return this.#failed(`${this.#options.client.name} sent nothing for ${Math.round(ms / 1000)} s`);
  }

  /** @returns what the client said all the same */
  async #prove(empty: boolean): Promise<string> {
    const end = await this.#options.client.ended;
    if (this.#stopped !== null) throw this.#stopped;
    const failure = describeEnd(end, this.#options.client.name, this.#options.secrets);
    if (failure !== null) throw this.#failed(failure, end.failure);
    if (empty) throw this.#failed(`${this.#options.client.name} printed nothing`);
    const wrong = await this.#options.check.end();
    if (this.#stopped !== null) throw this.#stopped;
    if (wrong !== null) throw this.#failed(wrong);
    return saidOf(end, this.#options.secrets);
  }

  /** Fixes the outcome at the first failure; later ones are its consequences. */
  #settle(error: unknown): HoldfastError {
    this.#stopped =
      error instanceof HoldfastError ? error : this.#failed('its output could not be read', error);
    this.#outcome.reject(this.#stopped);
    return this.#stopped;
  }

  #failed(why: string, cause?: unknown): HoldfastError {
    return new HoldfastError('EXPORT_FAILED', `${this.#what} failed: ${why}`, {
      cause: cause ?? undefined,
      hint: 'Mend what the client complains about, then run the command again.',
    });
  }
}

/** Characters of a client's complaint that an error repeats. */
const shownComplaint = 500;

/** Null for a client that ended well, else how it ended, safe to print. */
export function describeEnd(end: ClientEnd, name: string, secrets: readonly string[]): string | null {
  if (end.failure !== null) return `${name} could not be started: ${printable(end.failure.message)}`;
  if (end.status === 0) return null;
  const how = end.signal === null ? `ended with status ${end.status}` : `was killed by ${end.signal}`;
  const said = saidOf(end, secrets);
  return said === '' ? `${name} ${how}` : `${name} ${how}: ${said}`;
}

/** What it printed on standard error, safe to print; empty where it said nothing. */
function saidOf({ complaint }: ClientEnd, secrets: readonly string[]): string {
  const text = secrets
    .filter((secret) => secret !== '')
    .reduce((masked, secret) => masked.replaceAll(secret, '***'), complaint);
  // The last words say why it ended; a client may have said much before.
  const shown = text.length > shownComplaint ? `…${text.slice(-shownComplaint)}` : text;
  return shown
    .split('\n')
    .map((line) => printable(line, shown.length))
    .join(' | ');
}

function chunksOf(client: ClientProcess): AsyncIterator<Buffer> {
  const stdout = client.stdout;
  if (stdout === null) return (async function* () {})();
  return stdout[Symbol.asyncIterator]();
}

function interrupted(what: string, cause: unknown): HoldfastError {
  return new HoldfastError('INTERRUPTED', `${what} was interrupted`, { cause });
}
