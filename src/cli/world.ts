/** The outside world as commands see it; `main.ts` makes the real one. */

import type { Readable, Writable } from 'node:stream';

export interface World {
  readonly now: () => number;
  readonly newUuid: () => string;
  /** 32 random hex digits. */
  readonly newObjectId: () => string;
  /** The words of the command line as they were given, each ended by a NUL; more may come before them. */
  readonly commandLine: () => Buffer;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable;
  /** Opened by the first call: most commands read nothing. */
  readonly stdin: () => Readable & { readonly isTTY?: boolean };
  /** Ends the process at once: nobody reads what it is only there to print. */
  readonly leave: () => void;
  /** Fires when the user or the system asks to stop. */
  readonly signal: AbortSignal;
}
