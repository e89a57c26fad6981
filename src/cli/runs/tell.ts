/** Tells whoever the configuration names, notifiers of addin packages among them. */

import type { NotifySettings } from '../../core/config/operations-schema.ts';
import type { Notification } from '../../core/index.ts';
import { notifierNamed } from '../../core/notify/builtin.ts';
import { notifyAll } from '../../core/notify/notifiers.ts';
import { addinPackages } from '../addin-packages.ts';
import type { CliContext } from '../command.ts';
import { notifierOpener } from '../opened-notifier.ts';

export interface Told {
  /** Somebody was reached who can do something about it: a file of figures is nobody. */
  readonly reached: boolean;
  /** What could not be told, as sentences. */
  readonly failures: readonly string[];
}

export async function tell(
  notifiers: readonly NotifySettings[],
  notification: Notification,
  { configDir, world }: Pick<CliContext, 'configDir' | 'world'>,
): Promise<Told> {
  const ours = notifiers.every(({ use }) => notifierNamed(use) !== null);
  const packages = ours ? null : await addinPackages(configDir);
  const open = await notifierOpener(configDir, world);
  let reached = false;
  const failures = await notifyAll(notifiers, notification, {
    env: world.env,
    definitions: packages?.definitions ?? [],
    refused: packages?.refused ?? [],
    onTold({ use }) {
      if (use !== 'textfile') reached = true;
    },
    ...(open === null ? {} : { open }),
  });
  return { reached, failures };
}
