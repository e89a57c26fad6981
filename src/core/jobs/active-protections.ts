/** Which pins and holds protect one snapshot at one instant, as data and in words for people. Pure. */

import { printable } from '../printable.ts';
import type { AccountProtections, PinEvent } from './events.ts';

export interface ActiveProtection {
  /** `unreadable` protects like a hold, whatever it may mean. */
  readonly kind: PinEvent['kind'] | 'unreadable';
  readonly wholeAccount: boolean;
  /** As it was written, not escaped; of what is unreadable, which event it is. */
  readonly reason: string;
  /** ISO 8601; null where it has no end. */
  readonly until: string | null;
}

const isActive = ({ until }: PinEvent, nowMs: number): boolean => until === null || Date.parse(until) > nowMs;

const protectionBy = ({ kind, snapshot, reason, until }: PinEvent): ActiveProtection => ({
  ...{ kind, reason, until },
  wholeAccount: snapshot === null,
});

const unreadableOne = (key: string): ActiveProtection => ({
  ...{ kind: 'unreadable', wholeAccount: true, until: null },
  reason: `an event that may protect it cannot be read: ${key}`,
});

/** Holds first, then what cannot be read, then pins. */
export function activeProtections(
  { standing, unreadable }: Pick<AccountProtections, 'standing' | 'unreadable'>,
  snapshotId: string,
  nowMs: number,
): ActiveProtection[] {
  const about = standing.filter(({ snapshot }) => snapshot === null || snapshot.id === snapshotId);
  const active = about.filter((one) => isActive(one, nowMs)).map(protectionBy);
  const [holds, pins] = [
    active.filter(({ kind }) => kind === 'hold'),
    active.filter(({ kind }) => kind === 'pin'),
  ];
  return [...holds, ...unreadable.map(unreadableOne), ...pins];
}

/** Not escaped: the reason is whoever's text. */
export function protectionWords({ kind, wholeAccount, reason, until }: ActiveProtection): string {
  if (kind === 'unreadable') return reason;
  const what = kind === 'pin' ? 'pinned' : 'legal hold';
  const end = until === null ? '' : ` until ${until}`;
  return `${what}${wholeAccount ? ' on all of the account' : ''}${end}: ${reason}`;
}

/** Legal holds on the account or on any of its snapshots, in words for people, escaped. */
export function holdsOf({ standing, unreadable }: AccountProtections, nowMs: number): string[] {
  const holds = standing.filter((one) => one.kind === 'hold' && isActive(one, nowMs));
  const place = ({ snapshot }: PinEvent): string => (snapshot === null ? '' : ` (snapshot ${snapshot.id})`);
  return [
    ...holds.map((one) => `${printable(protectionWords(protectionBy(one)))}${place(one)}`),
    ...unreadable.map((key) => protectionWords(unreadableOne(key))),
  ];
}
