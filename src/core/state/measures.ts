/**
 * The numbers of a snapshot that later ones are compared with: small plain data, remembered by the state so that
 * no earlier manifest has to be read for them.
 */

export interface Measures {
  /** Twelve hex digits of the snapshot. */
  readonly id: string;
  readonly state: 'complete' | 'partial';
  /** Of all trees. */
  readonly entries: number;
  /** Plain bytes of files and exports. */
  readonly bytes: number;
  /** Entries added, changed and removed; null where nothing was compared. */
  readonly changes: number | null;
  /** Of so many snapshots, for a differential: since the one it refers to; absent where it is one. */
  readonly steps?: number;
  readonly newBytes: number;
  /** Of what was stored anew; null where nothing was. */
  readonly ratio: number | null;
  /** What was left out of it, `<tree>/<pattern>`; absent where nobody noted it. */
  readonly excluded?: readonly string[];
  /** What had been told of its databases; absent where that is nothing. */
  readonly notes?: readonly string[];
  /** What looked wrong when it was made. */
  readonly findings: readonly { readonly code: string; readonly message: string }[];
}
