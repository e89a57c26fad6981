/**
 * Keeps one process of an addin going for whoever calls it: started when it is needed, and anew after it died.
 *
 * A call that was under way is lost with its process, never repeated: only its caller knows whether that is
 * safe. A process that dies again and again without one good answer is not started any more.
 */

import { HoldfastError } from '../errors.ts';
import { AddinProcess, failed, type Launch, type ProcessOptions } from './addin-process.ts';
import type { Opening } from './addin-service.ts';
import type { Peer, Request } from './peer.ts';
import type { FileBodies } from './store-of-files.ts';

export interface Recipe extends ProcessOptions {
  /**
   * Asked before each start: what is to be protected may have changed. The strongest first; a weaker one is for
   * hosts on which a stronger one does not come as far as our own code.
   */
  readonly launches: () => Promise<readonly Launch[]>;
  readonly opening: Opening;
  /** Before what changes the place, e.g. to make the directory that only we may make. */
  readonly beforeChange?: () => Promise<void>;
  /** After it was refused something. True: that was mended, and it can be tried once more. */
  readonly mend?: () => Promise<boolean>;
  /** Whether a process started as things were then cannot work with things as they are. Asked before each call. */
  readonly outdated?: () => boolean;
  /** How to move bytes into and out of files that the process has opened; absent for stores of other things. */
  readonly files?: () => Promise<FileBodies>;
}

const mostVainStarts = 3;
/** What did not work on this host. */
const impossible = new Set<string>();

export class AddinHost {
  readonly recipe: Recipe;
  #running: Promise<AddinProcess> | null = null;
  #vainStarts = 0;
  #facts: unknown = null;
  #closed = false;

  private constructor(recipe: Recipe) {
    this.recipe = recipe;
  }

  /** Starts it and opens the addin, so that what is wrong with its settings shows at once. */
  static async start(recipe: Recipe): Promise<AddinHost> {
    const host = new AddinHost(recipe);
    await host.#process();
    return host;
  }

  /** What the addin last said of itself. */
  get facts(): unknown {
    return this.#facts;
  }

  /** For tests and for doctor; null while none runs. */
  async pid(): Promise<number | undefined> {
    return (await this.#running)?.pid;
  }

  async call(request: Request): Promise<unknown> {
    return this.#noted((await this.#peer(request)).call(request));
  }

  async upload(request: Request, body: AsyncIterable<Uint8Array>): Promise<unknown> {
    return this.#noted((await this.#peer(request)).upload(request, body));
  }

  async *download(request: Request): AsyncGenerator<Uint8Array, void, undefined> {
    yield* (await this.#peer(request)).download(request);
    this.#vainStarts = 0;
  }

  /** The process of now, for calls that belong together. @throws INTERNAL it is closed */
  process({ what }: Pick<Request, 'what'>): Promise<AddinProcess> {
    if (!this.#closed) return this.#process();
    throw new HoldfastError('INTERNAL', `${what}: ${this.recipe.name} is closed`);
  }

  /** Closes the addin and ends its process. A second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const running = await this.#running?.catch(() => null);
    if (running === undefined || running === null) return;
    const { signal } = new AbortController();
    const request = { method: 'close', what: 'close', params: {}, signal, limit: 'close' } as const;
    try {
      if (!running.dead) await running.peer.call(request);
    } finally {
      await running.close();
    }
  }

  async #noted<T>(answer: Promise<T>): Promise<T> {
    const value = await answer;
    this.#vainStarts = 0;
    return value;
  }

  async #peer(request: Request): Promise<Peer> {
    return (await this.process(request)).peer;
  }

  async #process(): Promise<AddinProcess> {
    for (;;) {
      const before = this.#running;
      const running = await before?.catch(() => null);
      // Of several that come here at once, one starts the next process; the others look again.
      if (this.#running !== before) continue;
      const fit = running !== undefined && running !== null && !running.dead;
      if (fit && this.recipe.outdated?.() !== true) return running;
      this.#running = this.#start();
      if (fit) void this.#retire(running);
      return this.#running;
    }
  }

  /** It ends when its calls have. */
  async #retire(process: AddinProcess): Promise<void> {
    await process.peer.idle();
    await process.close();
  }

  async #start(): Promise<AddinProcess> {
    const { name, opening } = this.recipe;
    if (this.#vainStarts >= mostVainStarts) {
      throw new HoldfastError(
        'ADDIN_FAILED',
        `the process of ${name} ended ${mostVainStarts} times in a row`,
        {
          hint: 'Read the errors before this one; update the addin or tell its author.',
        },
      );
    }
    this.#vainStarts += 1;
    const onNews = (facts: unknown): void => {
      this.#facts = facts;
    };
    const process = await startFirst({ ...this.recipe, onNews });
    try {
      const { signal } = new AbortController();
      const limit = 'silence';
      await process.peer.call({ method: 'open', what: 'opening', params: opening, signal, limit });
      return process;
    } catch (error) {
      await process.close();
      throw error;
    }
  }
}

/** @throws ADDIN_FAILED none of them could be started */
export async function startFirst(
  recipe: Pick<Recipe, 'launches' | keyof ProcessOptions>,
): Promise<AddinProcess> {
  const launches = await recipe.launches();
  const possible = launches.filter(({ kind }) => !impossible.has(kind));
  for (const launch of possible.slice(0, -1)) {
    try {
      return await AddinProcess.start(launch, recipe);
    } catch {
      impossible.add(launch.kind);
    }
  }
  const last = possible.at(-1) ?? launches.at(-1);
  if (last === undefined) throw failed(recipe.name, 'cannot be protected on this host');
  return AddinProcess.start(last, recipe);
}
