/**
 * What a snapshot says in numbers, and what looks wrong about them: parts of the manifest's body.
 * docs/format.md, section 5.
 */

export interface SnapshotStatistics {
  /** Entries that differ from those of the first parent; null where nothing was compared. */
  readonly changes: { readonly added: number; readonly changed: number; readonly removed: number } | null;
  /** Bytes of tar and plain bytes of exports that were stored anew. */
  readonly newBytes: number;
  /** The same as stored, compressed. */
  readonly newStoredBytes: number;
  /** `newBytes` to `newStoredBytes`; null where nothing was stored anew. */
  readonly ratio: number | null;
}

export const findingCodes = [
  'shrunk',
  'unusual-change',
  'ratio-collapse',
  'exclusions-changed',
  'account-anew',
] as const;

/** Something about the numbers, or about what is left out, that deserves a look. Each is a warning as well. */
export interface Finding {
  readonly code: (typeof findingCodes)[number];
  readonly what: 'entries' | 'bytes' | 'changes' | 'ratio' | 'exclusions';
  readonly measured: number;
  /** Median of the snapshots before it; how many exclusions, or of an account anew entries, the one before it had. */
  readonly usual: number;
  readonly message: string;
}
