/**
 * Pages of listings, and where the latest of them ended.
 *
 * A page that follows one of those goes on with its walk, so that a directory is asked for once and not
 * once a page. A walk that nobody follows is forgotten after a while, or for newer ones.
 */

import type { ListPage, ListRequest, ObjectInfo } from '../../core/index.ts';
import { beginListing, type Entries, type Listing, takePage } from './list-keys.ts';

const mostKept = 8;
const keptMs = 60_000;

interface Kept {
  readonly listing: Listing;
  readonly held: ObjectInfo | null;
  /** The walk asks with the signal of the page that it works for. */
  readonly call: { signal: AbortSignal };
  readonly timer: NodeJS.Timeout;
}

export class Listings {
  readonly #entries: (directory: string, signal: AbortSignal) => ReturnType<Entries>;
  readonly #kept = new Map<string, Kept>();

  constructor(entries: (directory: string, signal: AbortSignal) => ReturnType<Entries>) {
    this.#entries = entries;
  }

  async page(request: ListRequest): Promise<ListPage> {
    const { prefix, after, limit, signal } = request;
    const { listing, held, call } = this.#take(prefix, after) ?? this.#begin(request);
    call.signal = signal;
    const taken = await takePage(listing, held, limit);
    if (taken.page.next !== null)
      this.#keep(placeOf(prefix, taken.page.next), { listing, held: taken.held, call });
    return taken.page;
  }

  close(): void {
    for (const { timer } of this.#kept.values()) clearTimeout(timer);
    this.#kept.clear();
  }

  #begin(request: ListRequest): Omit<Kept, 'timer'> {
    const call = { signal: request.signal };
    const listing = beginListing((directory) => this.#entries(directory, call.signal), request);
    return { listing, held: null, call };
  }

  #take(prefix: string, after: string | undefined): Kept | null {
    if (after === undefined) return null;
    const place = placeOf(prefix, after);
    const kept = this.#kept.get(place) ?? null;
    this.#forget(place);
    return kept;
  }

  #keep(place: string, listing: Omit<Kept, 'timer'>): void {
    this.#forget(place);
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= mostKept) this.#forget(oldest);
    const timer = setTimeout(() => this.#kept.delete(place), keptMs).unref();
    this.#kept.set(place, { ...listing, timer });
  }

  #forget(place: string): void {
    clearTimeout(this.#kept.get(place)?.timer);
    this.#kept.delete(place);
  }
}

/** No key has a space. */
const placeOf = (prefix: string, after: string): string => `${prefix} ${after}`;
