/**
 * One process of an addin: started, said hello to, watched, ended.
 *
 * It is ended, and every call under way fails, where it falls silent, where a call makes no progress or does
 * not stop, where it floods its standard error, and where it breaks the protocol. Time is counted in ticks of
 * a timer, so that a machine that sleeps does not look like an addin that hangs.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { HoldfastError } from '../errors.ts';
import { isolationProtocol } from './frames.ts';
import { Peer } from './peer.ts';
import { shown } from './wire-errors.ts';

/** A program that becomes `child.ts`. */
export interface Launch {
  /** What it protects by, for the memory of what does not work here. */
  readonly kind: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** User it runs as. */
  readonly uid: number;
}

/** In ticks, which are seconds unless a test has less time. */
export interface Patience {
  readonly tickMs: number;
  /** Without any sign of life while a call is under way; and until it is open. */
  readonly silence: number;
  /** Without progress of one call. Addins repeat what fails for minutes. */
  readonly stall: number;
  /** Between the request to stop and the answer. */
  readonly stop: number;
  /** Until it is closed. */
  readonly close: number;
}

export const usualPatience: Patience = { tickMs: 1000, silence: 60, stall: 1800, stop: 10, close: 30 };

export interface ProcessOptions {
  /** For errors: `the store webdav`. */
  readonly name: string;
  readonly secrets: readonly string[];
  /** Its code is ours, so that what it says of misuse is about us. */
  readonly ours?: boolean;
  readonly patience: Patience;
  /** Told what the addin says of itself, each time it says something else. */
  readonly onNews?: (facts: unknown) => void;
}

const mostWords = 1024 * 1024;
const keptWords = 2000;
const pingEvery = 5;
const startTicks = 30;

export class AddinProcess {
  readonly peer: Peer;
  /** User it runs as. */
  readonly uid: number;
  readonly #options: ProcessOptions;
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #exited = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | null = null;
  #words = '';
  #wordBytes = 0;
  /** Why we end it, where we do. */
  #verdict: HoldfastError | null = null;
  #ticksToHello: number | null = startTicks;
  #closing = false;
  dead = false;

  private constructor(child: ChildProcess, uid: number, options: ProcessOptions) {
    this.#child = child;
    this.uid = uid;
    this.#options = options;
    this.#socket = child.stdio[3] as Socket;
    this.peer = new Peer(this.#socket, {
      name: options.name,
      secrets: options.secrets,
      ours: options.ours === true,
      onBroken: () => this.#kill(null),
      onNews: (facts) => options.onNews?.(facts),
      onBusy: (busy) => this.#hold(busy),
    });
    this.#listen();
    this.#hold(true);
  }

  /** @throws ADDIN_FAILED it did not start */
  static async start({ command, args, env, uid }: Launch, options: ProcessOptions): Promise<AddinProcess> {
    const child = spawn(command, args, {
      env,
      cwd: '/',
      // A Ctrl-C reaches us alone; and whatever it starts can be ended with it.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    const process = new AddinProcess(child, uid, options);
    const hello = (await process.peer.hello.promise) as { readonly protocol?: unknown };
    process.#ticksToHello = null;
    process.#hold(false);
    if (hello?.protocol !== isolationProtocol)
      throw process.#kill(failed(options.name, 'is of another release'));
    return process;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Ends it: whatever was to be closed was closed by a call. Resolves when it is gone. */
  async close(): Promise<void> {
    this.#hold(true);
    // The answer to a call that was left early may still come, and must not let our own process end before this one.
    this.#closing = true;
    this.#kill(null);
    await this.#exited.promise;
    this.#closing = false;
    this.#hold(false);
  }

  #listen(): void {
    const child = this.#child;
    this.#socket.on('error', () => {});
    const words = child.stderr as Readable;
    words.on('data', (bytes: Buffer) => {
      this.#words = (this.#words + bytes.toString('latin1')).slice(-keptWords);
      this.#wordBytes += bytes.length;
      if (this.#wordBytes > mostWords) {
        words.destroy();
        this.#kill(failed(this.#options.name, 'was ended: it flooded its standard error'));
      }
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      this.#over(failed(this.#options.name, `cannot be started: ${error.code}`));
    });
    // What it said last may come later than that it has ended.
    child.once('exit', (status, signal) => setImmediate(() => this.#over(this.#epitaph(status, signal))));
    this.#socket.once('close', () =>
      setTimeout(() => this.#kill(null), this.#options.patience.tickMs).unref(),
    );
  }

  #epitaph(status: number | null, signal: NodeJS.Signals | null): HoldfastError {
    const { name, secrets } = this.#options;
    if (/heap out of memory|bad_alloc|Array buffer allocation failed/.test(this.#words)) {
      return failed(name, 'was ended: it needed more memory than it may have');
    }
    const last = /^\w*Error\b.*$/m.exec(this.#words)?.[0];
    const said = last === undefined ? '' : `: ${shown(Buffer.from(last, 'latin1').toString(), secrets)}`;
    return failed(name, `ended unexpectedly (${signal ?? `status ${status}`})${said}`);
  }

  #over(error: HoldfastError): void {
    this.dead = true;
    this.#stopTimer();
    this.peer.fail(this.#verdict ?? error);
    this.#socket.destroy();
    this.#child.stderr?.destroy();
    this.#exited.resolve();
  }

  /** Its whole group. The error is what calls under way fail with. */
  #kill<E extends HoldfastError | null>(verdict: E): E {
    this.#verdict ??= verdict;
    this.dead = true;
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return verdict;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL');
    }
    return verdict;
  }

  /** A process with nothing to do, whose store nobody closed, does not keep ours alive. */
  #hold(busy: boolean): void {
    if (this.#closing) return;
    const words = this.#child.stderr as Readable & { ref?(): void; unref?(): void };
    if (busy) {
      this.#child.ref();
      this.#socket.ref();
      this.#timer ??= setInterval(() => this.#tick(), this.#options.patience.tickMs).unref();
      this.peer.silent = 0;
    } else {
      this.#child.unref();
      this.#socket.unref();
      this.#stopTimer();
    }
    words.unref?.();
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    const { name, patience } = this.#options;
    if (this.#ticksToHello !== null) {
      this.#ticksToHello -= 1;
      if (this.#ticksToHello <= 0) this.#kill(failed(name, 'did not start in time'));
      return;
    }
    this.peer.silent += 1;
    if (this.peer.silent > patience.silence) {
      this.#kill(
        failed(name, `was ended: it gave no sign of life for ${seconds(patience, patience.silence)}`),
      );
    } else if (this.peer.silent % pingEvery === 0) this.peer.ping();
    for (const call of this.peer.calls) {
      call.tick();
      if (call.idle > call.most(patience)) {
        const time = seconds(patience, call.most(patience));
        this.#kill(failed(name, `was ended: ${call.what} made no progress for ${time}`));
      } else if ((call.stopping ?? 0) > patience.stop) {
        this.#kill(failed(name, `was ended: it did not stop ${call.what} when told to`));
      }
    }
  }
}

const seconds = ({ tickMs }: Patience, ticks: number): string => `${(ticks * tickMs) / 1000} s`;

export function failed(name: string, what: string): HoldfastError {
  return new HoldfastError('ADDIN_FAILED', `the process of ${name} ${what}`, {
    hint: 'Run it again; where it ends each time, update the addin or tell its author.',
  });
}
