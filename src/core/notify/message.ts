/** What notifiers are told: one shape for runs and alarms, with the sentence for people. Pure. */

import type { Notification, NotifierMessage, NotifyEvent } from '../contracts/notifier.ts';
import { printable } from '../printable.ts';

const mostDetails = 100;

export const shownDetails = (lines: readonly string[]): readonly string[] => {
  const shown = lines.slice(0, mostDetails).map((line) => printable(line, 500));
  return lines.length > mostDetails ? [...shown, `and ${lines.length - mostDetails} more`] : shown;
};

const verdicts: Readonly<Record<NotifyEvent, string>> = {
  start: 'began',
  success: 'succeeded',
  warning: 'ended with warnings',
  failure: 'failed',
  alarm: 'overdue',
};

/** One line, without controls. */
function subjectOf({ event, host, addin }: Notification): string {
  const where = printable(host, 100);
  if (event === 'alarm') return `Holdfast on ${where}: backups are overdue`;
  if (addin === null) return `Holdfast on ${where}: scheduled backups cannot begin`;
  return `Holdfast on ${where}: backup ${addin} ${verdicts[event]}`;
}

function textOf(notification: Notification): string {
  const { figures, exitStatus, run, details } = notification;
  const lines = [subjectOf(notification)];
  if (run !== null) lines.push(`run ${run}${exitStatus === null ? '' : `, exit status ${exitStatus}`}`);
  if (figures !== null) {
    const { accounts, snapshots, partial, failed, warnings } = figures;
    lines.push(
      `${accounts} accounts, ${snapshots} snapshots, ${partial} of them partial, ${failed} failed, ${warnings} warnings`,
    );
  }
  return `${[...lines, '', ...details].join('\n').trimEnd()}\n`;
}

export const messageOf = (notification: Notification): NotifierMessage => ({
  ...notification,
  subject: subjectOf(notification),
  text: textOf(notification),
});

/** The document that a webhook gets. */
export function documentOf(message: NotifierMessage): Readonly<Record<string, unknown>> {
  const { atMs, durationMs, subject, text, ...rest } = message;
  return {
    holdfast: 1,
    subject,
    ...rest,
    at: new Date(atMs).toISOString(),
    durationSeconds: durationMs === null ? null : Math.round(durationMs / 1000),
  };
}
