/**
 * The notifier contract: passes on how runs ended and which backups are overdue.
 *
 * A notifier is told, it decides nothing: one that fails costs neither the run nor the other notifiers.
 * Details name accounts, whose owners are strangers; core has escaped controls in them, and whoever puts
 * them into HTML, a shell or a query escapes them for that as well.
 *
 * Units: instants are milliseconds since the Unix epoch (UTC), durations milliseconds, sizes bytes.
 * Errors: `notify` rejects with a `HoldfastError` whose message stands in the log; it never holds a secret.
 * Concurrency: calls may overlap. Messages only, so that a notifier can live in a process of its own.
 */

import type { CallOptions } from './store.ts';

export const notifierContract = 1;

export const notifyEvents = ['start', 'success', 'warning', 'failure', 'alarm'] as const;

export type NotifyEvent = (typeof notifyEvents)[number];

export interface RunFigures {
  readonly accounts: number;
  readonly snapshots: number;
  readonly partial: number;
  readonly failed: number;
  readonly warnings: number;
  readonly bytes: number;
}

/** What happened: one shape for runs and alarms. */
export interface Notification {
  readonly event: NotifyEvent;
  readonly server: string;
  readonly host: string;
  /** Name of the addin configuration; null where it is about several. */
  readonly addin: string | null;
  /** Twelve hex digits; null for an alarm, and for a failure where the schedule can begin no run. */
  readonly run: string | null;
  /** Of a run that the schedule began. */
  readonly scheduled: boolean;
  readonly atMs: number;
  /** Null at the start, and for an alarm. */
  readonly exitStatus: number | null;
  readonly durationMs: number | null;
  readonly figures: RunFigures | null;
  /** Lines for people: accounts that failed and why, at most a hundred. Controls are escaped. */
  readonly details: readonly string[];
}

/** The same as notifiers get it, with words for people. */
export interface NotifierMessage extends Notification {
  /** One line, without controls. */
  readonly subject: string;
  /** Subject, figures and details as plain text; ends with a line feed. */
  readonly text: string;
}

export interface Notifier {
  /** Resolves when the message was taken over. Repeats what can be repeated by itself, until the signal fires. */
  notify(message: NotifierMessage, options: CallOptions): Promise<void>;

  /** Optional. Releases sockets and processes; the notifier is not used afterwards. */
  close?(): Promise<void>;
}
