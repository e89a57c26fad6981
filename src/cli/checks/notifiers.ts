/** Whether notifiers that need something of this machine find it. Tells nobody anything. */

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { whyChangeable } from '../../core/changeable.ts';
import type { Configuration } from '../../core/config/load-configuration.ts';
import type { NotifySettings } from '../../core/config/operations-schema.ts';
import { whyNotRun } from '../../core/hooks/run-program.ts';
import { usualSendmail } from '../../core/notify/mail.ts';
import { printable } from '../../core/printable.ts';
import { type Check, caution, ok } from './check.ts';

export async function checkNotifiers({ notify }: Pick<Configuration, 'notify'>): Promise<readonly Check[]> {
  const checks = await Promise.all(
    notify.map(async (settings, index) => {
      const name = `notifier ${index} (${settings.use})`;
      if (settings.use === 'mail') return [await checkMail(name, settings)];
      return settings.use === 'textfile' ? [await checkTextfile(name, settings)] : [];
    }),
  );
  return checks.flat();
}

async function checkMail(name: string, { sendmail = usualSendmail }: NotifySettings): Promise<Check> {
  const program = String(sendmail);
  const why = await whyNotRun(program);
  const shown = printable(program, 4096);
  if (why === null) return ok(name, `${shown} can be run`);
  return caution(
    name,
    `${shown} ${why}`,
    'Install a mail server that brings it, or name another "sendmail".',
  );
}

async function checkTextfile(name: string, { path }: NotifySettings): Promise<Check> {
  const directory = dirname(String(path));
  const shown = printable(directory, 4096);
  const hint =
    'Make it as the node exporter is told to read it, root its owner and nobody else to write there.';
  try {
    if (!(await stat(directory)).isDirectory()) return caution(name, `${shown} is no directory`, hint);
    const why = whyChangeable(directory);
    return why === null ? ok(name, `writes to ${shown}`) : caution(name, `${shown} ${why}`, hint);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return caution(name, `${shown} cannot be looked at: ${code}`, hint);
  }
}
