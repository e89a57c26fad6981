/** Tells whoever the configuration names, notifiers of addin packages among them. */

import type { NotifySettings } from '../../core/config/operations-schema.ts';
import type { Notification } from '../../core/index.ts';
import { notifierNamed } from '../../core/notify/builtin.ts';
import { notifyAll } from '../../core/notify/notifiers.ts';
import { addinPackages } from '../addin-packages.ts';
import type { CliContext } from '../command.ts';
import { notifierOpener } from '../opened-notifier.ts';

/** Resolves with what could not be told, as sentences. */
export async function tell(
  notifiers: readonly NotifySettings[],
  notification: Notification,
  { configDir, world }: Pick<CliContext, 'configDir' | 'world'>,
): Promise<readonly string[]> {
  const ours = notifiers.every(({ use }) => notifierNamed(use) !== null);
  const packages = ours ? null : await addinPackages(configDir);
  const open = await notifierOpener(configDir, world);
  return notifyAll(notifiers, notification, {
    env: world.env,
    definitions: packages?.definitions ?? [],
    refused: packages?.refused ?? [],
    ...(open === null ? {} : { open }),
  });
}
