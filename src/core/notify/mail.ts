/** Mail through the sendmail program of the host. The library builds the message and encodes what needs it. */

import { hostname } from 'node:os';
import type { NotifySettings } from '../config/operations-schema.ts';
import type { Notification } from '../contracts/notifier.ts';
import { HoldfastError } from '../errors.ts';
import { subjectOf, textOf } from './message.ts';

const usualProgram = '/usr/sbin/sendmail';

/** @throws PREREQUISITE_MISSING the program is not there, or refused */
export async function sendMail(
  { to, from, sendmail = usualProgram }: NotifySettings,
  notification: Notification,
): Promise<void> {
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({ sendmail: true, newline: 'unix', path: sendmail });
  try {
    await transport.sendMail({
      from: from ?? `root@${hostname()}`,
      to: [...(to ?? [])],
      subject: subjectOf(notification),
      text: textOf(notification),
      headers: { 'Auto-Submitted': 'auto-generated' },
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'is not there' : 'did not take the message';
    throw new HoldfastError('PREREQUISITE_MISSING', `${sendmail} ${why}`, { cause });
  }
}
