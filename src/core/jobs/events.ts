/**
 * Events: small objects beside the manifests that say what was decided about an account's snapshots.
 * docs/format.md, section 6.
 *
 * Created only, never changed or removed: an unpin names the pins it ends, so that no clock decides which
 * of two came later. An event that cannot be read protects the whole account.
 */

import { type EventName, eventKey, parseEventKey } from '../archive/keys.ts';
import type { Signer } from '../archive/seal.ts';
import type { Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';
import { printable } from '../printable.ts';
import { bytesOf } from '../streams.ts';
import { activeProtections, protectionWords } from './active-protections.ts';
import { holdfastVersion } from './addin.ts';
import { type EventObject, encodeEvent, readEventObject } from './event-object.ts';
import type { Protection } from './retention/types.ts';
import { standingOf, type Trust } from './trust.ts';
import { walk } from './walk.ts';

export interface SnapshotRef {
  /** Twelve hex digits. */
  readonly id: string;
  readonly lineage: string;
  readonly sequence: number;
  readonly digest: string;
}

interface Common {
  /** Twelve hex digits. */
  readonly id: string;
  readonly server: string;
  readonly owner: string;
  /** ISO 8601, by the clock of whoever wrote it. */
  readonly at: string;
}

export type AccountEvent = Common &
  (
    | {
        readonly kind: 'pin' | 'hold';
        /** Null: every snapshot of the account. */
        readonly snapshot: SnapshotRef | null;
        readonly reason: string;
        /** ISO 8601; null where it has no end. A hold has none. */
        readonly until: string | null;
      }
    | {
        readonly kind: 'unpin' | 'release';
        readonly snapshot: SnapshotRef | null;
        /** Ids of the events it ends. */
        readonly ends: readonly string[];
      }
    | {
        readonly kind: 'erasure';
        readonly reason: string;
        /** Every snapshot there was; later ones are not meant. */
        readonly snapshots: readonly SnapshotRef[];
        /** Key objects that were to be destroyed. */
        readonly keys: readonly string[];
      }
    | {
        readonly kind: 'prune';
        readonly addin: { readonly id: string; readonly name: string };
        readonly removed: readonly (SnapshotRef & {
          readonly key: string;
          readonly reason: string;
          /** 32 hex digits of each index object that revisions of it had written anew; absent where none did. */
          readonly indexes?: readonly string[];
        })[];
      }
  );

export type PinEvent = Extract<AccountEvent, { readonly until: string | null }>;
export type ErasureEvent = Extract<AccountEvent, { readonly kind: 'erasure' }>;
export type EndEvent = Extract<AccountEvent, { readonly ends: readonly string[] }>;

/** What a caller says of an event; the rest is given here. */
export type NewEvent = AccountEvent extends infer E
  ? E extends AccountEvent
    ? Omit<E, 'id' | 'at'>
    : never
  : never;

export interface EventWorld {
  readonly now: () => number;
  /** 32 random hex digits. */
  readonly newObjectId: () => string;
  /** Where it is left out the event is not signed, and counts for nobody who asks for signatures. */
  readonly signer?: Signer | null;
}

/** Resolves when the event is durable. @throws STORE_DENIED, STORE_UNAVAILABLE, STORE_FULL */
export async function writeEvent(
  provider: Provider,
  event: NewEvent,
  { now, newObjectId, signer = null }: EventWorld,
  signal: AbortSignal,
): Promise<AccountEvent> {
  const atMs = now();
  const id = newObjectId().slice(0, 12);
  const { kind, server, owner } = event;
  const written = { id, at: new Date(atMs).toISOString(), ...event } as AccountEvent;
  const text = encodeEvent({ format: 1, ...written, writtenBy: holdfastVersion }, signer);
  await provider.put({
    kind: 'event',
    key: eventKey({ server, owner, atMs, kind, id }),
    body: bytesOf(text),
    sizeBytes: text.length,
    createOnly: true,
    signal,
  });
  return written;
}

export const keyOfEvent = ({ server, owner, at, kind, id }: AccountEvent): string =>
  eventKey({ server, owner, atMs: Date.parse(at), kind, id });

/** What protects an account's snapshots, as its events say. */
export interface AccountProtections {
  /** Pins and holds that nothing has ended, also those whose end has come. */
  readonly standing: readonly PinEvent[];
  readonly erasures: readonly ErasureEvent[];
  /** Keys of pins and holds that cannot be read. */
  readonly unreadable: readonly string[];
  /** Keys of events of any kind read here that do not count: who signed them is not trusted, or nobody did. */
  readonly distrusted: readonly string[];
  /** Keys of erasures that do not count, for either reason: what was erased cannot be told. */
  readonly doubtful: readonly string[];
}

export const protectingKinds: readonly string[] = ['pin', 'hold'];
const endingKinds: readonly string[] = ['unpin', 'release'];
const erasing: readonly string[] = ['erasure'];
/** Those this release knows. */
export const eventKinds: readonly string[] = [...protectingKinds, ...endingKinds, ...erasing, 'prune'];

export interface EventsPlace {
  readonly store: Store;
  readonly provider: Provider;
  /** Whose events count; left out: everybody's. */
  readonly trust?: Trust | undefined;
}

/** Of an account's events the pins and holds, then what ends them, in the order of their names; none where nothing protects. */
export function protectionKeys(keys: readonly string[]): readonly string[] {
  const ofKinds = (kinds: readonly string[]): string[] =>
    keys.filter((key) => kinds.includes(parseEventKey(key)?.kind ?? ''));
  const protecting = ofKinds(protectingKinds);
  return protecting.length === 0 ? [] : [...protecting, ...ofKinds(endingKinds)];
}

/** @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function readProtections(
  place: EventsPlace,
  { server, owner }: Pick<EventName, 'server' | 'owner'>,
  signal: AbortSignal,
): Promise<AccountProtections> {
  const keys: string[] = [];
  for await (const { key } of walk(place.store, `events/${server}/${owner}/`, signal)) keys.push(key);
  return protectionsIn(place, keys, signal);
}

/** Of these keys of one account's events, as far as they are pins, holds, their ends or erasures. */
export async function protectionsIn(
  { provider, trust }: Omit<EventsPlace, 'store'>,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<AccountProtections> {
  const pins: PinEvent[] = [];
  const erasures: ErasureEvent[] = [];
  const ended = new Set<string>();
  const unreadable: string[] = [];
  const distrusted: string[] = [];
  const doubtful: string[] = [];
  for (const key of keys) {
    const name = parseEventKey(key);
    if (name === null || ![...protectingKinds, ...endingKinds, ...erasing].includes(name.kind)) continue;
    const found = await readEventObject(provider, key, name, signal);
    if (found !== null && trust !== undefined && standingOf(found, trust) !== 'trusted') {
      distrusted.push(key);
      if (erasing.includes(name.kind)) doubtful.push(key);
      continue;
    }
    const event = found === null ? null : eventOf(found, name);
    if (event === null) {
      // What ends a pin and cannot be read ends nothing; an erasure erases nothing.
      if (protectingKinds.includes(name.kind)) unreadable.push(key);
      if (erasing.includes(name.kind)) doubtful.push(key);
    } else if ('ends' in event) for (const id of event.ends) ended.add(id);
    else if (event.kind === 'erasure') erasures.push(event);
    else pins.push(event);
  }
  return { standing: pins.filter(({ id }) => !ended.has(id)), erasures, unreadable, distrusted, doubtful };
}

/** Null where it lacks what its kind must say. */
function eventOf({ event }: EventObject, { kind }: EventName): PinEvent | EndEvent | ErasureEvent | null {
  if (endingKinds.includes(kind)) return isTexts(event['ends']) ? (event as unknown as EndEvent) : null;
  if (erasing.includes(kind)) return isErasure(event) ? (event as unknown as ErasureEvent) : null;
  const { snapshot, until, reason } = event as {
    snapshot?: { id?: unknown } | null;
    until?: unknown;
    reason?: unknown;
  };
  const aboutOne = typeof snapshot?.id === 'string';
  const untilIsFine = until === null || (typeof until === 'string' && !Number.isNaN(Date.parse(until)));
  const fine = (snapshot === null || aboutOne) && untilIsFine && typeof reason === 'string';
  if (!fine) return null;
  // An instant may have been written with other text about it.
  const end = until === null ? null : new Date(until).toISOString();
  return { ...event, until: end } as unknown as PinEvent;
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

const isErasure = ({ at, reason, snapshots }: Readonly<Record<string, unknown>>): boolean =>
  typeof at === 'string' &&
  typeof reason === 'string' &&
  Array.isArray(snapshots) &&
  snapshots.every((one: { id?: unknown } | null) => typeof one?.id === 'string');

/** When the latest pin or hold without an end was written that is of this very snapshot; null without one. */
export function lastingPinMs({ standing }: AccountProtections, snapshotId: string): number | null {
  const lasting = standing.filter(({ snapshot, until }) => snapshot?.id === snapshotId && until === null);
  const written = lasting.map(({ at }) => Date.parse(at)).filter((ms) => !Number.isNaN(ms));
  return written.length === 0 ? null : Math.max(...written);
}

/** For one snapshot at one instant, in words for people, escaped. */
export function protectionOf(
  { standing, erasures, unreadable }: AccountProtections,
  snapshotId: string,
  nowMs: number,
): Protection {
  const active = activeProtections({ standing, unreadable }, snapshotId, nowMs);
  const { pins = [], holds = [] } = Object.groupBy(active, ({ kind }) => (kind === 'pin' ? 'pins' : 'holds'));
  const erased = erasures.find(({ snapshots }) => snapshots.some(({ id }) => id === snapshotId));
  return {
    holds: holds.map((one) => printable(protectionWords(one))),
    erasure: erased === undefined ? null : `erased ${printable(erased.at)}: ${printable(erased.reason)}`,
    pins: pins.map((one) => printable(protectionWords(one))),
  };
}
