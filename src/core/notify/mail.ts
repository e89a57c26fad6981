/** Mail through the sendmail program of the host. The library builds the message and encodes what needs it. */

import { hostname } from 'node:os';
import type { Settings } from '../contracts/addin.ts';
import type { NotifierMessage } from '../contracts/notifier.ts';
import { HoldfastError } from '../errors.ts';

interface MailSettings {
  readonly to: readonly string[];
  readonly from?: string;
  readonly sendmail?: string;
}

export const usualSendmail = '/usr/sbin/sendmail';

/** @throws PREREQUISITE_MISSING the program is not there, or refused */
export async function sendMail(settings: Settings, { subject, text }: NotifierMessage): Promise<void> {
  const { to, from, sendmail = usualSendmail } = settings as unknown as MailSettings;
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({ sendmail: true, newline: 'unix', path: sendmail });
  try {
    await transport.sendMail({
      from: from ?? `root@${hostname()}`,
      to: [...to],
      subject,
      text,
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
